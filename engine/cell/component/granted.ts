/**
 * What the engine grants an operator, and the bounds of it: logging, metrics, clock, seeded randomness, event-time timers, rejected rows.
 */
import { AbiViolation } from './guest-memory.ts';
import type { LogLevel, OperatorHost, RowError } from './host.ts';
import { printable } from './printable.ts';
import { Timers } from './timers.ts';

export interface LogEntry {
  readonly operator: string;
  readonly level: LogLevel;
  readonly message: string;
}

/** What the engine keeps for an operator between two calls of it. */
export interface SavedGrants {
  readonly timers: readonly string[];
  readonly metrics: Readonly<Record<string, number>>;
  readonly random: string;
}

export interface GrantOptions {
  readonly operator: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly seed: bigint;
  readonly onLog: (entry: LogEntry) => void;
}

const LOGS_PER_SECOND = 100;
const MAX_METRICS = 64;
const METRIC_NAME = /^[A-Za-z0-9._-]{1,64}$/;
const MASK = 0xffff_ffff_ffff_ffffn;

/** splitmix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014). */
class SplitMix {
  #state: bigint;

  constructor(seed: bigint) {
    this.#state = seed & MASK;
  }

  get state(): bigint {
    return this.#state;
  }

  set state(state: bigint) {
    this.#state = state & MASK;
  }

  next(): bigint {
    this.#state = (this.#state + 0x9e3779b97f4a7c15n) & MASK;
    let z = this.#state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return z ^ (z >> 31n);
  }
}

export class Grants implements OperatorHost {
  readonly timers: Timers = new Timers();
  /** Rows that the call at hand rejected; the cell empties it. */
  readonly rejected: RowError[] = [];
  /** The last message of level error, for the report of a trap; the cell clears it before a call. */
  lastError = '';
  readonly #options: GrantOptions;
  readonly #metrics = new Map<string, number>();
  readonly #random: SplitMix;
  readonly #deferred: bigint[] = [];
  #batchRows = -1;
  #firing: bigint | undefined;
  #ending = false;
  #windowStart = Number.NEGATIVE_INFINITY;
  #windowLogs = 0;
  #droppedLogs = 0;
  #refusedMetric = false;

  constructor(options: GrantOptions) {
    this.#options = options;
    this.#random = new SplitMix(options.seed);
  }

  log(level: LogLevel, text: string): void {
    const message = printable(text);
    if (level === 'error') this.lastError = message;
    const now = this.#options.now();
    if (now - this.#windowStart >= 1000 || now < this.#windowStart) this.#startWindow(now);
    if (this.#windowLogs >= LOGS_PER_SECOND) this.#droppedLogs += 1;
    else {
      this.#windowLogs += 1;
      this.#options.onLog({ operator: this.#options.operator, level, message });
    }
  }

  #startWindow(now: number): void {
    this.#windowStart = now;
    this.#windowLogs = 0;
    if (this.#droppedLogs === 0) return;
    const message = `${this.#droppedLogs} messages were dropped, more than ${LOGS_PER_SECOND} a second`;
    this.#droppedLogs = 0;
    this.#options.onLog({ operator: this.#options.operator, level: 'warn', message });
  }

  count(name: string, delta: bigint): void {
    if (this.#known(name)) this.#metrics.set(name, (this.#metrics.get(name) ?? 0) + Number(delta));
  }

  gauge(name: string, value: number): void {
    if (this.#known(name)) this.#metrics.set(name, value);
  }

  #known(name: string): boolean {
    if (this.#metrics.has(name)) return true;
    if (this.#metrics.size < MAX_METRICS && METRIC_NAME.test(name)) return true;
    if (!this.#refusedMetric)
      this.log('warn', `the metric ${JSON.stringify(name)} is ignored: a bad name, or too many`);
    this.#refusedMetric = true;
    return false;
  }

  /** Counters and gauges by name. */
  metrics(): ReadonlyMap<string, number> {
    return this.#metrics;
  }

  save(): SavedGrants {
    return {
      timers: this.timers.list().map(String),
      metrics: Object.fromEntries([...this.#metrics].filter(([, value]) => Number.isFinite(value))),
      random: String(this.#random.state),
    };
  }

  restore({ timers, metrics, random }: SavedGrants): void {
    this.timers.clearAll();
    for (const time of timers) this.timers.set(BigInt(time));
    for (const [name, value] of Object.entries(metrics)) this.#metrics.set(name, value);
    this.#random.state = BigInt(random);
  }

  /** Adds to a figure that was restored. */
  add(name: string, value: number): void {
    this.#metrics.set(name, (this.#metrics.get(name) ?? 0) + value);
  }

  now(): bigint {
    return BigInt(Math.round(this.#options.now() * 1000));
  }

  random(): bigint {
    return this.#random.next();
  }

  setTimer(time: bigint): boolean {
    if (this.#ending) return true;
    if (this.#firing === undefined || time > this.#firing) return this.timers.set(time);
    if (this.#deferred.length + this.timers.size >= 65_536) return false;
    this.#deferred.push(time);
    return true;
  }

  clearTimer(time: bigint): void {
    this.timers.clear(time);
    for (let at = this.#deferred.indexOf(time); at >= 0; at = this.#deferred.indexOf(time))
      this.#deferred.splice(at, 1);
  }

  /** Calls `fire` for every timer that is due at `watermark`, in their order. */
  fireTimers(watermark: bigint, fire: (time: bigint) => void): void {
    try {
      for (let time = this.timers.take(watermark); time !== undefined; time = this.timers.take(watermark)) {
        this.#firing = time;
        fire(time);
      }
    } finally {
      this.#firing = undefined;
      for (const time of this.#deferred.splice(0)) this.timers.set(time);
    }
  }

  /** Calls `fire` for all timers that are left; none can be set any more. */
  fireLast(fire: (time: bigint) => void): void {
    this.#ending = true;
    this.fireTimers(0x7fff_ffff_ffff_ffffn, fire);
  }

  /** A batch of `rows` rows is being processed, of which rows may be rejected; -1: none is. */
  expectRows(rows: number): void {
    this.#batchRows = rows;
  }

  reject(error: RowError): void {
    if (error.row >= this.#batchRows || this.rejected.length >= this.#batchRows) {
      throw new AbiViolation(
        `it rejected row ${error.row}, which the batch does not have, or more rows than there are`,
      );
    }
    this.rejected.push({ ...error, message: printable(error.message) });
  }
}
