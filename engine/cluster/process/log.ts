/** What the control plane says of what it does, handed on to whoever keeps logs; and the last of it, kept for `cloudskin logs`. */
import type { Ports } from '../../ports.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogFields {
  readonly namespace?: string;
  readonly app?: string;
  readonly region?: string;
  readonly fragment?: string;
  readonly revision?: number;
  readonly epoch?: number;
  readonly checkpoint?: number;
  /** Of an error. */
  readonly code?: string;
  /** The operator that speaks. */
  readonly operator?: string;
  readonly [name: string]: string | number | boolean | undefined;
}

export type Log = (level: LogLevel, message: string, fields?: LogFields) => void;

export interface LogRecord extends LogFields {
  /** Counts from 1 since the agent started. */
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly level: LogLevel;
  readonly message: string;
}

/** The last records, within a bound in characters. */
export class LogMemory {
  readonly #ports: Ports;
  readonly #limit: number;
  #records: { readonly record: LogRecord; readonly size: number }[] = [];
  #size = 0;
  #sequence = 0;

  /** `limit` in characters, about. */
  constructor(ports: Ports, limit = 1_048_576) {
    this.#ports = ports;
    this.#limit = limit;
  }

  add(level: LogLevel, message: string, fields: LogFields = {}): LogRecord {
    const record: LogRecord = { ...fields, sequence: ++this.#sequence, time: this.#ports.now(), level, message };
    const size = message.length + 200;
    this.#records.push({ record, size });
    this.#size += size;
    if (this.#size > this.#limit) this.#forget();
    return record;
  }

  /** At most `limit` records after `after` that `wanted` takes, the newest ones. */
  after(after: number, limit: number, wanted: (record: LogRecord) => boolean): readonly LogRecord[] {
    const found: LogRecord[] = [];
    for (let index = this.#records.length - 1; index >= 0 && found.length < limit; index--) {
      const record = this.#records[index]?.record;
      if (record === undefined || record.sequence <= after) break;
      if (wanted(record)) found.push(record);
    }
    return found.reverse();
  }

  /** Drops the older half: now and then, so that adding stays cheap. */
  #forget(): void {
    this.#records = this.#records.slice(this.#records.length >> 1);
    this.#size = this.#records.reduce((sum, { size }) => sum + size, 0);
  }
}
