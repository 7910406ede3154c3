/** Trying again while a server cannot be reached or does not take what it is given, and giving up by name after a while. */
import { setTimeout as delay } from 'node:timers/promises';
import { CloudskinError } from '../../engine/errors.ts';

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2_000;

export interface Patience {
  /** Microseconds without success after which the last error is thrown. */
  readonly retryFor: bigint;
  readonly signal: AbortSignal;
}

/** Runs `work` until it succeeds; `harmless` says of an error whether it may pass, `error.retry` unless given. */
export async function retrying<T>(
  { retryFor, signal }: Patience,
  work: () => Promise<T>,
  harmless: (error: CloudskinError) => boolean = (error) => error.retry,
): Promise<T> {
  const begun = performance.now();
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CloudskinError) || !harmless(error) || signal.aborted) throw error;
      if (performance.now() - begun > Number(retryFor) / 1000) throw error;
      // an abort ends the pause, and the next failure is the last
      await delay(pause * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
    }
  }
}
