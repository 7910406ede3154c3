/** Round trips to somebody who makes a bare call, by the same way as a task's: what of an answer's time is the way's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { connect } from '@nats-io/transport-node';

/** `trip` resolves to the milliseconds that the bare call took there. */
export interface Bare {
  trip(): Promise<number>;
  close(): Promise<void>;
}

export async function bareThread(component: string): Promise<Bare> {
  const worker = new Worker(new URL('./bare-thread.ts', import.meta.url), { workerData: component });
  await once(worker, 'message');
  return {
    trip: () =>
      new Promise((resolve) => {
        worker.once('message', resolve);
        worker.postMessage(0);
      }),
    close: async () => void (await worker.terminate()),
  };
}

export async function bareResponder(url: string, component: string): Promise<Bare> {
  const file = fileURLToPath(new URL('./bare-responder.ts', import.meta.url));
  const child = spawn(process.execPath, [file, url, component], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await printed(child, 'answers');
    const connection = await connect({ servers: url });
    return {
      trip: async () => (await connection.request('bare', '', { timeout: 30_000 })).json(),
      close: async () => {
        child.kill();
        await connection.close();
      },
    };
  } catch (error) {
    child.kill();
    throw error;
  }
}

/** Resolves when a child has said so; rejects where it ends before. */
export function printed(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (piece: Buffer) => piece.toString().includes(words) && resolve());
    child.once('exit', (code) => reject(new Error(`a process that was to say "${words}": exit ${code}`)));
  });
}
