/**
 * When a region that failed is started again. A user's mistake fails again however often it is tried; the world outside may mend itself at any
 * time; a defect of ours may have been a matter of timing, some times.
 */
import type { FragmentTrouble } from '../documents/troubles.ts';
import { RESTART_FIRST, RESTART_LONGEST } from '../process/timing.ts';

/** Failures of ours in a row, without a complete checkpoint between them, after which it is left alone. */
const MOST_DEFECTS = 10;

export class RestartPolicy {
  #failures = 0;
  #restarts = 0;

  /** Starts after the first. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Milliseconds until the next start; undefined: never, until the user changes something. `random` from 0 to 1. */
  after(trouble: FragmentTrouble, random: number): number | undefined {
    if (trouble.domain === 'user') return undefined;
    this.#failures += 1;
    if (trouble.domain === 'internal' && this.#failures >= MOST_DEFECTS) return undefined;
    this.#restarts += 1;
    if (this.#failures === 1) return 0;
    const delay = Math.min(RESTART_LONGEST, RESTART_FIRST * 2 ** (this.#failures - 2));
    return delay * (0.75 + 0.5 * random);
  }

  /** A start that nothing is wrong with: an agent came back. */
  again(): void {
    this.#restarts += 1;
  }

  /** It got somewhere: failures are counted from none again. */
  progressed(): void {
    this.#failures = 0;
  }
}
