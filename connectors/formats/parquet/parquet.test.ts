import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Field, formatType, parseType, type Schema, type Value } from '../../../engine/batch/types.ts';
import { CloudskinError } from '../../../engine/errors.ts';
import { drain, memoryInput, requestFor, written } from '../../../test/kit/memory-input.ts';
import { anyTable, build, rowsOf } from '../../../test/kit/tables.ts';
import { arrow } from '../arrow/arrow.ts';
import { parquet } from './parquet.ts';

let directory = '';
let duckdb: DuckDBConnection;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cloudskin-parquet-'));
  duckdb = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
});
afterAll(() => {
  duckdb.closeSync();
  rmSync(directory, { recursive: true, force: true });
});

function schemaOf(columns: Readonly<Record<string, string>>, nullable = true): Schema {
  const fields = Object.entries(columns).map(([name, text]): Field => {
    const type = parseType(text);
    if (type === undefined) throw new Error(`no type ${text}`);
    return { name, type, nullable };
  });
  return { fields };
}

async function read(bytes: Uint8Array, schema: Schema, random = true): Promise<Value[][]> {
  const reader = await parquet.openReader(memoryInput('x.parquet', bytes, { random }), requestFor(schema), {});
  return (await drain(reader)).flatMap(rowsOf);
}

async function infer(bytes: Uint8Array): Promise<Schema> {
  return (await parquet.infer(memoryInput('x.parquet', bytes), {})).schema;
}

/** The file that DuckDB writes of a query. */
async function fromDuckDB(query: string, options = ''): Promise<Uint8Array> {
  const path = join(directory, 'duck.parquet');
  await duckdb.run(`COPY (${query}) TO '${path}' (FORMAT parquet${options === '' ? '' : `, ${options}`})`);
  return new Uint8Array(readFileSync(path));
}

/** What DuckDB reads of a file, every value as text. */
async function inDuckDB(bytes: Uint8Array, columns: string): Promise<(string | null)[][]> {
  const path = join(directory, 'ours.parquet');
  writeFileSync(path, bytes);
  const result = await duckdb.runAndReadAll(`SELECT ${columns} FROM '${path}'`);
  return result.getRows().map((row) => row.map((value) => (value === null ? null : String(value))));
}

