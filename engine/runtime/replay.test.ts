/** `orderBy` and `speed`: a bounded source put in order and paced. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../test/kit/manual-ports.ts';
import { EVENTS, events, prepare } from '../../test/kit/runs.ts';
import type { Batch } from '../batch/batch.ts';
import { BatchBuilder } from '../batch/builder.ts';
import type { DataType, Schema, Value } from '../batch/types.ts';

function column(type: DataType, values: readonly Value[]): Batch {
  const schema: Schema = {
    fields: [
      { name: 'id', type: { kind: 'int32' }, nullable: false },
      { name: 'v', type, nullable: true },
    ],
  };
  const builder = new BatchBuilder(schema);
  for (const [row, value] of values.entries()) {
    builder.columns[0]?.append(row);
    builder.columns[1]?.append(value);
    builder.endRow();
  }
  return builder.finish();
}

async function orderedIds(type: DataType, values: readonly Value[]): Promise<unknown[]> {
  const { schema } = column(type, []);
  const halves = [values.slice(0, values.length >> 1), values.slice(values.length >> 1)];
  const { memory, deployment } = prepare(
    { sources: { a: { schema, orderBy: 'v' } }, sinks: { out: ['a'] } },
    { sources: { a: { partitions: halves.map((half) => () => [column(type, half)]) } } },
  );
  await deployment.run();
  return memory.rows('out').map(([, value]) => value);
}

describe('orderBy', () => {
  it('orders numbers with NaN and null last', async () => {
    const values = [3, null, Number.NaN, -1, 0, Number.POSITIVE_INFINITY, 3];
    expect(await orderedIds({ kind: 'float64' }, values)).toEqual([
      -1,
      0,
      3,
      3,
      Number.POSITIVE_INFINITY,
      Number.NaN,
      null,
    ]);
  });

  it('orders 64-bit integers exactly, booleans and text by bytes', async () => {
    expect(await orderedIds({ kind: 'int64' }, [9007199254740993n, -5n, 9007199254740992n])).toEqual([
      -5n,
      9007199254740992n,
      9007199254740993n,
    ]);
    expect(await orderedIds({ kind: 'bool' }, [true, null, false])).toEqual([false, true, null]);
    expect(await orderedIds({ kind: 'utf8' }, ['b', 'é', 'a', 'aa', '', null])).toEqual([
      '',
      'a',
      'aa',
      'b',
      'é',
      null,
    ]);
  });

  it('keeps the order of equal rows, over any batches', async () => {
    const values = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(values, fc.integer({ min: 1, max: 50 }), async (seconds, size) => {
        const { memory, deployment } = prepare(
          { sources: { a: { schema: EVENTS, orderBy: 'at' } }, sinks: { out: ['a'] } },
          {
            sources: {
              a: {
                partitions: [
                  function* () {
                    for (let at = 0; at < seconds.length; at += size) yield events(seconds.slice(at, at + size), at);
                  },
                ],
              },
            },
          },
        );
        await deployment.run();
        const expected = seconds.map((second, id) => [BigInt(id), BigInt(second) * 1_000_000n] as const);
        expect(memory.rows('out')).toEqual(expected.toSorted(([, a], [, b]) => Number(a - b)));
      }),
      { numRuns: 50 },
    );
  });

  it('refuses what does not fit the memory it may take, and what never ends', async () => {
    const draft = { sources: { a: { schema: EVENTS, orderBy: 'at' } }, sinks: { out: ['a'] } };
    const large = { partitions: [() => [events(Array.from({ length: 200 }, () => 1))]] };
    const small = prepare(draft, { sources: { a: large } }, { orderBytes: 2_000 });
    await expect(small.deployment.run()).rejects.toMatchObject({ code: 'source.order-memory' });
    const endless = prepare(draft, { sources: { a: { ...large, bounded: false } } });
    await expect(endless.deployment.run()).rejects.toMatchObject({ code: 'source.order-unbounded' });
  });
});

describe('speed', () => {
  const draft = (speed: number) => ({
    sources: { a: { schema: EVENTS, orderBy: 'at', speed } },
    sinks: { out: ['a'] },
  });

  it('hands rows on when they are due, by the clock handed in', async () => {
    const ports = new ManualPorts();
    const { memory, deployment } = prepare(
      draft(60),
      { sources: { a: { partitions: [() => [events([100, 160, 40, 100.01, null])]] } } },
      { ports },
    );
    const done = deployment.run();
    await ports.settle();
    expect(memory.rows('out').map(([id]) => id)).toEqual([2n]);
    await ports.advance(990);
    expect(memory.rows('out')).toHaveLength(1);
    await ports.advance(20);
    expect(memory.rows('out').map(([id]) => id)).toEqual([2n, 0n, 3n]);
    await ports.advance(1_000);
    await done;
    expect(memory.rows('out').map(([id]) => id)).toEqual([2n, 0n, 3n, 1n, 4n]);
    expect(ports.pending).toBe(0);
  });

  it('stops in the middle of a wait', async () => {
    const ports = new ManualPorts();
    const { memory, deployment } = prepare(
      draft(1),
      { sources: { a: { partitions: [() => [events([0, 3_600])]] } } },
      { ports },
    );
    const done = deployment.run();
    await ports.settle();
    deployment.stop();
    expect((await done).stopped).toBe(true);
    expect(memory.rows('out')).toHaveLength(1);
    expect(ports.pending).toBe(0);
  });

  it('needs a column that says when', async () => {
    const schema: Schema = { fields: EVENTS.fields };
    const { deployment } = prepare(
      { sources: { a: { schema, orderBy: 'id', speed: 2 } }, sinks: { out: ['a'] } },
      { sources: { a: { partitions: [() => [events([1])]] } } },
    );
    await expect(deployment.run()).rejects.toMatchObject({ code: 'source.speed-column' });
  });
});
