/**
 * A process of the simulation: its clock may be wrong, it may be killed (nothing of it ever goes on) or stand still for a while (what was due then
 * happens when it goes on). Whatever calls into a process's code goes through `run`.
 */
import type { Ports, Timer } from '../../../engine/ports.ts';
import type { SimulatedClock } from './clock.ts';
import type { SeededRandom } from './random.ts';

/** Where the virtual clock begins, milliseconds since the epoch. */
export const EPOCH = 1_700_000_000_000;
/** Milliseconds: Node has no shorter timer either. */
const SHORTEST = 1;
/** Milliseconds that a turn of the event loop takes at most. */
const LONGEST_TURN = 0.05;

export class SimulatedNode {
  readonly name: string;
  readonly ports: Ports;
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  /** Milliseconds that its wall clock is wrong by; changing it is a jump. */
  skew = 0;
  /** How much faster than true its clock and timers run. */
  rate = 1;
  #alive = true;
  #held: (() => void)[] | undefined;
  readonly #atDeath: (() => void)[] = [];

  constructor(name: string, clock: SimulatedClock, random: SeededRandom) {
    this.name = name;
    this.clock = clock;
    this.random = random;
    this.ports = {
      now: () => EPOCH + Math.floor(this.clock.now * this.rate + this.skew),
      monotonic: () => this.clock.now * this.rate,
      after: (milliseconds, task) => this.after(Math.max(SHORTEST, milliseconds) / this.rate, task),
      random: () => this.random.next(),
      turn: () => new Promise((resolve) => this.after(this.random.next() * LONGEST_TURN, resolve)),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  get frozen(): boolean {
    return this.#held !== undefined;
  }

  /** Calls into the process: at once, when it goes on again, or never. */
  run(task: () => void): void {
    if (!this.#alive) return;
    if (this.#held !== undefined) this.#held.push(task);
    else task();
  }

  after(milliseconds: number, task: () => void): Timer {
    let due = true;
    const timer = this.clock.after(milliseconds, () => this.run(() => due && task()));
    return {
      cancel: () => {
        due = false;
        timer.cancel();
      },
    };
  }

  /** Called when it is killed: connections are reset, locks are let go. */
  onDeath(task: () => void): void {
    this.#atDeath.push(task);
  }

  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#held = undefined;
    for (const task of this.#atDeath.splice(0)) task();
  }

  freeze(): void {
    if (this.#alive) this.#held ??= [];
  }

  thaw(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    // each an event of its own, as after a real stop, in the order in which they were due
    for (const task of held) this.clock.after(0, () => this.run(task));
  }
}
