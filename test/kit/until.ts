/** Waiting in tests: for what is to be, not for a time; the bound is there for what never comes. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  /** Milliseconds after which waiting is given up; 30,000 unless given. */
  readonly within?: number;
  /** Milliseconds between two looks; 25 unless given. */
  readonly every?: number;
  /** What is said besides when it is given up. */
  readonly told?: () => string;
}

/** Resolves to what `look` finds, once that is neither undefined nor false; rejects as `look` does. */
export async function until<T>(
  look: () => Promise<T | false | undefined> | T | false | undefined,
  { within = 30_000, every = 25, told }: Patience = {},
): Promise<T> {
  const end = performance.now() + within;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`not within ${within} ms: ${look}\n${told?.() ?? ''}`);
    await sleep(every);
  }
}
