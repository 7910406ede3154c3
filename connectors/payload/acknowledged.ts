/**
 * A partition of messages that cannot be asked for again, each of which wants to hear when it is safe. What its sender may send again is remembered: a note for each
 * message goes into the journal together with its last rows, and with others of its rows one that says how many they are.
 */
import type { Batch } from '../../engine/batch/batch.ts';
import type { SourceContext, SourceMemory, SourcePartition } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import type { Payload } from './decode.ts';
import type { FedPayload, Feed, MessagePosition } from './partition.ts';

export interface Acknowledgeable extends Payload {
  /** Rows of it that were taken before. */
  readonly pass?: number;
  /** Called once, when every row of the message is safe. */
  acknowledge(): void;
  /** What is to be remembered of it once `rows` of its rows are safe, or all (undefined). Absent: nothing. */
  note?(rows: number | undefined): Json;
}

/** Where what a partition remembers is kept: in its journal, or else only here. */
export interface Remembering {
  readonly isJournaled: boolean;
  readonly memory: SourceMemory;
  /** Resolves when the note is in the memory. */
  keep(note: Json): Promise<void>;
}

export async function remembering(
  context: SourceContext,
  partition: string,
  memory: SourceMemory,
): Promise<Remembering> {
  const notes = await context.remember?.(partition, memory);
  if (notes !== undefined) return { isJournaled: true, memory, keep: (note) => notes.keep(note) };
  return { isJournaled: false, memory, keep: async (note) => memory.add(note) };
}

interface Waiting {
  readonly number: number;
  readonly message: Acknowledgeable;
  rows: number;
}

/** Numbers messages as they are fed, and tells them once they have been handed out whole and acknowledged. */
export class Acknowledgements {
  readonly #remembering: Remembering;
  #fed = 0;
  #handedOut = 0;
  #noted = 0;
  /** Of the batch handed out last; without a journal, of all that are not acknowledged. */
  #notes: Json[] = [];
  readonly #waiting: Waiting[] = [];

  constructor(remembering: Remembering) {
    this.#remembering = remembering;
  }

  feed(next: () => Promise<Acknowledgeable | undefined>): Feed {
    return {
      next: async (): Promise<FedPayload | undefined> => {
        const message = await next();
        if (message === undefined) return undefined;
        this.#fed += 1;
        this.#waiting.push({ number: this.#fed, message, rows: 0 });
        return { ...message, place: this.#fed };
      },
      added: (rows) => {
        const last = this.#waiting.at(-1);
        if (last !== undefined) last.rows = rows;
      },
    };
  }

  /** Where the numbering begins. */
  static readonly begin = 0;

  partition(inner: SourcePartition): SourcePartition {
    return {
      name: inner.name,
      next: async (): Promise<Batch | undefined> => {
        const batch = await inner.next();
        const position = inner.position?.() as unknown as MessagePosition | undefined;
        this.#handedOut = Number(position?.after ?? 0);
        if (this.#remembering.isJournaled) this.#notes = [];
        this.#note(position?.rows ?? 0);
        return batch;
      },
      notes: () => this.#notes,
      acknowledge: () => this.#acknowledge(),
    };
  }

  /** Of the messages handed out whole by the last batch, and of those behind them of which it holds some rows. */
  #note(rows: number): void {
    let left = rows;
    for (const { number, message, rows: all } of this.#waiting) {
      if (number <= this.#noted || message.note === undefined) continue;
      if (number <= this.#handedOut) this.#notes.push(message.note(undefined));
      else if (left > 0) {
        this.#notes.push(message.note(Math.min(left, all)));
        left -= Math.min(left, all);
      } else break;
    }
    this.#noted = this.#handedOut;
  }

  #acknowledge(): void {
    if (!this.#remembering.isJournaled) for (const note of this.#notes.splice(0)) this.#remembering.memory.add(note);
    let safe = 0;
    while ((this.#waiting[safe]?.number ?? Number.POSITIVE_INFINITY) <= this.#handedOut) safe += 1;
    for (const { message } of this.#waiting.splice(0, safe)) message.acknowledge();
  }
}
