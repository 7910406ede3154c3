import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyTable, build, rowsOf } from '../../test/kit/tables.ts';
import { CloudskinError } from '../errors.ts';
import { LAYOUT_WORDS } from './batch.ts';
import { BatchBuilder } from './builder.ts';
import { columnView, isNull, readValue } from './reader.ts';
import type { DataType, Schema, Value } from './types.ts';

function one(type: DataType, nullable = true): Schema {
  return { fields: [{ name: 'c', type, nullable }] };
}

/** What a column of the type makes of a value, or the code of the error. */
function attempt(type: DataType, value: Value, nullable = true): Value | string {
  const builder = new BatchBuilder(one(type, nullable));
  try {
    builder.columns[0]?.append(value);
  } catch (error) {
    return error instanceof CloudskinError ? error.code : String(error);
  }
  builder.endRow();
  return readValue(builder.finish(), 0, 0);
}

describe('a batch builder', () => {
  test('gives back every value that it was given, batch after batch from the same memory', () => {
    fc.assert(
      fc.property(anyTable, ({ schema, rows }) => {
        const builder = new BatchBuilder(schema, { rows: 1 });
        expect(rowsOf(build(schema, rows, builder))).toEqual(rows);
        const reversed = rows.toReversed();
        expect(rowsOf(build(schema, reversed, builder))).toEqual(reversed);
        expect(rowsOf(build(schema, [], builder))).toEqual([]);
      }),
    );
  });

  test('aligns every buffer to 64 bytes and zeroes the padding', () => {
    fc.assert(
      fc.property(anyTable, ({ schema, rows }) => {
        const builder = new BatchBuilder(schema);
        build(schema, rows.toReversed(), builder);
        const batch = build(schema, rows, builder);
        expect(batch.body.length % 64).toBe(0);
        for (let at = 0; at < batch.layout.length; at++) {
          const word = at % LAYOUT_WORDS;
          if (word === 1 || word === 3 || word === 5) expect((batch.layout[at] ?? 0) % 64).toBe(0);
        }
        expect(batch.body).toEqual(build(schema, rows).body);
      }),
    );
  });

  test('takes back the row that is under way, whichever columns it reached', () => {
    fc.assert(
      fc.property(anyTable, fc.nat(5), ({ schema, rows }, reached) => {
        const builder = new BatchBuilder(schema, { rows: 1 });
        for (const row of rows) {
          for (const [index, column] of builder.columns.entries())
            if (index < reached) column.append(row[index] ?? null);
          builder.rollbackRow();
          for (const [index, column] of builder.columns.entries()) column.append(row[index] ?? null);
          builder.endRow();
        }
        expect(rowsOf(builder.finish())).toEqual(rows);
      }),
    );
  });

  test('leaves a finished batch alone while the next is appended', () => {
    const builder = new BatchBuilder(one({ kind: 'utf8' }));
    const first = build(builder.schema, [['one'], ['two']], builder);
    for (let i = 0; i < 5000; i++) {
      builder.columns[0]?.append('x'.repeat(i % 50));
      builder.endRow();
    }
    expect(rowsOf(first)).toEqual([['one'], ['two']]);
  });

  test('refuses values that a type cannot hold', () => {
    expect(attempt({ kind: 'int8' }, 128)).toBe('batch.out-of-range');
    expect(attempt({ kind: 'int8' }, -128)).toBe(-128);
    expect(attempt({ kind: 'uint32' }, -1)).toBe('batch.out-of-range');
    expect(attempt({ kind: 'uint32' }, 4_294_967_295)).toBe(4_294_967_295);
    expect(attempt({ kind: 'int32' }, 1.5)).toBe('batch.out-of-range');
    expect(attempt({ kind: 'int32' }, Number.NaN)).toBe('batch.out-of-range');
    expect(attempt({ kind: 'int64' }, 2 ** 53)).toBe('batch.out-of-range');
    expect(attempt({ kind: 'int64' }, -(2 ** 40) - 1)).toBe(-(2n ** 40n) - 1n);
    expect(attempt({ kind: 'int64' }, 2n ** 63n)).toBe('batch.out-of-range');
    expect(attempt({ kind: 'uint64' }, -1n)).toBe('batch.out-of-range');
    expect(attempt({ kind: 'uint64' }, 2n ** 64n - 1n)).toBe(2n ** 64n - 1n);
    expect(attempt({ kind: 'int16' }, 7n)).toBe(7);
    expect(attempt({ kind: 'float64' }, 2n ** 53n + 1n)).toBe('batch.out-of-range');
  });

  test('refuses values of another sort, and null where it may not be', () => {
    expect(attempt({ kind: 'bool' }, 1)).toBe('batch.type');
    expect(attempt({ kind: 'utf8' }, 1)).toBe('batch.type');
    expect(attempt({ kind: 'float64' }, 'x')).toBe('batch.type');
    expect(attempt({ kind: 'utf8' }, Uint8Array.of(1))).toBe('batch.type');
    expect(attempt({ kind: 'int32' }, true)).toBe('batch.type');
    expect(attempt({ kind: 'utf8' }, null, false)).toBe('batch.null');
  });

  test('says which column is missing from a row', () => {
    const builder = new BatchBuilder({ fields: [...one({ kind: 'int8' }).fields, ...one({ kind: 'utf8' }).fields] });
    builder.columns[0]?.append(1);
    expect(() => builder.endRow()).toThrow(/column c has 0 values where the batch has 1 rows/);
  });

  test('stops at its limit of bytes with the rows before it intact', () => {
    const builder = new BatchBuilder(one({ kind: 'utf8' }), { maxBytes: 100_000 });
    builder.columns[0]?.append('kept');
    builder.endRow();
    expect(() => builder.columns[0]?.append('x'.repeat(200_000))).toThrow(/may take 100000 bytes/);
    builder.rollbackRow();
    expect(rowsOf(builder.finish())).toEqual([['kept']]);
  });

  test('replaces lone surrogates and keeps all other text', () => {
    expect(attempt({ kind: 'utf8' }, 'a\ud800b')).toBe('a\ufffdb');
    expect(attempt({ kind: 'utf8' }, `${'x'.repeat(100)}\u{1f600}`)).toBe(`${'x'.repeat(100)}\u{1f600}`);
  });

  test('counts bytes about as large as the body becomes', () => {
    const builder = new BatchBuilder(one({ kind: 'utf8' }));
    for (let i = 0; i < 1000; i++) {
      builder.columns[0]?.append(`value ${i}`);
      builder.endRow();
    }
    const { bytes } = builder;
    const { length } = builder.finish().body;
    expect(Math.abs(bytes - length)).toBeLessThan(200);
    expect(builder.bytes).toBe(0);
  });
});

describe('reading values', () => {
  test('a column is seen as typed arrays, with bits for nulls', () => {
    const batch = build(one({ kind: 'timestamp', unit: 'ms' }), [[5n], [null], [-7n]]);
    const view = columnView(batch, 0);
    expect(view.values).toEqual(BigInt64Array.of(5n, 0n, -7n));
    expect(view.validity).toEqual(Uint8Array.of(0b101));
    expect(isNull(batch, 0, 1)).toBe(true);
    expect(isNull(batch, 0, 2)).toBe(false);
  });

  test('a body that is not aligned is read from a copy', () => {
    const batch = build(one({ kind: 'float64' }), [[1.5], [2.5]]);
    const shifted = new Uint8Array(batch.body.length + 1);
    shifted.set(batch.body, 1);
    expect(columnView({ ...batch, body: shifted.subarray(1) }, 0).values).toEqual(Float64Array.of(1.5, 2.5));
  });
});
