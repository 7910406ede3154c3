/** anomaly against a reference in a few lines, key by key, and at its edges. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import { readValue } from '../../engine/batch/reader.ts';
import type { DataType, Schema, Value } from '../../engine/batch/types.ts';
import type { Cell } from '../../engine/cell/cell.ts';
import { describeComponent } from '../../engine/cell/component.ts';
import { CloudskinError } from '../../engine/errors.ts';
import { openOperator } from '../../test/kit/guests.ts';

type Row = readonly [key: Value, value: Value];
type Config = Readonly<Record<string, unknown>>;

function schemaOf(key: DataType = { kind: 'utf8' }, value: DataType = { kind: 'float64' }): Schema {
  return {
    fields: [
      { name: 'key', type: key, nullable: true },
      { name: 'value', type: value, nullable: true },
    ],
  };
}

function batchOf(schema: Schema, rows: readonly Row[]): Batch {
  const builder = new BatchBuilder(schema);
  for (const row of rows) {
    for (const [index, value] of row.entries()) builder.columns[index]?.append(value);
    builder.endRow();
  }
  return builder.finish();
}

function feed(cell: Cell, schema: Schema, rows: readonly Row[]): Value[][] {
  const out: Value[][] = [];
  cell.process(0, batchOf(schema, rows), (_, batch) => {
    for (let row = 0; row < batch.rows; row++) {
      out.push(batch.schema.fields.map((_field, column) => readValue(batch, column, row)));
    }
  });
  return out;
}

/** All rows in batches of these sizes, the last one repeated. */
async function run(
  rows: readonly Row[],
  config: Config,
  schema: Schema = schemaOf(),
  sizes = [1000],
): Promise<Value[][]> {
  const cell = await openOperator('anomaly', schema, { config });
  try {
    const out: Value[][] = [];
    for (let at = 0, batch = 0; at < rows.length; batch++) {
      const size = sizes[Math.min(batch, sizes.length - 1)] ?? 1000;
      out.push(...feed(cell, schema, rows.slice(at, at + size)));
      at += size;
    }
    return out;
  } finally {
    cell.close();
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The operator's definition, the slow way. */
function reference(rows: readonly Row[], window: number, minimum: number, threshold = 3.5): Value[][] {
  const seen = new Map<Value, number[]>();
  return rows.map(([key, value]) => {
    const known = seen.get(key) ?? [];
    seen.set(key, known);
    if (typeof value !== 'number' || !Number.isFinite(value)) return [key, value, null, false, null];
    const last = known.slice(-window);
    known.push(value);
    if (last.length < minimum) return [key, value, null, false, null];
    const expected = median(last);
    const distances = last.map((x) => Math.abs(x - expected));
    const mad = median(distances);
    const sorted = last.toSorted((a, b) => a - b).map((x) => Math.abs(x - expected));
    const mean = sorted.reduce((sum, x) => sum + x, 0) / last.length;
    const scale = mad > 0 ? mad * 1.4826 : mean * 1.253314;
    const distance = Math.abs(value - expected);
    const score = distance === 0 ? 0 : distance / scale;
    return [key, value, score, score >= threshold, expected];
  });
}

/** The median of zeros of both signs is any of them. */
function unsigned(row: readonly Value[]): Value[] {
  return row.map((value, column) => (column === 4 && value === 0 ? 0 : value));
}

async function errorOf(config: Config, schema: Schema = schemaOf()): Promise<string> {
  try {
    await describeComponent('anomaly', config, new Map([['readings', schema]]), '.');
  } catch (error) {
    if (error instanceof CloudskinError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'fine';
}

/** Few distinct values (so that many are equal) among all kinds of them. */
const values = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -5, max: 5 }) },
  { weight: 3, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(null, Number.NaN, Number.POSITIVE_INFINITY, -0, 1e300, 5e-324) },
);
const keys = fc.constantFrom<Value>('a', 'b', '', null, 'a longer key than eight bytes', 'ключ');

