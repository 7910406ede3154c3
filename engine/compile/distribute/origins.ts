/**
 * Which partitions of its sources the rows of a partition come from. Behind an exchange that is all of them; where partitions are paired, it
 * may be a part, and then time goes on in each part for itself: what one was promised does not hold for rows of another.
 */
import type { Expanded } from './expand.ts';
import type { Link } from './links.ts';

/** Sorted words: `readings` with all its partitions, or `readings:0/2` and others. */
export type OriginsOf = (node: string, partition: number) => string;

/** `links` in the order of `linksOf`: each after those that lead to it. */
export function originsOf(links: readonly Link[], { plan, hosts }: Expanded): OriginsOf {
  const partitionsOf = (node: string): number => hosts.get(node)?.length ?? 0;
  const origins = new Map<string, readonly Set<string>[]>();
  for (const { name } of plan.sources) {
    const count = partitionsOf(name);
    origins.set(
      name,
      Array.from({ length: count }, (_, partition) => new Set([`${name}:${partition}/${count}`])),
    );
  }
  for (const { from, to, kind } of links) {
    const before = origins.get(from) ?? [];
    const own = origins.get(to) ?? Array.from({ length: partitionsOf(to) }, () => new Set<string>());
    for (const [partition, words] of own.entries()) {
      const paired = kind === 'direct' || kind === 'pairs';
      for (const part of paired ? before.slice(partition, partition + 1) : before)
        for (const word of part) words.add(word);
    }
    origins.set(to, own);
  }
  return (node, partition) => {
    const own = [...(origins.get(node)?.[partition] ?? [])].sort();
    const bySource = Map.groupBy(own, sourceOf);
    return [...bySource]
      .map(([source, words]) => (words.length === partitionsOf(source) ? source : words.join(' ')))
      .join(' ');
  };
}

function sourceOf(word: string): string {
  return word.slice(0, word.lastIndexOf(':'));
}
