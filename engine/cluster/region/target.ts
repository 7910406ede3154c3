/** What an assignment wants of a region. Pure. */
import type { AssignmentDocument, RegionAssignment } from '../documents/assignment.ts';
import type { Goal } from '../documents/messages.ts';
import { type AgentName, sameAgent } from '../documents/names.ts';
import type { RunOptions } from './run.ts';

export interface Target {
  readonly assignment: AssignmentDocument;
  /** Absent where the region is not this agent's to lead, or no longer there. */
  readonly region: RegionAssignment | undefined;
}

export function targetOf(assignment: AssignmentDocument, name: string, agent: AgentName): Target {
  const region = assignment.regions[name];
  return { assignment, region: region && sameAgent(region.leader, agent) ? region : undefined };
}

/** It comes to its end and is then undeployed: sources hand on nothing more, and what is on its way reaches the sinks, which show it. */
export function isToFlowOut({ wanted, drain }: AssignmentDocument): boolean {
  return wanted === 'stopped' && drain === true;
}

/** Of fragments that run; `isStarting`: some do not yet. */
export function goalOf({ assignment: { wanted } }: Target, isStarting: boolean): Goal {
  // not before all of it is there: what its sources have read has a way to take
  if (wanted === 'paused' || (wanted !== 'running' && isStarting)) return 'paused';
  return wanted === 'running' ? 'running' : 'drained';
}

/** Whether the state of a run is not wanted as it is now: its owner is lost, or it goes back to an older checkpoint. */
export function isUrgent({ assignment }: Target, run: RunOptions): boolean {
  const next = assignment.regions[run.region];
  if (next === undefined || next.epoch === run.assigned.epoch) return false;
  const goesBack = assignment.restore !== undefined && assignment.deployed !== run.assignment.deployed;
  return goesBack || !next.handover;
}
