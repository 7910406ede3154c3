/**
 * The rolling file sink of a run with checkpoints: files are written under hidden names, and those that are complete become visible when
 * the checkpoint is that holds their rows. A file is complete once it is large or old enough at a checkpoint, or larger
 * than `roll.size` between two; in a format that cannot be gone on with in the middle, at every checkpoint.
 */
import { relative } from 'node:path';
import type { Batch } from '../../engine/batch/batch.ts';
import { copyBatch, sliceBatch } from '../../engine/batch/reader.ts';
import { defined } from '../../engine/defined.ts';
import type { Prepared, Sink, SinkReport } from '../../engine/graph/connector.ts';
import type { FileEncoder } from './encoder.ts';
import { Fitting } from './fitting.ts';
import { headerOf } from './header.ts';
import { type HeldPlace, joinPieces } from './held-place.ts';
import type { Roll } from './options.ts';
import { lastNumber, numbered, Written } from './rolling.ts';
import { HeldFile, reveal } from './target.ts';
import { openEncoder, type Writing } from './writing.ts';

interface OpenFile {
  readonly number: number;
  /** Of who wrote it; 0 in versions that knew none. */
  readonly epoch: number;
  readonly bytes: number;
  readonly rows: number;
  /** When its first row came, in milliseconds since the epoch. */
  readonly since: number;
  /** Its rows' (`headerOf`); absent where they need none, and in versions that did not say. */
  readonly header?: string;
}

interface CompleteFile {
  readonly number: number;
  readonly epoch: number;
}

interface RollingState {
  /** Greatest number given so far. */
  readonly number: number;
  /** Complete, and to be made visible. */
  readonly complete: readonly CompleteFile[];
  readonly open: OpenFile | null;
  readonly rows: number;
}

/** The file under way. */
interface Current {
  readonly number: number;
  readonly encoder: FileEncoder;
  readonly held: HeldFile;
  readonly before: number;
  since: number;
}

/** Rows of a batch up to `to` are in the file, which may be full with them. */
interface WrittenPart {
  readonly to: number;
  readonly pending: void | Promise<void>;
  readonly full: boolean;
}

export class HeldRollingSink implements Sink {
  readonly #writing: Writing;
  readonly #roll: Roll;
  readonly #fitting: Fitting;
  readonly #place: HeldPlace;
  readonly #written = new Written();
  #number = 0;
  #rows = 0;
  #current: Current | undefined;
  #complete: CompleteFile[] = [];
  #kept = false;

  private constructor(writing: Writing, roll: Roll, place: HeldPlace) {
    this.#writing = writing;
    this.#roll = roll;
    this.#fitting = new Fitting(roll.size);
    this.#place = place;
  }

  static async open(writing: Writing, roll: Roll, place: HeldPlace): Promise<HeldRollingSink> {
    const sink = new HeldRollingSink(writing, roll, place);
    const restored = writing.context.restored;
    if (restored === undefined) {
      await place.clean(new Set());
      sink.#number = await lastNumber(place.path);
      await sink.#begin();
    } else await sink.#goOn(restored.prepared);
    return sink;
  }

  write(batch: Batch): void | Promise<void> {
    const current = this.#current;
    if (current === undefined || batch.rows === 0) return;
    const first = this.#writePart(current, batch, 0);
    if (first.to === batch.rows && !first.full) return first.pending;
    const rest = first.to === batch.rows ? undefined : copyBatch(sliceBatch(batch, first.to, batch.rows));
    return this.#goOnWriting(first, rest);
  }

