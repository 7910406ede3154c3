/**
 * `stays`: which data must not leave its tier. What a node says holds for its rows and for all that is made of them, along every path, until an
 * operator says `stays: anywhere`: then what it yields is free again, while the operator itself still is where its input has to stay.
 */
import type { LogicalPlan, OperatorNode } from './plan.ts';

export type Tier = 'edge' | 'cloud';

export interface Staying {
  readonly tier: Tier;
  /** From the node that says so to the one that is bound, both included. */
  readonly path: readonly string[];
}

export interface Bounds {
  /** Where a node has to run, by name: every tier that it is bound to, one path each. Two are a contradiction. */
  readonly nodes: ReadonlyMap<string, readonly Staying[]>;
}

type Flow = Pick<LogicalPlan, 'sources' | 'operators' | 'sinks'>;

export function stayBounds({ sources, operators, sinks }: Flow): Bounds {
  const nodes = new Map<string, readonly Staying[]>();
  /** What is bound of what a node yields. */
  const yielded = new Map<string, readonly Staying[]>();
  for (const { name, stays } of sources) {
    const own: readonly Staying[] = stays === undefined || stays === 'anywhere' ? [] : [{ tier: stays, path: [name] }];
    nodes.set(name, own);
    yielded.set(name, own);
  }
  for (const node of [...operators, ...sinks]) {
    const read = node.inputs.flatMap(({ node: from }) => yielded.get(from) ?? []);
    const bound = distinct([...ownOf(node), ...read.map(({ tier, path }) => ({ tier, path: [...path, node.name] }))]);
    nodes.set(node.name, bound);
    yielded.set(node.name, 'stays' in node && node.stays === 'anywhere' ? [] : bound);
  }
  return { nodes };
}

function ownOf(node: { readonly name: string } & Partial<Pick<OperatorNode, 'stays'>>): readonly Staying[] {
  return node.stays === undefined || node.stays === 'anywhere' ? [] : [{ tier: node.stays, path: [node.name] }];
}

/** The shortest path of each tier. */
function distinct(all: readonly Staying[]): readonly Staying[] {
  const byTier = new Map<Tier, Staying>();
  for (const one of all) {
    const known = byTier.get(one.tier);
    if (known === undefined || one.path.length < known.path.length) byTier.set(one.tier, one);
  }
  return [...byTier.values()];
}

/** `"camera" stays in tier edge, and camera -> faces -> alerts`, the proof in words. */
export function stayProof({ tier, path }: Staying): string {
  const [first = ''] = path;
  return path.length === 1
    ? `"${first}" stays in tier ${tier}`
    : `"${first}" stays in tier ${tier}: ${path.join(' -> ')}`;
}