describe('the parquet format', () => {
  test('every table comes back, with any codec', async () => {
    const codecs = fc.constantFrom('none', 'snappy', 'gzip', 'zstd' as const);
    await fc.assert(
      fc.asyncProperty(anyTable, codecs, fc.boolean(), async ({ schema, rows }, codec, random) => {
        const times = schema.fields.map(({ type }) => type.kind === 'timestamp' && type.unit === 's');
        fc.pre(rows.every((row) => row.every((value, at) => !times[at] || fits(value))));
        const batch = build(schema, rows);
        const bytes = await written(parquet, schema, [batch, batch], { codec });
        const found = await infer(bytes);
        expect(found.fields.map(({ name, nullable }) => [name, nullable])).toEqual(
          schema.fields.map(({ name, nullable }) => [name, nullable]),
        );
        for (const [at, field] of schema.fields.entries()) {
          const type = formatType(field.type).replace(/^timestamp\[s/, 'timestamp[ms');
          expect(formatType(found.fields[at]?.type ?? field.type)).toBe(type);
        }
        expect(await read(bytes, schema, random)).toEqual([...rows, ...rows]);
      }),
      { numRuns: 150 },
    );
  });

  test('a file of several row groups is read group by group', async () => {
    const schema = schemaOf({ n: 'int64', s: 'utf8' });
    const rows = Array.from({ length: 60_000 }, (_, i) => [BigInt(i), i % 7 === 0 ? null : `text ${i % 100}`]);
    const batch = build(schema, rows);
    const bytes = await written(parquet, schema, [batch, batch, batch, batch, batch], { codec: 'snappy' });
    const groups = await inDuckDBQuery(
      bytes,
      (path) => `SELECT count(DISTINCT row_group_id) FROM parquet_metadata('${path}')`,
    );
    expect(groups).toBe('2');
    expect(await read(bytes, schema)).toHaveLength(300_000);
  });

  test('the time column and its zone are remembered', async () => {
    const fields = schemaOf({ v: 'float64', at: 'timestamp[us, Europe/Madrid]' }).fields;
    const schema = { fields, time: 1 };
    const bytes = await written(parquet, schema, [build(schema, [[1, 2n]])], { codec: 'none' });
    expect(await infer(bytes)).toEqual(schema);
  });

  test('columns of one name, and types without a place in parquet, are refused by name', async () => {
    const [field] = schemaOf({ twin: 'int8' }).fields;
    if (field === undefined) throw new Error('no field');
    await expect(written(parquet, { fields: [field, field] }, [], { codec: 'none' })).rejects.toThrow(/called twin/);
    const type = { kind: 'foreign', text: 'list<item: int8>', arrow: null } as const;
    const list = { fields: [{ name: 'tags', type, nullable: true }] };
    await expect(written(parquet, list, [], { codec: 'none' })).rejects.toThrow(/column tags is of type list/);
  });

  async function inDuckDBQuery(bytes: Uint8Array, query: (path: string) => string): Promise<string> {
    const path = join(directory, 'query.parquet');
    writeFileSync(path, bytes);
    return String((await duckdb.runAndReadAll(query(path))).getRows()[0]?.[0]);
  }
});

/** Whether seconds fit parquet's milliseconds. */
function fits(value: Value): boolean {
  return typeof value !== 'bigint' || BigInt.asIntN(64, value * 1000n) === value * 1000n;
}

describe('parquet and DuckDB', () => {
  test('DuckDB reads what we write', async () => {
    const schema = schemaOf({
      b: 'bool',
      i8: 'int8',
      u16: 'uint16',
      i32: 'int32',
      u32: 'uint32',
      i64: 'int64',
      u64: 'uint64',
      f32: 'float32',
      f64: 'float64',
      s: 'utf8',
      x: 'binary',
      d: 'date32',
      ms: 'timestamp[ms]',
      us: 'timestamp[us]',
      ns: 'timestamp[ns]',
      sec: 'timestamp[s]',
      tz: 'timestamp[us, UTC]',
    });
    const rows: Value[][] = [
      [
        true,
        -128,
        65_535,
        -7,
        4_294_967_295,
        -(2n ** 63n),
        2n ** 64n - 1n,
        1.5,
        0.1,
        'héllo',
        Uint8Array.of(0, 255),
        19_000,
        1_700_000_000_123n,
        1_700_000_000_123_456n,
        1_700_000_000_123_456_789n,
        1_700_000_000n,
        1_700_000_000_000_000n,
      ],
      Array.from(schema.fields, () => null),
      [false, 127, 0, 7, 0, 2n ** 63n - 1n, 0n, -1.5, -2, '', Uint8Array.of(), -1, -1n, -1n, -1n, -1n, -1n],
    ];
    const columns =
      'b, i8, u16, i32, u32, i64, u64, f32, f64, s, hex(x), d, epoch_us(ms), epoch_us(us), epoch_ns(ns), epoch_us(sec), epoch_us(tz)';
    for (const codec of ['none', 'snappy', 'gzip', 'zstd'] as const) {
      const bytes = await written(parquet, schema, [build(schema, rows)], { codec });
      expect(await inDuckDB(bytes, columns)).toEqual([
        [
          'true',
          '-128',
          '65535',
          '-7',
          '4294967295',
          '-9223372036854775808',
          '18446744073709551615',
          '1.5',
          '0.1',
          'héllo',
          '00FF',
          '2022-01-08',
          '1700000000123000',
          '1700000000123456',
          '1700000000123456789',
          '1700000000000000',
          '1700000000000000',
        ],
        Array.from(schema.fields, () => null),
        [
          'false',
          '127',
          '0',
          '7',
          '0',
          '9223372036854775807',
          '0',
          '-1.5',
          '-2',
          '',
          '',
          '1969-12-31',
          '-1000',
          '-1',
          '-1',
          '-1000000',
          '-1',
        ],
      ]);
    }
  });

  const QUERY = `SELECT CAST(i AS INTEGER) AS n, CASE WHEN i % 5 = 0 THEN NULL ELSE 'name ' || (i % 13) END AS s,
    i * 0.5::DOUBLE AS f, i % 3 = 0 AS b, DATE '2024-01-01' + CAST(i AS INTEGER) AS d,
    TIMESTAMP '2024-01-01 00:00:00' + INTERVAL (i) SECOND AS at, CAST(i AS UTINYINT) AS u
    FROM range(200) t(i)`;

  test.each([
    ['snappy', ''],
    ['zstd', 'PARQUET_VERSION v2'],
    ['gzip', 'ROW_GROUP_SIZE 2048'],
    ['lz4_raw', ''],
    ['brotli', ''],
    ['uncompressed', 'PARQUET_VERSION v2'],
  ])('we read what DuckDB writes with codec %s %s', async (codec, more) => {
    const bytes = await fromDuckDB(QUERY, `CODEC '${codec}'${more === '' ? '' : `, ${more}`}`);
    const schema = await infer(bytes);
    expect(schema.fields.map(({ type }) => formatType(type))).toEqual([
      'int32',
      'utf8',
      'float64',
      'bool',
      'date32',
      'timestamp[us]',
      'uint8',
    ]);
    const start = 1_704_067_200_000_000n;
    expect(await read(bytes, schema)).toEqual(
      Array.from({ length: 200 }, (_, i) => [
        i,
        i % 5 === 0 ? null : `name ${i % 13}`,
        i * 0.5,
        i % 3 === 0,
        19_723 + i,
        start + BigInt(i) * 1_000_000n,
        i,
      ]),
    );
  });

  test('decimals and times pass through, and decimals become floats where the schema says so', async () => {
    const bytes =
      await fromDuckDB(`SELECT CAST(-12.345 AS DECIMAL(9,3)) AS small, CAST('12345678901234567890.12' AS DECIMAL(30,2)) AS large,
      TIME '12:34:56.789' AS t, uuid AS id FROM (SELECT UUID '01234567-89ab-cdef-0123-456789abcdef' AS uuid)
      UNION ALL SELECT NULL, NULL, NULL, NULL`);
    const schema = await infer(bytes);
    expect(schema.fields.map(({ type }) => formatType(type))).toEqual([
      'decimal128(9, 3)',
      'decimal128(30, 2)',
      'time64[us]',
      'utf8',
    ]);
    const reader = await parquet.openReader(memoryInput('x', bytes), requestFor(schema), {});
    const copied = await written(parquet, schema, await drain(reader), { codec: 'zstd' });
    const back = await inDuckDB(copied, 'small::VARCHAR, large::VARCHAR, t::VARCHAR, id');
    expect(back).toEqual([
      ['-12.345', '12345678901234567890.12', '12:34:56.789', '01234567-89ab-cdef-0123-456789abcdef'],
      [null, null, null, null],
    ]);
    expect(await read(bytes, schemaOf({ small: 'float64' }))).toEqual([[-12.345], [null]]);
    const asArrow = await written(
      arrow,
      schema,
      await drain(await parquet.openReader(memoryInput('x', bytes), requestFor(schema), {})),
      { codec: 'none' },
    );
    expect(
      (await arrow.infer(memoryInput('x', asArrow), {})).schema.fields.map(({ type }) => formatType(type)),
    ).toEqual(schema.fields.map(({ type }) => formatType(type)));
  });

  test('nested columns are refused by name where they are wanted, and left alone where not', async () => {
    const bytes = await fromDuckDB("SELECT 7 AS n, [1, 2] AS tags, {'a': 1} AS s, MAP {'k': 1} AS m");
    await expect(infer(bytes)).rejects.toMatchObject({
      code: 'source.unsupported-type',
      message: 'x.parquet: columns tags (list), s (struct), m (map) cannot be read from parquet',
    });
    expect(await read(bytes, schemaOf({ n: 'int64' }))).toEqual([[7n]]);
    await expect(read(bytes, schemaOf({ tags: 'utf8' }))).rejects.toMatchObject({ code: 'source.type-mismatch' });
  });
});

describe('damaged parquet files', () => {
  async function attempt(bytes: Uint8Array, random = true): Promise<string> {
    try {
      const { schema } = await parquet.infer(memoryInput('bad', bytes, { random }), {});
      const reader = await parquet.openReader(memoryInput('bad', bytes, { random }), requestFor(schema), {});
      return String((await drain(reader)).reduce((rows, batch) => rows + batch.rows, 0));
    } catch (error) {
      if (error instanceof CloudskinError) return error.code;
      throw error;
    }
  }

  test('a file that is cut off anywhere is refused', async () => {
    const schema = schemaOf({ n: 'int32', s: 'utf8' });
    const bytes = await written(
      parquet,
      schema,
      [
        build(schema, [
          [1, 'a'],
          [2, null],
        ]),
      ],
      { codec: 'snappy' },
    );
    expect(await attempt(bytes)).toBe('2');
    for (let length = 0; length < bytes.length; length += 2) {
      expect(await attempt(bytes.slice(0, length), length % 4 === 0)).toBe('source.corrupt');
    }
  });

  test.each(['none', 'snappy', 'gzip', 'zstd', 'duckdb'] as const)(
    'changed bytes (%s) give rows or a clear error',
    async (codec) => {
      const schema = schemaOf({ n: 'int64', s: 'utf8', f: 'float64', b: 'bool' });
      const rows = Array.from({ length: 300 }, (_, i) => [
        BigInt(i),
        i % 3 === 0 ? null : `v${i % 9}`,
        i / 3,
        i % 2 === 0,
      ]);
      const good =
        codec === 'duckdb'
          ? await fromDuckDB(
              "SELECT i AS n, 'v' || (i % 9) AS s, i / 3 AS f, CAST(i AS DECIMAL(9,2)) AS d FROM range(300) t(i)",
            )
          : await written(parquet, schema, [build(schema, rows)], { codec });
      let seed = 7;
      for (let round = 0; round < 1200; round++) {
        const bad = new Uint8Array(good);
        for (let edits = 0; edits <= round % 3; edits++) {
          seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
          bad[(seed >>> 8) % bad.length] = round % 2 === 0 ? seed & 255 : 255;
        }
        expect(await attempt(bad)).toMatch(/^(\d+|source\.[\w-]+)$/);
      }
    },
    60_000,
  );

  test('what is no parquet at all is named', async () => {
    expect(await attempt(Buffer.from('a,b\n1,2\n3,4\n'))).toBe('source.wrong-format');
    expect(await attempt(Buffer.from('PARE............PARE'))).toBe('source.encrypted');
    expect(await attempt(new Uint8Array(0), false)).toBe('source.corrupt');
  });
});
