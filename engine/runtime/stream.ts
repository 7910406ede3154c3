/**
 * A stream inside one process: an output, and whoever reads it. Pushing is a plain call through to the last reader, so rows,
 * watermarks and the end arrive in one order everywhere.
 */
import type { Batch } from '../batch/batch.ts';
import type { Schema } from '../batch/types.ts';
import type { StreamRef } from '../graph/plan.ts';
import type { NodeCounters } from '../metrics/counters.ts';

/** Takes one input's rows. `progress` says how far the input has come; `end` is the last call. */
export interface Receiver {
  /** The batch is the receiver's only until the call returns. */
  batch(batch: Batch): void;
  /** `watermark` in microseconds; never falls. */
  progress(watermark: bigint, idle: boolean): void;
  end(): void;
}

/** Where rows leave the fragment: a sink or a channel. Whoever pushes rows that come to it waits for room first. */
export interface Taker {
  /** `sink alerts`, for messages. */
  readonly label: string;
  /** A promise while it is full, else undefined. */
  room(): Promise<void> | undefined;
  /** Bytes that wait. */
  readonly queuedBytes: number;
  /** Milliseconds that it was full. */
  fullTime(monotonic: number): number;
}

/** How long those who push to the takers were held back. */
export function blockedBy(takers: readonly Taker[], monotonic: number): number {
  return takers.reduce((most, taker) => Math.max(most, taker.fullTime(monotonic)), 0);
}

export class Stream {
  readonly ref: StreamRef;
  readonly schema: Schema;
  readonly #counters: NodeCounters | undefined;
  readonly #receivers: Receiver[] = [];
  #wasRead = false;

  /** `counters` where the rows count as handed on by their node: main outputs, not late rows and errors. */
  constructor(ref: StreamRef, schema: Schema, counters?: NodeCounters) {
    this.ref = ref;
    this.schema = schema;
    this.#counters = counters;
  }

  attach(receiver: Receiver): void {
    this.#receivers.push(receiver);
  }

  /** Nobody reads it until it is attached again: whoever yields it has to hold back what it has. */
  detach(): void {
    this.#wasRead ||= this.#receivers.length > 0;
    this.#receivers.length = 0;
  }

  /** Whoever reads it is attached. */
  settle(): void {
    this.#wasRead = false;
  }

  get isDetached(): boolean {
    return this.#wasRead && this.#receivers.length === 0;
  }

  /** It is read, or was before it was detached. */
  get isRead(): boolean {
    return this.#wasRead || this.#receivers.length > 0;
  }

  batch(batch: Batch): void {
    if (batch.rows === 0) return;
    this.#counters?.handedOn(batch);
    for (const receiver of this.#receivers) receiver.batch(batch);
  }

  progress(watermark: bigint, idle: boolean): void {
    for (const receiver of this.#receivers) receiver.progress(watermark, idle);
  }

  end(): void {
    for (const receiver of this.#receivers) receiver.end();
  }
}

/** How a stream is called everywhere: `minutes`, `minutes.late`. Names hold no dots, so that it is unique. */
export function streamName({ node, port }: StreamRef): string {
  return port === '' ? node : `${node}.${port}`;
}
