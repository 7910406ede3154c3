/**
 * An output that a program reads: a sink whose rows wait in a bounded queue until they are asked for. While the queue is full the
 * sources upstream wait, so nothing is lost and nothing grows. Who asked for an output has to read it: when it is full and
 * nobody has begun to within ten seconds, the run fails with `api.output-unread` instead of hanging.
 */
import type { Batch } from '../../batch/batch.ts';
import { copyBatch } from '../../batch/reader.ts';
import { type CloudskinError, userError } from '../../errors.ts';
import type { Sink, SinkReport } from '../../graph/connector.ts';
import { usedBytes } from '../../metrics/counters.ts';
import type { Ports, Timer } from '../../ports.ts';

/** Milliseconds that a full output waits for its first reader. */
const UNREAD_PATIENCE = 10_000;

export class OutputQueue implements Sink, AsyncIterableIterator<Batch> {
  readonly #name: string;
  readonly #limit: number;
  readonly #ports: Ports;
  /** Starts the flow of rows, if it has not begun. */
  readonly #start: () => void;
  readonly #queue: Batch[] = [];
  #bytes = 0;
  #rows = 0;
  #dropped = 0;
  #state: 'open' | 'ended' | 'left' | 'failed' = 'open';
  #error: CloudskinError | undefined;
  #isRead = false;
  #readers: PromiseWithResolvers<IteratorResult<Batch, undefined>>[] = [];
  #room: PromiseWithResolvers<void> | undefined;
  #unread: Timer | undefined;

  constructor(name: string, limit: number, ports: Ports, start: () => void) {
    this.#name = name;
    this.#limit = limit;
    this.#ports = ports;
    this.#start = start;
  }

  /** Rows that came after the reader had left. */
  get dropped(): number {
    return this.#dropped;
  }

  write(batch: Batch): void | Promise<void> {
    if (this.#state !== 'open') {
      this.#dropped += batch.rows;
      return;
    }
    this.#rows += batch.rows;
    const copy = copyBatch(batch);
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: copy });
      return;
    }
    this.#queue.push(copy);
    this.#bytes += usedBytes(copy);
    if (this.#bytes < this.#limit) return;
    this.#room ??= Promise.withResolvers<void>();
    this.#watchUnread(this.#room);
    return this.#room.promise;
  }

  async close(): Promise<SinkReport> {
    this.#unread?.cancel();
    if (this.#state === 'open') this.#state = 'ended';
    this.#settleReaders();
    return { rows: this.#rows, wrote: [] };
  }

  async abort(): Promise<void> {
    this.#unread?.cancel();
    this.#empty();
  }

  /** The run has failed: what waits is given up, and every further `next` rejects. */
  fail(error: CloudskinError): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#error = error;
    this.#empty();
    this.#settleReaders();
  }

  next(): Promise<IteratorResult<Batch, undefined>> {
    this.#isRead = true;
    this.#unread?.cancel();
    this.#unread = undefined;
    this.#start();
    const batch = this.#queue.shift();
    if (batch !== undefined) {
      this.#bytes -= usedBytes(batch);
      if (this.#bytes < this.#limit) this.#openGate();
      return Promise.resolve({ done: false, value: batch });
    }
    const reader = Promise.withResolvers<IteratorResult<Batch, undefined>>();
    this.#readers.push(reader);
    if (this.#state !== 'open') this.#settleReaders();
    return reader.promise;
  }

  /** The reader leaves: rows that come from now on are dropped and counted, and hold nobody up. */
  async return(): Promise<IteratorResult<Batch, undefined>> {
    this.#unread?.cancel();
    if (this.#state === 'open') this.#state = 'left';
    for (const batch of this.#queue) this.#dropped += batch.rows;
    this.#empty();
    this.#settleReaders();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #settleReaders(): void {
    for (const reader of this.#readers) {
      if (this.#error === undefined) reader.resolve({ done: true, value: undefined });
      else reader.reject(this.#error);
    }
    this.#readers = [];
  }

  #empty(): void {
    this.#queue.length = 0;
    this.#bytes = 0;
    this.#openGate();
  }

  #openGate(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #watchUnread(room: PromiseWithResolvers<void>): void {
    if (this.#isRead || this.#unread !== undefined) return;
    this.#unread = this.#ports.after(UNREAD_PATIENCE, () => {
      const message = `the output ${this.#name} is full and nobody reads it, so the rows of the whole graph wait`;
      const hint = 'read all outputs that you ask for at the same time, or do not ask for it';
      room.reject(userError('api.output-unread', message, { hint }));
    });
  }
}
