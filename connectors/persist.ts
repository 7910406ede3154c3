/** Trying again while what is outside cannot be reached or takes nothing: the one way for all connectors. Never silent: each failure is told. */
import type { ConnectorContext } from '../engine/graph/connector.ts';
import { pause, reasonOf } from './outside.ts';

/** Milliseconds before the second try, doubled from try to try up to the longest; each is dealt from half to one and a half of that. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

export type Outside = Pick<ConnectorContext, 'signal' | 'ports' | 'trouble'>;

export interface Persistence {
  /** What is tried, for people: `postgres 10.0.7.2:5432`. */
  readonly server: string;
  /** Microseconds from the first failure on. */
  readonly retryFor: bigint;
  readonly context: Outside;
  /** Milliseconds to wait after this error; undefined where the usual wait will do, false where no other try would help. */
  retryAfter(error: unknown): number | undefined | false;
  /** What is tried again without a word. */
  isRoutine?(error: unknown): boolean;
  /** What is thrown in the end instead of the last error. */
  giveUp?(error: unknown, why: 'hopeless' | 'too-long'): Error;
}

/** Runs `work` until it succeeds, its error is hopeless, `retryFor` is over, or the signal aborts. */
export async function persist<T>(persistence: Persistence, work: () => Promise<T>): Promise<T> {
  const { server, retryFor, context } = persistence;
  const { signal, ports, trouble } = context;
  const limit = Number(retryFor / 1000n);
  let end: number | undefined;
  for (let usual = FIRST_PAUSE; ; usual = Math.min(usual * 2, LONGEST_PAUSE)) {
    try {
      const result = await work();
      if (end !== undefined) trouble?.(undefined);
      return result;
    } catch (error) {
      const after = persistence.retryAfter(error);
      if (after === false || signal.aborted) throw persistence.giveUp?.(error, 'hopeless') ?? error;
      // the time that attempts take counts, too: one may hang until its own limit
      end ??= ports.monotonic() + limit;
      const left = end - ports.monotonic();
      if (left <= 0) throw persistence.giveUp?.(error, 'too-long') ?? error;
      if (persistence.isRoutine?.(error) !== true) trouble?.({ server, reason: reasonOf(error), limit });
      await pause(Math.min(after ?? usual * (0.5 + ports.random()), Math.max(left, FIRST_PAUSE)), context);
    }
  }
}
