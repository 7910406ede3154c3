/**
 * The file sink of a bounded run with checkpoints. Rows go to a hidden file; a checkpoint holds its length. Whoever goes on from it at a higher
 * epoch begins a file of its own, since the one before may be frozen and not dead: then the output is in pieces, each as long as the
 * checkpoint says. The last checkpoint puts them together, and its commit makes the file visible.
 *
 * Formats that cannot be gone on with in the middle (parquet, json, arrow) are spooled as an Arrow stream, which the last checkpoint
 * turns into the file.
 */
import { stat } from 'node:fs/promises';
import type { Batch } from '../../engine/batch/batch.ts';
import { formatType } from '../../engine/batch/types.ts';
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import type { Prepared, Sink, SinkReport } from '../../engine/graph/connector.ts';
import { arrowStream } from '../formats/arrow/arrow.ts';
import type { FileEncoder } from './encoder.ts';
import { headerOf } from './header.ts';
import { type HeldPlace, joinPieces } from './held-place.ts';
import { openInput } from './input.ts';
import { exists, HeldFile, otherHeader, outputLost, reveal } from './target.ts';
import { openEncoder, type Writing } from './writing.ts';

interface EpochPiece {
  /** Of who wrote it. */
  readonly epoch: number;
  readonly bytes: number;
}

interface WholeState {
  readonly pieces: readonly EpochPiece[];
  readonly rows: number;
  /** The file is complete. */
  readonly last: boolean;
  /** Its rows' (`headerOf`); absent where they need none, and in versions that did not say. */
  readonly header?: string;
}

export class HeldWholeSink implements Sink {
  readonly #writing: Writing;
  readonly #place: HeldPlace;
  readonly #spools: boolean;
  readonly #before: number;
  /** Written at lower epochs. */
  #earlier: readonly EpochPiece[] = [];
  /** Of the file under way, or of the one that is complete. */
  #epoch: number;
  #encoder: FileEncoder | undefined;
  #held: HeldFile | undefined;
  /** A checkpoint holds what was written: it stays when the run fails. */
  #kept: boolean;
  #cleaned = false;
  #done: WholeState | undefined;

  private constructor(writing: Writing, place: HeldPlace, from: WholeState | undefined) {
    this.#writing = writing;
    this.#place = place;
    this.#spools = !writing.format.resumable;
    this.#before = from?.rows ?? 0;
    this.#kept = from !== undefined;
    this.#epoch = place.epoch;
    if (from?.last) this.#done = from;
  }

  static async open(writing: Writing, place: HeldPlace): Promise<HeldWholeSink> {
    const { options, context, schema } = writing;
    const from = readState(context.restored?.prepared);
    if (from === undefined) {
      if (!options.overwrite && (await stat(place.path).catch(() => undefined))) throw exists(options.path);
      await place.clean(new Set());
    }
    if (from !== undefined) mustGoOn(from, writing);
    if (!writing.format.resumable) refuseForeign(writing.format.name, schema);
    const sink = new HeldWholeSink(writing, place, from);
    await sink.#begin(from);
    return sink;
  }

  write(batch: Batch): void | Promise<void> {
    return this.#encoder?.write(batch);
  }

  async flush(): Promise<void> {
    await this.#encoder?.flush();
  }

  async prepare(_checkpoint: number, last: boolean): Promise<Prepared> {
    const state = this.#done ?? (await this.#take(last));
    this.#kept = true;
    if (state.last) this.#done = state;
    return { state: { ...state, pieces: state.pieces.map((piece) => ({ ...piece })) } };
  }

  async commit(_checkpoint: number, prepared: Prepared): Promise<void> {
    if (readState(prepared)?.last) await this.#reveal();
    else if (!this.#cleaned) {
      // what others left who came to no checkpoint
      await this.#place.clean(new Set([...this.#earlier.map((piece) => this.#pathOf(piece)), this.#hidden('held')]));
      this.#cleaned = true;
    }
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

  #hidden(kind: 'held' | 'whole' | 'made'): string {
    return this.#place.hidden(this.#place.path, kind, this.#epoch);
  }

