/** Trying again while what is outside cannot be reached: shared by connectors of servers. */
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds before the second try, doubled from try to try up to the longest. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 5_000;

export interface Persistence {
  /** Microseconds. */
  readonly retryFor: bigint;
  readonly signal: AbortSignal;
  /** Milliseconds to wait after this error; undefined where the usual wait will do, false where no other try would help. */
  retryAfter(error: unknown): number | undefined | false;
  /** What is thrown in the end instead of the last error. */
  giveUp(error: unknown, why: 'hopeless' | 'too-long'): Error;
}

/** Runs `work` until it succeeds, its error is hopeless, `retryFor` is over, or the signal aborts. */
export async function persist<T>(persistence: Persistence, work: () => Promise<T>): Promise<T> {
  const { retryFor, signal } = persistence;
  const end = performance.now() + Number(retryFor / 1000n);
  for (let pause = FIRST_DELAY; ; pause = Math.min(pause * 2, LONGEST_DELAY)) {
    try {
      return await work();
    } catch (error) {
      const after = persistence.retryAfter(error);
      if (after === false || signal.aborted) throw persistence.giveUp(error, 'hopeless');
      // the time that attempts take counts, too: one may hang until its own limit
      const left = end - performance.now();
      if (left <= 0) throw persistence.giveUp(error, 'too-long');
      const wait = Math.min(after ?? pause, Math.max(left, FIRST_DELAY));
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  }
}
