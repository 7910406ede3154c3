/** One direction of a connection: what goes in comes out in order, later; it may be held up for a while, and what is in it is lost when it is cut. */
import type { SimulatedClock } from './clock.ts';
import type { SeededRandom } from './random.ts';

/** Milliseconds; may be changed while things are under way. */
export interface Latency {
  min: number;
  max: number;
  /** Bytes a millisecond; absent: no limit. */
  rate?: number;
}

interface Parcel {
  readonly bytes: number;
  readonly deliver: () => void;
}

export class Pipe {
  /** Bytes that are under way. */
  pending = 0;
  readonly #clock: SimulatedClock;
  readonly #random: SeededRandom;
  readonly #latency: Latency;
  #parcels: Parcel[] = [];
  #head = 0;
  #last = 0;
  #open = true;
  #held = false;
  /** Parcels that have arrived at the hold. */
  #due = 0;

  constructor(clock: SimulatedClock, random: SeededRandom, latency: Latency) {
    this.#clock = clock;
    this.#random = random;
    this.#latency = latency;
  }

  get open(): boolean {
    return this.#open;
  }

  send(bytes: number, deliver: () => void): void {
    if (!this.#open) return;
    this.pending += bytes;
    this.#parcels.push({ bytes, deliver });
    const { min, max, rate } = this.#latency;
    const start = Math.max(this.#last, this.#clock.now + min + this.#random.next() * (max - min));
    this.#last = rate === undefined ? start : start + bytes / rate;
    this.#clock.at(this.#last, this.#arrive);
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    for (; this.#due > 0; this.#due -= 1) this.#clock.after(0, this.#arrive);
  }

  /** What is under way is lost. */
  cut(): void {
    this.#open = false;
    this.#parcels = [];
    this.#head = 0;
    this.pending = 0;
  }

  /** The order of the parcels is that of the queue, whenever their events come. */
  readonly #arrive = (): void => {
    if (!this.#open) return;
    if (this.#held) {
      this.#due += 1;
      return;
    }
    const parcel = this.#parcels[this.#head];
    if (parcel === undefined) return;
    this.#head += 1;
    if (this.#head === this.#parcels.length) {
      this.#parcels = [];
      this.#head = 0;
    }
    this.pending -= parcel.bytes;
    parcel.deliver();
  };
}