  #pathOf({ epoch }: EpochPiece): string {
    return this.#place.hidden(this.#place.path, 'held', epoch);
  }

  /** Everything that was written, once it is complete. */
  get #whole(): string {
    return this.#hidden(this.#earlier.length === 0 ? 'held' : 'whole');
  }

  /** What becomes the file in the end. */
  get #complete(): string {
    return this.#spools ? this.#hidden('made') : this.#whole;
  }

  async #begin(from: WholeState | undefined): Promise<void> {
    const pieces = from?.pieces ?? [];
    const last = pieces.at(-1);
    if (from?.last) {
      this.#epoch = last?.epoch ?? 0;
      this.#earlier = pieces.slice(0, -1);
      return this.#reveal();
    }
    // a run that goes on in one process is alone: its state directory is locked
    const own = last?.epoch === this.#epoch ? last.bytes : 0;
    this.#earlier = (last?.epoch === this.#epoch ? pieces.slice(0, -1) : pieces).filter(({ bytes }) => bytes > 0);
    const { options } = this.#writing;
    for (const piece of this.#earlier) {
      const path = this.#pathOf(piece);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined || found.size < piece.bytes) throw outputLost(options.path, path);
    }
    const held = await HeldFile.open(this.#hidden('held'), options.path, own);
    this.#held = held;
    const writing = this.#spools ? spooled(this.#writing) : this.#writing;
    this.#encoder = await openEncoder(writing, async () => held, own > 0 || this.#earlier.length > 0);
  }

  async #take(last: boolean): Promise<WholeState> {
    const rows = this.#rows;
    if (last && !this.#spools) await this.#encoder?.finish();
    else await this.#encoder?.checkpoint();
    const pieces = [...this.#earlier, { epoch: this.#epoch, bytes: this.#held?.size ?? 0 }];
    if (!last) await this.#held?.sync();
    else {
      await this.#held?.commit();
      const parts = pieces.map((piece) => ({ path: this.#pathOf(piece), bytes: piece.bytes }));
      if (this.#earlier.length > 0) await joinPieces(parts, this.#whole, this.#writing.options.path);
      if (this.#spools) await this.#convert(pieces.some(({ bytes }) => bytes > 0));
    }
    const { format, schema } = this.#writing;
    return { pieces, rows, last, ...defined({ header: headerOf(format.name, schema) }) };
  }

  /** Writes the file out of its spool; again from the start where that was broken off. */
  async #convert(hasRows: boolean): Promise<void> {
    const { options, schema, context } = this.#writing;
    const made = await HeldFile.open(this.#complete, options.path, 0);
    const encoder = await openEncoder(this.#writing, async () => made);
    const input = await openInput({
      path: this.#whole,
      name: options.path,
      compression: 'none',
      signal: context.signal,
    });
    const reject = (): void => undefined;
    const request = { schema, paths: new Map<string, string>(), attach: [], reject, signal: context.signal };
    try {
      if (hasRows) {
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
    await this.#place.clean(new Set());
  }
}

/** `bytes`: versions before pieces. */
function readState(prepared: Prepared | undefined): WholeState | undefined {
  if (prepared === undefined) return undefined;
  const state = prepared.state as unknown as WholeState & { readonly bytes?: number };
  return state.bytes === undefined ? state : { ...state, pieces: [{ epoch: 0, bytes: state.bytes }] };
}

/** Rows of other columns would follow a header that is not theirs. */
function mustGoOn({ header, last }: WholeState, { format, schema, options }: Writing): void {
  const own = headerOf(format.name, schema);
  if (last || header === undefined || own === undefined || header === own) return;
  throw otherHeader(options.path, header, own);
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
