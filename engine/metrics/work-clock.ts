/**
 * Who works when: one stack of nodes a fragment, since a push is a call through them all. Each node is charged for what passes between its own
 * calls, not for what it calls. Two readings of the clock a call.
 */

/** What is charged; milliseconds. */
export interface Worker {
  busy: number;
}

export class WorkClock {
  readonly #now: () => number;
  #current: Worker | undefined;
  #since = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** From now on `worker` works; gives back who did, for `leave`. */
  enter(worker: Worker): Worker | undefined {
    const outer = this.#current;
    this.#charge();
    this.#current = worker;
    return outer;
  }

  leave(outer: Worker | undefined): void {
    this.#charge();
    this.#current = outer;
  }

  #charge(): void {
    const now = this.#now();
    if (this.#current !== undefined) this.#current.busy += now - this.#since;
    this.#since = now;
  }
}

/** How long something that comes and goes has lasted in all; milliseconds. */
export class Lasting {
  #total = 0;
  #since: number | undefined;

  /** It is, or is not, from `now` on. */
  set(on: boolean, now: number): void {
    if (on) this.#since ??= now;
    else if (this.#since !== undefined) {
      this.#total += now - this.#since;
      this.#since = undefined;
    }
  }

  total(now: number): number {
    return this.#total + (this.#since === undefined ? 0 : now - this.#since);
  }
}
