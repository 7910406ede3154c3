/**
 * What a leader is at:
 *
 *     waiting ──record taken──> running ──> settled (finished)
 *        ^                         │  ^
 *        │                   fault │  │ another wish after all
 *        ├── sweeping <────────────┤  │
 *        │                         v  │
 *        └── settled (stopped) <── stopping      a user's mistake: settled (failed)
 *
 * Whoever is told by the record that another one leads waits, too (fenced).
 */
import type { RegionPhase } from '../documents/status.ts';
import type { RegionCheckpoints } from './checkpoints.ts';
import type { RegionRun } from './run.ts';
import type { Wishes } from './wishes.ts';

/** One start of the region, with those who see to it. Times are monotonic milliseconds. */
export interface Started {
  readonly run: RegionRun;
  readonly wishes: Wishes;
  readonly checkpoints: RegionCheckpoints;
  readonly at: number;
}

/** To be started, not before a time; `since`: tried in vain since then. */
export interface Waiting {
  readonly kind: 'waiting';
  readonly phase: 'acquiring' | 'fenced' | 'backoff';
  readonly notBefore: number;
  readonly since?: number;
}

/** Left alone: all has been done for the revisions of the assignment up to this one. */
export interface Settled {
  readonly kind: 'settled';
  readonly phase: 'stopped' | 'finished' | 'failed';
  readonly revision: number;
}

/** Nothing runs. */
export type Resting = Waiting | Settled;

/** A last checkpoint, unless one is done beyond these `done` or the time is over, then an end to everything. */
export interface Stopping {
  readonly kind: 'stopping';
  readonly phase: 'stopping';
  readonly start: Started;
  readonly checkpointUntil: number;
  readonly until: number;
  readonly done: number;
}

export type Active =
  | { readonly kind: 'running'; readonly phase: 'starting' | 'running'; readonly start: Started }
  | Stopping
  /** It has failed: until all fragments have let go, or it is time for the next start, which makes them. */
  | { readonly kind: 'sweeping'; readonly start: Started; readonly next: Resting };

export type LeaderState = Resting | Active;

export const ACQUIRING: Waiting = { kind: 'waiting', phase: 'acquiring', notBefore: 0 };
/** What is left of it has not been seen to at any revision. */
export const UNSEEN = { kind: 'settled', revision: 0 } as const;

export function phaseOf(state: LeaderState): RegionPhase {
  return state.kind === 'sweeping' ? state.next.phase : state.phase;
}

export function startOf(state: LeaderState): Started | undefined {
  return 'start' in state ? state.start : undefined;
}