describe('anomaly', () => {
  test('gives exactly the score of its definition, whatever the rows and wherever batches are cut', {
    timeout: 120_000,
  }, async () => {
    const rows = fc.array(fc.tuple(keys, values), { maxLength: 300 });
    const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 3, max: 40 }), sizes, async (input, window, cuts) => {
        const minimum = Math.max(2, window >> 2);
        const got = await run(input, { key: 'key', value: 'value', window, minimum }, schemaOf(), cuts);
        expect(got.map(unsigned)).toEqual(reference(input, window, minimum).map(unsigned));
      }),
      { numRuns: 150 },
    );
  });

  test('tells keys of other types apart, null among them', async () => {
    const types: readonly (readonly [DataType, Value, Value])[] = [
      [{ kind: 'int64' }, 1n, -1n],
      [{ kind: 'int8' }, 1, -1],
      [{ kind: 'uint32' }, 1, 4_000_000_000],
      [{ kind: 'bool' }, true, false],
      [{ kind: 'timestamp', unit: 'ms' }, 5n, 6n],
      [{ kind: 'binary' }, new Uint8Array([1, 0]), new Uint8Array([1])],
    ];
    for (const [type, first, second] of types) {
      const rows = [first, second, null].flatMap((key, index): Row[] =>
        [0, 1, 2, 3].map((n) => [key, index * 100 + n]),
      );
      const out = await run(rows, { key: 'key', value: 'value', minimum: 2 }, schemaOf(type));
      const own = reference(
        rows.map(([key, value]) => [String(key), value]),
        200,
        2,
      );
      expect(out.map((row) => row.slice(1))).toEqual(own.map((row) => row.slice(1)));
    }
  });

  test.each(['int8', 'int16', 'int32', 'uint8', 'uint16', 'uint32', 'float32', 'int64', 'uint64'] as const)(
    'takes values of type %s',
    async (kind) => {
      const plain = [1, 2, 3, 2, 1, 100, 2];
      const rows = plain.map((n): Row => ['a', kind.endsWith('int64') ? BigInt(n) : n]);
      const out = await run(rows, { value: 'value', minimum: 2 }, schemaOf({ kind: 'utf8' }, { kind }));
      const expected = reference(
        plain.map((n): Row => ['a', n]),
        200,
        2,
      );
      expect(out.map((row) => row.slice(2))).toEqual(expected.map((row) => row.slice(2)));
    },
  );

  test('takes all rows as one series without a key', async () => {
    const rows: Row[] = [
      ['a', 1],
      ['b', 2],
      ['c', 3],
      ['d', 50],
    ];
    const out = await run(rows, { value: 'value', minimum: 3 });
    expect(out.at(-1)?.slice(2)).toEqual([48 / 1.4826, true, 2]);
  });

  test('scores infinity where all values before were the same, and stays finite where only most were', async () => {
    const same = await run([...Array<Row>(5).fill(['a', 7]), ['a', 7.5]], { value: 'value', minimum: 2 });
    expect(same.at(-1)?.slice(2)).toEqual([Number.POSITIVE_INFINITY, true, 7]);
    const most = await run([...Array<Row>(5).fill(['a', 7]), ['a', 8], ['a', 8]], { value: 'value', minimum: 2 });
    expect(most.at(-1)?.[2]).toBeCloseTo(1 / ((1 / 6) * 1.253314), 9);
  });

  test('flags with a history only scores larger than those before', async () => {
    const noise = (row: number): number => ((row * 7919) % 13) - 6;
    const rows = Array.from({ length: 400 }, (_, row): Row => ['a', row % 100 === 99 ? 40 + row / 100 : noise(row)]);
    const config = { value: 'value', minimum: 20 };
    const plain = (await run(rows, config)).filter((row) => row[3]).map((row) => row[1]);
    expect(plain).toEqual([40.99, 41.99, 42.99, 43.99]);
    const out = await run(rows, { ...config, history: 320 });
    // Growing peaks are flagged each, since each scores more; the level is the largest of the scores before.
    expect(out.filter((row) => row[3]).length).toBeGreaterThanOrEqual(3);
    const shrinking = rows.map(
      ([key, value]): Row => [key, typeof value === 'number' && value > 30 ? 80 - value : value],
    );
    const few = (await run(shrinking, { ...config, history: 320 })).filter((row) => row[3]).map((row) => row[1]);
    expect(few).toEqual([80 - 40.99]);
    let largest = 0;
    for (const row of out) {
      if (typeof row[5] === 'number') expect(row[5]).toBe(largest);
      if (typeof row[2] === 'number') largest = Math.max(largest, row[2]);
    }
  });

  test('forgets the least recently seen key when there are too many, and counts that', async () => {
    const schema = schemaOf();
    const cell = await openOperator('anomaly', schema, {
      config: { key: 'key', value: 'value', minimum: 2, maxKeys: 3 },
    });
    const scoreOf = (key: string): Value => feed(cell, schema, [[key, 1]])[0]?.[2] ?? null;
    for (const key of ['a', 'a', 'b', 'b', 'c', 'c']) scoreOf(key);
    expect(scoreOf('a')).toBe(0);
    scoreOf('d'); // takes the place of b
    expect(scoreOf('a')).toBe(0);
    expect(scoreOf('c')).toBe(0);
    expect(scoreOf('b')).toBeNull(); // takes the place of d
    expect((cell as unknown as { metrics(): Map<string, number> }).metrics().get('evicted-keys')).toBe(2);
    cell.close();
  });

  test('keeps many keys apart while they come and go', { timeout: 120_000 }, async () => {
    const rows = Array.from({ length: 60_000 }, (_, row): Row => [`key ${(row * 7919) % 3000}`, (row * 31) % 1000]);
    const out = await run(rows, { key: 'key', value: 'value', window: 10, minimum: 5 }, schemaOf(), [4096]);
    expect(out).toEqual(reference(rows, 10, 5));
  });
});

