/** Durable streams that part the graph, and sinks that insist on a guarantee: whether it can be given along every path. */

import { defined } from '../../defined.ts';
import type { Checkpoint } from '../document.ts';
import { guaranteeOf } from '../guarantee.ts';
import { graphRegions } from '../regions.ts';
import type { Build } from './context.ts';
import type { Nodes } from './nodes.ts';

/** Every durable stream must part what is above it from what is below. */
export function checkDurable(nodes: Nodes, build: Build): void {
  const reported = new Set<string>();
  for (const { from, to } of graphRegions(nodes).rounds) {
    if (reported.has(from)) continue;
    reported.add(from);
    const section = nodes.sources.some(({ name }) => name === from) ? 'sources' : 'operators';
    const message = `the durable stream "${from}" ends a checkpoint region, but other streams lead round it to "${to}"`;
    const hint = 'make all streams between the two durable, or none';
    build.atKey(['spec', section, from, 'durable'], 'graph.durable', message, hint);
  }
}

export function checkDelivery(nodes: Nodes, checkpoint: Checkpoint | undefined, build: Build): void {
  for (const sink of nodes.sinks) {
    if (sink.delivery !== 'exactly-once') continue;
    const { limits } = guaranteeOf({ ...nodes, ...defined({ checkpoint }) }, sink);
    if (limits.length === 0) continue;
    const message = `"${sink.name}" cannot deliver exactly once: ${limits.map(({ why }) => why).join('; ')}`;
    const hint = limits.map(({ mend }) => mend).find((mend) => mend !== undefined);
    build.atValue(['spec', 'sinks', sink.name, 'delivery'], 'graph.delivery', message, hint);
  }
}
