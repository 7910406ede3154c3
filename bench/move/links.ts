/** Links between two processes of this machine: the loopback as it is, or through a relay with a bandwidth and a delay. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Line } from './ways.ts';

export interface Link {
  readonly name: string;
  /** Absent: the loopback. */
  readonly megabits?: number;
  /** Milliseconds one way. */
  readonly delay?: number;
}

export const LINKS: readonly Link[] = [
  { name: 'loopback' },
  { name: '1 Gbit/s', megabits: 1000, delay: 0 },
  { name: '100 Mbit/s, 40 ms', megabits: 100, delay: 20 },
];

/** Milliseconds in which so many bytes can go over the link, roughly. */
export function takes({ megabits = 8000, delay = 0 }: Link, bytes: number): number {
  return (bytes * 8) / (megabits * 1000) + 2 * delay;
}

/** A target process, and a line to it over the link; `close` ends what was started. */
export async function lineOver(link: Link): Promise<{ readonly line: Line; readonly close: () => Promise<void> }> {
  const children: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || !child.kill('SIGKILL')) return;
        await once(child, 'exit');
      }),
    );
  };
  try {
    let port = await started(children, 'target.ts', []);
    if (link.megabits !== undefined) {
      port = await started(children, 'relay.ts', [port, link.megabits, link.delay ?? 0].map(String));
    }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const line = new Line(socket);
    return {
      line,
      close: async () => {
        line.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function started(children: ChildProcess[], file: string, more: readonly string[]): Promise<number> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, [path, ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [text] = await once(child.stdout, 'data');
  return Number(String(text));
}
