/** What `explain` tells of guarantees, and of what bounds the state of each operator. */
import { guaranteeOf, type PathGuarantee } from '../../engine/graph/guarantee.ts';
import type { LogicalPlan, MemoryLimit, OperatorNode } from '../../engine/graph/plan.ts';
import { stayBounds, stayProof } from '../../engine/graph/stays.ts';
import { formatDuration, formatSize } from '../../engine/graph/units.ts';

/** A node whose place is bound, because of the data that it reads. */
export interface StayDescription {
  readonly node: string;
  readonly tier: string;
  readonly why: string;
}

export function describeStays(plan: LogicalPlan): readonly StayDescription[] {
  return [...stayBounds(plan).nodes].flatMap(([node, [staying]]) =>
    staying === undefined ? [] : [{ node, tier: staying.tier, why: stayProof(staying) }],
  );
}

export interface StateDescription {
  readonly operator: string;
  readonly parallelism: string;
  readonly keeps: string;
  readonly bound: string;
}

export function describeGuarantees(plan: LogicalPlan): readonly PathGuarantee[] {
  return plan.sinks.map((sink) => guaranteeOf(plan, sink));
}

/** Operators that keep something from row to row. */
export function describeState({ operators }: LogicalPlan): readonly StateDescription[] {
  return operators.flatMap((operator) => {
    const keeps = keepsOf(operator);
    if (keeps === undefined) return [];
    const { parallelism = 1 } = operator;
    const partitions = parallelism === 'auto' ? 'a partition a worker' : `${parallelism}`;
    return [{ operator: operator.name, parallelism: partitions, keeps, bound: boundOf(operator) }];
  });
}

function keepsOf({ steps }: OperatorNode): string | undefined {
  for (const step of steps) {
    if (step.kind === 'component') return 'what the component keeps';
    if (step.kind === 'join') {
      const sides = step.sides.map(({ alias }) => alias).join(' and ');
      return `the rows of ${sides} of every window of ${formatDuration(step.window.size)} that the watermark has not passed`;
    }
    if (step.kind !== 'aggregate') continue;
    const keys =
      step.keys.length === 0 ? 'one group' : `a group for each ${step.keys.map(({ name }) => name).join(', ')}`;
    return `${keys} in every window of ${formatDuration(step.window.size)} that the watermark has not passed`;
  }
  return undefined;
}

function boundOf({ memory, steps }: OperatorNode): string {
  if (memory !== undefined) return `${formatSize(memory.bytes)} a partition, then ${thenWhat(memory)}`;
  const isComponent = steps.some(({ kind }) => kind === 'component');
  return isComponent ? "the memory of the component's cell" : 'the memory of its cell; set `memory` to bound it';
}

function thenWhat({ onLimit }: MemoryLimit): string {
  return onLimit === 'evict' ? 'the earliest windows are put out and counted' : 'it fails, naming its largest keys';
}
