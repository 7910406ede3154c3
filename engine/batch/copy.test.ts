import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyTable, build, rowsOf } from '../../test/kit/tables.ts';
import { BatchBuilder } from './builder.ts';
import {
  assembleColumns,
  batchBytes,
  concatBatches,
  copyBatch,
  copyRows,
  selectColumns,
  sliceBatch,
} from './reader.ts';
import type { Schema } from './types.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'n', type: { kind: 'int32' }, nullable: true },
    { name: 's', type: { kind: 'utf8' }, nullable: true },
    { name: 'b', type: { kind: 'bool' }, nullable: true },
  ],
};
const many = Array.from({ length: 2000 }, (_, i) => [
  i % 7 === 0 ? null : i,
  `row ${i}`,
  i % 3 === 0 ? null : i % 2 === 0,
]);

describe('copies of batches', () => {
  test('a copy outlives the memory that it was made from', () => {
    const builder = new BatchBuilder(SCHEMA);
    const copy = copyBatch(build(SCHEMA, many.slice(0, 50), builder));
    build(SCHEMA, many.slice(100, 150), builder);
    expect(rowsOf(copy)).toEqual(many.slice(0, 50));
  });

  test('any rows of any batch are cut with their own values, as copies and as slices', () => {
    fc.assert(
      fc.property(anyTable, fc.nat(40), fc.nat(40), ({ schema, rows }, a, b) => {
        const from = Math.min(a, b, rows.length);
        const to = Math.min(Math.max(a, b), rows.length);
        const memory = { body: new Uint8Array(8192).fill(0xee) };
        const batch = build(schema, rows);
        expect(rowsOf(copyRows(batch, from, to, memory))).toEqual(rows.slice(from, to));
        expect(rowsOf(sliceBatch(batch, from, to))).toEqual(rows.slice(from, to));
      }),
    );
  });

  test('batches put together hold the rows of all, whatever their bits are aligned to', () => {
    fc.assert(
      fc.property(anyTable, fc.array(fc.nat(20), { maxLength: 5 }), ({ schema, rows }, cuts) => {
        const ends = [...cuts, rows.length].map((cut) => Math.min(cut, rows.length)).sort((x, y) => x - y);
        const parts = ends.map((end, index) => copyRows(build(schema, rows), ends[index - 1] ?? 0, end));
        expect(rowsOf(concatBatches(schema, parts))).toEqual(rows);
      }),
    );
  });

  test('a slice that begins at a multiple of 512 shares memory, with its own null counts', () => {
    const batch = build(SCHEMA, many);
    const slice = sliceBatch(batch, 1024, 1500);
    expect(slice.body).toBe(batch.body);
    expect(rowsOf(slice)).toEqual(many.slice(1024, 1500));
    expect(slice.layout[0]).toBe(many.slice(1024, 1500).filter(([n]) => n === null).length);
    expect(sliceBatch(slice, 13, 20).body).not.toBe(batch.body);
    expect(rowsOf(sliceBatch(slice, 13, 20))).toEqual(many.slice(1037, 1044));
  });

  test('rows outside a batch are refused', () => {
    expect(() => sliceBatch(build(SCHEMA, many), 0, 2001)).toThrow(/rows 0 to 2001 of a batch of 2000/);
  });

  test('columns are chosen and put in order without a copy, or gathered from several batches into one', () => {
    const batch = build(SCHEMA, many);
    const [n, s, b] = SCHEMA.fields;
    if (n === undefined || s === undefined || b === undefined) throw new Error('no fields');
    const chosen = selectColumns(batch, [2, 0], { fields: [b, n] });
    expect(chosen.body).toBe(batch.body);
    expect(rowsOf(chosen)).toEqual(many.map(([x, , z]) => [z, x]));
    const other = build({ fields: [s] }, [['x'], ['y']]);
    const joined = assembleColumns({ fields: [s, n] }, 2, [
      [{ batch: other, column: 0, from: 0, to: 2 }],
      [
        { batch, column: 0, from: 6, to: 7 },
        { batch, column: 0, from: 7, to: 8 },
      ],
    ]);
    expect(rowsOf(joined)).toEqual([
      ['x', 6],
      ['y', null],
    ]);
    expect(batchBytes(joined)).toBe(joined.body.length);
  });

  test('padding and the bits past the last row are zero, so that equal rows have equal bytes', () => {
    const memory = { body: new Uint8Array(1_000_000).fill(0xff) };
    const copy = copyRows(build(SCHEMA, many), 3, 30, memory);
    expect(copy.body).toEqual(copyBatch(build(SCHEMA, many.slice(3, 30))).body);
  });
});
