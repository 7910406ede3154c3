/** A log in memory, for the simulation: it keeps to the contract of one on disk, and loses in `crash` what a disk would. */
import { externalError } from '../../errors.ts';
import type { LogLimits, LogReader, LogRecord, RecordLog } from './log.ts';
import { RECORD } from './segment.ts';

export class MemoryLog implements RecordLog {
  readonly #limits: LogLimits;
  readonly #records: LogRecord[] = [];
  #room: PromiseWithResolvers<void> | undefined;
  #closed = false;
  /** Set to have `sync` reject, as a full disk does. */
  broken: Error | undefined;
  first: number;
  next: number;
  synced: number;
  bytes = 0;
  dropped = 0;

  constructor(limits: LogLimits, start = 1) {
    this.#limits = limits;
    this.first = start;
    this.next = start;
    this.synced = start - 1;
  }

  append(data: Uint8Array): number {
    this.#check();
    const { maxBytes, onFull } = this.#limits;
    const length = RECORD + data.length;
    while (this.bytes + length > maxBytes && onFull === 'drop-oldest' && this.first < this.next) {
      this.dropped += 1;
      this.#forget(this.first + 1);
    }
    if (this.bytes + length > maxBytes && onFull !== 'drop-oldest') {
      throw externalError('log.full', `the log has reached its bound of ${maxBytes} bytes`, { retry: true });
    }
    this.#records.push({ sequence: this.next, data: new Uint8Array(data) });
    this.bytes += length;
    return this.next++;
  }

  room(bytes: number): Promise<void> | undefined {
    this.#check();
    const { maxBytes, onFull } = this.#limits;
    if (onFull === 'drop-oldest' || this.bytes + RECORD + bytes <= maxBytes) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  async sync(): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    this.synced = this.next - 1;
  }

  read(from: number): LogReader {
    this.#check();
    if (from < this.first) throw trimmed(from, this.first);
    let next = from;
    let closed = false;
    return {
      next: async () => {
        if (next < this.first) throw trimmed(next, this.first);
        if (closed || next > this.synced) return undefined;
        const record = this.#records[next - this.first];
        next += 1;
        return record === undefined ? undefined : { ...record, data: new Uint8Array(record.data) };
      },
      close: async () => {
        closed = true;
      },
    };
  }

  async trim(sequence: number): Promise<void> {
    this.#check();
    this.#forget(Math.min(sequence, this.next));
  }

  async close(): Promise<void> {
    if (!this.#closed) await this.sync();
    this.#closed = true;
  }

  /** What is not synced is gone, and the log can be used again, by whoever comes next. */
  crash(): void {
    const lost = this.#records.splice(Math.max(0, this.synced + 1 - this.first));
    for (const { data } of lost) this.bytes -= RECORD + data.length;
    this.next = Math.max(this.synced + 1, this.first);
    this.#closed = false;
  }

  #forget(first: number): void {
    for (const { data } of this.#records.splice(0, Math.max(0, first - this.first))) this.bytes -= RECORD + data.length;
    this.first = Math.max(this.first, first);
    this.synced = Math.max(this.synced, this.first - 1);
    this.#room?.resolve();
    this.#room = undefined;
  }

  #check(): void {
    if (this.#closed) throw externalError('log.closed', 'the log is closed');
  }
}

function trimmed(sequence: number, first: number): Error {
  return externalError('log.trimmed', `record ${sequence} is not kept any more; the log begins with ${first}`);
}
