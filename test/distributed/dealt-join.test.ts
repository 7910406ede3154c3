/** A join dealt to threads at random gives the pairs that one thread gives. */
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
import { hosts, runOn } from '../kit/dealt.ts';
import { Ledger } from '../kit/ledger.ts';
import { MemoryCheckpoints } from '../kit/memory-checkpoints.ts';
import type { Row } from '../kit/memory-connector.ts';
import { build } from '../kit/tables.ts';

const ORDERS: Schema = {
  fields: [
    { name: 'id', type: { kind: 'int32' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
    { name: 'city', type: { kind: 'utf8' }, nullable: true },
  ],
  time: 1,
};
const PAYMENTS: Schema = {
  fields: [
    { name: 'order_id', type: { kind: 'int64' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
    { name: 'amount', type: { kind: 'int64' }, nullable: true },
    { name: 'town', type: { kind: 'utf8' }, nullable: true },
  ],
  time: 1,
};

/** `wide`: a key is cast, so that equal keys of int32 and int64 have to be dealt alike. `towns`: keys are computed on one side. */
const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: dealt }
spec:
  sources:
    orders: { ledger: {}, schema: { id: int32, at: "timestamp[ms]", city: utf8 }, time: { column: at } }
    payments: { ledger: {}, schema: { order_id: int64, at: "timestamp[ms]", amount: int64, town: utf8 }, time: { column: at } }
  operators:
    valid: { from: payments, filter: "amount <> 13" }
    wide:
      from: { a: orders, b: valid }
      join: { where: "a.id = b.order_id AND b.amount > 5" }
      window: { tumbling: 10s }
      having: "amount < 38"
      select: { id: a.id, at: a.at, city: a.city, amount: b.amount, window_end: window_end }
    towns:
      from: { a: orders, b: payments }
      join: { where: "a.city = upper(b.town)" }
      window: { tumbling: 5s }
      select: { id: a.id, order_id: b.order_id, at: b.at, window_end: window_end }
    sums: { from: wide, window: { tumbling: 20s }, groupBy: [id], aggregate: { total: sum(amount), pairs: count(*) } }
    plain:
      from: { a: wide, b: valid }
      join: { where: "a.id = b.order_id" }
      window: { tumbling: 10s }
      select: { id: a.id, one: a.amount, other: b.amount }
  sinks:
    a: { from: wide, ledger: {} }
    b: { from: towns, ledger: {} }
    c: { from: sums, ledger: {} }
    d: { from: plain, ledger: {} }
`;

const SINKS = ['a', 'b', 'c', 'd'];
const START = 1_700_000_000_000;

function orders(count: number, seed: number): Row[] {
  return Array.from({ length: count }, (_, row): Row => {
    const id = (row * 31 + seed) % 11;
    return [id === 4 ? null : id, BigInt(START + Math.floor(row / 11) * 3_000 + seed), `C${row % 7}`];
  });
}

function payments(count: number, seed: number): Row[] {
  return orders(count, seed).map(([id, at], row): Row => {
    return [
      id === null || id === undefined ? null : BigInt(Number(id)),
      at ?? null,
      BigInt((row * 17) % 40),
      `c${row % 5}`,
    ];
  });
}

function ledger(): Ledger {
  const both = [1, 2].map((seed) => build(ORDERS, orders(150, seed)));
  return new Ledger({
    orders: { partitions: both, rows: 40 },
    payments: { partitions: [build(PAYMENTS, payments(150, 5))], rows: 30 },
  });
}

async function planned(of: Ledger, graph = GRAPH): Promise<LogicalPlan> {
  return planOrThrow(await prepareText(graph, 'graph.yaml', { connectors: [of.connector], environment: {} }));
}

const sorted = (of: Ledger): string[][] => SINKS.map((sink) => of.rows(sink).map(String).sort());

async function whole(): Promise<string[][]> {
  const own = ledger();
  await new Deployment(fuse(await planned(own)), {
    connectors: [own.connector],
    openCell: (cell) => openCell(cell),
  }).run();
  return sorted(own);
}

type Choices = readonly (readonly Host[])[];

function placedOn(plan: LogicalPlan, choices: Choices): DistributedPlan {
  const nodes = new Map([
    ...[...plan.sources, ...plan.operators].map(
      ({ name }, index) => [name, choices[index % choices.length] ?? []] as const,
    ),
    ...plan.sinks.map(({ name }) => [name, (choices[0] ?? []).slice(0, 1)] as const),
  ]);
  return distribute(plan, { nodes }, { revision: 1 });
}

const anyHosts: fc.Arbitrary<Choices> = fc.array(hosts, { minLength: 7, maxLength: 7 });

describe('a join that is dealt to threads', () => {
  it('gives the pairs that it gives in one', async () => {
    const expected = await whole();
    expect(expected.map((rows) => rows.length > 5)).toEqual(SINKS.map(() => true));
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
      fc.asyncProperty(anyHosts, anyHosts, fc.integer({ min: 1, max: 12 }), async (before, after, at) => {
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
      { numRuns: 4, interruptAfterTimeLimit: 60_000 },
    );
  });

  it('goes on where it had ended and reads further sources', async () => {
    const more = (graph: string): string =>
      graph
        .replace('operators:', 'operators:\n    all: { from: [orders, later] }')
        .replace('from: payments,', 'from: [payments, paid],')
        .replaceAll('a: orders', 'a: all')
        .replace(
          'orders: {',
          'later: { ledger: {}, schema: { id: int32, at: "timestamp[ms]", city: utf8 }, time: { column: at } }\n    orders: {',
        )
        .replace(
          'payments: {',
          'paid: { ledger: {}, schema: { order_id: int64, at: "timestamp[ms]", amount: int64, town: utf8 }, time: { column: at } }\n    payments: {',
        );
    const hour = 3_600_000n;
    const afterwards = (rows: Row[]): Row[] =>
      rows.map((row) => row.map((value, column) => (column === 1 ? BigInt(value as bigint) + hour : value)));
    const own = new Ledger({
      orders: { partitions: [build(ORDERS, orders(40, 1))] },
      payments: { partitions: [build(PAYMENTS, payments(40, 5))] },
      later: { partitions: [build(ORDERS, afterwards(orders(40, 1)))] },
      paid: { partitions: [build(PAYMENTS, afterwards(payments(40, 5)))] },
    });
    const store = new MemoryCheckpoints();
    const one: Choices = [[{ site: 'here', agent: 'a', worker: 0 }]];
    await runOn(placedOn(await planned(own), one), own, store).run();
    const before = own.rows('a').length;
    expect(before).toBeGreaterThan(5);
    await runOn(placedOn(await planned(own, more(GRAPH)), one), own, store).run();
    expect(own.rows('a')).toHaveLength(2 * before);
  });
});
