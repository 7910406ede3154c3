/** The journals of a source: each is opened when the connector asks for what it remembers, before anything is taken in, or else with its partition. */
import type { Schema } from '../../batch/types.ts';
import { externalError } from '../../errors.ts';
import type { SourceMemory, SourceNotes, SourcePartition } from '../../graph/connector.ts';
import type { RecordLog } from '../../state/log/log.ts';
import type { Control } from '../control.ts';
import { Journal, type JournalOptions } from './journal.ts';
import { JournalWriter } from './journal-writer.ts';

export class SourceJournals {
  readonly #openLog: (partition: string) => Promise<RecordLog>;
  readonly #schema: Schema;
  readonly #control: Control;
  readonly #writers = new Map<string, JournalWriter>();
  readonly #journals: Journal[] = [];
  #closed = false;

  constructor(openLog: (partition: string) => Promise<RecordLog>, schema: Schema, control: Control) {
    this.#openLog = openLog;
    this.#schema = schema;
    this.#control = control;
  }

  async remember(partition: string, memory: SourceMemory): Promise<SourceNotes> {
    const writer = await this.#open(partition, memory);
    return { keep: (note) => writer.keep(note) };
  }

  async journal(inner: SourcePartition, options: Omit<JournalOptions, 'writer'>): Promise<Journal> {
    const writer = this.#writers.get(inner.name) ?? (await this.#open(inner.name, undefined));
    const journal = new Journal(inner, { ...options, writer }, this.#control);
    this.#journals.push(journal);
    return journal;
  }

  /** That of the partition; where nobody says which it is, any is as good. */
  of(partition: string | undefined): Journal | undefined {
    return this.#journals.find(({ name }) => name === partition) ?? this.#journals[0];
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const journal of this.#journals) await journal.close();
    for (const writer of this.#writers.values()) await writer.close();
  }

  async #open(partition: string, memory: SourceMemory | undefined): Promise<JournalWriter> {
    const log = await this.#openLog(partition);
    try {
      // whoever was slow to open may find that nobody waits any more
      if (this.#closed) throw externalError('journal.closed', 'the source is closed');
      const writer = await JournalWriter.open(log, this.#schema, memory, this.#control);
      this.#writers.set(partition, writer);
      return writer;
    } catch (error) {
      await log.close();
      throw error;
    }
  }
}
