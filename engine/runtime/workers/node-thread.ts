/** A worker thread of Node as what `WorkerHost` talks to. */
import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { WorkerThread } from './worker-host.ts';

/** Starts the thread; `entry` is the file that calls `serveFragments`. */
export function startThread(entry: URL, options: WorkerOptions = {}): WorkerThread {
  const worker = new Worker(entry, options);
  let failure: Error | undefined;
  worker.on('error', (error: unknown) => {
    failure ??= error instanceof Error ? error : new Error(String(error));
  });
  return {
    postMessage: (message) => worker.postMessage(message),
    on: (event, listener) => worker.on(event, listener),
    onExit: (listener) => {
      worker.once('exit', () => listener(failure));
    },
    terminate: () => worker.terminate(),
  };
}
