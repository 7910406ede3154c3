/**
 * When a page transfer cuts. After a round it is known how many bytes a second the link takes and how many pages a second the cell changes; what it will have
 * changed by the time that it is stopped has to go while it stands still:
 *
 *     pause = looking for what changed + pages changed since the last look * bytes of a page / bandwidth + round trip + fixed costs
 *
 * (Clark et al., Live Migration of Virtual Machines, NSDI 2005: rounds go on while they shrink.)
 */
import { PAGE } from '../checkpoint/pages.ts';

export interface PaceOptions {
  /** Milliseconds that the cell may stand still. */
  readonly budget: number;
  /** Milliseconds of a pause that are not of the transfer: commit and switch. */
  readonly fixed?: number;
  /** Rounds at most, the first copy and the cut not counted; 10 unless given. */
  readonly rounds?: number;
}

/** Of one round, times in milliseconds. */
export interface Round {
  readonly pages: number;
  readonly bytes: number;
  /** Since the round before began looking; undefined for the first. */
  readonly interval: number | undefined;
  /** From the first look to the last answer. */
  readonly took: number;
  /** Looking alone. */
  readonly looked: number;
  /** Part of the memory that it looked at before it had to end, so that the bytes stay within their bound; 1: all. */
  readonly share: number;
}

export interface Prediction {
  /** Milliseconds; infinite where nothing is known of the cell's changes yet. */
  readonly pause: number;
  readonly pages: number;
  /** Bytes a millisecond. */
  readonly bandwidth: number;
  /** Pages a millisecond. */
  readonly dirtyRate: number | undefined;
}

export type Verdict =
  | 'again'
  /** The predicted pause is within the budget. */
  | 'fits'
  /** Another round would not make it shorter, or cost more bytes or rounds than there may be. */
  | 'no-gain'
  | 'bytes'
  | 'rounds';

const ROUNDS = 10;
/** Of the former round's pages: one that has more of them does not shrink. */
const SHRINKS = 0.9;
/** Part of the image, and of what was changed, by which the bytes may go beyond these. */
const EXCESS = 1.3;
/** Bytes of a frame for each page besides it, generously. */
const OVERHEAD = 1.01;

export function predict(round: Round, roundTrip: number, fixed: number): Prediction {
  const sending = Math.max(0.01, round.took - roundTrip);
  const bandwidth = Math.max(1, round.bytes / sending);
  const { interval, share } = round;
  if (interval === undefined || share === 0) {
    return { pause: Number.POSITIVE_INFINITY, pages: round.pages, bandwidth, dirtyRate: undefined };
  }
  const dirtyRate = round.pages / share / Math.max(0.01, interval);
  // what was changed since its look, and what it left
  const pages = dirtyRate * (round.took + interval * (1 - share));
  const pause = round.looked + (pages * PAGE) / bandwidth + roundTrip + fixed;
  return { pause, pages, bandwidth, dirtyRate };
}

/** Of a cut after the last of these rounds, over the best link that any of them saw: a round of few pages says nothing of it. Undefined where there was none. */
export function predictCut(rounds: readonly Round[], roundTrip: number, fixed = 0): Prediction | undefined {
  const last = rounds.at(-1);
  if (last === undefined) return undefined;
  const predicted = predict(last, roundTrip, fixed);
  const bandwidth = Math.max(...rounds.map((round) => predict(round, roundTrip, 0).bandwidth));
  const sent = predicted.pages * PAGE;
  const pause = predicted.pause - sent / predicted.bandwidth + sent / bandwidth;
  return { ...predicted, bandwidth, pause: Number.isNaN(pause) ? predicted.pause : pause };
}

/** Whether so many pages may have been sent while the cell runs: whatever it changes, also all of it once more, the cut stays within the bound. */
export function mayGoOn(sent: number, image: number, dirtied: number): boolean {
  return (sent + 1 + dirtied) * OVERHEAD <= EXCESS * (image + dirtied);
}

export function judge(rounds: readonly Round[], prediction: Prediction, options: PaceOptions, more: boolean): Verdict {
  if (prediction.pause <= options.budget) return 'fits';
  if (!more) return 'bytes';
  if (rounds.length > (options.rounds ?? ROUNDS)) return 'rounds';
  const [before, last] = rounds.slice(-2);
  const isStuck = rounds.length > 2 && last !== undefined && last.pages > SHRINKS * (before?.pages ?? 0);
  return isStuck ? 'no-gain' : 'again';
}
