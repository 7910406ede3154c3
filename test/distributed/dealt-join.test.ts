/** A join dealt to threads at random gives the pairs that one thread gives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hosts, runOn } from '../kit/dealt.ts';
import type { Choices } from '../kit/dealt-graph.ts';
import {
  GRAPH,
  ledger,
  ORDERS,
  orders,
  PAYMENTS,
  payments,
  placedOn,
  planned,
  SINKS,
  sorted,
  whole,
} from '../kit/dealt-joins.ts';
import { Ledger } from '../kit/ledger.ts';
import { MemoryCheckpoints } from '../kit/memory-checkpoints.ts';
import type { Row } from '../kit/memory-connector.ts';
import { build } from '../kit/tables.ts';

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
