/** The ndjson format: one JSON object a line. */
import type { Schema } from '../../../engine/batch/types.ts';
import type { Emit, Format, FormatReader, FormatWriter, Inferred, Input, ReadRequest } from '../format.ts';
import { maxRowBytes } from '../text/options.ts';

interface NdjsonReadOptions {
  readonly maxRowBytes: number;
}

export const ndjson: Format<NdjsonReadOptions> = {
  name: 'ndjson',
  summary: 'one JSON object a line',
  extensions: ['ndjson', 'jsonl'],
  needsWholeFile: false,
  appendable: true,
  resumable: true,
  readOptions: { maxRowBytes },
  writeOptions: {},
  async openReader(input: Input, request: ReadRequest, options: NdjsonReadOptions): Promise<FormatReader> {
    const [{ TextReader }, { NdjsonRecords }] = await Promise.all([
      import('../text/reader.ts'),
      import('./ndjson-records.ts'),
    ]);
    return new TextReader(input, request, new NdjsonRecords(options.maxRowBytes));
  },
  async openWriter(schema: Schema, _options: unknown, emit: Emit): Promise<FormatWriter> {
    const { JsonWriter } = await import('./writer.ts');
    return new JsonWriter(schema, false, emit);
  },
  async infer(input: Input): Promise<Inferred> {
    const { inferNdjson } = await import('./infer.ts');
    return inferNdjson(input);
  },
};
