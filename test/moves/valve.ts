/** Lets batches of sources through, so many at a time: rows flow at every move, and some are left for the last. */
export class Valve {
  #room = 8;
  #passed = 0;
  #isOpen = false;
  readonly #waiting: (() => void)[] = [];
  #watchers: { readonly at: number; readonly resolve: () => void }[] = [];

  /** Resolves when the next batch may go. */
  async pass(): Promise<void> {
    while (this.#room === 0 && !this.#isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#room -= 1;
    this.#passed += 1;
    this.#watchers = this.#watchers.filter(({ at, resolve }) => at > this.#passed || resolve());
    // a turn, so that what else has to happen does
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets more through; resolves when they have gone. */
  let(batches: number): Promise<void> {
    this.#room += batches;
    const gone = this.#until(this.#passed + this.#room);
    for (const go of this.#waiting.splice(0)) go();
    return gone;
  }

  /** Resolves when so many more have gone. */
  passed(batches: number): Promise<void> {
    return this.#until(this.#passed + Math.min(batches, this.#room));
  }

  /** Nothing waits any more. */
  open(): void {
    this.#isOpen = true;
    for (const go of this.#waiting.splice(0)) go();
    for (const { resolve } of this.#watchers.splice(0)) resolve();
  }

  #until(at: number): Promise<void> {
    if (at <= this.#passed) return Promise.resolve();
    return new Promise((resolve) => this.#watchers.push({ at, resolve }));
  }
}
