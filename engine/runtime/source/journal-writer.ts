/**
 * Writes a journal: records one after the other, each synced before anybody is told. Beside rows it keeps what the connector remembers of its senders: notes are
 * written with the rows that they belong to and read again when the journal is opened. So that the journal can be shortened all the same, now and then one record
 * says what all notes up to it amount to; nothing from it on is given up.
 *
 *     given up | rows, notes | ... | all notes so far | rows, notes | notes | ...
 */
import type { Batch } from '../../batch/batch.ts';
import type { Schema } from '../../batch/types.ts';
import { externalError } from '../../errors.ts';
import type { BadRow, SourceMemory } from '../../graph/connector.ts';
import type { Json } from '../../json.ts';
import type { RecordLog } from '../../state/log/log.ts';
import { type Control, Latch } from '../control.ts';
import { notesOf, RecordCodec } from './journal-record.ts';

/** All notes are written once more after so many bytes of records, and not before these are so many times what it took the last time. */
const SUMMARY_EVERY = 1_048_576;
const SUMMARY_SHARE = 4;
/** Of a record in a log, besides what it holds. */
const HEADROOM = 256;

/** What was written, as it is handed on. */
export interface Written {
  readonly sequence: number;
  readonly batch: Batch;
  readonly bad: readonly BadRow[];
}

interface WaitingNote {
  readonly note: Json;
  readonly done: PromiseWithResolvers<void>;
}

export class JournalWriter {
  readonly log: RecordLog;
  readonly codec: RecordCodec;
  readonly #memory: SourceMemory | undefined;
  readonly #control: Control;
  #writing: Promise<unknown> = Promise.resolve();
  #appending: Promise<unknown> = Promise.resolve();
  #waiting: WaitingNote[] = [];
  readonly #closing: Latch = new Latch();
  /** The last record that says all, its bytes, those of the records behind it, and of notes in these. */
  #summary = 0;
  #summaryBytes: number;
  #behind = 0;
  #noteBytes = 0;

  private constructor(log: RecordLog, schema: Schema, memory: SourceMemory | undefined, control: Control) {
    this.log = log;
    this.codec = new RecordCodec(schema);
    this.#summaryBytes = this.codec.encode({}).length + HEADROOM;
    this.#memory = memory;
    this.#control = control;
  }

  /** Adds to the memory what the journal has noted. */
  static async open(
    log: RecordLog,
    schema: Schema,
    memory: SourceMemory | undefined,
    control: Control,
  ): Promise<JournalWriter> {
    const writer = new JournalWriter(log, schema, memory, control);
    if (memory === undefined) return writer;
    const reader = log.read(log.first);
    try {
      for (let record = await reader.next(); record !== undefined; record = await reader.next()) {
        writer.#behind += record.data.length;
        writer.#remember(notesOf(record.data));
      }
    } finally {
      await reader.close();
    }
    return writer;
  }

  /** Resolves when all of it is safe; to undefined where the run was cut off before: then nothing is written. `bad` is asked when it is its turn. */
  write(batch: Batch | undefined, bad: () => readonly BadRow[], notes: readonly Json[]): Promise<Written | undefined> {
    return this.#inTurn(async () => {
      const waiting = this.#waiting;
      this.#waiting = [];
      try {
        const written = await this.#append(batch, bad(), [...waiting.map(({ note }) => note), ...notes]);
        for (const { done } of waiting) {
          if (written === undefined) done.reject(cutOff());
          else done.resolve();
        }
        return written;
      } catch (error) {
        for (const { done } of waiting) done.reject(error);
        throw error;
      }
    });
  }

  /** Resolves when the note is safe and in the memory; those of one moment are written together. Rejects where the run was cut off. */
  keep(note: Json): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ note, done });
    if (this.#waiting.length === 1) void this.#control.ports.turn().then(() => this.#writeWaiting());
    return done.promise;
  }

  /** Gives up records before `sequence`, but for what all that was noted can be known from. */
  async shorten(sequence: number): Promise<void> {
    const wanted = Math.max(this.log.first, sequence);
    if (this.#memory === undefined) return await this.log.trim(wanted);
    const enough = Math.max(SUMMARY_EVERY, SUMMARY_SHARE * this.#summaryBytes);
    if (this.#behind >= enough && wanted > this.#summary) await this.#alone(() => this.#summarize());
    await this.log.trim(Math.max(this.log.first, Math.min(wanted, this.#summary)));
  }

  async close(): Promise<void> {
    this.#closing.trip();
    await this.#writing;
    await this.#appending;
    // a second call does nothing
    await this.log.close();
  }

  /** One after the other, so that records are handed on in their order. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const working = this.#writing.then(work);
    this.#writing = working.catch(() => undefined);
    return working;
  }

  /** From append to memory nothing else is appended, so that what says all says it of all before it; whoever waits for room waits elsewhere, since it may come of that. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const working = this.#appending.then(work);
    this.#appending = working.catch(() => undefined);
    return working;
  }

  async #writeWaiting(): Promise<void> {
    // what was written meanwhile has taken them along
    if (this.#waiting.length > 0) await this.write(undefined, () => [], []).catch(() => undefined);
  }

  async #append(
    batch: Batch | undefined,
    bad: readonly BadRow[],
    notes: readonly Json[],
  ): Promise<Written | undefined> {
    const data = this.codec.encode(batch === undefined ? { bad, notes } : { batch, bad, notes });
    if (!(await this.#hasRoom(data.length, bytesOf(notes)))) return undefined;
    return await this.#alone(async () => {
      const sequence = this.log.append(data);
      await this.log.sync();
      this.#behind += data.length;
      this.#remember(notes);
      const { batch: copy, bad: rows } = this.codec.decode(data);
      return { sequence, batch: copy, bad: rows };
    });
  }

  /** Waits for room; false where the run is cut off before. The record that says all must fit whenever it is due: without it nothing can be given up. */
  async #hasRoom(bytes: number, noted: number): Promise<boolean> {
    if (this.#memory !== undefined && this.log.room(bytes + this.#summaryBytes + this.#noteBytes + noted) === undefined)
      return true;
    const wanted = bytes + (this.#memory === undefined ? 0 : this.#allNotes().length + HEADROOM + noted);
    for (let room = this.log.room(wanted); room !== undefined; room = this.log.room(wanted)) {
      await this.#control.cut.until(this.#closing.until(room));
      if (this.#control.cut.tripped || this.#closing.tripped) return false;
    }
    return true;
  }

  #allNotes(): Uint8Array {
    return this.codec.encode({ notes: [this.#memory?.all() ?? null] });
  }

  async #summarize(): Promise<void> {
    const data = this.#allNotes();
    const sequence = this.log.append(data);
    await this.log.sync();
    this.#summary = sequence;
    this.#summaryBytes = data.length + HEADROOM;
    this.#behind = 0;
    this.#noteBytes = 0;
  }

  #remember(notes: readonly Json[]): void {
    for (const note of notes) this.#memory?.add(note);
    this.#noteBytes += bytesOf(notes);
  }
}

function bytesOf(notes: readonly Json[]): number {
  return notes.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(notes));
}

function cutOff(): Error {
  return externalError('journal.cut-off', 'the run was stopped before it was written down');
}
