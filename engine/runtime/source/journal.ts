/**
 * `journal: true`: what a source that cannot replay hands out is written to a log and synced before the source is told that it is safe. From
 * then on it is read from the log, so that the partition has places like any other: the number of a record.
 *
 *     connector ──next──> append, sync ──acknowledge──> connector
 *                             └──> handed on; after a restart read again from the checkpoint's record
 */
import type { Batch } from '../../batch/batch.ts';
import { sliceBatch } from '../../batch/reader.ts';
import { externalError } from '../../errors.ts';
import type { BadRow, SourcePartition } from '../../graph/connector.ts';
import type { Json } from '../../json.ts';
import type { PartitionState } from '../../state/checkpoint/state.ts';
import type { LogReader } from '../../state/log/log.ts';
import type { Control } from '../control.ts';
import type { JournalWriter, Written } from './journal-writer.ts';
import type { Place, PlacedPartition } from './position.ts';

/** Complete checkpoints whose records are kept: the newest may turn out to be damaged. */
const KEPT = 3;
/** Records that may wait to be handed on; the connector is not asked for more meanwhile. */
const AHEAD = 4;

export class Journal implements PlacedPartition {
  readonly name: string;
  readonly #inner: SourcePartition;
  readonly #writer: JournalWriter;
  readonly #control: Control;
  readonly #handOn: (row: BadRow) => void;
  readonly #badCount: () => number;
  /** Where a restart reads on. */
  #at: number;
  /** Rows of the first record that were handed on before the restart. */
  #skip: number;
  #replay: LogReader | undefined;
  /** Written, not yet handed on. */
  readonly #ready: Written[] = [];
  /** Reported by the connector since the last record. */
  readonly #bad: BadRow[] = [];
  #flushSet = false;
  #pumping: Promise<void> | undefined;
  #ended = false;
  #failure: unknown;
  #wake: PromiseWithResolvers<void> | undefined;
  #space: PromiseWithResolvers<void> | undefined;
  readonly #complete: number[] = [];

  /** `handOn` takes the bad rows in their turn. Throws `log.trimmed` where the log does not reach back to the place of `from`. */
  constructor(inner: SourcePartition, { writer, from, handOn, bad }: JournalOptions, control: Control) {
    this.name = inner.name;
    this.#inner = inner;
    this.#writer = writer;
    this.#control = control;
    this.#handOn = handOn;
    this.#badCount = bad;
    const { log } = writer;
    this.#at = positionOf(from) ?? log.first;
    this.#skip = from?.rows ?? 0;
    if (this.#at > log.next) throw lost(inner.name, this.#at, log.next);
    if (this.#at < log.next) this.#replay = log.read(this.#at);
  }

  readonly next = async (): Promise<Batch | undefined> => {
    const replayed = await this.#replayed();
    if (replayed !== undefined) return replayed;
    this.#pumping ??= this.#pump();
    for (;;) {
      const ready = this.#ready.shift();
      if (ready !== undefined) {
        this.#space?.resolve();
        this.#space = undefined;
        return this.#give(ready);
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return undefined;
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
  };

  readonly place = (): Place => ({ position: this.#at, rows: 0, bad: this.#badCount() });

  readonly replayable = (): boolean => true;

  /** What came before `position` is in a complete checkpoint; records go once no kept checkpoint needs them. */
  readonly acknowledge = async (position: unknown): Promise<void> => {
    if (typeof position !== 'number') return;
    this.#complete.push(position);
    if (this.#complete.length > KEPT) this.#complete.shift();
    await this.#writer.shorten(this.#complete[0] ?? 0);
  };

  /** A row that the connector could not read; written with the batch that follows, or alone where none does at once. */
  reject(row: BadRow): void {
    this.#bad.push(row);
    if (this.#flushSet) return;
    this.#flushSet = true;
    void this.#control.ports.turn().then(async () => {
      this.#flushSet = false;
      if (this.#bad.length === 0 || this.#ended) return;
      await this.#write(undefined, []).catch((error: unknown) => this.#stop(error));
    });
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#space?.resolve();
    await this.#replay?.close();
    await this.#writer.close();
  }

  async #replayed(): Promise<Batch | undefined> {
    while (this.#replay !== undefined) {
      const record = await this.#replay.next();
      if (record === undefined) {
        await this.#replay.close();
        this.#replay = undefined;
        return undefined;
      }
      const { batch, bad } = this.#writer.codec.decode(record.data);
      // one of notes alone was not handed on when it was written either
      if (batch.rows > 0 || bad.length > 0) return this.#give({ sequence: record.sequence, batch, bad });
    }
    return undefined;
  }

  #give({ sequence, batch, bad }: Written): Batch {
    for (const row of bad) this.#handOn(row);
    this.#at = sequence + 1;
    if (this.#skip === 0 || batch.rows === 0) return batch;
    const skip = this.#skip;
    this.#skip = 0;
    return sliceBatch(batch, skip, batch.rows);
  }

  /** Takes what the connector gives, one batch after the other: what it is told is safe is all that it has handed out. */
  async #pump(): Promise<void> {
    try {
      while (!this.#ended && !this.#control.stopping.tripped) {
        while (this.#ready.length >= AHEAD && !this.#ended) {
          this.#space = Promise.withResolvers();
          await this.#control.stopping.until(this.#space.promise);
          if (this.#control.stopping.tripped) return this.#stop(undefined);
        }
        const batch = await this.#inner.next();
        if (batch === undefined) break;
        // nobody may be told of what was not written
        if (!(await this.#write(batch, this.#inner.notes?.() ?? []))) return this.#stop(undefined);
        await this.#inner.acknowledge?.(undefined);
      }
      if (this.#bad.length > 0) await this.#write(undefined, []);
      this.#stop(undefined);
    } catch (error) {
      this.#stop(error);
    }
  }

  async #write(batch: Batch | undefined, notes: readonly Json[]): Promise<boolean> {
    const written = await this.#writer.write(batch, () => this.#bad.splice(0), notes);
    if (written === undefined) return false;
    if (written.batch.rows > 0 || written.bad.length > 0) this.#ready.push(written);
    this.#wake?.resolve();
    return true;
  }

  #stop(error: unknown): void {
    this.#failure ??= error;
    this.#ended = true;
    this.#wake?.resolve();
  }
}

export interface JournalOptions {
  readonly writer: JournalWriter;
  readonly from: PartitionState | undefined;
  readonly handOn: (row: BadRow) => void;
  /** How many bad rows of the partition have been handed on. */
  readonly bad: () => number;
}

function positionOf(from: PartitionState | undefined): number | undefined {
  return typeof from?.position === 'number' ? from.position : undefined;
}

function lost(partition: string, at: number, next: number): Error {
  const message = `the journal of ${partition || 'the source'} ends before record ${next}, and the checkpoint goes on at ${at}`;
  return externalError('journal.lost', message, {
    hint: 'the journal was lost or put back to an older state; begin anew to go on without what is missing',
  });
}
