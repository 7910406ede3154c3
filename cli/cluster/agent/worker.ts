/** A worker thread of an agent: runs fragments, with a NATS connection of its own. */

import { parentPort, workerData } from 'node:worker_threads';
import { defined } from '../../../engine/defined.ts';
import { CloudskinError } from '../../../engine/errors.ts';
import { connectNats, type NatsOptions } from '../../../engine/nats/client.ts';
import type { Nats } from '../../../engine/nats/nats.ts';
import { pause, realPorts } from '../../../engine/ports.ts';
import type { FragmentHost } from '../../../engine/runtime/fragment-handle.ts';
import { serveFragments, type WorkerOutlets } from '../../../engine/runtime/workers/serve.ts';
import { LocalTransport } from '../../../engine/transport/local.ts';
import { openThreadFragments } from './thread-fragments.ts';
import type { WorkerData, WorkerSetup } from './worker-setup.ts';

/** Milliseconds between attempts to reach a server that is away. */
const RETRY = 250;

async function open(given: unknown, { stdout, log: say }: WorkerOutlets): Promise<FragmentHost> {
  const { servers, access, name, directory, keyFile, replicas, traceEvery } = given as WorkerSetup;
  const nats = await connected({ servers, name, ...access });
  const { port } = workerData as WorkerData;
  const local = new LocalTransport(port);
  const fragments = await openThreadFragments({
    nats,
    local,
    directory,
    stdout,
    say,
    ...defined({ traceEvery, keyFile, replicas }),
  });
  return {
    start: (start, events) => fragments.start(start, events),
    close: async () => {
      await fragments.close();
      await nats.close(500);
    },
  };
}

/** A server that is away is waited for: the main thread says for how long. */
async function connected(options: NatsOptions): Promise<Nats> {
  for (;;) {
    try {
      return await connectNats(options);
    } catch (error) {
      if (!(error instanceof CloudskinError) || !error.retry) throw error;
      await pause(realPorts, RETRY);
    }
  }
}

if (parentPort === null) throw new Error('worker.ts runs in a worker thread');
serveFragments(parentPort, realPorts, open);
