/** A keyed window that goes from one fragment of a process to another while rows flow (`EmbeddedRun.change`), there and back, with real checkpoints in a directory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectors } from '../../connectors/registry.ts';
import { openCell } from '../../engine/cell/open.ts';
import { distribute } from '../../engine/compile/distribute.ts';
import type { DistributedPlan, Host } from '../../engine/compile/fragment-plan.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { realPorts } from '../../engine/ports.ts';
import { planOrThrow, prepareObject } from '../../engine/runtime/prepare.ts';
import type { ChangeReceipt } from '../../engine/runtime/run/change.ts';
import { EmbeddedRun } from '../../engine/runtime/run/embedded-run.ts';
import { ThreadHost } from '../../engine/runtime/run/thread-host.ts';
import { openDirectory } from '../../engine/state/blobs/directory.ts';
import { openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import { createSaver } from '../../engine/state/checkpoint/saver.ts';
import { ThreadTransport } from '../../engine/transport/thread.ts';

const NAME = { namespace: 'default', app: 'moved', region: 'all' };
/** Rows a second. */
const RATE = 100_000;
/** Milliseconds between two changes. */
const GAP = 50;

function graphOf(keys: number) {
  const columns = { id: { sequence: {} }, at: { time: {} }, key: { integers: { min: 0, max: keys - 1 } } };
  return {
    apiVersion: 'cloudskin.dev/v1',
    kind: 'Dataflow',
    metadata: { name: NAME.app },
    spec: {
      sources: { rows: { generate: { rate: RATE, interval: '10us', columns }, time: { column: 'at' } } },
      operators: {
        hours: {
          from: 'rows',
          window: { tumbling: '1h' },
          groupBy: ['key'],
          aggregate: { rows: 'count(*)', last: 'max(id)' },
        },
      },
      sinks: { out: { from: 'hours', file: { path: 'hours.csv' } } },
    },
  };
}

const on = (worker: number): readonly Host[] => [{ site: 'here', agent: 'here', worker }];

function placed(logical: LogicalPlan, worker: number): DistributedPlan {
  const nodes = new Map([
    ['rows', on(0)],
    ['hours', on(worker)],
    ['out', on(0)],
  ]);
  return distribute(logical, { nodes }, { revision: 1 });
}

/** Of so many moves of a window with so many keys, the first of which is not counted. */
export async function changesOf(keys: number, count: number): Promise<readonly ChangeReceipt[]> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudskin-move-'));
  const logical = planOrThrow(await prepareObject(graphOf(keys), { connectors, environment: {} }));
  const store = await openDirectory(join(directory, 'state'));
  const transport = new ThreadTransport();
  const host = new ThreadHost({
    runtime: () => ({ connectors, openCell: (cell) => openCell(cell), directory }),
    transport: () => transport,
    isHere: () => true,
    store: () => ({ saver: createSaver({ ...NAME, store, ports: realPorts }), load: async () => [] }),
  });
  const checkpoints = { store: openCheckpoints({ ...NAME, store }), every: 10_000 };
  const run = new EmbeddedRun(placed(logical, 1), { host, checkpoints });
  const running = run.run();
  running.catch(() => undefined);
  try {
    // most keys have come by then
    await sleep(500 + (3000 * keys) / RATE);
    const receipts: ChangeReceipt[] = [];
    for (let change = 0; change <= count; change++) {
      receipts.push(await run.change(placed(logical, change % 2 === 0 ? 2 : 1)));
      await sleep(GAP);
    }
    return receipts.slice(1);
  } finally {
    run.stop();
    await running;
    await rm(directory, { recursive: true, force: true });
  }
}
