/** Durable streams that part the graph, and sinks that insist on a guarantee: whether it can be given along every path. */

import type { Checkpoint } from '../document.ts';
import { guaranteeOf } from '../guarantee.ts';
import type { Build } from './context.ts';
import type { Nodes } from './nodes.ts';

/** Every durable stream must part what is above it from what is below. */
export function checkDurable({ sources, operators, sinks }: Nodes, build: Build): void {
  const durable = new Set(
    [...sources, ...operators].flatMap((node) => (node.durable === undefined ? [] : [node.name])),
  );
  if (durable.size === 0) return;
  const regions = new Map([...sources, ...operators, ...sinks].map(({ name }) => [name, name]));
  const readers = [...operators, ...sinks].flatMap((node) =>
    node.inputs.map(({ node: from }) => ({ from, to: node.name })),
  );
  for (const { from, to } of readers) {
    const [kept, left] = [regions.get(from), regions.get(to)];
    if (durable.has(from) || kept === undefined || left === undefined) continue;
    for (const [name, region] of regions) if (region === left) regions.set(name, kept);
  }
  for (const { from, to } of readers) {
    if (!durable.has(from) || regions.get(from) !== regions.get(to)) continue;
    const section = sources.some(({ name }) => name === from) ? 'sources' : 'operators';
    const message = `the durable stream "${from}" ends a checkpoint region, but other streams lead round it to "${to}"`;
    build.atKey(
      ['spec', section, from, 'durable'],
      'graph.durable',
      message,
      'make all streams between the two durable, or none',
    );
    return;
  }
}

export function checkDelivery(nodes: Nodes, checkpoint: Checkpoint | undefined, build: Build): void {
  for (const sink of nodes.sinks) {
    if (sink.delivery !== 'exactly-once') continue;
    const { limits } = guaranteeOf({ ...nodes, ...(checkpoint === undefined ? {} : { checkpoint }) }, sink);
    if (limits.length === 0) continue;
    const message = `"${sink.name}" cannot deliver exactly once: ${limits.map(({ why }) => why).join('; ')}`;
    const hint = limits.map(({ mend }) => mend).find((mend) => mend !== undefined);
    build.atValue(['spec', 'sinks', sink.name, 'delivery'], 'graph.delivery', message, hint);
  }
}
