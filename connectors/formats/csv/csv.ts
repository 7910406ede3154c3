/** The csv format: RFC 4180 text with a header, or without. */
import type { Schema } from '../../../engine/batch/types.ts';
import type { Emit, Format, FormatReader, FormatWriter, Inferred, Input, ReadRequest } from '../format.ts';
import { TextReader } from '../text/reader.ts';
import { inferCsv } from './infer.ts';
import { type CsvReadOptions, type CsvWriteOptions, csvReadOptions, csvWriteOptions } from './options.ts';
import { CsvRecords } from './records.ts';
import { CsvWriter } from './writer.ts';

export const csv: Format<CsvReadOptions, CsvWriteOptions> = {
  name: 'csv',
  summary: 'delimited text, RFC 4180',
  extensions: ['csv', 'tsv'],
  needsWholeFile: false,
  appendable: true,
  readOptions: csvReadOptions,
  writeOptions: csvWriteOptions,
  async openReader(input: Input, request: ReadRequest, options: CsvReadOptions): Promise<FormatReader> {
    return new TextReader(input, request, new CsvRecords(options));
  },
  async openWriter(schema: Schema, options: CsvWriteOptions, emit: Emit): Promise<FormatWriter> {
    return new CsvWriter(schema, options, emit);
  },
  infer(input: Input, options: CsvReadOptions): Promise<Inferred> {
    return inferCsv(input, options);
  },
};
