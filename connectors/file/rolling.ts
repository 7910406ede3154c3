/**
 * The file sink that writes one complete file after another. The rows of the file under way are whole records like those of the files
 * before it, so that a run which fails or is aborted completes it, too.
 */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Batch } from '../../engine/batch/batch.ts';
import { copyBatch, sliceBatch } from '../../engine/batch/reader.ts';
import type { Sink, SinkReport } from '../../engine/graph/connector.ts';
import type { Timer } from '../../engine/ports.ts';
import { partsOfName } from '../formats/formats.ts';
import type { FileEncoder } from './encoder.ts';
import { Fitting } from './fitting.ts';
import type { Roll } from './options.ts';
import { openTarget, type Target } from './target.ts';
import { openEncoder, type Writing } from './writing.ts';

const DIGITS = 5;
/** Names that a report lists; of more than these the rest is a number. */
const LISTED = 100;

export async function openRollingSink(writing: Writing, roll: Roll): Promise<Sink> {
  const sink = new RollingSink(
    writing,
    roll,
    await lastNumber(resolve(writing.context.directory, writing.options.path)),
  );
  await sink.begin();
  return sink;
}

/** The files that a sink made visible, for its report. */
export class Written {
  #files = 0;
  readonly #names: string[] = [];

  add(name: string): void {
    this.#files += 1;
    if (this.#names.length < LISTED) this.#names.push(name);
  }

  report(): Pick<SinkReport, 'wrote' | 'more'> {
    const more = this.#files - this.#names.length;
    return { wrote: this.#names, ...(more > 0 ? { more } : {}) };
  }
}

class RollingSink implements Sink {
  readonly #writing: Writing;
  readonly #roll: Roll;
  readonly #fitting: Fitting;
  #number: number;
  #encoder: FileEncoder | undefined;
  #rows = 0;
  readonly #written = new Written();
  #timer: Timer | undefined;
  /** What is under way: writing and rolling follow one another, though the timer asks at any time. */
  #busy: Promise<void> | undefined;
  /** Whether a write failed, so that the file under way may end in half a record. */
  #broken = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(writing: Writing, roll: Roll, lastNumber: number) {
    this.#writing = writing;
    this.#roll = roll;
    this.#fitting = new Fitting(roll.size);
    this.#number = lastNumber;
  }

  /** Makes the writer of the next file; the file itself comes with its first bytes. */
  async begin(): Promise<void> {
    this.#encoder = await openEncoder(this.#writing, () => this.#openTarget());
  }

  write(batch: Batch): void | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#busy === undefined) return this.#write(batch);
    const copy = copyBatch(batch);
    return this.#lock(async () => this.#write(copy));
  }

  flush(): Promise<void> {
    return this.#lock(async () => this.#encoder?.flush());
  }

  async close(): Promise<SinkReport> {
    this.#timer?.cancel();
    await this.#lock(async () => this.#complete());
    return { rows: this.#rows, ...this.#written.report() };
  }

  async abort(): Promise<void> {
    this.#timer?.cancel();
    while (this.#busy !== undefined) await this.#busy.catch(() => undefined);
    const encoder = this.#encoder;
    this.#encoder = undefined;
    if (encoder === undefined) return;
    if (this.#broken) await this.#salvage(encoder);
    else if (encoder.rows === 0) await encoder.discard();
    else await encoder.commit().catch(() => this.#salvage(encoder));
  }

  async #salvage(encoder: FileEncoder): Promise<void> {
    await encoder.salvage(this.#writing.format.appendable);
  }

  #write(batch: Batch): void | Promise<void> {
    if (this.#encoder === undefined || batch.rows === 0) return;
    const first = this.#writePart(batch, 0);
    if (first.to === batch.rows && first.pending === undefined && !first.full) return;
    const rest = first.to === batch.rows ? undefined : copyBatch(sliceBatch(batch, first.to, batch.rows));
    return this.#after(async () => {
      await first.pending;
      if (first.full) await this.#next();
      if (rest !== undefined) await this.#writeAll(rest);
    });
  }

  async #writeAll(batch: Batch): Promise<void> {
    for (let from = 0; from < batch.rows && this.#encoder !== undefined; ) {
      const { to, pending, full } = this.#writePart(batch, from);
      from = to;
      await pending;
      if (full) await this.#next();
    }
  }

  /** As many rows as fit into the file under way. */
  #writePart(
    batch: Batch,
    from: number,
  ): { readonly to: number; readonly pending: void | Promise<void>; readonly full: boolean } {
    const encoder = this.#encoder;
    if (encoder === undefined) return { to: batch.rows, pending: undefined, full: false };
    const to = from + this.#fitting.rows(encoder.bytes, batch.rows - from);
    if (encoder.rows === 0) this.#arm();
    this.#rows += to - from;
    const pending = this.#encode(encoder, to - from === batch.rows ? batch : sliceBatch(batch, from, to));
    return { to, pending, full: this.#fitting.isFull(encoder.bytes, encoder.rows) };
  }

  #encode(encoder: FileEncoder, batch: Batch): void | Promise<void> {
    try {
      return encoder.write(batch);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
  }

  #arm(): void {
    this.#timer?.cancel();
    const milliseconds = Number(this.#roll.every / 1000n);
    this.#timer = this.#writing.context.ports.after(milliseconds, () => {
      this.#lock(() => this.#next()).catch((error: unknown) => {
        this.#failure = { error };
      });
    });
  }

  async #next(): Promise<void> {
    await this.#complete();
    await this.begin();
  }

  async #complete(): Promise<void> {
    this.#timer?.cancel();
    const encoder = this.#encoder;
    this.#encoder = undefined;
    if (encoder === undefined || encoder.rows === 0) return;
    const path = await encoder.commit().catch(async (error: unknown) => {
      await this.#salvage(encoder);
      throw error;
    });
    this.#written.add(relative(this.#writing.context.directory, path));
  }

  #openTarget(): Promise<Target> {
    const { options, context } = this.#writing;
    const path = resolve(context.directory, options.path);
    const renumber = (): string => numbered(path, ++this.#number);
    return openTarget({ path: renumber(), name: options.path, mkdir: options.mkdir, existing: 'next', renumber });
  }

  /** Runs `work` once what is under way has ended. */
  async #lock(work: () => Promise<void>): Promise<void> {
    while (this.#busy !== undefined) await this.#busy.catch(() => undefined);
    if (this.#failure !== undefined) throw this.#failure.error;
    await this.#after(work);
  }

  #after(work: () => Promise<void>): Promise<void> {
    const running = work()
      .catch((error: unknown) => {
        this.#broken = true;
        throw error;
      })
      .finally(() => {
        this.#busy = undefined;
      });
    this.#busy = running;
    return running;
  }
}

/** `alerts.csv.gz` and 7: `alerts-00007.csv.gz`. */
export function numbered(path: string, number: number): string {
  const { stem, extension } = partsOfName(basename(path));
  return join(dirname(path), `${stem}-${String(number).padStart(DIGITS, '0')}${extension}`);
}

/** The greatest number that a file of this sink has in the directory, or 0. */
export async function lastNumber(path: string): Promise<number> {
  const { stem, extension } = partsOfName(basename(path));
  const names = await readdir(dirname(path)).catch((): string[] => []);
  let last = 0;
  for (const name of names) {
    if (!name.startsWith(`${stem}-`) || !name.endsWith(extension)) continue;
    const digits = name.slice(stem.length + 1, name.length - extension.length);
    if (/^\d{5,15}$/.test(digits)) last = Math.max(last, Number(digits));
  }
  return last;
}
