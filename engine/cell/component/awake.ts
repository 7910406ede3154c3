/**
 * Which component cells of this thread have a guest. Most of what an idle guest takes is its memory, and most of that is as `init` left it. So where more
 * than a few are open, those that were not called for longest sleep: of their guest is kept what tells it from the image, and it is made
 * again when they are called (tens of microseconds). Only opening further cells puts others to sleep: cells that are called in turn do not disturb each other.
 */

export interface Sleeper {
  /** Whether it was called since it was last asked. */
  wasCalled(): boolean;
  /** Gives its guest up, if it can be made again as it is; false where it cannot, or not now. */
  sleep(): boolean;
}

const MAX_AWAKE = 128;
/** Cells that are looked at when one is opened: each is asked twice before it sleeps. */
const LOOKS = 4;

/** In the order in which they are asked. */
const awake = new Set<Sleeper>();

/** It has a guest from now on. */
export function isAwake(sleeper: Sleeper): void {
  awake.add(sleeper);
}

/** It has none any more. */
export function isGone(sleeper: Sleeper): void {
  awake.delete(sleeper);
}

/** A cell is about to be opened. */
export function makeRoom(): void {
  for (let looks = 0; looks < LOOKS && awake.size >= MAX_AWAKE; looks++) {
    const [first] = awake;
    if (first === undefined) return;
    awake.delete(first);
    if (first.wasCalled() || !first.sleep()) awake.add(first);
  }
}
