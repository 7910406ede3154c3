/** Decides how a region is started for an assignment: at which epoch, from which checkpoint, or why not yet. Pure. */
import type { AssignmentDocument, RegionAssignment, RegionRecord } from './documents.ts';
import { nextEpoch, stepOf } from './epochs.ts';

export type Start =
  | { readonly kind: 'go'; readonly epoch: number; readonly from: StartFrom; readonly firstCheckpoint: number }
  /** Somebody else's turn, for now. */
  | { readonly kind: 'wait'; readonly why: string; readonly phase: 'acquiring' | 'fenced' }
  | { readonly kind: 'finished' };

export type StartFrom =
  | { readonly kind: 'beginning' }
  /** The newest sound checkpoint that is not later than this one. `exactly`: that one and no other. */
  | { readonly kind: 'checkpoint'; readonly limit: number; readonly exactly: boolean };

export interface Situation {
  readonly assignment: AssignmentDocument;
  readonly region: RegionAssignment;
  readonly record: RegionRecord | undefined;
  /** The record's holder is this agent, or is not to be waited for any longer. */
  readonly mayTake: boolean;
  /** The highest epoch of the region that this agent's disk knows. */
  readonly seen: number;
}

/** Ids that a leader may use before it says so in the record again. */
export const RESERVE = 16;

export function decideStart({ assignment, region, record, mayTake, seen }: Situation): Start {
  const behind = Math.max(record?.epoch ?? 0, seen);
  const epoch = nextEpoch(region.epoch, behind);
  if (epoch === undefined) {
    const why =
      stepOf(behind) > region.epoch ? 'a later assignment is in force' : 'the coordinator must give a new epoch';
    return { kind: 'wait', phase: 'fenced', why };
  }
  const sameRevision = record?.deployed === assignment.deployed;
  if (record !== undefined && sameRevision && record.finished) return { kind: 'finished' };
  if (record !== undefined && !record.released && !record.finished && region.handover && !mayTake) {
    const why = `${record.holder.site}/${record.holder.agent} hands it over`;
    return { kind: 'wait', phase: 'acquiring', why };
  }
  return { kind: 'go', epoch, from: startFrom(assignment, record), firstCheckpoint: (record?.reserved ?? 0) + 1 };
}

function startFrom(assignment: AssignmentDocument, record: RegionRecord | undefined): StartFrom {
  const newRevision = record?.deployed !== assignment.deployed;
  if (newRevision && assignment.fresh === true) return { kind: 'beginning' };
  if (newRevision && assignment.restore !== undefined) {
    return { kind: 'checkpoint', limit: assignment.restore, exactly: true };
  }
  // What has run to its end runs again from the beginning when it is deployed again.
  if (record === undefined || record.checkpoint === 0 || record.finished) return { kind: 'beginning' };
  return { kind: 'checkpoint', limit: record.checkpoint, exactly: false };
}
