/**
 * A task in the background that makes something so, step by step: never two steps at once, asked for by events and by time, tried
 * again after a failure with growing pauses. Whoever makes it stops it.
 */
import { CloudskinError, messageOf } from '../../errors.ts';
import type { Ports, Timer } from '../../ports.ts';

/** Milliseconds between attempts of a step that fails. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

export class Reconciler {
  readonly #ports: Ports;
  readonly #step: () => Promise<number | undefined>;
  readonly #failed: (error: unknown, again: boolean) => void;
  #running: Promise<void> | undefined;
  #again = false;
  #timer: Timer | undefined;
  #pause = FIRST_PAUSE;
  /** What the last attempt failed with; undefined: it did not. */
  #failure: string | undefined;
  #stopped = false;
  #isBusy = false;

  /**
   * `step` says in how many milliseconds it wants to be called again, unless asked earlier; undefined: only when asked. `failed` is told whether the attempt
   * before failed with the same (the same code), which need not be said twice.
   */
  constructor(ports: Ports, step: () => Promise<number | undefined>, failed: (error: unknown, again: boolean) => void) {
    this.#ports = ports;
    this.#step = step;
    this.#failed = failed;
  }

  /** Asks for a step, soon. */
  kick(): void {
    if (this.#stopped) return;
    if (this.#isBusy) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#running = this.#run();
  }

  /** Resolves when the step under way has ended; none follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  async #run(): Promise<void> {
    let delay: number | undefined;
    // a step may kick before it first waits, and then there is no promise yet
    this.#isBusy = true;
    do {
      this.#again = false;
      delay = await this.#attempt();
    } while (this.#again && !this.#stopped);
    this.#running = undefined;
    this.#isBusy = false;
    if (this.#stopped || delay === undefined) return;
    this.#timer = this.#ports.after(delay, () => this.kick());
  }

  async #attempt(): Promise<number | undefined> {
    try {
      const delay = await this.#step();
      this.#pause = FIRST_PAUSE;
      this.#failure = undefined;
      return delay;
    } catch (error) {
      // An event that came meanwhile waits for the pause, too: it would meet the same failure.
      this.#again = false;
      const failure = error instanceof CloudskinError ? error.code : messageOf(error);
      if (!this.#stopped) this.#failed(error, failure === this.#failure);
      this.#failure = failure;
      const pause = this.#pause * (0.75 + 0.5 * this.#ports.random());
      this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 2);
      return pause;
    }
  }
}
