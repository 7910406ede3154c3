/** The json format: a document with an array of objects, at the top or at `records`. */
import type { Schema } from '../../../engine/batch/types.ts';
import type { Emit, Format, FormatReader, FormatWriter, Inferred, Input, ReadRequest } from '../format.ts';
import { maxRowBytes, records } from '../text/options.ts';
import { TextReader } from '../text/reader.ts';
import { DocumentRecords, type JsonReadOptions } from './document-records.ts';
import { inferDocument } from './infer.ts';
import { JsonWriter } from './writer.ts';

export const json: Format<JsonReadOptions> = {
  name: 'json',
  summary: 'a JSON document with an array of objects',
  extensions: ['json', 'geojson'],
  needsWholeFile: false,
  appendable: false,
  readOptions: { records, maxRowBytes },
  writeOptions: {},
  async openReader(input: Input, request: ReadRequest, options: JsonReadOptions): Promise<FormatReader> {
    return new TextReader(input, request, new DocumentRecords(options));
  },
  async openWriter(schema: Schema, _options: unknown, emit: Emit): Promise<FormatWriter> {
    return new JsonWriter(schema, true, emit);
  },
  infer(input: Input, options: JsonReadOptions): Promise<Inferred> {
    return inferDocument(input, options.records);
  },
};
