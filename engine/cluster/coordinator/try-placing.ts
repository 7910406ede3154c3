/** What the coordinator would say of a plan, before the plan is handed to it: a refusal is to change nothing. Pure. */
import { assign, type Change, distribute, NO_CHANGE } from '../../compile/distribute.ts';
import type { DistributedPlan, Host } from '../../compile/fragment-plan.ts';
import { CloudskinError } from '../../errors.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { agentLabel } from '../documents/names.ts';
import type { SiteDocument } from '../documents/site.ts';
import type { AgentStatus } from '../documents/status.ts';
import { avoidance } from './avoidance.ts';
import { checkStreams } from './lineage.ts';
import { agentsFor } from './survey.ts';

export interface Trial {
  readonly plan: LogicalPlan;
  /** What is in force, and the plan that it is of. */
  readonly before: AssignmentDocument;
  readonly former: DistributedPlan | undefined;
  /** It begins without the state of what there was. */
  readonly fresh: boolean;
  readonly sites: readonly SiteDocument[];
  /** What is to be moved or rescaled; absent: nothing. */
  readonly change?: Change;
}

export interface Tried {
  readonly nodes: ReadonlyMap<string, readonly Host[]>;
  readonly distributed: DistributedPlan;
}

/** What the coordinator would make of it on these agents; throws what it would say. */
export function tryPlacing(trial: Trial, statuses: readonly AgentStatus[]): Tried {
  const { plan, before, former, fresh, sites, change = NO_CHANGE } = trial;
  const draining = new Set(sites.filter((one) => one.draining).map(({ site }) => site));
  const parting = new Set(statuses.filter((one) => one.parting === true).map(agentLabel));
  const leaving = { plan, before, former, draining, lost: new Set<string>(), parting };
  const kept = new Map(Object.entries(before.nodes));
  const forgotten = new Set(sites.filter((one) => one.forgotten).map(({ site }) => site));
  const agents = agentsFor(before.agents, statuses, (site) => forgotten.has(site));
  const { nodes } = assign(plan, agents, kept, avoidance(leaving), change);
  // a revision names the fragments' plan, which nobody keeps
  const distributed = distribute(plan, { nodes }, { revision: before.revision + 1 });
  if (!fresh) checkStreams(former, distributed);
  return { nodes, distributed };
}

/** The user's mistake that keeps the plan from being placed on these agents; undefined where there is none. */
export function refusalOf(trial: Trial, statuses: readonly AgentStatus[]): CloudskinError | undefined {
  try {
    tryPlacing(trial, statuses);
    return undefined;
  } catch (error) {
    if (error instanceof CloudskinError && error.domain === 'user') return error;
    throw error;
  }
}
