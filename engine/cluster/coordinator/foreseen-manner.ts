/** Whether a region could go to another plan while rows flow, or has to stop for it, and why: as the coordinator and the region's leader will see it. Pure. */
import type { DistributedPlan, FragmentPlan } from '../../compile/fragment-plan.ts';
import { CloudskinError } from '../../errors.ts';
import { successionOf } from '../../runtime/handover/succession.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { agentLabel, sameAgent } from '../documents/names.ts';
import type { AgentStatus } from '../documents/status.ts';

export interface Manner {
  /** `live`: fragments hand over while rows flow. `restart`: they stop with a checkpoint and start again from it. */
  readonly how: 'live' | 'restart';
  /** Of `restart`. */
  readonly why?: string;
}

export function mannerOf(
  before: AssignmentDocument,
  former: DistributedPlan | undefined,
  next: DistributedPlan,
  regions: readonly string[],
  statuses: readonly AgentStatus[],
): Manner {
  for (const region of regions) {
    const [old, own] = [former, next].map((plan) => (plan?.fragments ?? []).filter((one) => one.region === region));
    const why = hindrance(region, before, old ?? [], own ?? [], statuses);
    if (why !== undefined) return { how: 'restart', why };
  }
  return { how: 'live' };
}

function hindrance(
  region: string,
  before: AssignmentDocument,
  old: readonly FragmentPlan[],
  own: readonly FragmentPlan[],
  statuses: readonly AgentStatus[],
): string | undefined {
  if (before.wanted !== 'running') return `it is ${before.wanted}`;
  const leader = before.regions[region]?.leader;
  if (leader === undefined) return 'its state comes from another region';
  if (!own.some(({ host }) => sameAgent(host, leader)))
    return `${agentLabel(leader)}, which leads it, has nothing of it any more`;
  const unable = [...old, ...own].find(
    ({ host }) => !statuses.some((one) => sameAgent(one, host) && one.handsOver === true),
  );
  if (unable !== undefined)
    return `agent ${agentLabel(unable.host)} is not there, or of a version that hands nothing over`;
  if (isNear(old, leader.site, statuses) !== isNear(own, leader.site, statuses))
    return 'its record and checkpoints go to another server';
  try {
    successionOf(old, own);
    return undefined;
  } catch (error) {
    if (error instanceof CloudskinError) return error.message;
    throw error;
  }
}

/** Whether its record may be at its leader's site: all others are of the cloud. */
function isNear(fragments: readonly FragmentPlan[], site: string, statuses: readonly AgentStatus[]): boolean {
  const tierOf = (name: string): string | undefined => statuses.find((one) => one.site === name)?.tier;
  return fragments.every(({ host }) => host.site === site || tierOf(host.site) === 'cloud');
}
