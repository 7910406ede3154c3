/** A graph on sites that `--sites` names: what a deployment there would make of it. */
import { type AgentInfo, assign, distribute } from '../../engine/compile/distribute.ts';
import type { DistributedPlan } from '../../engine/compile/fragment-plan.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';

/** Undefined where no site is named; throws what a deployment would be refused with. */
export function distributedOn(graph: LogicalPlan, sites: readonly AgentInfo[]): DistributedPlan | undefined {
  if (sites.length === 0) return undefined;
  return distribute(graph, assign(graph, sites), { revision: 1 });
}
