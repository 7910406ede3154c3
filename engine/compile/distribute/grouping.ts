/** Which partitions of which nodes are one fragment: those that direct links join. */
import { defined } from '../../defined.ts';
import { internalError } from '../../errors.ts';
import type { Host } from '../fragment-plan.ts';
import type { Expanded } from './expand.ts';
import type { Link } from './links.ts';
import { fragmentName } from './names.ts';

export interface Grouping {
  /** The fragment of a partition of a node. */
  fragmentOf(node: string, partition: number): string;
  /** By fragment. */
  readonly hosts: ReadonlyMap<string, Host>;
  /** By fragment: its partition. */
  readonly partitions: ReadonlyMap<string, number>;
}

export function groupFragments({ plan, hosts, sites }: Expanded, links: readonly Link[]): Grouping {
  const heads = headsOf(
    [...plan.sources, ...plan.operators, ...plan.sinks].map(({ name }) => name),
    links,
  );
  const byFragment = new Map<string, Host>();
  const partitions = new Map<string, number>();
  const names = new Map<string, string>();
  for (const [node, head] of heads) {
    for (const [partition, host] of (hosts.get(node) ?? []).entries()) {
      const own = sites.get(head)?.[partition];
      const site = defined({ site: own });
      const name = fragmentName(head, { partition, partitions: hosts.get(head)?.length ?? 1, ...site });
      names.set(`${node} ${partition}`, name);
      byFragment.set(name, host);
      partitions.set(name, partition);
    }
  }
  return {
    hosts: byFragment,
    partitions,
    fragmentOf(node, partition) {
      const name = names.get(`${node} ${partition}`);
      if (name === undefined) throw internalError('placement.no-fragment', `${node} has no partition ${partition}`);
      return name;
    },
  };
}

/** Of every node the first of those that direct links join it with; nodes come in the order of the plan. */
function headsOf(nodes: readonly string[], links: readonly Link[]): ReadonlyMap<string, string> {
  const order = new Map(nodes.map((name, index) => [name, index]));
  const parents = new Map(nodes.map((name) => [name, name]));
  const find = (name: string): string => {
    const parent = parents.get(name) ?? name;
    if (parent === name) return name;
    const root = find(parent);
    parents.set(name, root);
    return root;
  };
  for (const { kind, from, to } of links) {
    if (kind !== 'direct') continue;
    const [a, b] = [find(from), find(to)];
    const isFirst = (order.get(a) ?? 0) <= (order.get(b) ?? 0);
    parents.set(isFirst ? b : a, isFirst ? a : b);
  }
  return new Map(nodes.map((name) => [name, find(name)]));
}
