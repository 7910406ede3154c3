/** Gathers the figures of all nodes of a run into one snapshot. */
import type { MetricsSnapshot, NodeMetrics, NodeTrouble, RunState } from '../../metrics/snapshot.ts';
import type { Ports } from '../../ports.ts';
import type { CellNode } from '../node/cell-node.ts';
import type { SinkNode } from '../node/sink-node.ts';
import type { SourceNode } from '../source/source-node.ts';

export interface Nodes {
  readonly sources: readonly SourceNode[];
  readonly cells: readonly CellNode[];
  readonly sinks: readonly SinkNode[];
}

/** `elapsed` in milliseconds. */
export function takeSnapshot(
  nodes: Nodes,
  state: RunState,
  elapsed: number,
  { ports, troubled }: { readonly ports: Ports; readonly troubled: readonly NodeTrouble[] },
): MetricsSnapshot {
  const now = ports.now();
  const moment = { now, monotonic: ports.monotonic(), elapsed };
  const sources = nodes.sources.map((node) => node.metrics(moment));
  const cells = nodes.cells.map((node) => node.metrics(moment));
  const sinks = nodes.sinks.map((node) => node.metrics(moment));
  const all = [...sources, ...cells, ...sinks];
  const watermark = leastWatermark(sinks.some((node) => node.watermark !== null) ? sinks : sources);
  return {
    at: now,
    state,
    elapsed: elapsed / 1000,
    rowsIn: sum(sources, 'rowsIn'),
    rowsOut: sum(sinks, 'rowsOut'),
    rowsPerSecond: sum(sources, 'rowsPerSecond'),
    late: sum(all, 'late'),
    errors: sum(all, 'errors'),
    bad: sum(all, 'skipped') + sum(all, 'diverted'),
    watermark,
    lag: watermark === null ? null : now - watermark,
    memory: sum(all, 'memory') + sum(all, 'queued'),
    troubles: troubled,
    nodes: all,
  };
}

type Count = 'rowsIn' | 'rowsOut' | 'rowsPerSecond' | 'late' | 'errors' | 'skipped' | 'diverted' | 'memory' | 'queued';

function sum(nodes: readonly NodeMetrics[], count: Count): number {
  return nodes.reduce((total, node) => total + node[count], 0);
}

function leastWatermark(nodes: readonly NodeMetrics[]): number | null {
  const known = nodes.flatMap((node) => (node.watermark === null ? [] : [node.watermark]));
  return known.length === 0 ? null : Math.min(...known);
}
