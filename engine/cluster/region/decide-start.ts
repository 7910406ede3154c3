/** Decides how a region is started for an assignment: at which epoch, from which checkpoint, or why not yet. Pure. */
import type { CheckpointOrigin } from '../../runtime/fragment-handle.ts';
import type { AssignmentDocument, RegionAssignment, RegionOrigin } from '../documents/assignment.ts';
import { nextEpoch, stepOf } from '../documents/epochs.ts';
import type { RegionRecord } from '../documents/region-record.ts';
import { isToFlowOut } from './target.ts';

export type Start =
  | { readonly kind: 'go'; readonly epoch: number; readonly from: StartFrom; readonly firstCheckpoint: number }
  /** Somebody else's turn, for now. */
  | { readonly kind: 'wait'; readonly why: string; readonly phase: 'acquiring' | 'fenced' }
  | { readonly kind: 'finished' }
  /** It is only to flow out, and there is nothing of it. */
  | { readonly kind: 'empty' };

export type StartFrom =
  | { readonly kind: 'beginning' }
  /** The newest sound checkpoint that is not later than this one, or else was written in `epoch` or a later one. `exactly`: that one and no other. */
  | { readonly kind: 'checkpoint'; readonly limit: number; readonly exactly: boolean; readonly epoch?: number }
  /** What regions that were have left, as the record says. */
  | { readonly kind: 'handed'; readonly from: readonly CheckpointOrigin[] }
  /** As the assignment says: whatever these have come to. */
  | { readonly kind: 'origins'; readonly origins: readonly RegionOrigin[] };

export interface Situation {
  readonly assignment: AssignmentDocument;
  readonly region: RegionAssignment;
  readonly record: RegionRecord | undefined;
  /** The record's holder is this agent, or is not to be waited for any longer. */
  readonly mayTake: boolean;
  /** What a server has lost of the record may yet be given back, by whoever led the region. */
  readonly mayReturn: boolean;
  /** The server was started anew since somebody else wrote the record: that may have been on an older disk. */
  readonly restarted: boolean;
  /** The highest epoch of the region that this agent's disk knows. */
  readonly seen: number;
}

/** Ids that a leader may use before it says so in the record again. */
export const RESERVE = 16;

export function decideStart({ assignment, region, record, mayTake, mayReturn, restarted, seen }: Situation): Start {
  const behind = Math.max(record?.epoch ?? 0, record?.prepared ?? 0, seen);
  const epoch = nextEpoch(region.epoch, behind);
  if (epoch === undefined) {
    const why =
      stepOf(behind) > region.epoch ? 'a later assignment is in force' : 'the coordinator must give a new epoch';
    return { kind: 'wait', phase: 'fenced', why };
  }
  // A record of an earlier time, when the region was here before: only its numbers count.
  const current = record !== undefined && record.epoch >= (region.since ?? 0) ? record : undefined;
  const isHeld = current !== undefined && !current.released && !current.finished;
  if (mayReturn && (hasGoneBack(current, region, seen) || (restarted && isHeld))) {
    const why = 'the server may have lost what its last leader wrote, who may be back with it';
    return { kind: 'wait', phase: 'acquiring', why };
  }
  const sameRevision = current?.deployed === assignment.deployed;
  if (current !== undefined && sameRevision && current.finished) return { kind: 'finished' };
  if (current !== undefined && !current.released && !current.finished && region.handover && !mayTake) {
    const why = `${current.holder.site}/${current.holder.agent} hands it over`;
    return { kind: 'wait', phase: 'acquiring', why };
  }
  const firstCheckpoint = (record?.reserved ?? 0) + 1;
  const from = startFrom(assignment, region, current);
  if (from.kind === 'beginning' && isToFlowOut(assignment)) return { kind: 'empty' };
  return { kind: 'go', epoch, from, firstCheckpoint };
}

/** The record is of an earlier time than what ran on this agent, or only hearsay: what has been committed since is not known. */
function hasGoneBack(current: RegionRecord | undefined, { since = 0 }: RegionAssignment, seen: number): boolean {
  return current?.incarnation === '' || (seen >= since && seen > (current?.epoch ?? 0));
}

function startFrom(
  assignment: AssignmentDocument,
  { from: origins = [] }: RegionAssignment,
  record: RegionRecord | undefined,
): StartFrom {
  // Where the state was to be dropped the coordinator names no origins.
  if (record === undefined && origins.length > 0) return { kind: 'origins', origins };
  const { restore } = assignment;
  const newRevision = record?.deployed !== assignment.deployed;
  if (newRevision && assignment.fresh === true) return { kind: 'beginning' };
  if (newRevision && restore !== undefined) return { kind: 'checkpoint', limit: restore, exactly: true };
  // What has run to its end runs again from the beginning when it is deployed again.
  if (record === undefined || record.finished) return { kind: 'beginning' };
  const { checkpoint, epoch } = record;
  if (checkpoint > 0) return { kind: 'checkpoint', limit: checkpoint, exactly: false, epoch };
  return record.from === undefined ? { kind: 'beginning' } : { kind: 'handed', from: record.from };
}
