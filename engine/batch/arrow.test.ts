import * as arrow from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyTable, build, rowsOf } from '../../test/kit/tables.ts';
import { fromArrowSchema, fromRecordBatch, toArrowSchema, toRecordBatch } from './arrow.ts';
import { sliceBatch } from './reader.ts';

describe('batches as record batches', () => {
  test('every value survives the way to apache-arrow and back', () => {
    fc.assert(
      fc.property(anyTable, ({ schema, rows }) => {
        const batch = build(schema, rows);
        const record = toRecordBatch(batch);
        expect(record.numRows).toBe(rows.length);
        expect(rowsOf(fromRecordBatch(record))).toEqual(rows);
      }),
    );
  });

  test('a slice of a record batch is read with its own rows, bits and text', () => {
    fc.assert(
      fc.property(anyTable, fc.nat(40), fc.nat(40), ({ schema, rows }, a, b) => {
        const from = Math.min(a, b, rows.length);
        const to = Math.min(Math.max(a, b), rows.length);
        const record = toRecordBatch(build(schema, rows)).slice(from, to);
        const batch = fromRecordBatch(record);
        expect(rowsOf(batch)).toEqual(rows.slice(from, to));
        expect(rowsOf(sliceBatch(build(schema, rows), from, to))).toEqual(rows.slice(from, to));
      }),
    );
  });

  test('the time column is marked in field metadata and found again', () => {
    const schema = {
      fields: [
        { name: 'v', type: { kind: 'float64' }, nullable: true },
        { name: 'at', type: { kind: 'timestamp', unit: 'ms', timezone: 'UTC' }, nullable: false },
      ],
      time: 1,
    } as const;
    const there = toArrowSchema(schema);
    expect(there.fields[1]?.metadata.get('cloudskin.time')).toBe('true');
    expect(fromArrowSchema(there)).toEqual(schema);
  });

  test('types without a name of ours are carried as foreign columns, sliced with the rest', () => {
    const type = new arrow.List(new arrow.Field('item', new arrow.Float64(), true));
    const list = arrow.vectorFromArray([[1, 2], [3], [], [4]], type).data[0];
    const n = arrow.vectorFromArray([1, 2, 3, 4], new arrow.Int32()).data[0];
    if (list === undefined || n === undefined) throw new Error('no data');
    const batch = fromRecordBatch(new arrow.RecordBatch({ list, n }));
    expect(batch.schema.fields[0]?.type).toMatchObject({ kind: 'foreign', text: 'list<item: float64>' });
    const cut = sliceBatch(batch, 1, 3);
    const back = toRecordBatch(cut);
    expect(back.toArray().map((row) => [[...row.list], row.n])).toEqual([
      [[3], 2],
      [[], 3],
    ]);
  });

  test('offsets that leave their data are refused', () => {
    const data = arrow.makeData({
      type: new arrow.Utf8(),
      length: 2,
      nullCount: 0,
      valueOffsets: Int32Array.of(0, 2, 9),
      data: new Uint8Array(4),
    });
    const record = new arrow.RecordBatch({ s: data });
    expect(() => fromRecordBatch(record)).toThrow(/offsets 0 to 9 in 4 bytes/);
  });
});
