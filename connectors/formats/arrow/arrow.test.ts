import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as library from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromRecordBatch } from '../../../engine/batch/arrow.ts';
import type { Field, Schema } from '../../../engine/batch/types.ts';
import { parseType } from '../../../engine/batch/types.ts';
import { CloudskinError } from '../../../engine/errors.ts';
import type { BadRow } from '../../../engine/graph/connector.ts';
import { drain, memoryInput, requestFor, written } from '../../../test/kit/memory-input.ts';
import { anyTable, build, rowsOf } from '../../../test/kit/tables.ts';
import { arrow, arrowStream } from './arrow.ts';

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(fileURLToPath(new URL(`../../../test/fixtures/arrow/${name}`, import.meta.url))));
}

function schemaOf(columns: Readonly<Record<string, string>>): Schema {
  const fields = Object.entries(columns).map(([name, text]): Field => {
    const type = parseType(text);
    if (type === undefined) throw new Error(`no type ${text}`);
    return { name, type, nullable: true };
  });
  return { fields };
}

async function read(bytes: Uint8Array, schema: Schema, rejected?: BadRow[], attach: readonly string[] = []) {
  return drain(await arrow.openReader(memoryInput('data.arrow', bytes), requestFor(schema, rejected, attach), {}));
}

/** A file of foreign and plain columns of some rows, as apache-arrow's builders make them. */
function mixed(rows: number): { readonly schema: Schema; readonly batch: ReturnType<typeof fromRecordBatch> } {
  const list = new library.List(new library.Field('item', new library.Int32(), true));
  const dictionary = new library.Dictionary(new library.Utf8(), new library.Int8(), 7);
  const at = Array.from({ length: rows }, (_, i) => i);
  const columns = {
    n: library.vectorFromArray(at, new library.Int32()).data[0],
    word: library.vectorFromArray(
      at.map((i) => (i % 5 === 0 ? null : `word ${i % 3}`)),
      dictionary,
    ).data[0],
    list: library.vectorFromArray(
      at.map((i) => (i % 4 === 0 ? null : [i, i + 1])),
      list,
    ).data[0],
    view: library.vectorFromArray(
      at.map((i) => `${i} is longer than twelve bytes`),
      new library.Utf8View(),
    ).data[0],
    day: library.vectorFromArray(
      at.map((i) => i * 86_400_000),
      new library.DateMillisecond(),
    ).data[0],
  };
  const batch = fromRecordBatch(new library.RecordBatch(columns as Record<string, library.Data>));
  return { schema: batch.schema, batch };
}

