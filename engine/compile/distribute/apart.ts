/** Anti-affinity: one agent for each node of a group in which some must not be together, or the smallest part of the group for which there is none. */
import type { AgentInfo } from './agent-info.ts';
import { subsets } from './constraints.ts';

export interface ApartNode {
  readonly name: string;
  /** In the order of preference. */
  readonly candidates: readonly AgentInfo[];
}

/** Attempts after which a group counts as impossible: with so many nodes, nobody places them by hand either. */
const MOST_STEPS = 50_000;

/** Nodes that are to be apart, directly, both ways. */
export function apartPairs(apart: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, ReadonlySet<string>> {
  const pairs = new Map<string, Set<string>>();
  const add = (one: string, other: string): void => {
    if (one === other) return;
    pairs.set(one, (pairs.get(one) ?? new Set()).add(other));
  };
  for (const [node, others] of apart) {
    for (const other of others) {
      add(node, other);
      add(other, node);
    }
  }
  return pairs;
}

/** Backtracking, the node with the fewest agents first. */
export function separate(
  nodes: readonly ApartNode[],
  pairs: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlyMap<string, AgentInfo> | undefined {
  const order = [...nodes].sort((one, other) => one.candidates.length - other.candidates.length);
  const chosen = new Map<string, AgentInfo>();
  let steps = 0;
  const place = (at: number): boolean => {
    const node = order[at];
    if (node === undefined) return true;
    for (const agent of node.candidates) {
      steps += 1;
      if (steps > MOST_STEPS) return false;
      const clashes = [...(pairs.get(node.name) ?? [])].some((other) => sameAgent(chosen.get(other), agent));
      if (clashes) continue;
      chosen.set(node.name, agent);
      if (place(at + 1)) return true;
      chosen.delete(node.name);
    }
    return false;
  };
  return place(0) ? chosen : undefined;
}

/** The fewest of them that cannot be apart. */
export function smallestClash(
  nodes: readonly ApartNode[],
  pairs: ReadonlyMap<string, ReadonlySet<string>>,
): readonly ApartNode[] {
  for (let size = 2; size < Math.min(nodes.length, 8); size++) {
    for (const some of subsets(nodes, size)) if (separate(some, pairs) === undefined) return some;
  }
  return nodes;
}

function sameAgent(one: AgentInfo | undefined, other: AgentInfo): boolean {
  return one?.site === other.site && one.agent === other.agent;
}
