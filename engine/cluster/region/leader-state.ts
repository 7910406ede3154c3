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
 * From running it also goes to another plan and back to running, by changing and switching (`change.ts`); what fails when it is switching is swept like any other.
 *
 * Whoever is told by the record that another one leads waits, too (fenced).
 */
import type { RegionPhase } from '../documents/status.ts';
import type { RegionChange } from './change.ts';
import type { Started } from './started.ts';
import type { Wishes } from './wishes.ts';

/** Times are monotonic milliseconds. To be started, not before a time; `since`: tried in vain since then. */
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

export interface Running {
  readonly kind: 'running';
  readonly phase: 'starting' | 'running';
  readonly start: Started;
}

export interface Changing {
  readonly kind: 'changing';
  readonly phase: 'running';
  readonly start: Started;
  readonly change: RegionChange;
}

export interface Switching extends Omit<Changing, 'kind'> {
  readonly kind: 'switching';
  readonly former: Started;
}

export type Active =
  | Running
  | Stopping
  /** The fragments of another plan are prepared, while those of `start` run. */
  | Changing
  /** Those of `start` take over from the ones of `former`. */
  | Switching
  /** It has failed: until all fragments have let go, or it is time for the next start, which makes them. */
  | { readonly kind: 'sweeping'; readonly start: Started; readonly former?: Started; readonly next: Resting };

export type LeaderState = Resting | Active;

export const ACQUIRING: Waiting = { kind: 'waiting', phase: 'acquiring', notBefore: 0 };
/** What is left of it has not been seen to at any revision. */
export const UNSEEN = { kind: 'settled', revision: 0 } as const;

export function phaseOf(state: LeaderState): RegionPhase {
  return state.kind === 'sweeping' ? state.next.phase : state.phase;
}

/** Of all whose fragments are at work. */
export function wishesOf(state: LeaderState): readonly Wishes[] {
  if (!('start' in state)) return [];
  const former = 'former' in state ? state.former : undefined;
  const next = state.kind === 'changing' ? [state.change.wishes] : [];
  return [state.start.wishes, ...next, ...(former === undefined ? [] : [former.wishes])];
}

export function startOf(state: LeaderState): Started | undefined {
  return 'start' in state ? state.start : undefined;
}
