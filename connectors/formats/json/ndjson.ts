/** The ndjson format: one JSON object a line. */
import type { Schema } from '../../../engine/batch/types.ts';
import type { Emit, Format, FormatReader, FormatWriter, Inferred, Input, ReadRequest } from '../format.ts';
import { maxRowBytes } from '../text/options.ts';
import { TextReader } from '../text/reader.ts';
import { inferNdjson } from './infer.ts';
import { NdjsonRecords } from './ndjson-records.ts';
import { JsonWriter } from './writer.ts';

interface NdjsonReadOptions {
  readonly maxRowBytes: number;
}

export const ndjson: Format<NdjsonReadOptions> = {
  name: 'ndjson',
  summary: 'one JSON object a line',
  extensions: ['ndjson', 'jsonl'],
  needsWholeFile: false,
  appendable: true,
  readOptions: { maxRowBytes },
  writeOptions: {},
  async openReader(input: Input, request: ReadRequest, options: NdjsonReadOptions): Promise<FormatReader> {
    return new TextReader(input, request, new NdjsonRecords(options.maxRowBytes));
  },
  async openWriter(schema: Schema, _options: unknown, emit: Emit): Promise<FormatWriter> {
    return new JsonWriter(schema, false, emit);
  },
  infer(input: Input): Promise<Inferred> {
    return inferNdjson(input);
  },
};
