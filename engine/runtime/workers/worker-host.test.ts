/** Fragments in real worker threads: run, printed and told of; a worker that dies, or never starts, is told of at once. */
import { afterEach, describe, expect, it } from 'vitest';
import { connectors } from '../../../connectors/registry.ts';
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { fuse } from '../../compile/fuse.ts';
import { realPorts } from '../../ports.ts';
import type { FragmentEvents, FragmentHandle } from '../fragment-handle.ts';
import { planOrThrow, prepareText } from '../prepare.ts';
import { wholeFragment } from '../run/deployment.ts';
import { startThread } from './node-thread.ts';
import { WorkerHost, type WorkerHostOptions } from './worker-host.ts';

const ENTRY = new URL('../../../test/kit/fragment-worker.ts', import.meta.url);

const hosts: WorkerHost[] = [];

function hostOf(options: Partial<WorkerHostOptions> = {}): WorkerHost {
  const host = new WorkerHost(startThread(ENTRY), { ports: realPorts, setup: {}, ...options });
  hosts.push(host);
  return host;
}

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()));
});

async function planFor(source: string, sink = 'console: { format: ndjson }'): Promise<FragmentPlan> {
  const graph = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: worker }
spec:
  sources:
    numbers: { ${source} }
  operators:
    even: { from: numbers, filter: "id % 2 = 0" }
  sinks:
    out: { from: even, ${sink} }
`;
  return wholeFragment(fuse(planOrThrow(await prepareText(graph, '<test>', { connectors, environment: {} }))));
}

interface Watched {
  readonly events: FragmentEvents;
  readonly over: Promise<Error | undefined>;
  readonly seen: string[];
}

function watched(): Watched {
  const seen: string[] = [];
  const { promise: over, resolve } = Promise.withResolvers<Error | undefined>();
  const events: FragmentEvents = {
    saved: (id) => seen.push(`saved ${id}`),
    notSaved: (id) => seen.push(`not saved ${id}`),
    ready: () => seen.push('ready'),
    ended: () => seen.push('ended'),
    over: (error) => {
      seen.push('over');
      resolve(error);
    },
  };
  return { events, over, seen };
}

const begin = async (host: WorkerHost, plan: FragmentPlan, events: FragmentEvents): Promise<FragmentHandle> =>
  await host.start({ plan, epoch: 1, peers: new Map() }, events);

const TEN = 'generate: { rows: 10, columns: { id: { sequence: { start: 0 } } } }';
const ENDLESS = 'generate: { rate: 100, columns: { id: { sequence: { start: 0 } } } }';

describe('a fragment in a worker thread', () => {
  it('runs, prints where its owner prints, and tells what it did', async () => {
    let text = '';
    const host = hostOf({
      stdout: (piece) => {
        text += piece;
      },
    });
    const { events, over, seen } = watched();
    const handle = await begin(host, await planFor(TEN), events);
    expect(await over).toBeUndefined();
    expect(text.trim().split('\n')).toHaveLength(5);
    expect(seen).toEqual(['ready', 'over']);
    expect(handle.status()).toMatchObject({
      state: 'ended',
      metrics: { rowsIn: 10, rowsOut: 5 },
      sinks: [{ rows: 5 }],
    });
  });

  it('stops when asked, and fails with its own error', async () => {
    const host = hostOf();
    const running = watched();
    const handle = await begin(host, await planFor(ENDLESS), running.events);
    await handle.stop('drain');
    expect(await running.over).toBeUndefined();
    const failing = watched();
    await begin(host, await planFor('file: { path: /nowhere/x.csv }, schema: { id: int64 }'), failing.events);
    expect(await failing.over).toMatchObject({ code: 'source.not-found', domain: 'user' });
  });

  it('is lost with its thread, and its owner hears of it', async () => {
    const thread = startThread(ENTRY);
    const host = new WorkerHost(thread, { ports: realPorts, setup: {} });
    hosts.push(host);
    const { events, over } = watched();
    const handle = await begin(host, await planFor(ENDLESS), events);
    await thread.terminate();
    expect(await over).toMatchObject({ code: 'worker.died', retry: true });
    expect(handle.status().state).toBe('failed');
    await expect(handle.commit(1)).rejects.toMatchObject({ code: 'worker.died' });
    await expect(begin(host, await planFor(TEN), events)).rejects.toMatchObject({ code: 'worker.died' });
  });

  it('is refused where the worker cannot be set up', async () => {
    const host = hostOf({ setup: 'refuse' });
    await expect(begin(host, await planFor(TEN), watched().events)).rejects.toThrow('not today');
  });

  it('is refused where the worker takes too long to start', async () => {
    const host = hostOf({ patience: 1 });
    await expect(host.ready()).rejects.toMatchObject({ code: 'worker.late' });
  });
});
