/**
 * `journal: true`: what a source that cannot replay hands out is written to a log and synced before the source is told that it is safe. From
 * then on it is read from the log, so that the partition has places like any other: the number of a record.
 *
 *     connector ──next──> append, sync ──acknowledge──> connector
 *                             └──> handed on; after a restart read again from the checkpoint's record
 *
 * A record holds what one `next` gave: the rows that could not be read, then the batch.
 *
 *     | bytes of the bad rows, u32 | 4 zero bytes | bad rows, JSON, padded to 8 | Arrow record batch message |
 */
import type { Batch } from '../../batch/batch.ts';
import { BatchBuilder } from '../../batch/builder.ts';
import { IpcDecoder, IpcEncoder } from '../../batch/ipc.ts';
import { sliceBatch } from '../../batch/reader.ts';
import type { Schema } from '../../batch/types.ts';
import { externalError } from '../../errors.ts';
import type { BadRow, SourcePartition } from '../../graph/connector.ts';
import type { PartitionState } from '../../state/checkpoint/state.ts';
import type { LogReader, RecordLog } from '../../state/log/log.ts';
import type { Control } from '../control.ts';
import type { Place, PlacedPartition } from './position.ts';

/** Complete checkpoints whose records are kept: the newest may turn out to be damaged. */
const KEPT = 3;
/** Records that may wait to be handed on; the connector is not asked for more meanwhile. */
const AHEAD = 4;
const HEAD = 8;

interface Ready {
  readonly sequence: number;
  readonly batch: Batch;
  readonly bad: readonly BadRow[];
}

export class Journal implements PlacedPartition {
  readonly name: string;
  readonly #inner: SourcePartition;
  readonly #log: RecordLog;
  readonly #control: Control;
  readonly #codec: Codec;
  readonly #handOn: (row: BadRow) => void;
  readonly #badCount: () => number;
  /** Where a restart reads on. */
  #at: number;
  /** Rows of the first record that were handed on before the restart. */
  #skip: number;
  #replay: LogReader | undefined;
  /** Written, not yet handed on. */
  readonly #ready: Ready[] = [];
  /** Reported by the connector since the last record. */
  #bad: BadRow[] = [];
  #flushSet = false;
  #pumping: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();
  #ended = false;
  #failure: unknown;
  #wake: PromiseWithResolvers<void> | undefined;
  #space: PromiseWithResolvers<void> | undefined;
  readonly #complete: number[] = [];

  /** `handOn` takes the bad rows in their turn. Throws `log.trimmed` where the log does not reach back to the place of `from`. */
  constructor(inner: SourcePartition, { log, schema, from, handOn, bad }: JournalOptions, control: Control) {
    this.name = inner.name;
    this.#inner = inner;
    this.#log = log;
    this.#control = control;
    this.#codec = new Codec(schema);
    this.#handOn = handOn;
    this.#badCount = bad;
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
    await this.#log.trim(Math.max(this.#log.first, this.#complete[0] ?? 0));
  };

  /** A row that the connector could not read; written with the batch that follows, or alone where none does at once. */
  reject(row: BadRow): void {
    this.#bad.push(row);
    if (this.#flushSet) return;
    this.#flushSet = true;
    void this.#control.ports.turn().then(async () => {
      this.#flushSet = false;
      if (this.#bad.length === 0 || this.#ended) return;
      await this.#write(new BatchBuilder(this.#codec.schema).finish()).catch((error: unknown) => this.#stop(error));
    });
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#space?.resolve();
    await this.#replay?.close();
    await this.#log.close();
  }

  async #replayed(): Promise<Batch | undefined> {
    if (this.#replay === undefined) return undefined;
    const record = await this.#replay.next();
    if (record !== undefined) return this.#give({ sequence: record.sequence, ...this.#codec.decode(record.data) });
    await this.#replay.close();
    this.#replay = undefined;
    return undefined;
  }

  #give({ sequence, batch, bad }: Ready): Batch {
    for (const row of bad) this.#handOn(row);
    this.#at = sequence + 1;
    const skip = this.#skip;
    this.#skip = 0;
    return skip === 0 ? batch : sliceBatch(batch, skip, batch.rows);
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
        await this.#write(batch);
        await this.#inner.acknowledge?.(undefined);
      }
      if (this.#bad.length > 0) await this.#write(new BatchBuilder(this.#codec.schema).finish());
      this.#stop(undefined);
    } catch (error) {
      this.#stop(error);
    }
  }

  /** One after the other, so that records are handed on in their order. */
  #write(batch: Batch): Promise<void> {
    const writing = this.#writing.then(() => this.#append(batch));
    this.#writing = writing.catch(() => undefined);
    return writing;
  }

  async #append(batch: Batch): Promise<void> {
    const bad = this.#bad;
    this.#bad = [];
    const data = this.#codec.encode(batch, bad);
    for (let room = this.#log.room(data.length); room !== undefined; room = this.#log.room(data.length)) {
      await this.#control.cut.until(room);
      if (this.#control.cut.tripped) return;
    }
    const sequence = this.#log.append(data);
    await this.#log.sync();
    this.#ready.push({ sequence, ...this.#codec.decode(data) });
    this.#wake?.resolve();
  }

  #stop(error: unknown): void {
    this.#failure ??= error;
    this.#ended = true;
    this.#wake?.resolve();
  }
}

export interface JournalOptions {
  readonly log: RecordLog;
  readonly schema: Schema;
  readonly from: PartitionState | undefined;
  readonly handOn: (row: BadRow) => void;
  /** How many bad rows of the partition have been handed on. */
  readonly bad: () => number;
}

class Codec {
  readonly schema: Schema;
  readonly #encoder: IpcEncoder;
  readonly #decoder: IpcDecoder;

  constructor(schema: Schema) {
    this.schema = schema;
    this.#encoder = new IpcEncoder(schema);
    this.#decoder = new IpcDecoder(schema);
  }

  encode(batch: Batch, bad: readonly BadRow[]): Uint8Array {
    const text = bad.length === 0 ? new Uint8Array(0) : new TextEncoder().encode(JSON.stringify(bad));
    const message = this.#encoder.encode(batch);
    const start = HEAD + ((text.length + 7) & ~7);
    const data = new Uint8Array(start + message.length);
    new DataView(data.buffer).setUint32(0, text.length, true);
    data.set(text, HEAD);
    data.set(message, start);
    return data;
  }

  decode(data: Uint8Array): { readonly batch: Batch; readonly bad: readonly BadRow[] } {
    const length = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
    const text = data.subarray(HEAD, HEAD + length);
    const bad = length === 0 ? [] : (JSON.parse(new TextDecoder().decode(text)) as BadRow[]);
    return { batch: this.#decoder.decode(data.subarray(HEAD + ((length + 7) & ~7))), bad };
  }
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
