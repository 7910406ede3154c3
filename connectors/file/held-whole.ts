/**
 * The file sink of a bounded run with checkpoints. Rows go to a hidden file; a checkpoint holds its length, and a run that goes on from
 * it cuts the file there. The last checkpoint completes the file, and its commit makes it visible.
 *
 * Formats that cannot be gone on with in the middle (parquet, json, arrow) are spooled as an Arrow stream, which the last checkpoint
 * turns into the file.
 */
import { stat, unlink } from 'node:fs/promises';
import type { Batch } from '../../engine/batch/batch.ts';
import { formatType } from '../../engine/batch/types.ts';
import { userError } from '../../engine/errors.ts';
import type { Prepared, Sink, SinkReport } from '../../engine/graph/connector.ts';
import { arrowStream } from '../formats/arrow/arrow.ts';
import type { FileEncoder } from './encoder.ts';
import type { HeldPlace } from './held-place.ts';
import { openInput } from './input.ts';
import { exists, HeldFile, reveal } from './target.ts';
import { openEncoder, type Writing } from './writing.ts';

interface WholeState {
  /** Of the hidden file. */
  readonly bytes: number;
  readonly rows: number;
  /** The file is complete. */
  readonly last: boolean;
}

export class HeldWholeSink implements Sink {
  readonly #writing: Writing;
  readonly #place: HeldPlace;
  readonly #spools: boolean;
  readonly #before: number;
  #encoder: FileEncoder | undefined;
  #held: HeldFile | undefined;
  /** A checkpoint holds what was written: it stays when the run fails. */
  #kept: boolean;
  #done: WholeState | undefined;

  private constructor(writing: Writing, place: HeldPlace, from: WholeState | undefined) {
    this.#writing = writing;
    this.#place = place;
    this.#spools = !writing.format.resumable;
    this.#before = from?.rows ?? 0;
    this.#kept = from !== undefined;
    if (from?.last) this.#done = from;
  }

  static async open(writing: Writing, place: HeldPlace): Promise<HeldWholeSink> {
    const { options, context, schema } = writing;
    const from = context.restored?.prepared.state as WholeState | undefined;
    if (from === undefined) {
      if (!options.overwrite && (await stat(place.path).catch(() => undefined))) throw exists(options.path);
      await place.clean(new Set());
    }
    if (!writing.format.resumable) refuseForeign(writing.format.name, schema);
    const sink = new HeldWholeSink(writing, place, from);
    if (from?.last) await sink.#reveal();
    else await sink.#begin(from?.bytes ?? 0);
    return sink;
  }

  write(batch: Batch): void | Promise<void> {
    return this.#encoder?.write(batch);
  }

  async flush(): Promise<void> {
    await this.#encoder?.flush();
  }

  async prepare(_checkpoint: number, last: boolean): Promise<Prepared> {
    if (this.#done === undefined) {
      const state = await this.#take(last);
      this.#kept = true;
      if (!last) return { state: { ...state } };
      this.#done = state;
    }
    return { state: { ...this.#done } };
  }

  async commit(_checkpoint: number, { state }: Prepared): Promise<void> {
    if ((state as unknown as WholeState).last) await this.#reveal();
  }

  async close(): Promise<SinkReport> {
    if (this.#done === undefined) await this.prepare(0, true);
    await this.#reveal();
    return { rows: this.#rows, wrote: [this.#writing.options.path] };
  }

  async abort(forget = false): Promise<void> {
    if (forget) {
      await this.#held?.discard();
      return this.#place.clean(new Set());
    }
    if (this.#done !== undefined) return;
    if (this.#kept) await this.#held?.commit();
    else await this.#held?.discard();
  }

  get #rows(): number {
    return this.#done?.rows ?? this.#before + (this.#encoder?.rows ?? 0);
  }

  get #hidden(): string {
    return this.#place.hidden(this.#place.path, 'held');
  }

  /** What becomes the file in the end. */
  get #complete(): string {
    return this.#spools ? this.#place.hidden(this.#place.path, 'made') : this.#hidden;
  }

  async #begin(bytes: number): Promise<void> {
    const held = await HeldFile.open(this.#hidden, this.#writing.options.path, bytes);
    this.#held = held;
    const writing = this.#spools ? spooled(this.#writing) : this.#writing;
    this.#encoder = await openEncoder(writing, async () => held, bytes > 0);
  }

  async #take(last: boolean): Promise<WholeState> {
    const rows = this.#rows;
    if (last && !this.#spools) await this.#encoder?.finish();
    else await this.#encoder?.checkpoint();
    const bytes = this.#held?.size ?? 0;
    if (!last) await this.#held?.sync();
    else await this.#held?.commit();
    if (last && this.#spools) await this.#convert();
    return { bytes, rows, last };
  }

  /** Writes the file out of its spool; again from the start where that was broken off. */
  async #convert(): Promise<void> {
    const { options, schema, context } = this.#writing;
    const made = await HeldFile.open(this.#complete, options.path, 0);
    const encoder = await openEncoder(this.#writing, async () => made);
    const input = await openInput({
      path: this.#hidden,
      name: options.path,
      compression: 'none',
      signal: context.signal,
    });
    const reject = (): void => undefined;
    const request = { schema, paths: new Map<string, string>(), attach: [], reject, signal: context.signal };
    try {
      if ((this.#held?.size ?? 0) > 0) {
        const reader = await arrowStream.openReader(input, request, {});
        for (let batch = await reader.next(); batch !== undefined; batch = await reader.next())
          await encoder.write(batch);
        await reader.close();
      }
    } finally {
      await input.close();
    }
    await encoder.finish();
    await made.commit();
  }

  async #reveal(): Promise<void> {
    const { options } = this.#writing;
    // A run that was killed behind its last checkpoint may have made the file visible: whether it may be replaced was asked before.
    const existing = options.overwrite ? 'replace' : 'refuse';
    if (!(await reveal(this.#complete, this.#place.path, options.path, existing))) throw exists(options.path);
    if (this.#spools) await unlink(this.#hidden).catch(() => undefined);
  }
}

function spooled(writing: Writing): Writing {
  const options = { ...writing.options, given: {} };
  return { ...writing, options, format: arrowStream, compression: 'none' };
}

function refuseForeign(format: string, schema: Writing['schema']): void {
  const foreign = schema.fields.find(({ type }) => type.kind === 'foreign');
  if (foreign === undefined) return;
  const message = `column ${foreign.name} of type ${formatType(foreign.type)} cannot be held for a checkpoint in ${format}`;
  throw userError('sink.checkpoint-type', message, {
    hint: 'leave the column out, or leave out `checkpoint`',
  });
}
