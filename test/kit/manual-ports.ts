/**
 * Ports whose clock a test turns by hand. Timers fire in the order of their time while `advance` passes it; between two of them all
 * promises that can go on do.
 */
import type { Ports, Timer } from '../../engine/ports.ts';

interface Alarm {
  readonly at: number;
  readonly task: () => void;
}

export class ManualPorts implements Ports {
  #time = 0;
  readonly #start: number;
  readonly #alarms = new Set<Alarm>();

  /** `start` in milliseconds since the epoch. */
  constructor(start = 1_700_000_000_000) {
    this.#start = start;
  }

  now(): number {
    return this.#start + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  after(milliseconds: number, task: () => void): Timer {
    const alarm = { at: this.#time + Math.max(0, milliseconds), task };
    this.#alarms.add(alarm);
    return {
      cancel: () => {
        this.#alarms.delete(alarm);
      },
    };
  }

  random(): number {
    return 0.5;
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Timers that have not fired: after a run there must be none. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Passes time; what it sets off has happened when the promise resolves. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#time + milliseconds;
    await this.settle();
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#alarms.delete(next);
      this.#time = Math.max(this.#time, next.at);
      next.task();
      await this.settle();
    }
    this.#time = until;
    await this.settle();
  }

  /** Lets everything go on that waits for no time. */
  async settle(): Promise<void> {
    for (let round = 0; round < 5; round++) await this.turn();
  }

  #next(until: number): Alarm | undefined {
    let next: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.at <= until && (next === undefined || alarm.at < next.at)) next = alarm;
    }
    return next;
  }
}
