/** The parquet format. */
import { z } from 'zod';
import type { Schema } from '../../../engine/batch/types.ts';
import type { Emit, Format, FormatReader, FormatWriter, Inferred, Input, ReadRequest } from '../format.ts';
import type { ParquetCodec } from './writer.ts';

export interface ParquetWriteOptions {
  readonly codec: ParquetCodec;
}

export const parquet: Format<Readonly<Record<string, never>>, ParquetWriteOptions> = {
  name: 'parquet',
  summary: 'Parquet file',
  extensions: ['parquet', 'pq'],
  needsWholeFile: true,
  appendable: false,
  resumable: false,
  readOptions: {},
  writeOptions: {
    codec: z
      .enum(['snappy', 'none', 'gzip', 'zstd'])
      .default('snappy')
      .describe('How the columns are compressed within the file; `compression` compresses the file as a whole.'),
  },
  async openReader(input: Input, request: ReadRequest): Promise<FormatReader> {
    const { openParquetReader } = await import('./reader.ts');
    return openParquetReader(input, request);
  },
  async openWriter(schema: Schema, { codec }: ParquetWriteOptions, emit: Emit): Promise<FormatWriter> {
    const { ParquetFormatWriter } = await import('./writer.ts');
    const foreign = schema.fields.some(({ type }) => type.kind === 'foreign');
    const values = foreign ? (await import('./foreign-values.ts')).foreignColumns : undefined;
    return new ParquetFormatWriter(schema, codec, emit, values);
  },
  async infer(input: Input): Promise<Inferred> {
    const { readParquetSchema } = await import('./reader.ts');
    return { schema: await readParquetSchema(input), paths: new Map(), options: {} };
  },
};
