/** A worker thread of `cloudskin run`: runs fragments, which exchange rows with other workers through shared memory. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Channel } from '../../engine/compile/fragment-plan.ts';
import type { Span } from '../../engine/metrics/trace.ts';
import { realPorts } from '../../engine/ports.ts';
import type { FragmentHost } from '../../engine/runtime/fragment-handle.ts';
import { ThreadHost } from '../../engine/runtime/run/thread-host.ts';
import { serveFragments, type WorkerOutlets } from '../../engine/runtime/workers/serve.ts';
import { LocalTransport } from '../../engine/transport/local.ts';
import { ThreadTransport } from '../../engine/transport/thread.ts';
import type { Transport } from '../../engine/transport/transport.ts';
import { type RunWorkerSetup, runtimeOf } from './hosts.ts';
import { openStores } from './run-stores.ts';

async function open(given: unknown, { stdout, log: say }: WorkerOutlets): Promise<FragmentHost> {
  const { directory, execution, color, width, store, traceEvery } = given as RunWorkerSetup;
  const { port } = workerData as { readonly port: MessagePort };
  const thread = new ThreadTransport();
  const local = new LocalTransport(port);
  const emit = (span: Span): void => say({ span });
  const traces = traceEvery === undefined ? {} : { traces: { every: traceEvery, emit } };
  const stores = store === undefined ? undefined : await openStores(store);
  const host = new ThreadHost({
    runtime: () => runtimeOf({ directory, color, width, stdout, ...traces }, execution, say),
    // All is in one process: whatever else a channel may be for, it goes no further.
    transport: ({ transport }: Channel): Transport => (transport === 'thread' ? thread : local),
    ...(stores === undefined ? {} : { store: stores.storeOf }),
  });
  return {
    start: (start, events) => host.start(start, events),
    close: async () => {
      await host.close();
      await local.close();
    },
  };
}

if (parentPort === null) throw new Error('run-worker.ts runs in a worker thread');
serveFragments(parentPort, realPorts, open);
