/** What the coordinator asks of placement; the usual one is the compiler's. */
import { type AgentInfo, type Avoid, assign, type Change, distribute, type Placed } from '../../compile/distribute.ts';
import type { Assignment, DistributedPlan, Host } from '../../compile/fragment-plan.ts';
import type { LogicalPlan } from '../../graph/plan.ts';

export interface Placement {
  /**
   * Hosts for every node's partitions; throws a user's error that says which node finds no place and why. Nodes of `keep` stay
   * where they are as long as that is allowed and their agents are among `agents`; sites of `avoid` are left by what can leave.
   */
  assign(
    plan: LogicalPlan,
    agents: readonly AgentInfo[],
    keep?: ReadonlyMap<string, readonly Host[]>,
    avoid?: Avoid,
    change?: Change,
  ): Assignment & Partial<Pick<Placed, 'left'>>;
  distribute(plan: LogicalPlan, assignment: Assignment, revision: number): DistributedPlan;
}

export const placement: Placement = {
  assign,
  distribute: (plan, assignment, revision) => distribute(plan, assignment, { revision }),
};
