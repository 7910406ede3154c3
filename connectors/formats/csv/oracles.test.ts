/** csv as others read it: papaparse and csv-parse split what we read, DuckDB reads what we write. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import { readBytes, schemaOf, writeRows } from '../../../test/kit/formats.ts';
import { hasSharedData, sharedData } from '../../../test/kit/shared-data.ts';
import { csv } from './csv.ts';

const COLUMNS = 3;
const schema = schemaOf({ a: 'utf8', b: 'utf8', c: 'utf8' });

const special = fc.constantFrom('"', ',', '\n', '\r\n', ' ', 'é', '日本', 'x', "'", ';', '0');
const text = fc.array(special, { maxLength: 6 }).map((parts) => parts.join(''));
const field = fc.tuple(text, fc.boolean()).map(([value, quoted]) => {
  const must = /[",\n\r]/.test(value) || value === '';
  return must || quoted ? `"${value.replaceAll('"', '""')}"` : value;
});
const record = fc.array(field, { minLength: COLUMNS, maxLength: COLUMNS }).map((fields) => fields.join(','));
const document = fc
  .tuple(fc.array(record, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
  .map(([records, lineEnd, last]) => ['a,b,c', ...records].join(lineEnd) + (last ? lineEnd : ''));

describe('well-formed csv', () => {
  it('is split as papaparse and csv-parse split it, in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(document, fc.constantFrom(1, 3, 17, 4096), async (source, pieceSize) => {
        const { rows, bad } = await readBytes(csv, source, { schema, pieceSize, options: { delimiter: ',' } });
        expect(bad).toEqual([]);
        const ours = rows.map((row) => row.map((value) => value ?? ''));
        const lineEnd = source.includes('\r\n') && source.startsWith('a,b,c\r\n') ? '\r\n' : '\n';
        const papa = Papa.parse<string[]>(source, { delimiter: ',', newline: lineEnd, skipEmptyLines: true }).data;
        expect(ours).toEqual(papa.slice(1));
        expect(ours).toEqual(parse(source, { recordDelimiter: ['\r\n', '\n'], skipEmptyLines: true }).slice(1));
      }),
      { numRuns: 500 },
    );
  });
});

describe('csv that we wrote', () => {
  it('is read by DuckDB as the same values', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cloudskin-csv-'));
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const table = schemaOf({ s: 'utf8', i: 'int64', f: 'float64', b: 'bool', t: 'timestamp[us]' });
    const row = fc.tuple(
      fc.option(fc.string({ unit: 'grapheme', maxLength: 8 })),
      fc.option(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
      fc.option(fc.double()),
      fc.option(fc.boolean()),
      fc.option(fc.bigInt(-60_000_000_000_000_000n, 250_000_000_000_000_000n)),
    );
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
          const path = join(directory, 'table.csv');
          await writeFile(path, await writeRows(csv, table, rows));
          const reader = await connection.runAndReadAll(
            `SELECT s, i, f, b, epoch_us(t) FROM read_csv('${path}', header = true, auto_detect = false, delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false, strict_mode = true,
             columns = {'s': 'VARCHAR', 'i': 'BIGINT', 'f': 'DOUBLE', 'b': 'BOOLEAN', 't': 'TIMESTAMP'})`,
          );
          expect(reader.getRows()).toEqual(rows);
        }),
        { numRuns: 40 },
      );
    } finally {
      connection.closeSync();
      await rm(directory, { recursive: true });
    }
  });
});

describe.skipIf(!hasSharedData())('real csv (../shared/data; skipped where it is missing)', () => {
  it('arrow-csv/aggregate_test_100.csv is split as papaparse splits it', async () => {
    const { readFile } = await import('node:fs/promises');
    const source = await readFile(sharedData('conformance/arrow-csv/aggregate_test_100.csv'), 'utf8');
    const papa = Papa.parse<string[]>(source, { skipEmptyLines: true }).data;
    const names = papa[0] ?? [];
    const wanted = schemaOf(Object.fromEntries(names.map((name) => [name, 'utf8'])));
    const { rows, bad } = await readBytes(csv, source, { schema: wanted });
    expect(bad).toEqual([]);
    expect(rows).toEqual(papa.slice(1));
  });
});
