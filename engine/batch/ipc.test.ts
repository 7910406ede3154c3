import * as arrow from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyTable, build, rowsOf } from '../../test/kit/tables.ts';
import { CloudskinError } from '../errors.ts';
import { fromRecordBatch, toRecordBatch } from './arrow.ts';
import type { Batch } from './batch.ts';
import { BatchBuilder } from './builder.ts';
import { decodeSchema, encodeSchema, IpcDecoder, IpcEncoder } from './ipc.ts';
import { readPrefix } from './ipc-message.ts';
import { selectColumns, sliceBatch } from './reader.ts';
import type { Schema } from './types.ts';

/** The encapsulated messages of a stream, each a view. */
function messagesOf(stream: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  while (at < stream.length) {
    const prefix = readPrefix(stream, at);
    if (prefix === undefined || prefix.length === 0) break;
    const end = prefix.start + prefix.length;
    const message = arrow.Message.decode(new Uint8Array(stream.subarray(prefix.start, end)));
    found.push(stream.subarray(at, end + message.bodyLength));
    at = end + message.bodyLength;
  }
  return found;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Runs `decode`; what it throws must be a CloudskinError of `batch.*`, what it returns must be readable to the last value. */
function survives(decode: () => Batch): void {
  try {
    rowsOf(decode());
  } catch (error) {
    if (!(error instanceof CloudskinError) || !error.code.startsWith('batch.')) throw error;
  }
}

const sample: Schema = {
  fields: [
    { name: 'n', type: { kind: 'float64' }, nullable: true },
    { name: 's', type: { kind: 'utf8' }, nullable: true },
    { name: 'b', type: { kind: 'bool' }, nullable: false },
  ],
};
const sampleRows = Array.from({ length: 20 }, (_, i) => [
  i % 3 === 0 ? null : i,
  i % 4 === 0 ? null : `é${i}`,
  i % 2 === 0,
]);

describe('our IPC messages', () => {
  test('every value survives encoding and decoding', () => {
    fc.assert(
      fc.property(anyTable, ({ schema, rows }) => {
        const message = new IpcEncoder(schema).encode(build(schema, rows));
        expect(message.length % 64).toBe(0);
        expect(rowsOf(new IpcDecoder(schema).decode(message))).toEqual(rows);
      }),
    );
  });

  test('apache-arrow reads what we write', () => {
    fc.assert(
      fc.property(anyTable, ({ schema, rows }) => {
        const encoder = new IpcEncoder(schema);
        const stream = joined(encoder.schemaMessage(), encoder.encode(build(schema, rows)));
        const [record] = arrow.RecordBatchReader.from(stream);
        if (record === undefined) throw new Error('no record batch');
        expect(rowsOf(fromRecordBatch(record))).toEqual(rows);
      }),
    );
  });

  test('we read what apache-arrow writes', () => {
    fc.assert(
      fc.property(anyTable, ({ schema, rows }) => {
        const writer = new arrow.RecordBatchStreamWriter();
        writer.write(toRecordBatch(build(schema, rows)));
        writer.finish();
        const [head, body] = messagesOf(writer.toUint8Array(true));
        if (head === undefined || body === undefined) throw new Error('no messages');
        expect(decodeSchema(head)).toEqual(schema);
        expect(rowsOf(new IpcDecoder(schema).decode(body))).toEqual(rows);
      }),
    );
  });

  test('an encoder used again for smaller and larger batches, slices and chosen columns writes just their rows', () => {
    fc.assert(
      fc.property(anyTable, fc.nat(40), fc.nat(40), ({ schema, rows }, a, b) => {
        const from = Math.min(a, b, rows.length);
        const to = Math.min(Math.max(a, b), rows.length);
        const last = schema.fields.length - 1;
        const narrow = { fields: schema.fields.slice(last) };
        const encoder = new IpcEncoder(narrow);
        const decoder = new IpcDecoder(narrow);
        const batch = build(schema, rows);
        for (const part of [batch, sliceBatch(batch, from, to), sliceBatch(batch, 0, to), batch]) {
          const only = selectColumns(part, [last], narrow);
          expect(rowsOf(decoder.decode(encoder.encode(only)))).toEqual(rowsOf(part).map((row) => row.slice(last)));
        }
      }),
    );
  });

  test('a slice of a large batch is sent without the rest of its text', () => {
    const schema: Schema = { fields: [{ name: 's', type: { kind: 'utf8' }, nullable: false }] };
    const rows = Array.from({ length: 4096 }, (_, i) => [`value number ${i}`]);
    const message = new IpcEncoder(schema).encode(sliceBatch(build(schema, rows), 1024, 1100));
    expect(message.length).toBeLessThan(4096);
    expect(rowsOf(new IpcDecoder(schema).decode(message))).toEqual(rows.slice(1024, 1100));
  });

  test('a message at an odd place in its buffer is read from a copy', () => {
    const message = new IpcEncoder(sample).encode(build(sample, sampleRows));
    const shifted = new Uint8Array(message.length + 3);
    shifted.set(message, 3);
    expect(rowsOf(new IpcDecoder(sample).decode(shifted.subarray(3)))).toEqual(sampleRows);
  });

  test('the schema message keeps names, units, nullability, metadata and the time column', () => {
    const schema: Schema = {
      fields: [
        { name: 'größe', type: { kind: 'uint16' }, nullable: true, metadata: new Map([['unit', 'mm']]) },
        { name: 'at', type: { kind: 'timestamp', unit: 'ns', timezone: 'Asia/Tokyo' }, nullable: false },
        { name: 'd', type: { kind: 'duration', unit: 's' }, nullable: true },
      ],
      time: 1,
    };
    expect(decodeSchema(encodeSchema(schema))).toEqual(schema);
  });

  test('a foreign column is refused by name', () => {
    const type = { kind: 'foreign', text: 'list<item: int8>', arrow: null } as const;
    expect(() => new IpcEncoder({ fields: [{ name: 'l', type, nullable: true }] })).toThrow(/column l is of type list/);
  });
});

describe('damaged messages', () => {
  const message = new Uint8Array(new IpcEncoder(sample).encode(build(sample, sampleRows)));

  test('a message cut anywhere is refused', () => {
    const decoder = new IpcDecoder(sample);
    for (let length = 0; length < message.length; length++) {
      const cut = new Uint8Array(message.subarray(0, length));
      expect(() => decoder.decode(cut)).toThrow(CloudskinError);
    }
  });

  test('one changed byte anywhere gives a batch that can be read or a clear error', () => {
    const decoder = new IpcDecoder(sample);
    for (let at = 0; at < message.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bad = new Uint8Array(message);
        bad[at] = (bad[at] ?? 0) ^ flip;
        survives(() => decoder.decode(bad));
      }
    }
  });

  test('many changed bytes, in messages and in schemas, give a batch or a clear error', () => {
    const changes = fc.array(fc.tuple(fc.nat(4095), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(anyTable, changes, fc.boolean(), ({ schema, rows }, edits, inSchema) => {
        const encoder = new IpcEncoder(schema);
        const bad = new Uint8Array(inSchema ? encoder.schemaMessage() : encoder.encode(build(schema, rows)));
        for (const [at, value] of edits) bad[at % bad.length] = value;
        survives(() => {
          if (!inSchema) return new IpcDecoder(schema).decode(bad);
          decodeSchema(bad);
          return build(sample, []);
        });
      }),
      { numRuns: 3000 },
    );
  });

  test('falling offsets and broken text are refused', () => {
    const schema: Schema = { fields: [{ name: 's', type: { kind: 'utf8' }, nullable: false }] };
    const batch = build(schema, [['abc'], ['déf'], ['ghi']]);
    const decoder = new IpcDecoder(schema);
    const encoder = new IpcEncoder(schema);
    const offsets = new Int32Array(batch.body.buffer, batch.layout[3], 4);
    offsets[1] = 9;
    expect(() => decoder.decode(encoder.encode(batch))).toThrow(/offset 7 after 9/);
    offsets[1] = 5;
    expect(() => decoder.decode(encoder.encode(batch))).toThrow(/row 0: not valid UTF-8/);
    offsets[1] = -1;
    expect(() => decoder.decode(encoder.encode(batch))).toThrow(/offset -1 after 0/);
  });

  test('bytes that are not UTF-8 under a null do no harm', () => {
    const schema: Schema = { fields: [{ name: 's', type: { kind: 'utf8' }, nullable: true }] };
    const builder = new BatchBuilder(schema);
    builder.columns[0]?.appendBytes(Uint8Array.of(0xff, 0xfe), 0, 2);
    builder.endRow();
    builder.columns[0]?.append(null);
    builder.endRow();
    const batch = builder.finish();
    const bytes = new IpcEncoder(schema).encode(batch);
    expect(() => new IpcDecoder(schema).decode(bytes)).toThrow(/row 0: not valid UTF-8/);
    batch.body[batch.layout[1] ?? 0] = 0;
    expect(rowsOf(new IpcDecoder(schema).decode(new IpcEncoder(schema).encode(batch)))).toEqual([[null], [null]]);
  });
});
