/**
 * Nodes whose partitions are each the own affair of a site: those that the graph places `each`, and what keeps no state and runs beside
 * them, partition by partition.
 */
import type { LogicalPlan, OperatorNode } from '../../graph/plan.ts';
import type { Assignment, Host } from '../fragment-plan.ts';
import { isStateful } from '../fuse.ts';

export function siteOwned(
  { sources, operators, sinks, placement }: LogicalPlan,
  { nodes }: Assignment,
): ReadonlySet<string> {
  const owned = new Set<string>();
  for (const { name } of [...sources, ...operators, ...sinks]) if (runsOnEach(name, placement)) owned.add(name);
  for (const operator of operators) {
    const follows = operator.inputs.every(
      ({ node }) => owned.has(node) && sameSites(nodes.get(node), nodes.get(operator.name)),
    );
    if (follows && !keepsState(operator)) owned.add(operator.name);
  }
  return owned;
}

export function runsOnEach(name: string, placement: LogicalPlan['placement']): boolean {
  const own = placement?.[name];
  return own === undefined ? placement?.['*']?.each !== undefined : own.each !== undefined;
}

export function keepsState({ steps }: OperatorNode): boolean {
  return steps.some((step) => isStateful(step) || step.kind === 'component');
}

function sameSites(some: readonly Host[] = [], others: readonly Host[] = []): boolean {
  return some.length === others.length && some.every(({ site }, index) => site === others[index]?.site);
}
