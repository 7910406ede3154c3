/** A worker thread of an agent: runs fragments, with a NATS connection of its own. */

import { parentPort, workerData } from 'node:worker_threads';
import { defined } from '../../../engine/defined.ts';
import { CloudskinError } from '../../../engine/errors.ts';
import { connectNats, type NatsOptions } from '../../../engine/nats/client.ts';
import type { Nats } from '../../../engine/nats/nats.ts';
import { pause, realPorts, type Timer } from '../../../engine/ports.ts';
import type { FragmentHost } from '../../../engine/runtime/fragment-handle.ts';
import { serveFragments, type WorkerOutlets } from '../../../engine/runtime/workers/serve.ts';
import { LocalTransport } from '../../../engine/transport/local.ts';
import { openThreadFragments } from './thread-fragments.ts';
import type { WorkerData, WorkerEntry, WorkerSetup } from './worker-setup.ts';

/** Milliseconds between attempts to reach a server that is away. */
const RETRY = 250;
/** And between two words on what the thread keeps. */
const POOLS_EVERY = 1_000;

async function open(given: unknown, { stdout, log: say }: WorkerOutlets): Promise<FragmentHost> {
  const { servers, access, name, directory, keyFile, replicas, traceEvery, tellsPools } = given as WorkerSetup;
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
  const telling = tellsPools === true ? await tellPools(say) : undefined;
  return {
    start: (start, events) => fragments.start(start, events),
    close: async () => {
      telling?.();
      await fragments.close();
      await nats.close(500);
    },
  };
}

/** Tells every second what the thread keeps for cells that start; returns what ends that. */
async function tellPools(say: WorkerOutlets['log']): Promise<() => void> {
  const { poolFigures } = await import('../../../engine/cell/pools.ts');
  let timer: Timer | undefined;
  const tell = (): void => {
    say({ pools: poolFigures() } satisfies WorkerEntry);
    timer = realPorts.after(POOLS_EVERY, tell);
  };
  tell();
  return () => timer?.cancel();
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