  async #goOnWriting({ pending, full }: WrittenPart, rest: Batch | undefined): Promise<void> {
    if (full) await this.#completeCurrent(pending);
    else await pending;
    for (let from = 0; rest !== undefined && from < rest.rows && this.#current !== undefined; ) {
      const part = this.#writePart(this.#current, rest, from);
      from = part.to;
      if (part.full) await this.#completeCurrent(part.pending);
      else await part.pending;
    }
  }

  /** As many rows as fit into the file under way. */
  #writePart(current: Current, batch: Batch, from: number): WrittenPart {
    if (current.since === 0) current.since = this.#writing.context.ports.now();
    const to = from + this.#fitting.rows(bytesOf(current), batch.rows - from);
    this.#rows += to - from;
    const pending = current.encoder.write(to - from === batch.rows ? batch : sliceBatch(batch, from, to));
    return { to, pending, full: this.#fitting.isFull(bytesOf(current), rowsOf(current)) };
  }

  async flush(): Promise<void> {
    await this.#current?.encoder.flush();
  }

  async prepare(_checkpoint: number, last: boolean): Promise<Prepared> {
    const current = this.#current;
    let open: OpenFile | null = null;
    if (current !== undefined && rowsOf(current) > 0) {
      await current.encoder.checkpoint();
      if (last || this.#isDue(current)) await this.#completeCurrent(undefined);
      else {
        await current.held.sync();
        const { number, since, held } = current;
        const header = defined({ header: this.#header });
        open = { number, epoch: this.#place.epoch, bytes: held.size, rows: rowsOf(current), since, ...header };
      }
    }
    this.#kept = true;
    // the number of a file that has no rows yet is given anew by whoever goes on from here
    const isFresh = this.#current !== undefined && rowsOf(this.#current) === 0;
    const number = isFresh ? this.#number - 1 : this.#number;
    const complete = this.#complete.map((one) => ({ ...one }));
    return { state: { number, complete, open: open === null ? null : { ...open }, rows: this.#rows } };
  }

  async commit(_checkpoint: number, prepared: Prepared): Promise<void> {
    for (const one of readState(prepared).complete) {
      await this.#reveal(one);
      this.#complete = this.#complete.filter(({ number }) => number !== one.number);
    }
  }

  async close(): Promise<SinkReport> {
    await this.commit(0, await this.prepare(0, true));
    await this.#current?.held.discard();
    this.#current = undefined;
    await this.#place.clean(new Set());
    return { rows: this.#rows, ...this.#written.report() };
  }

  async abort(forget = false): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    if (this.#kept && !forget) await current?.held.commit();
    else {
      await current?.held.discard();
      await this.#place.clean(new Set());
    }
  }

  #isDue(current: Current): boolean {
    if (!this.#writing.format.resumable || current.held.size >= this.#roll.size) return true;
    return (this.#writing.context.ports.now() - current.since) * 1000 >= Number(this.#roll.every);
  }

  async #completeCurrent(pending: void | Promise<void>): Promise<void> {
    await pending;
    const current = this.#current;
    if (current === undefined) return;
    await current.encoder.finish();
    await current.held.commit();
    this.#complete.push({ number: current.number, epoch: this.#place.epoch });
    await this.#begin();
  }

  async #begin(from?: OpenFile): Promise<void> {
    const number = from?.number ?? ++this.#number;
    const held = await HeldFile.open(this.#hidden(number), this.#writing.options.path, from?.bytes ?? 0);
    const encoder = await openEncoder(this.#writing, async () => held, from !== undefined);
    this.#current = { number, encoder, held, before: from?.rows ?? 0, since: from?.since ?? 0 };
  }

  async #goOn(prepared: Prepared): Promise<void> {
    const state = readState(prepared);
    this.#kept = true;
    this.#number = state.number;
    this.#rows = state.rows;
    await this.commit(0, prepared);
    const { open } = state;
    await this.#place.clean(new Set(open === null ? [] : [this.#hidden(open.number, open.epoch)]));
    if (open !== null && open.epoch !== this.#place.epoch) await this.#takeOver(open);
    if (open !== null && this.#isOther(open)) {
      await this.#completeFormer(open);
      await this.#begin();
    } else await this.#begin(open ?? undefined);
  }

  get #header(): string | undefined {
    return headerOf(this.#writing.format.name, this.#writing.schema);
  }

  /** Rows of other columns begin a file of their own. */
  #isOther({ header }: OpenFile): boolean {
    return header !== undefined && this.#header !== undefined && header !== this.#header;
  }

  async #completeFormer({ number, bytes }: OpenFile): Promise<void> {
    const held = await HeldFile.open(this.#hidden(number), this.#writing.options.path, bytes);
    await held.commit();
    this.#complete.push({ number, epoch: this.#place.epoch });
  }

  /** Who began the file may be frozen and not dead: it goes on in a copy. */
  async #takeOver({ number, epoch, bytes }: OpenFile): Promise<void> {
    const { path } = this.#writing.options;
    await joinPieces([{ path: this.#hidden(number, epoch), bytes }], this.#hidden(number), path);
  }

  #hidden(number: number, epoch: number = this.#place.epoch): string {
    return this.#place.hidden(numbered(this.#place.path, number), 'held', epoch);
  }

  /** Under the file's own number, or the next free one where another run has taken it meanwhile. */
  async #reveal({ number, epoch }: CompleteFile): Promise<void> {
    const { context, options } = this.#writing;
    let path = numbered(this.#place.path, number);
    while (!(await reveal(this.#hidden(number, epoch), path, options.path, 'refuse'))) {
      path = numbered(this.#place.path, ++this.#number);
    }
    this.#written.add(relative(context.directory, path));
  }
}

/** Numbers alone: of versions that knew no epochs. */
function readState({ state }: Prepared): RollingState {
  const { complete, open, ...rest } = state as unknown as Omit<RollingState, 'complete'> & {
    readonly complete: readonly (number | CompleteFile)[];
  };
  return {
    ...rest,
    complete: complete.map((one) => (typeof one === 'number' ? { number: one, epoch: 0 } : one)),
    open: open === null ? null : { ...open, epoch: open.epoch ?? 0 },
  };
}

function bytesOf({ held, encoder }: Current): number {
  return held.size + encoder.bytes - encoder.written;
}

function rowsOf({ before, encoder }: Current): number {
  return before + encoder.rows;
}
