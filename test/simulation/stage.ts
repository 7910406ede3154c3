/**
 * Where a simulated run takes place: the network, a log of what happens, what was violated, and faults that come and go at moments
 * that the seed decides.
 */
import { defined } from '../../engine/defined.ts';
import { SimulatedNetwork } from './nats/network.ts';
import type { Latency } from './nats/pipe.ts';
import type { SeededRandom } from './nats/random.ts';
import type { FaultRecord, Outcome } from './scenario.ts';

/** Lines kept of the log: the last ones tell most. */
const LINES = 5_000;
/** Kinds tried until one can be done. */
const TRIES = 10;
/** Milliseconds after a phase has begun in which a fault begins that was to come in it. */
const WITHIN = 12;
/** More than this many violations say nothing new. */
const VIOLATIONS = 20;

/** One kind of fault: `begin` does it, and hands back what undoes it, or undefined where it cannot be done now. */
export interface FaultKind {
  readonly kind: string;
  /** Milliseconds that it lasts, at least and at most. */
  readonly lasts: readonly [number, number];
  begin(): (() => void) | undefined;
}

export class Stage {
  readonly network: SimulatedNetwork;
  readonly random: SeededRandom;
  readonly faults: FaultRecord[] = [];
  readonly violations: string[] = [];
  readonly log: string[] = [];
  batches = 0;
  readonly #seed: number;
  readonly #plant: string | undefined;
  #under = 0;
  /** Faults that are to come in a phase, as soon as it is reached. */
  #awaiting: { readonly phase: string; readonly end: number; readonly begin: () => void }[] = [];
  readonly #slowed = new Map<Latency, { readonly before: Latency; times: number }>();

  constructor(seed: number, plant: string | undefined) {
    this.#seed = seed;
    this.#plant = plant;
    this.network = new SimulatedNetwork(seed);
    this.random = this.network.random.fork('stage');
  }

  get now(): number {
    return this.network.clock.now;
  }

  say(what: string): void {
    if (this.log.length >= LINES) this.log.splice(0, LINES / 2);
    this.log.push(`${this.now.toFixed(1).padStart(9)} ${what}`);
  }

  violate(what: string): void {
    this.say(`VIOLATION ${what}`);
    if (this.violations.length < VIOLATIONS) this.violations.push(what);
  }

  /** Faults that have begun and not ended. */
  get under(): number {
    return this.#under;
  }

  /**
   * `count` faults of these kinds, each at some moment of the next `until` milliseconds; half of them in the next phase of a kind among `aimed`, if it comes until
   * then. */
  plan(
    kinds: readonly FaultKind[],
    count: number,
    until: number,
    phase: () => string,
    aimed: readonly string[] = [],
  ): void {
    const { clock } = this.network;
    const begin = (): void => this.#begin(kinds, phase, TRIES);
    const end = this.now + until;
    for (let index = 0; index < count; index += 1) {
      const at = this.now + this.random.between(0, until);
      const aim = aimed.length > 0 && this.random.chance(0.5) ? this.random.pick(aimed) : undefined;
      if (aim === undefined) clock.at(at, begin);
      else clock.at(at, () => this.#await(aim, begin, end));
    }
  }

  #await(phase: string, begin: () => void, end: number): void {
    const one = { phase, end, begin };
    this.#awaiting.push(one);
    this.network.clock.at(end, () => {
      if (!this.#awaiting.includes(one)) return;
      this.#awaiting = this.#awaiting.filter((other) => other !== one);
      begin();
    });
  }

  /** The system is in this phase now. */
  reached(phase: string): void {
    const due = this.#awaiting.filter((one) => one.phase === phase);
    if (due.length === 0) return;
    this.#awaiting = this.#awaiting.filter((one) => !due.includes(one));
    for (const { end, begin } of due) {
      this.network.clock.at(Math.min(end, this.now + WITHIN * this.random.next() ** 2), begin);
    }
  }

  /** One of them that can be done now. */
  #begin(kinds: readonly FaultKind[], phase: () => string, tries: number): void {
    const kind = this.random.pick(kinds);
    const now = phase();
    const end = kind.begin();
    if (end === undefined) {
      if (tries > 1) this.#begin(kinds, phase, tries - 1);
      return;
    }
    const [least, most] = kind.lasts;
    // short ones are the more frequent
    const lasts = least + (most - least) * this.random.next() ** 2;
    this.faults.push({ at: this.now, kind: kind.kind, phase: now });
    this.say(`fault: ${kind.kind} for ${lasts.toFixed(0)} ms, while ${now}`);
    this.#under += 1;
    this.network.clock.after(lasts, () => {
      this.#under -= 1;
      this.say(`fault over: ${kind.kind}`);
      end();
    });
  }

  /** Makes a connection slow, until the function is called that is returned; several may make it so at once. */
  slowDown(latency: Latency, min: number, max: number): () => void {
    const slowed = this.#slowed.get(latency) ?? { before: { ...latency }, times: 0 };
    this.#slowed.set(latency, slowed);
    slowed.times += 1;
    latency.min = min;
    latency.max = max;
    return () => {
      slowed.times -= 1;
      if (slowed.times > 0) return;
      Object.assign(latency, slowed.before);
      this.#slowed.delete(latency);
    };
  }

  outcome(scenario: string): Outcome {
    return {
      scenario,
      seed: this.#seed,
      ...defined({ plant: this.#plant }),
      violations: this.violations,
      faults: this.faults,
      batches: this.batches,
      steps: this.network.clock.steps,
      virtual: this.now,
      log: this.log,
    };
  }
}
