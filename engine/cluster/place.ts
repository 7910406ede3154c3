/** What the coordinator asks of placement; the usual one is the compiler's. */
import { type AgentInfo, assign, distribute } from '../compile/distribute.ts';
import type { Assignment, DistributedPlan, Host } from '../compile/fragment-plan.ts';
import type { LogicalPlan } from '../graph/plan.ts';

/** An agent that can be given work. */
export type AgentView = AgentInfo;

export interface Place {
  /**
   * Hosts for every node's partitions; throws a user's error that says which node finds no place and why. Nodes of `keep` stay
   * where they are as long as that is allowed and their agents are among `agents`.
   */
  assign(plan: LogicalPlan, agents: readonly AgentView[], keep?: ReadonlyMap<string, readonly Host[]>): Assignment;
  distribute(plan: LogicalPlan, assignment: Assignment, revision: number): DistributedPlan;
}

export const placement: Place = {
  assign,
  distribute: (plan, assignment, revision) => distribute(plan, assignment, { revision }),
};
