/** What every file of one sink is written with. */
import type { Schema } from '../../engine/batch/types.ts';
import type { SinkContext } from '../../engine/graph/connector.ts';
import type { Format } from '../formats/format.ts';
import { type Compression, formatOptions } from '../formats/formats.ts';
import { FileEncoder, type PieceQueue } from './encoder.ts';
import type { FileSinkOptions } from './options.ts';
import type { Target } from './target.ts';

export interface Writing {
  readonly options: FileSinkOptions;
  readonly schema: Schema;
  readonly context: SinkContext;
  readonly format: Format;
  readonly compression: Compression;
  readonly queue: PieceQueue;
}

/** `open` finds the file's place once it has bytes. */
export async function openEncoder(
  writing: Writing,
  open: () => Promise<Target>,
  appending = false,
): Promise<FileEncoder> {
  const { options, schema, format, compression, queue } = writing;
  const write = formatOptions(format.writeOptions, options.given);
  const writer = await format.openWriter(schema, write, (bytes) => queue.add(bytes), appending);
  return new FileEncoder(writer, queue, compression, open);
}