describe('the arrow formats', () => {
  test('every table comes back from file and stream, by footer or in order, with any codec', async () => {
    const formats = fc.constantFrom(arrow, arrowStream);
    const codecs = fc.constantFrom('none', 'lz4', 'zstd' as const);
    await fc.assert(
      fc.asyncProperty(anyTable, formats, codecs, fc.boolean(), async ({ schema, rows }, format, codec, random) => {
        const batch = build(schema, rows);
        const bytes = await written(format, schema, [batch, batch], { codec });
        const input = () => memoryInput('x', bytes, { random, piece: 77 });
        expect((await format.infer(input(), {})).schema).toEqual(schema);
        const batches = await drain(await format.openReader(input(), requestFor(schema), {}));
        expect(batches.flatMap(rowsOf)).toEqual([...rows, ...rows]);
      }),
    );
  });

  test.each([
    ['pyarrow-lz4.arrow', true],
    ['pyarrow-lz4.arrow', false],
    ['pyarrow-zstd.arrows', true],
    ['pyarrow-zstd.arrows', false],
  ])('what pyarrow compressed is read: %s, random access %s', async (name, random) => {
    const wanted = schemaOf({ group: 'int64', machine: 'utf8', at: 'timestamp[ms, UTC]', ok: 'bool', kind: 'utf8' });
    const input = memoryInput(name, fixture(name), { random, piece: 10_000 });
    const rows = (await drain(await arrow.openReader(input, requestFor(wanted), {}))).flatMap(rowsOf);
    expect(rows).toHaveLength(9000);
    for (const [i, row] of rows.entries()) {
      const machine = i % 100 === 0 ? null : `machine-${Math.floor(i / 500)}`;
      const at = 1_700_000_000_000n + BigInt(Math.floor(i / 10)) * 1000n;
      expect(row).toEqual([BigInt(Math.floor(i / 100)), machine, at, i % 3 === 0, 'abc'[i % 3]]);
    }
  });

  test('a file that leaves its schema to the footer, as apache-arrow writes it, is read in order too', async () => {
    const { schema, batch } = mixed(30);
    const writer = new library.RecordBatchFileWriter();
    const { toRecordBatch } = await import('../../../engine/batch/arrow.ts');
    writer.write(toRecordBatch(batch));
    writer.finish();
    const input = memoryInput('x', writer.toUint8Array(true), { random: false });
    const batches = await drain(await arrow.openReader(input, requestFor({ fields: schema.fields.slice(0, 1) }), {}));
    expect(batches.flatMap(rowsOf)).toEqual(Array.from({ length: 30 }, (_, i) => [i]));
  });

  test('a large record batch is cut into batches of ours', async () => {
    const schema = schemaOf({ n: 'int32', text: 'utf8' });
    const rows = Array.from({ length: 200_000 }, (_, i) => [i, i % 2 === 0 ? null : 'some text']);
    const bytes = await written(arrow, schema, [build(schema, rows)], { codec: 'none' });
    const batches = await read(bytes, schema);
    for (const batch of batches) expect(batch.body.length).toBeLessThan(1_100_000);
    expect(batches.flatMap(rowsOf)).toEqual(rows);
  });

  test('foreign columns are cut and copied with the rest', async () => {
    const { schema, batch } = mixed(90_000);
    const bytes = await written(arrow, schema, [batch], { codec: 'zstd' });
    const reader = await arrow.openReader(memoryInput('x', bytes), requestFor(schema), {});
    const pieces: Uint8Array[] = [];
    const writer = await arrowStream.openWriter(schema, { codec: 'lz4' }, (piece) =>
      pieces.push(new Uint8Array(piece)),
    );
    let count = 0;
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      writer.write(part);
      count++;
    }
    writer.finish();
    expect(count).toBeGreaterThan(1);
    const wanted = schemaOf({ n: 'int64', word: 'utf8', view: 'utf8', day: 'date32' });
    const copied = await read(new Uint8Array(Buffer.concat(pieces)), wanted);
    const expected = Array.from({ length: 90_000 }, (_, i) => [
      BigInt(i),
      i % 5 === 0 ? null : `word ${i % 3}`,
      `${i} is longer than twelve bytes`,
      i,
    ]);
    expect(copied.flatMap(rowsOf)).toEqual(expected);
  });

  test('a dictionary that changes from batch to batch is followed in a stream, and refused by name where a file is written', async () => {
    const type = new library.Dictionary(new library.Utf8(), new library.Int8(), 3);
    const words = [
      ['a', 'b', 'a'],
      ['c', 'a', null],
      ['b', 'b', 'd'],
    ];
    const batches = words.map((part) => {
      const data = library.vectorFromArray(part, type).data[0];
      return fromRecordBatch(new library.RecordBatch({ w: data } as Record<string, library.Data>));
    });
    const schema = batches[0]?.schema ?? { fields: [] };
    const bytes = await written(arrowStream, schema, batches, { codec: 'none' });
    expect((await read(bytes, schemaOf({ w: 'utf8' }))).flatMap(rowsOf).flat()).toEqual(words.flat());
    await expect(written(arrow, schema, batches, { codec: 'none' })).rejects.toMatchObject({
      code: 'sink.dictionary-replaced',
    });
  });

  test('columns are chosen by name, in the order of the schema, and file and row number are added', async () => {
    const schema = schemaOf({ a: 'int32', b: 'utf8' });
    const bytes = await written(
      arrow,
      schema,
      [
        build(schema, [
          [1, 'x'],
          [2, 'y'],
        ]),
      ],
      { codec: 'none' },
    );
    const wanted = schemaOf({ b: 'utf8', a: 'float64', line: 'int64', file: 'utf8' });
    expect((await read(bytes, wanted, undefined, ['line', 'file'])).flatMap(rowsOf)).toEqual([
      ['x', 1, 1n, 'data.arrow'],
      ['y', 2, 2n, 'data.arrow'],
    ]);
  });

  test('a column that is not there, and one of a type that loses something, are refused by name', async () => {
    const schema = schemaOf({ temperature: 'float64' });
    const bytes = await written(arrow, schema, [build(schema, [[1.5]])], { codec: 'none' });
    await expect(read(bytes, schemaOf({ temprature: 'float64' }))).rejects.toMatchObject({
      code: 'source.missing-column',
      hint: 'did you mean "temperature"?',
    });
    await expect(read(bytes, schemaOf({ temperature: 'int32' }))).rejects.toMatchObject({
      code: 'source.type-mismatch',
      message: 'data.arrow: column temperature is of type float64, which cannot be read as int32',
    });
  });

  test('rows that a wanted type cannot hold are reported with their number and left out', async () => {
    const schema = schemaOf({ n: 'int64', at: 'timestamp[us]', s: 'utf8' });
    const rows = [
      [1n, 5_000n, 'a'],
      [300n, 5_000n, 'b'],
      [3n, 5_001n, 'c'],
      [4n, 6_000n, null],
      [5n, 7_000n, 'e'],
    ];
    const bytes = await written(arrow, schema, [build(schema, rows)], { codec: 'none' });
    const [n, at, s] = schemaOf({ n: 'int8', at: 'timestamp[ms]', s: 'utf8' }).fields;
    if (n === undefined || at === undefined || s === undefined) throw new Error('no fields');
    const rejected: BadRow[] = [];
    const batches = await read(bytes, { fields: [n, at, { ...s, nullable: false }] }, rejected);
    expect(batches.flatMap(rowsOf)).toEqual([
      [1, 5n, 'a'],
      [5, 7n, 'e'],
    ]);
    expect(rejected.map(({ code, position }) => [code, position])).toEqual([
      ['batch.out-of-range', 'data.arrow:2'],
      ['source.inexact', 'data.arrow:3'],
      ['batch.null', 'data.arrow:4'],
    ]);
  });
});

