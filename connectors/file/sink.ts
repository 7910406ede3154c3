/**
 * The file sink. A bounded run writes one file, visible once it is complete. A run that does not end, or one told to `roll`, writes
 * `name-00001.ext`, `name-00002.ext` and so on, each visible once it is complete, going on after the numbers already there.
 */
import { resolve } from 'node:path';
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { Sink, SinkContext, SinkReport } from '../../engine/graph/connector.ts';
import { formatNamed, partsOfName, unknownFormat } from '../formats/formats.ts';
import { type FileEncoder, PieceQueue } from './encoder.ts';
import { openHeldSink } from './held.ts';
import { DEFAULT_ROLL, type FileSinkOptions } from './options.ts';
import { openRollingSink } from './rolling.ts';
import { openStdout } from './stdout.ts';
import { openTarget, type Target } from './target.ts';
import { openEncoder, type Writing } from './writing.ts';

const BINARY = new Set(['arrow', 'arrow-stream', 'parquet']);

export async function openFileSink(options: FileSinkOptions, schema: Schema, context: SinkContext): Promise<Sink> {
  const parts = partsOfName(options.path);
  const format = options.format === undefined ? parts.format : formatNamed(options.format);
  if (format === undefined) throw unknownFormat(options.path);
  const compression = options.compression ?? parts.compression;
  const writing = { options, schema, context, format, compression, queue: new PieceQueue() };
  const roll = options.roll ?? (context.bounded || options.path === '-' ? undefined : DEFAULT_ROLL);
  if (context.checkpointed && options.path !== '-') {
    const held = await openHeldSink(writing, roll);
    if (held !== undefined) return held;
  }
  if (roll !== undefined) return openRollingSink(writing, roll);
  const encoder = await openEncoder(writing, () => openWhole(writing));
  await encoder.open();
  return new WholeSink(encoder, options.path === '-' ? [] : [options.path]);
}

async function openWhole({ options, context, format, compression }: Writing): Promise<Target> {
  if (options.path === '-') return openStdout(context, compression === 'none' && !BINARY.has(format.name));
  const path = resolve(context.directory, options.path);
  const existing = options.overwrite ? 'replace' : 'refuse';
  return openTarget({ path, name: options.path, mkdir: options.mkdir, existing });
}

class WholeSink implements Sink {
  readonly #encoder: FileEncoder;
  readonly #wrote: readonly string[];

  constructor(encoder: FileEncoder, wrote: readonly string[]) {
    this.#encoder = encoder;
    this.#wrote = wrote;
  }

  write(batch: Batch): void | Promise<void> {
    return this.#encoder.write(batch);
  }

  flush(): Promise<void> {
    return this.#encoder.flush();
  }

  async close(): Promise<SinkReport> {
    await this.#encoder.commit().catch(async (error: unknown) => {
      await this.#encoder.discard();
      throw error;
    });
    return { rows: this.#encoder.rows, wrote: this.#wrote };
  }

  abort(): Promise<void> {
    return this.#encoder.discard();
  }
}
