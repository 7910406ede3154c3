/** An open loop: calls come when they are due by a seeded Poisson process, from none to the full rate in one step, whether or not they are answered. */
import { CloudskinError } from '../../engine/errors.ts';
import { quantile } from '../harness.ts';

export interface Answer {
  /** Milliseconds that the call waited for its turn. */
  readonly waited: number;
}

/** Milliseconds, rising. */
export interface Loop {
  /** From when a call was due to its answer. */
  readonly latency: readonly number[];
  /** Before its turn: of the pool, and of whoever calls. */
  readonly queued: readonly number[];
  readonly sent: number;
  readonly dropped: number;
}

export interface LoopOptions {
  readonly call: () => Promise<Answer>;
  /** Calls a second. */
  readonly rate: number;
  readonly calls: number;
}

/** A timer is late by about so many milliseconds; waiting without one takes a processor from who is measured. */
const TIMER = 2;

/** Comes back soon, or when the time has come. */
function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    if (milliseconds > TIMER) setTimeout(resolve, milliseconds - TIMER);
    else setImmediate(resolve);
  });
}

export async function openLoop({ call, rate, calls }: LoopOptions): Promise<Loop> {
  const random = seeded(7);
  const latency: number[] = [];
  const queued: number[] = [];
  let dropped = 0;
  const one = async (due: number): Promise<void> => {
    const began = performance.now();
    try {
      const { waited } = await call();
      latency.push(performance.now() - due);
      queued.push(waited + began - due);
    } catch (error) {
      if (!(error instanceof CloudskinError) || error.code !== 'task.overloaded') throw error;
      dropped += 1;
    }
  };
  const open: Promise<void>[] = [];
  let due = performance.now();
  while (open.length < calls) {
    for (let left = due - performance.now(); left > 0; left = due - performance.now()) await wait(left);
    open.push(one(due));
    due += (-Math.log(1 - random()) * 1_000) / rate;
  }
  await Promise.all(open);
  const rising = (times: number[]): number[] => times.sort((a, b) => a - b);
  return { latency: rising(latency), queued: rising(queued), sent: calls, dropped };
}

export function at(times: readonly number[], q: number): number {
  return quantile(times, q);
}

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
