/** What the coordinator asks of placement, and what it tells it of the agents there are. */
import type { Assignment, DistributedPlan, Host } from '../compile/fragment-plan.ts';
import type { LogicalPlan } from '../graph/plan.ts';

/** An agent that can be given work. */
export interface AgentView {
  readonly site: string;
  readonly agent: string;
  readonly tier: 'edge' | 'cloud';
  readonly labels: readonly string[];
  readonly devices: readonly string[];
  readonly workers: number;
}

export interface Place {
  /**
   * Hosts for every node's partitions; throws a user's error that says which node finds no place and why. Nodes of `keep` stay
   * where they are as long as their agents are among `agents`.
   */
  assign(plan: LogicalPlan, agents: readonly AgentView[], keep?: ReadonlyMap<string, readonly Host[]>): Assignment;
  distribute(plan: LogicalPlan, assignment: Assignment, revision: number): DistributedPlan;
}
