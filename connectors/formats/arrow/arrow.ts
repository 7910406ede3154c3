/** The arrow formats: IPC files (Feather V2) and IPC streams. Either reader reads both. */
import { z } from 'zod';
import type { Codec } from '../../../engine/batch/ipc-message.ts';
import type { Schema } from '../../../engine/batch/types.ts';
import type { Emit, Format, FormatReader, FormatWriter, Inferred, Input, ReadRequest } from '../format.ts';
import type { Container } from './writer.ts';

export interface ArrowWriteOptions {
  readonly codec: 'none' | Codec;
}

const writeOptions = {
  codec: z
    .enum(['none', 'lz4', 'zstd'])
    .default('none')
    .describe('How the columns are compressed within the file; `compression` compresses the file as a whole.'),
};

function arrowFormat(
  container: Container,
): Pick<
  Format<Readonly<Record<string, never>>, ArrowWriteOptions>,
  'readOptions' | 'writeOptions' | 'openReader' | 'openWriter' | 'infer'
> {
  return {
    readOptions: {},
    writeOptions,
    async openReader(input: Input, request: ReadRequest): Promise<FormatReader> {
      const { openArrowReader } = await import('./reader.ts');
      return openArrowReader(input, request);
    },
    async openWriter(
      schema: Schema,
      { codec }: ArrowWriteOptions,
      emit: Emit,
      appending?: boolean,
    ): Promise<FormatWriter> {
      const chosen = codec === 'none' ? undefined : codec;
      if (schema.fields.every((field) => field.type.kind !== 'foreign')) {
        const { ArrowWriter } = await import('./writer.ts');
        return new ArrowWriter(schema, container, chosen, emit, appending);
      }
      const { ForeignWriter } = await import('./foreign-writer.ts');
      return new ForeignWriter(schema, container, chosen, emit);
    },
    async infer(input: Input): Promise<Inferred> {
      const { readArrowSchema } = await import('./reader.ts');
      return { schema: await readArrowSchema(input), paths: new Map(), options: {} };
    },
  };
}

export const arrow: Format<Readonly<Record<string, never>>, ArrowWriteOptions> = {
  name: 'arrow',
  summary: 'Arrow IPC file, also called Feather V2',
  extensions: ['arrow', 'feather', 'ipc'],
  needsWholeFile: true,
  appendable: false,
  resumable: false,
  ...arrowFormat('file'),
};

export const arrowStream: Format<Readonly<Record<string, never>>, ArrowWriteOptions> = {
  name: 'arrow-stream',
  summary: 'Arrow IPC stream, readable while it is written',
  extensions: ['arrows'],
  needsWholeFile: false,
  appendable: false,
  resumable: true,
  ...arrowFormat('stream'),
};
