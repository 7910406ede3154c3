/** What the coordinator would say of a plan, before the plan is handed to it: a refusal is to change nothing. Pure. */
import { type AgentInfo, assign, distribute } from '../../compile/distribute.ts';
import type { DistributedPlan } from '../../compile/fragment-plan.ts';
import { CloudskinError } from '../../errors.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { agentLabel } from '../documents/names.ts';
import type { SiteDocument } from '../documents/site.ts';
import type { AgentStatus } from '../documents/status.ts';
import { avoidance } from './avoidance.ts';
import { checkStreams } from './lineage.ts';

export interface Trial {
  readonly plan: LogicalPlan;
  /** What is in force, and the plan that it is of. */
  readonly before: AssignmentDocument;
  readonly former: DistributedPlan | undefined;
  /** It begins without the state of what there was. */
  readonly fresh: boolean;
  readonly sites: readonly SiteDocument[];
}

/** The user's mistake that keeps the plan from being placed on these agents; undefined where there is none. */
export function refusalOf(trial: Trial, statuses: readonly AgentStatus[]): CloudskinError | undefined {
  const { plan, before, former, fresh, sites } = trial;
  const draining = new Set(sites.filter((one) => one.draining).map(({ site }) => site));
  const leaving = { plan, before, former, draining, lost: new Set<string>() };
  try {
    const kept = new Map(Object.entries(before.nodes));
    const { nodes } = assign(plan, agentsOf(trial, statuses), kept, avoidance(leaving));
    // a revision names the fragments' plan, which nobody keeps
    const distributed = distribute(plan, { nodes }, { revision: before.revision + 1 });
    if (!fresh) checkStreams(former, distributed);
    return undefined;
  } catch (error) {
    if (error instanceof CloudskinError && error.domain === 'user') return error;
    throw error;
  }
}

/** As the coordinator sees them: those that are there, and those that have some of it already, though they may be silent. */
function agentsOf({ before, sites }: Trial, statuses: readonly AgentStatus[]): readonly AgentInfo[] {
  const forgotten = new Set(sites.filter((one) => one.forgotten).map(({ site }) => site));
  const views = new Map<string, AgentInfo>(before.agents.map((view) => [agentLabel(view), view]));
  for (const status of statuses) if (!status.leaving) views.set(agentLabel(status), status);
  return [...views.values()]
    .filter(({ site }) => !forgotten.has(site))
    .sort((a, b) => (agentLabel(a) < agentLabel(b) ? -1 : 1));
}
