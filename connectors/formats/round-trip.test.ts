/** What a text format writes it reads back: any table, any cut of the bytes into pieces. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBytes, writeRows } from '../../test/kit/formats.ts';
import { anyTable } from '../../test/kit/tables.ts';
import { csv } from './csv/csv.ts';
import type { Format } from './format.ts';
import { json } from './json/json.ts';
import { ndjson } from './json/ndjson.ts';

const pieceSize = fc.constantFrom(1, 2, 7, 64, 65_536);

describe.each<[string, Format, Record<string, unknown>, Record<string, unknown>]>([
  ['csv', csv as Format, {}, {}],
  [
    'csv with semicolons and NA for null',
    csv as Format,
    { delimiter: ';', nullValue: 'NA' },
    { delimiter: ';', nullValues: ['NA'] },
  ],
  ['csv without a header', csv as Format, { header: false, delimiter: '\t' }, { header: false, delimiter: '\t' }],
  ['ndjson', ndjson as Format, {}, {}],
  ['json', json as Format, {}, {}],
])('%s', (_name, format, writeOptions, readOptions) => {
  it('reads back every table that it wrote, whatever the pieces', async () => {
    await fc.assert(
      fc.asyncProperty(anyTable, pieceSize, async ({ schema, rows }, size) => {
        const bytes = await writeRows(format, schema, rows, writeOptions);
        const read = await readBytes(format, bytes, { schema, options: readOptions, pieceSize: size });
        expect(read.bad).toEqual([]);
        expect(read.rows).toEqual(rows.map((row) => [...row]));
      }),
      { numRuns: 300 },
    );
  });
});
