/** A graph dealt to threads at random gives the rows that one thread gives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Schema } from '../../engine/batch/types.ts';
import { openCell } from '../../engine/cell/open.ts';
import { distribute } from '../../engine/compile/distribute.ts';
import type { DistributedPlan, Host } from '../../engine/compile/fragment-plan.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { planOrThrow, prepareText } from '../../engine/runtime/prepare.ts';
import { Deployment } from '../../engine/runtime/run/deployment.ts';
import { hosts, on, runOn } from '../kit/dealt.ts';
import { Ledger } from '../kit/ledger.ts';
import { MemoryCheckpoints } from '../kit/memory-checkpoints.ts';
import type { Row } from '../kit/memory-connector.ts';
import { build } from '../kit/tables.ts';

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

const SINKS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const START = 1_700_000_000_000;

/** One row a machine and window of five seconds, so that no mean of floats depends on an order. */
function readings(count: number, seed: number): Row[] {
  return Array.from({ length: count }, (_, row): Row => {
    const machine = (row * 31 + seed) % 11;
    const time = START + Math.floor(row / 11) * 5_000 + seed;
    return [machine === 4 ? null : `m${machine}`, BigInt(time), BigInt((row * 17 + seed) % 40), (row * 29) % 97];
  });
}

function ledger(): Ledger {
  const tables = (seeds: readonly number[]) => seeds.map((seed) => build(SCHEMA, readings(220, seed)));
  return new Ledger({
    readings: { partitions: tables([1, 2]), rows: 40 },
    others: { partitions: tables([5]), rows: 70 },
  });
}

async function planned(of: Ledger): Promise<LogicalPlan> {
  return planOrThrow(await prepareText(GRAPH, 'graph.yaml', { connectors: [of.connector], environment: {} }));
}

/** Positions and times of errors are not of the data. */
const sorted = (of: Ledger): unknown =>
  SINKS.map((sink) =>
    of
      .rows(sink)
      .map((row) => String(sink === 'f' ? row.slice(1, 4) : row))
      .sort(),
  );

async function whole(): Promise<unknown> {
  const own = ledger();
  await new Deployment(fuse(await planned(own)), {
    connectors: [own.connector],
    openCell: (cell) => openCell(cell),
  }).run();
  return sorted(own);
}

/** Eight choices of hosts, one a source or operator; sinks run where the first source does. */
type Choices = readonly (readonly Host[])[];

function placedOn(plan: LogicalPlan, choices: Choices): DistributedPlan {
  const nodes = new Map([
    ...[...plan.sources, ...plan.operators].map(({ name }, index) => {
      const own = choices[index % choices.length] ?? [];
      return [name, name === 'total' ? own.slice(0, 1) : own] as const;
    }),
    ...plan.sinks.map(({ name }) => [name, (choices[0] ?? []).slice(0, 1)] as const),
  ]);
  return distribute(plan, { nodes }, { revision: 1 });
}

/** First halves of aggregates had read from one source and not from the other; then there are none. */
const HALVES_THAT_ARE_NO_MORE: [before: Choices, after: Choices, at: number] = [
  [on(0, 1), on(1, 3, 0), on(3, 0, 2), on(2, 0), on(1), on(1, 0, 3), on(1, 0, 3), on(0, 3)],
  [on(2, 3), on(3), on(1), on(3), on(0, 2, 3), on(2, 1, 0), on(0, 1), on(3, 2)],
  3,
];

/** Partitions of `both` had each read one of `readings`, at times of their own; then each reads all. */
const TIMES_OF_PARTS: [before: Choices, after: Choices, at: number] = [
  [on(0, 1), on(0), on(1, 0), on(0), on(0, 1), on(0), on(0), on(0)],
  [on(0), on(0), on(0), on(0), on(1, 0), on(1, 0), on(1, 3, 0), on(0)],
  12,
];

/** Of two first halves one is no more, and the whole is dealt as before. */
const ONE_HALF_IS_NO_MORE: [before: Choices, after: Choices, at: number] = [
  [on(2, 3), on(1, 3, 2), on(1, 0, 2), on(2), on(1), on(0, 1, 3), on(1, 3, 0), on(1)],
  [on(0), on(1, 2), on(1, 2), on(1), on(2, 0, 3), on(2, 1, 0), on(1), on(2, 3)],
  8,
];

/** A first half had ended with its only source; then it reads another one besides. */
const A_HALF_READS_MORE: [before: Choices, after: Choices, at: number] = [
  [on(2, 0), on(2, 3, 0), on(0), on(2), on(2), on(0), on(3, 2, 0), on(0, 1, 2)],
  [on(2, 0), on(2, 1), on(2, 1), on(0, 1, 2), on(3), on(2, 1, 0), on(0, 2, 3), on(0, 2)],
  18,
];

const anyHosts: fc.Arbitrary<Choices> = fc.array(hosts, { minLength: 8, maxLength: 8 });

describe('a graph that is dealt to threads', () => {
  it('gives the rows that it gives in one', async () => {
    const expected = await whole();
    expect((expected as unknown[][]).map((rows) => rows.length > 5)).toEqual(SINKS.map(() => true));
    await fc.assert(
      fc.asyncProperty(anyHosts, async (choices) => {
        const own = ledger();
        await runOn(placedOn(await planned(own), choices), own).run();
        expect(sorted(own)).toEqual(expected);
      }),
      { numRuns: 6, interruptAfterTimeLimit: 60_000 },
    );
  });

  it('gives them also when it goes on from a checkpoint on other threads, in other partitions', async () => {
    const expected = await whole();
    await fc.assert(
      fc.asyncProperty(anyHosts, anyHosts, fc.integer({ min: 1, max: 15 }), async (before, after, at) => {
        const own = ledger();
        const plan = await planned(own);
        const store = new MemoryCheckpoints();
        const first = runOn(placedOn(plan, before), own, store);
        let batches = 0;
        own.onBatch = () => {
          batches += 1;
          if (batches === at) first.stop();
        };
        await first.run();
        own.onBatch = () => undefined;
        await runOn(placedOn(plan, after), own, store).run();
        expect(sorted(own)).toEqual(expected);
      }),
      // Every former partition's cell is compiled to hand out its state, so that a run takes a second or two.
      {
        numRuns: 3,
        interruptAfterTimeLimit: 60_000,
        examples: [HALVES_THAT_ARE_NO_MORE, TIMES_OF_PARTS, ONE_HALF_IS_NO_MORE, A_HALF_READS_MORE],
      },
    );
  });
});
