/** The wasmtime host (wasmtime_cell.py) as a process that takes one cell after the other. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { findProgram, wasmtimePath } from '../../tools/programs/programs.ts';
import { owned } from '../kit/owned.ts';

const HOST = fileURLToPath(new URL('wasmtime_cell.py', import.meta.url));

/** Why there is no wasmtime here; undefined where there is. */
export function noWasmtime(): string | undefined {
  if (findProgram('python3') === undefined) return 'python3 is not installed';
  if (!existsSync(join(wasmtimePath(), 'wasmtime'))) return 'wasmtime is not installed: node tools/test-setup.ts';
  return undefined;
}

export class Wasmtime {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: Interface;
  #waiting: ((line: string) => void) | undefined;
  #errors = '';

  constructor() {
    const env = { ...process.env, PYTHONPATH: wasmtimePath(), PYTHONDONTWRITEBYTECODE: '1' };
    this.#child = owned(spawn('python3', [HOST], { env, stdio: ['pipe', 'pipe', 'pipe'] }));
    this.#lines = createInterface(this.#child.stdout);
    this.#lines.on('line', (line) => this.#answer(line));
    this.#lines.on('close', () => this.#answer(`ended: ${this.#errors}`));
    this.#child.stderr.on('data', (text: Buffer) => {
      this.#errors += String(text);
    });
    this.#child.stdin.on('error', () => {});
  }

  /** Runs the cell of a directory. Throws what the host says where it fails. */
  async run(directory: string): Promise<void> {
    const answer = new Promise<string>((resolve) => {
      this.#waiting = resolve;
    });
    this.#child.stdin.write(`${directory}\n`);
    const line = await answer;
    if (line !== 'done') throw new Error(`wasmtime: ${line}`);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  #answer(line: string): void {
    this.#waiting?.(line);
    this.#waiting = undefined;
  }
}
