/** Another runtime as a process that takes cells one after the other: it reads directories, a line each, and answers with a line each. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { owned } from '../kit/owned.ts';

export class HostProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #waiting: ((line: string) => void) | undefined;
  #errors = '';
  #ended = false;

  constructor(command: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
    const env = { ...process.env, ...more };
    this.#child = owned(spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] }));
    const lines = createInterface(this.#child.stdout);
    lines.on('line', (line) => this.#answer(line));
    this.#child.stderr.on('data', (text: Buffer) => {
      this.#errors += String(text);
    });
    this.#child.stdin.on('error', () => {}); // it has ended, which `close` says
    this.#child.once('close', () => {
      this.#ended = true;
      this.#answer(`ended: ${this.#errors}`);
    });
  }

  /** Runs the cell of a directory. Throws what the host says where it fails. */
  async run(directory: string): Promise<void> {
    if (this.#ended) throw new Error(`the host ended: ${this.#errors}`);
    const answer = new Promise<string>((resolve) => {
      this.#waiting = resolve;
    });
    this.#child.stdin.write(`${directory}\n`);
    const line = await answer;
    if (line !== 'done') throw new Error(`the host ${line}`);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  #answer(line: string): void {
    this.#waiting?.(line);
    this.#waiting = undefined;
  }
}
