/**
 * Checkpoint regions of a graph: what is joined by streams that are not durable. A name must outlive changes of the graph, because state is found
 * by it: that of the first source is `main` whatever is added behind it, others have theirs from a source or from the durable stream that leads in.
 */
import type { LogicalPlan } from './plan.ts';

export interface GraphRegions {
  /** Of every source, operator and sink. */
  readonly of: ReadonlyMap<string, string>;
  /** Nodes whose durable streams end in their own region, by another way round, with one that reads them there. */
  readonly rounds: readonly { readonly from: string; readonly to: string }[];
}

type Flow = Pick<LogicalPlan, 'sources' | 'operators' | 'sinks'>;

export function graphRegions(flow: Flow): GraphRegions {
  const { sources, operators, sinks } = flow;
  const durable = new Set(
    [...sources, ...operators].flatMap(({ name, durable: kept }) => (kept === undefined ? [] : [name])),
  );
  const streams = [...operators, ...sinks].flatMap(({ name: to, inputs }) =>
    inputs.map(({ node: from }) => ({ from, to })),
  );
  const roots = joined(
    [...sources, ...operators, ...sinks].map(({ name }) => name),
    streams.filter(({ from }) => !durable.has(from)),
  );
  const names = new Map<string, string>();
  const name = (root: string | undefined, as: string): void => {
    if (root !== undefined && !names.has(root)) names.set(root, as);
  };
  name(roots.get(sources[0]?.name ?? ''), 'main');
  for (const node of [...sources, ...operators]) {
    for (const { from, to } of streams)
      if (from === node.name && durable.has(from)) name(roots.get(to), `after_${from}`);
  }
  for (const source of sources) name(roots.get(source.name), `from_${source.name}`);
  return {
    of: new Map([...roots].map(([node, root]) => [node, names.get(root) ?? root])),
    rounds: streams.filter(({ from, to }) => durable.has(from) && roots.get(from) === roots.get(to)),
  };
}

/** Of every node one that stands for all that it is joined with. */
function joined(
  nodes: readonly string[],
  pairs: readonly { readonly from: string; readonly to: string }[],
): ReadonlyMap<string, string> {
  const roots = new Map(nodes.map((node) => [node, node]));
  for (const { from, to } of pairs) {
    const [kept, left] = [roots.get(from), roots.get(to)];
    if (kept === undefined || left === undefined || kept === left) continue;
    for (const [node, root] of roots) if (root === left) roots.set(node, kept);
  }
  return roots;
}
