/** The figures of several fragments as those of one run: what partitions of one node count is added up. */
import type { MetricsSnapshot, NodeMetrics, OperatorSize, RunState } from './snapshot.ts';

/** `at` in milliseconds since the epoch. Nodes come in the order in which they are first seen. */
export function mergeSnapshots(snapshots: readonly MetricsSnapshot[], state: RunState, at: number): MetricsSnapshot {
  const nodes = mergeNodes(snapshots.flatMap((snapshot) => snapshot.nodes));
  const sum = (key: Sum): number => snapshots.reduce((total, snapshot) => total + snapshot[key], 0);
  const watermark = least(snapshots.map((snapshot) => snapshot.watermark));
  return {
    at,
    state,
    elapsed: Math.max(0, ...snapshots.map(({ elapsed }) => elapsed)),
    rowsIn: sum('rowsIn'),
    rowsOut: sum('rowsOut'),
    rowsPerSecond: sum('rowsPerSecond'),
    late: sum('late'),
    errors: sum('errors'),
    bad: sum('bad'),
    watermark,
    lag: watermark === null ? null : at - watermark,
    memory: sum('memory'),
    troubles: snapshots.flatMap(({ troubles }) => troubles),
    nodes,
  };
}

type Sum = 'rowsIn' | 'rowsOut' | 'rowsPerSecond' | 'late' | 'errors' | 'bad' | 'memory';

function mergeNodes(all: readonly NodeMetrics[]): NodeMetrics[] {
  const merged = new Map<string, NodeMetrics>();
  for (const node of all) {
    const key = `${node.kind} ${node.name}`;
    const known = merged.get(key);
    merged.set(key, known === undefined ? node : mergeNode(known, node));
  }
  const kinds = ['source', 'cell', 'sink'];
  return [...merged.values()].sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
}

function mergeNode(a: NodeMetrics, b: NodeMetrics): NodeMetrics {
  const watermark = a.ended ? b.watermark : b.ended ? a.watermark : least([a.watermark, b.watermark]);
  return {
    name: a.name,
    kind: a.kind,
    rowsIn: a.rowsIn + b.rowsIn,
    rowsOut: a.rowsOut + b.rowsOut,
    batchesIn: a.batchesIn + b.batchesIn,
    batchesOut: a.batchesOut + b.batchesOut,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
    late: a.late + b.late,
    errors: a.errors + b.errors,
    skipped: a.skipped + b.skipped,
    diverted: a.diverted + b.diverted,
    dropped: a.dropped + b.dropped,
    rowsPerSecond: a.rowsPerSecond + b.rowsPerSecond,
    watermark,
    lag: watermark === null ? null : Math.max(a.lag ?? 0, b.lag ?? 0),
    memory: a.memory + b.memory,
    queued: a.queued + b.queued,
    idle: a.idle && b.idle,
    ended: a.ended && b.ended,
    evicted: a.evicted + b.evicted,
    busyTime: a.busyTime + b.busyTime,
    blockedTime: a.blockedTime + b.blockedTime,
    idleTime: a.idleTime + b.idleTime,
    operators: mergeSizes([...a.operators, ...b.operators]),
    retries: a.retries + b.retries,
    troubled: a.troubled || b.troubled,
  };
}

function least(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length < times.length || known.length === 0 ? null : Math.min(...known);
}

function mergeSizes(all: readonly OperatorSize[]): OperatorSize[] {
  const merged = new Map<string, OperatorSize>();
  for (const { operator, keys, bytes } of all) {
    const known = merged.get(operator) ?? { operator, keys: 0, bytes: 0 };
    const sum = keys === null || known.keys === null ? null : keys + known.keys;
    merged.set(operator, { operator, keys: sum, bytes: bytes + known.bytes });
  }
  return [...merged.values()];
}
