/**
 * An output as seen by observers: they are shown rows, and never hold anything up. Each has a buffer with a bound in bytes, emptied
 * at the next turn of the event loop. More than the bound between two turns is an error for that observer, unless it
 * said what to drop; then what was dropped is counted.
 */

import type { Batch } from '../../batch/batch.ts';
import { copyBatch } from '../../batch/reader.ts';
import { defined } from '../../defined.ts';
import { type CloudskinError, userError } from '../../errors.ts';
import type { Sink, SinkReport } from '../../graph/connector.ts';
import { usedBytes } from '../../metrics/counters.ts';
import type { Ports } from '../../ports.ts';

/** What becomes of rows for which an observer has no room. */
export type Overflow = 'error' | 'drop-oldest' | 'drop-newest';

export interface ObserveOptions {
  /** Bytes that may wait for the observer; 16 MiB unless given. */
  readonly buffer?: number;
  /** `error` unless given. */
  readonly overflow?: Overflow;
}

export interface Observer {
  next(batch: Batch): void;
  error(error: CloudskinError): void;
  complete(): void;
}

const BUFFER = 16 * 1_048_576;

interface Watching {
  readonly observer: Observer;
  readonly limit: number;
  readonly overflow: Overflow;
  readonly buffer: Batch[];
  bytes: number;
}

export class ObserverSink implements Sink {
  readonly #name: string;
  readonly #ports: Ports;
  readonly #watching = new Set<Watching>();
  #rows = 0;
  #dropped = 0;
  #delivering: Promise<void> | undefined;
  #outcome: { readonly error?: CloudskinError } | undefined;

  constructor(name: string, ports: Ports) {
    this.#name = name;
    this.#ports = ports;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Shows `observer` what comes from now on; returns how to end that. */
  watch(observer: Observer, { buffer = BUFFER, overflow = 'error' }: ObserveOptions): () => void {
    const watching: Watching = { observer, limit: buffer, overflow, buffer: [], bytes: 0 };
    if (this.#outcome === undefined) this.#watching.add(watching);
    else finish(watching, this.#outcome.error);
    return () => {
      this.#watching.delete(watching);
    };
  }

  /** Waits for the turn in which observers are shown the rows, not for what they do with them. */
  write(batch: Batch): void | Promise<void> {
    this.#rows += batch.rows;
    if (this.#watching.size === 0) return;
    const copy = copyBatch(batch);
    const bytes = usedBytes(copy);
    for (const watching of this.#watching) this.#offer(watching, copy, bytes);
    return this.#deliverSoon();
  }

  async close(): Promise<SinkReport> {
    await this.#delivering;
    this.#finish(undefined);
    return { rows: this.#rows, wrote: [] };
  }

  async abort(): Promise<void> {
    for (const watching of this.#watching) watching.buffer.length = 0;
  }

  /** The run has failed. */
  fail(error: CloudskinError): void {
    if (this.#outcome === undefined) this.#finish(error);
  }

  #finish(error: CloudskinError | undefined): void {
    this.#outcome = defined({ error });
    for (const watching of this.#watching) finish(watching, error);
    this.#watching.clear();
  }

  #offer(watching: Watching, batch: Batch, bytes: number): void {
    const { buffer, limit, overflow } = watching;
    if (watching.bytes + bytes > limit && overflow !== 'drop-oldest') {
      this.#dropped += batch.rows;
      if (overflow === 'error') this.#overflow(watching);
      return;
    }
    buffer.push(batch);
    watching.bytes += bytes;
    while (watching.bytes > limit) {
      const oldest = buffer.shift();
      if (oldest === undefined) break;
      watching.bytes -= usedBytes(oldest);
      this.#dropped += oldest.rows;
    }
  }

  #overflow(watching: Watching): void {
    this.#watching.delete(watching);
    const message = `rows of ${this.#name} came faster than its observer's buffer of ${watching.limit} bytes can hold`;
    const hint =
      "give a larger buffer, say what to drop (overflow: 'drop-oldest'), or read it as an output, which waits";
    watching.observer.error(userError('api.observe-overflow', message, { hint }));
  }

  #deliverSoon(): Promise<void> {
    this.#delivering ??= this.#ports.turn().then(() => {
      this.#delivering = undefined;
      for (const watching of this.#watching) {
        const batches = watching.buffer.splice(0);
        watching.bytes = 0;
        for (const batch of batches) watching.observer.next(batch);
      }
    });
    return this.#delivering;
  }
}

function finish({ observer }: Watching, error: CloudskinError | undefined): void {
  if (error === undefined) observer.complete();
  else observer.error(error);
}
