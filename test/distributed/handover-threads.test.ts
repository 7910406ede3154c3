/** A run on real worker threads goes from one of them to three and back while rows flow, its windows' state with it. */
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { workerHosts } from '../../cli/run/hosts.ts';
import { openStores } from '../../cli/run/run-stores.ts';
import { connectors } from '../../connectors/registry.ts';
import { distribute } from '../../engine/compile/distribute.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { planOrThrow, prepareObject } from '../../engine/runtime/prepare.ts';
import type { ChangeReceipt } from '../../engine/runtime/run/change.ts';
import { EmbeddedRun } from '../../engine/runtime/run/embedded-run.ts';
import { on } from '../kit/dealt.ts';
import { until } from '../kit/until.ts';

const REGION = { namespace: 'default', app: 'threads', region: 'all' };

const directories: string[] = [];
afterEach(async () => {
  await Promise.all(directories.splice(0).map((directory) => rm(directory, { recursive: true, force: true })));
});

async function directoryOf(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudskin-threads-'));
  directories.push(directory);
  return directory;
}

const PORTIONS = 4;
const ROWS = 3_000;
/** One a millisecond of event time, over few windows. */
const textOf = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, row) => `${from + row},${from + row},k${((from + row) * 31) % 97}\n`).join('');
/** Closes all windows. */
const LAST = '0,900000,last\n';

async function planned(): Promise<LogicalPlan> {
  const graph = {
    apiVersion: 'cloudskin.dev/v1',
    kind: 'Dataflow',
    metadata: { name: REGION.app },
    spec: {
      sources: {
        rows: {
          file: { path: 'in.csv', format: 'csv', follow: true },
          schema: { id: 'int64', at: 'timestamp[ms]', key: 'utf8' },
          time: { column: 'at' },
        },
      },
      operators: {
        kept: { from: 'rows', filter: 'id % 3 <> 0' },
        windows: {
          from: 'kept',
          window: { tumbling: '10s' },
          groupBy: ['key'],
          aggregate: { rows: 'count(*)', last: 'max(id)' },
        },
      },
      sinks: { out: { from: 'windows', console: { format: 'ndjson' } } },
    },
  };
  return planOrThrow(await prepareObject(graph, { connectors, environment: {} }));
}

/** `key,rows,last` of every window, by the rule. */
function expected(): readonly string[] {
  const groups = new Map<string, readonly [rows: number, last: number]>();
  for (let id = 0; id < PORTIONS * ROWS; id++) {
    if (id % 3 === 0) continue;
    const group = `${Math.floor(id / 10_000)} k${(id * 31) % 97}`;
    groups.set(group, [(groups.get(group)?.[0] ?? 0) + 1, id]);
  }
  return [...groups].map(([group, [rows, last]]) => `${group.split(' ')[1]},${rows},${last}`).sort();
}

/** As `expected`, of lines of JSON. */
function written(text: string): readonly string[] {
  const lines = text.trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as { readonly key: string; readonly rows: number; readonly last: number })
    .map(({ key, rows, last }) => `${key},${rows},${last}`)
    .sort();
}

describe('a run on worker threads', () => {
  it('goes from one of them to three and back while rows flow', async () => {
    const directory = await directoryOf();
    const input = join(directory, 'in.csv');
    await writeFile(input, `id,at,key\n${textOf(0, ROWS)}`);
    const logical = await planned();
    const placed = (...workers: readonly number[]) => {
      const nodes = new Map([
        ['rows', on(0)],
        ['kept', on(0)],
        ['windows', on(...workers)],
        ['out', on(0)],
      ]);
      return distribute(logical, { nodes }, { revision: 1 });
    };
    const store = { directory: join(directory, 'state'), key: undefined, region: REGION, keep: 3 };
    let text = '';
    const stdout = async (piece: string): Promise<void> => {
      text += piece;
    };
    const host = workerHosts(4, { directory, stdout }, store);
    const { checkpoints } = await openStores(store);
    const run = new EmbeddedRun(placed(1), { host, checkpoints: { store: checkpoints, every: 60_000 } });
    const running = run.run();
    running.catch(() => undefined);
    const rowsSeen = (count: number) => until(() => run.metrics().rowsIn >= count, { told: () => run.state });
    await rowsSeen(ROWS);
    const receipts: ChangeReceipt[] = [];
    for (const [portion, workers] of [[1, 2, 3], [2, 3, 1], [1]].entries()) {
      await appendFile(input, textOf((portion + 1) * ROWS, (portion + 2) * ROWS));
      receipts.push(await run.change(placed(...workers)));
    }
    await appendFile(input, LAST);
    await rowsSeen(PORTIONS * ROWS + 1);
    run.stop();
    await running;
    for (const { carried, completed } of receipts) expect([carried > 0, completed]).toEqual([true, true]);
    expect(receipts[1]?.rounds).toBeGreaterThan(0);
    expect(written(text)).toEqual(expected());
  }, 60_000);
});
