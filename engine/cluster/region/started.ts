/** One start of a region, with those who see to it. */
import type { RegionCheckpoints } from './checkpoints.ts';
import type { RegionRun } from './run.ts';
import type { Wishes } from './wishes.ts';

export interface Started {
  readonly run: RegionRun;
  readonly wishes: Wishes;
  readonly checkpoints: RegionCheckpoints;
  /** Monotonic milliseconds. */
  readonly at: number;
}
