/** A graph with several inputs and side outputs whose rows are the same however its nodes are dealt to threads, and ways to deal it. */
import type { Schema } from '../../engine/batch/types.ts';
import { openCell } from '../../engine/cell/open.ts';
import { distribute } from '../../engine/compile/distribute.ts';
import type { DistributedPlan, Host } from '../../engine/compile/fragment-plan.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { planOrThrow, prepareText } from '../../engine/runtime/prepare.ts';
import { Deployment } from '../../engine/runtime/run/deployment.ts';
import { Ledger } from './ledger.ts';
import type { Row } from './memory-connector.ts';
import { build } from './tables.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'machine', type: { kind: 'utf8' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
    { name: 'value', type: { kind: 'int64' }, nullable: true },
    { name: 'weight', type: { kind: 'float64' }, nullable: true },
  ],
  time: 1,
};

const SOURCE =
  '{ ledger: {}, schema: { machine: utf8, at: "timestamp[ms]", value: int64, weight: float64 }, time: { column: at } }';

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: dealt }
spec:
  sources:
    readings: ${SOURCE}
    others: ${SOURCE}
  operators:
    valid: { from: readings, filter: "value <> 13" }
    both: { from: [valid, others], with: { inverse: "1000 / (value - 7)" }, onError: divert }
    exact:
      from: [valid, others]
      filter: "value > 3"
      window: { tumbling: 10s }
      groupBy: { m: upper(machine), even: "value % 2 = 0" }
      aggregate: { total: sum(value), rows: count(*), least: min(weight) }
    floats:
      from: both
      filter: "value > 0"
      window: { tumbling: 10s }
      groupBy: { m: lower(machine) }
      aggregate: { heavy: max(weight), mean: avg(value) }
    kept:
      from: readings
      window: { tumbling: 5s }
      groupBy: [machine]
      aggregate: { last: max(at), mean: avg(weight) }
      late: divert
    again:
      from: exact
      window: { tumbling: 1m }
      groupBy: [m]
      aggregate: { total: sum(total), windows: count(*) }
      having: "windows > 0"
    total: { from: [valid, others], window: { tumbling: 10s }, aggregate: { rows: count(*), most: max(value) } }
  sinks:
    a: { from: both, ledger: {} }
    b: { from: exact, ledger: {} }
    c: { from: floats, ledger: {} }
    d: { from: kept, ledger: {} }
    e: { from: again, ledger: {} }
    f: { from: both.errors, ledger: {} }
    g: { from: [kept.late, readings], ledger: {} }
    h: { from: total, ledger: {} }
`;

export const SINKS: readonly string[] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const START = 1_700_000_000_000;

/** One row a machine and window of five seconds, so that no mean of floats depends on an order. */
function readings(count: number, seed: number): Row[] {
  return Array.from({ length: count }, (_, row): Row => {
    const machine = (row * 31 + seed) % 11;
    const time = START + Math.floor(row / 11) * 5_000 + seed;
    return [machine === 4 ? null : `m${machine}`, BigInt(time), BigInt((row * 17 + seed) % 40), (row * 29) % 97];
  });
}

export function ledger(): Ledger {
  const tables = (seeds: readonly number[]) => seeds.map((seed) => build(SCHEMA, readings(220, seed)));
  return new Ledger({
    readings: { partitions: tables([1, 2]), rows: 40 },
    others: { partitions: tables([5]), rows: 70 },
  });
}

export async function planned(of: Ledger): Promise<LogicalPlan> {
  return planOrThrow(await prepareText(GRAPH, 'graph.yaml', { connectors: [of.connector], environment: {} }));
}

/** Positions and times of errors are not of the data. */
export const sorted = (of: Ledger): unknown =>
  SINKS.map((sink) =>
    of
      .rows(sink)
      .map((row) => String(sink === 'f' ? row.slice(1, 4) : row))
      .sort(),
  );

export async function whole(): Promise<unknown> {
  const own = ledger();
  await new Deployment(fuse(await planned(own)), {
    connectors: [own.connector],
    openCell: (cell) => openCell(cell),
  }).run();
  return sorted(own);
}

/** Eight choices of hosts, one a source or operator; sinks run where the first source does. */
export type Choices = readonly (readonly Host[])[];

export function placedOn(plan: LogicalPlan, choices: Choices): DistributedPlan {
  const nodes = new Map([
    ...[...plan.sources, ...plan.operators].map(({ name }, index) => {
      const own = choices[index % choices.length] ?? [];
      return [name, name === 'total' ? own.slice(0, 1) : own] as const;
    }),
    ...plan.sinks.map(({ name }) => [name, (choices[0] ?? []).slice(0, 1)] as const),
  ]);
  return distribute(plan, { nodes }, { revision: 1 });
}
