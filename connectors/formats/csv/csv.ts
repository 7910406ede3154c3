/** The csv format: RFC 4180 text with a header, or without. */
import type { Schema } from '../../../engine/batch/types.ts';
import type { Emit, Format, FormatReader, FormatWriter, Inferred, Input, ReadRequest } from '../format.ts';
import { type CsvReadOptions, type CsvWriteOptions, csvReadOptions, csvWriteOptions } from './options.ts';

export const csv: Format<CsvReadOptions, CsvWriteOptions> = {
  name: 'csv',
  summary: 'delimited text, RFC 4180',
  extensions: ['csv', 'tsv'],
  needsWholeFile: false,
  appendable: true,
  resumable: true,
  readOptions: csvReadOptions,
  writeOptions: csvWriteOptions,
  async openReader(input: Input, request: ReadRequest, options: CsvReadOptions): Promise<FormatReader> {
    const [{ TextReader }, { CsvRecords }] = await Promise.all([import('../text/reader.ts'), import('./records.ts')]);
    return new TextReader(input, request, new CsvRecords(options));
  },
  async openWriter(schema: Schema, options: CsvWriteOptions, emit: Emit, appending = false): Promise<FormatWriter> {
    const { CsvWriter } = await import('./writer.ts');
    return new CsvWriter(schema, { ...options, header: options.header && !appending }, emit);
  },
  async infer(input: Input, options: CsvReadOptions): Promise<Inferred> {
    const { inferCsv } = await import('./infer.ts');
    return inferCsv(input, options);
  },
};