describe('damaged Arrow files', () => {
  async function attempt(bytes: Uint8Array, random: boolean): Promise<string> {
    try {
      const { schema } = await arrow.infer(memoryInput('bad', bytes, { random }), {});
      const reader = await arrow.openReader(memoryInput('bad', bytes, { random }), requestFor(schema, []), {});
      return String((await drain(reader)).reduce((rows, batch) => rows + batch.rows, 0));
    } catch (error) {
      if (error instanceof CloudskinError) return error.code;
      throw error;
    }
  }

  test('a file that is cut off anywhere is refused, read either way', async () => {
    const { schema, batch } = mixed(10);
    const bytes = await written(arrow, schema, [batch], { codec: 'none' });
    for (let length = 0; length < bytes.length; length += 3) {
      const cut = bytes.slice(0, length);
      for (const random of [true, false]) expect(await attempt(cut, random)).toMatch(/^source\.corrupt$/);
    }
  });

  test('a stream that is cut off within a message is refused', async () => {
    const schema = schemaOf({ n: 'int32' });
    const bytes = await written(arrowStream, schema, [build(schema, [[1], [2]])], { codec: 'none' });
    const body = bytes.length - 8 - 64;
    expect(await attempt(bytes.slice(0, bytes.length - 8), false)).toBe('2');
    for (let length = body - 100; length < body + 64; length++) {
      expect(await attempt(bytes.slice(0, length), false)).toBe('source.corrupt');
    }
  });

  test.each(['none', 'lz4', 'zstd'] as const)('changed bytes (codec %s) give rows or a clear error', async (codec) => {
    const { schema, batch } = mixed(25);
    const good = await written(arrow, schema, [batch], { codec });
    let seed = 1;
    for (let round = 0; round < 1500; round++) {
      const bad = new Uint8Array(good);
      for (let edits = 0; edits <= round % 4; edits++) {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
        bad[(seed >>> 8) % bad.length] = round % 2 === 0 ? seed & 255 : 255;
      }
      expect(await attempt(bad, round % 3 === 0)).toMatch(/^(\d+|source\.\w[\w-]*|batch\.big-endian)$/);
    }
  });

  test('what is no Arrow at all is named', async () => {
    expect(await attempt(Buffer.from('PAR1aaaaaaaaaaaaaaaa'), false)).toBe('source.wrong-format');
    expect(await attempt(Buffer.from('a,b\n1,2\n3,4\n5,6\n'), false)).toBe('source.corrupt');
    expect(await attempt(new Uint8Array(0), true)).toBe('source.corrupt');
  });

  test('a compressed buffer that promises more than it can hold is refused before memory is taken', async () => {
    const schema = schemaOf({ n: 'int64' });
    const bytes = await written(
      arrowStream,
      schema,
      [
        build(
          schema,
          Array.from({ length: 500 }, () => [7n]),
        ),
      ],
      { codec: 'lz4' },
    );
    const start = Buffer.from(bytes).lastIndexOf(Uint8Array.of(4, 0x22, 0x4d, 0x18)) - 8;
    new DataView(bytes.buffer).setBigInt64(start, 1n << 29n, true);
    expect(await attempt(bytes, false)).toBe('source.corrupt');
  });
});