describe("anomaly's configuration", () => {
  test.each([
    [{}, 'component.invalid-config: component anomaly: value is missing: the column with the values'],
    [{ value: 3 }, 'component.invalid-config: component anomaly: value must be a text'],
    [
      { value: 'value', window: 2 },
      'component.invalid-config: component anomaly: window must be a whole number from 3 to 10000',
    ],
    [
      { value: 'value', window: 10.5 },
      'component.invalid-config: component anomaly: window must be a whole number from 3 to 10000',
    ],
    [
      { value: 'value', window: 10, minimum: 11 },
      'component.invalid-config: component anomaly: minimum must be a whole number from 2 to 10',
    ],
    [
      { value: 'value', threshold: -1 },
      'component.invalid-config: component anomaly: threshold must be a number from 0 to 1e+300',
    ],
    [{ value: 'value', history: 100 }, 'component.invalid-config: component anomaly: history must be a multiple of 16'],
    [
      { value: 'value', key: 'key', window: 10_000, maxKeys: 100_000 },
      'component.invalid-config: component anomaly: maxKeys times window takes more than 128 MiB; lower one of them',
    ],
    [
      { value: 'value', treshold: 3 },
      'component.invalid-config: component anomaly: treshold is unknown (known: value, key, threshold, window, minimum, maxKeys, prefix, history)',
    ],
    [
      { value: 'vaule' },
      'component.invalid-schema: component anomaly: the input has no column vaule (it has: key, value)',
    ],
    [
      { value: 'value', key: 'kye' },
      'component.invalid-schema: component anomaly: the input has no column kye (it has: key, value)',
    ],
    [{ value: 'key' }, 'component.invalid-schema: component anomaly: value column key is not a number'],
    [
      { value: 'value', key: 'value' },
      'component.invalid-schema: component anomaly: key column value must be text, an integer, a bool, a date or a time',
    ],
  ])('%j is refused', async (config, message) => {
    expect(await errorOf(config)).toBe(message);
  });

  test('reports everything that is wrong at once', async () => {
    expect(await errorOf({ window: 1, minimum: 'x', extra: true })).toMatch(
      /value is missing.*; window must be.*; minimum must be.*; extra is unknown/,
    );
  });

  test('avoids a column that is there already by a prefix', async () => {
    const schema: Schema = {
      fields: [...schemaOf().fields, { name: 'score', type: { kind: 'int8' }, nullable: true }],
    };
    expect(await errorOf({ value: 'value' }, schema)).toMatch(/the input has a column score already; set prefix$/);
    const inputs = new Map([['readings', schema]]);
    const outputs = await describeComponent('anomaly', { value: 'value', prefix: 'rate_' }, inputs, '.');
    expect(outputs.get('')?.fields.map((field) => field.name)).toEqual([
      'key',
      'value',
      'score',
      'rate_score',
      'rate_anomalous',
      'rate_expected',
    ]);
  });

  test("keeps the input's event time", async () => {
    const schema: Schema = {
      fields: [
        { name: 'at', type: { kind: 'timestamp', unit: 's', timezone: 'UTC' }, nullable: false },
        ...schemaOf().fields,
      ],
      time: 0,
    };
    const outputs = await describeComponent('anomaly', { value: 'value' }, new Map([['readings', schema]]), '.');
    expect(outputs.get('')?.time).toBe(0);
    expect(outputs.get('')?.fields.slice(0, 3)).toEqual(schema.fields);
  });
});
