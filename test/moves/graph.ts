/**
 * The graph of a campaign of moves, over real sensor data: a union of two sources, a keyed window, a windowed join of the two with another window over its
 * pairs, and a component; and random ways to deal it to threads.
 */
import { readFileSync } from 'node:fs';
import type { Batch } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { distribute } from '../../engine/compile/distribute.ts';
import type { DistributedPlan, Host } from '../../engine/compile/fragment-plan.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { planOrThrow, prepareText } from '../../engine/runtime/prepare.ts';
import { Ledger } from '../kit/ledger.ts';
import type { Row } from '../kit/memory-connector.ts';
import { sharedData } from '../kit/shared-data.ts';
import { openSeries } from '../recovery/sensors.ts';
import type { SeededRandom } from '../simulation/nats/random.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
    { name: 'series', type: { kind: 'utf8' }, nullable: true },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
  ],
  time: 0,
};
const SOURCE = '{ ledger: {}, schema: { at: "timestamp[ms]", series: utf8, value: float64 }, time: { column: at } }';

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: moved }
spec:
  sources:
    one: ${SOURCE}
    other: ${SOURCE}
  operators:
    labelled: { from: [one, other], with: { high: CASE WHEN value > 50 THEN 1 END } }
    windows:
      from: labelled
      window: { tumbling: 5m }
      groupBy: [series]
      aggregate: { rows: count(*), mean: avg(value), lo: min(value), hi: max(value), last: max(at), highs: count(high) }
    pairs:
      from: { a: one, b: other }
      join: { where: "CAST(floor(a.value / 4) AS bigint) = CAST(floor(b.value / 4) AS bigint)" }
      window: { tumbling: 2m }
      select: { series: a.series, at: a.at, value: a.value, with: b.series, beside: b.at, other: b.value, window_end: window_end }
    meetings: { from: pairs, window: { tumbling: 10m }, groupBy: [series], aggregate: { pairs: count(*), most: max(other), first: min(beside) } }
    score: { from: labelled, component: anomaly, config: { key: series, value: value, minimum: 2 } }
  sinks:
    labels: { from: labelled, ledger: {} }
    closed: { from: windows, ledger: {} }
    paired: { from: pairs, ledger: {} }
    met: { from: meetings, ledger: {} }
    scored: { from: score, ledger: {} }
`;

/** Sinks, and of each the column whose rows have to come in the order of the undisturbed run; of pairs that of a window is nobody's. */
export const SINKS: readonly { readonly name: string; readonly key: number | undefined }[] = [
  { name: 'labels', key: 1 },
  { name: 'closed', key: 2 },
  { name: 'paired', key: undefined },
  { name: 'met', key: 2 },
  { name: 'scored', key: 1 },
];
const SPREAD = ['windows', 'pairs', 'meetings'];
/** Rows without a key are dealt in whole batches, so that more than one partition of these would change the order of what comes after. */
const WHOLE = ['labelled', 'score'];
const WORKERS = [0, 1, 2, 3];
const START = Date.UTC(2014, 0, 1);

/** Real readings, each series from its own beginning, one a second: those of every other series are the second table. */
export function readings(count: number): readonly [one: readonly Row[], other: readonly Row[]] {
  const all = openSeries().flatMap((file, series) => {
    const lines = readFileSync(sharedData(file), 'utf8').trim().split(/\r?\n/).slice(1);
    const name = file.replace(/^.*\//, '').replace('.csv', '');
    return lines.map((line, index) => ({ index, series, name, value: Number(line.slice(line.indexOf(',') + 1)) }));
  });
  all.sort((a, b) => a.index - b.index || a.series - b.series);
  const tables: [Row[], Row[]] = [[], []];
  for (const [row, { series, name, value }] of all.slice(0, count).entries()) {
    tables[series % 2 === 0 ? 0 : 1].push([BigInt(START + row * 1000), name, value]);
  }
  return tables;
}

function batchOf(rows: readonly Row[]): Batch {
  const builder = new BatchBuilder(SCHEMA, { rows: 1 });
  for (const row of rows) {
    for (const [index, column] of builder.columns.entries()) column.append(row[index] ?? null);
    builder.endRow();
  }
  return builder.finish();
}

/** Hands out so many rows at a time. */
export function ledgerOf([one, other]: readonly [readonly Row[], readonly Row[]], rows: number): Ledger {
  return new Ledger({
    one: { partitions: [batchOf(one)], rows },
    other: { partitions: [batchOf(other)], rows },
  });
}

export async function planned(of: Ledger): Promise<LogicalPlan> {
  return planOrThrow(await prepareText(GRAPH, 'graph.yaml', { connectors: [of.connector], environment: {} }));
}

const on = (workers: readonly number[]): readonly Host[] =>
  workers.map((worker) => ({ site: 'here', agent: 'a', worker }));

/** Sources and sinks in the first thread, everything else in any; what has keys in one to four partitions. */
export function anyPlan(plan: LogicalPlan, random: SeededRandom): DistributedPlan {
  const some = (): readonly number[] => {
    const mixed = WORKERS.map((worker) => ({ worker, at: random.next() })).sort((a, b) => a.at - b.at);
    return mixed.slice(0, random.integer(1, WORKERS.length)).map(({ worker }) => worker);
  };
  const plain = [...plan.sources, ...plan.sinks].map(({ name }) => [name, on([0])] as const);
  const spread = SPREAD.map((name) => [name, on(some())] as const);
  const whole = WHOLE.map((name) => [name, on([random.integer(0, 3)])] as const);
  const nodes = new Map([...plain, ...spread, ...whole]);
  return distribute(plan, { nodes }, { revision: 1 });
}

/** Everything in the first thread. */
export function onePlan(plan: LogicalPlan): DistributedPlan {
  const all = [...plan.sources, ...plan.operators, ...plan.sinks];
  return distribute(plan, { nodes: new Map(all.map(({ name }) => [name, on([0])])) }, { revision: 1 });
}
