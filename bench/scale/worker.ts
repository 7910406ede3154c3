/** A worker thread of `bench scale`; whatever compiles cells is loaded before the clock starts. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { openCompiledCell } from '../../engine/cell/compiled.ts';
import { realPorts } from '../../engine/ports.ts';
import { ThreadHost } from '../../engine/runtime/run/thread-host.ts';
import { serveFragments } from '../../engine/runtime/workers/serve.ts';
import { LocalTransport } from '../../engine/transport/local.ts';
import { ThreadTransport } from '../../engine/transport/thread.ts';
import { scaleConnector } from './connector.ts';

if (parentPort === null) throw new Error('worker.ts runs in a worker thread');
serveFragments(parentPort, realPorts, async () => {
  const { port } = workerData as { readonly port: MessagePort };
  const thread = new ThreadTransport();
  const local = new LocalTransport(port);
  return new ThreadHost({
    runtime: () => ({ connectors: [scaleConnector], openCell: (plan) => openCompiledCell(plan) }),
    transport: ({ transport }) => (transport === 'thread' ? thread : local),
  });
});
