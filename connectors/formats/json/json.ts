/** The json format: a document with an array of objects, at the top or at `records`. */
import type { Schema } from '../../../engine/batch/types.ts';
import type { Emit, Format, FormatReader, FormatWriter, Inferred, Input, ReadRequest } from '../format.ts';
import { maxRowBytes, records } from '../text/options.ts';
import type { JsonReadOptions } from './document-records.ts';

export const json: Format<JsonReadOptions> = {
  name: 'json',
  summary: 'a JSON document with an array of objects',
  extensions: ['json', 'geojson'],
  needsWholeFile: false,
  appendable: false,
  resumable: false,
  readOptions: { records, maxRowBytes },
  writeOptions: {},
  async openReader(input: Input, request: ReadRequest, options: JsonReadOptions): Promise<FormatReader> {
    const [{ TextReader }, { DocumentRecords }] = await Promise.all([
      import('../text/reader.ts'),
      import('./document-records.ts'),
    ]);
    return new TextReader(input, request, new DocumentRecords(options));
  },
  async openWriter(schema: Schema, _options: unknown, emit: Emit): Promise<FormatWriter> {
    const { JsonWriter } = await import('./writer.ts');
    return new JsonWriter(schema, true, emit);
  },
  async infer(input: Input, options: JsonReadOptions): Promise<Inferred> {
    const { inferDocument } = await import('./infer.ts');
    return inferDocument(input, options.records);
  },
};
