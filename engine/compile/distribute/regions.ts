/**
 * Checkpoint regions of fragments: those of the graph's nodes, and of a region whose nodes all run once a site one a site, since nothing joins
 * them.
 */
import { userError } from '../../errors.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { graphRegions } from '../../graph/regions.ts';

/** The region of a node's partition on a site. Throws `placement.durable-inside` for a durable stream that ends in its own region. */
export function regionsOf(
  logical: LogicalPlan,
  sites: ReadonlyMap<string, readonly string[]>,
): (node: string, site: string) => string {
  const { of, rounds } = graphRegions(logical);
  const [round] = rounds;
  if (round !== undefined) {
    const message = `the durable stream "${round.from}" ends a checkpoint region, but other streams lead round it to "${round.to}"`;
    throw userError('placement.durable-inside', message, { hint: 'make all streams between the two durable, or none' });
  }
  const shared = new Set([...of].flatMap(([node, region]) => (sites.has(node) ? [] : [region])));
  return (node, site) => {
    const region = of.get(node) ?? node;
    return shared.has(region) ? region : `${region}_${site}`;
  };
}
