/** A fragment's status as heartbeats carry it, and as it is told to those who ask for more. */

import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import type { StreamRef } from '../../graph/plan.ts';
import type { MetricsSnapshot, NodeMetrics } from '../../metrics/snapshot.ts';
import type { FragmentStatus } from '../../runtime/fragment-handle.ts';
import type { ChannelFigures, FragmentFigures, NodeFigures, RetryFigures } from '../documents/status.ts';
import type { HostedFragment } from './hosted-fragment.ts';

/** `nodes`: with those of its nodes. */
export function fragmentFigures(hosted: HostedFragment, nodes = false): FragmentFigures {
  const { namespace, app, region, fragment } = hosted.wish;
  const status = hosted.handle?.status();
  const metrics = status?.metrics;
  const isOver = hosted.phase === 'finished' || hosted.phase === 'stopped';
  const isHistory = hosted.plan !== undefined && readsHistory(hosted.plan);
  return {
    namespace,
    app,
    fragment,
    region,
    epoch: hosted.epoch,
    phase: hosted.phase,
    worker: hosted.plan?.host.worker ?? 0,
    revision: hosted.plan?.revision ?? 0,
    waiting: status?.waiting ?? [],
    channels: status === undefined ? [] : channelFigures(status),
    rowsIn: metrics?.rowsIn ?? 0,
    rowsOut: metrics?.rowsOut ?? 0,
    rowsPerSecond: isOver ? 0 : (metrics?.rowsPerSecond ?? 0),
    late: metrics?.late ?? 0,
    errors: (metrics?.errors ?? 0) + (metrics?.bad ?? 0),
    ...(metrics === undefined || hosted.plan === undefined ? {} : flowOf(metrics, hosted.plan)),
    ...(isOver ? { takenPerSecond: 0 } : {}),
    ...(metrics === undefined ? {} : { ...timeOf(metrics, isHistory), ...retriesOf(metrics) }),
    memory: metrics?.memory ?? 0,
    ...defined({ trouble: hosted.trouble }),
    ...(metrics === undefined ? {} : { at: metrics.at }),
    ...(metrics === undefined || !nodes ? {} : { nodes: metrics.nodes.map((node) => nodeFigures(node, isHistory)) }),
  };
}

/** Sources that end by themselves hand on what was: how far that is behind the clock says nothing of how far behind the fragment is. */
function readsHistory({ sources, inlets }: FragmentPlan): boolean {
  const inputs = [...sources, ...inlets];
  return inputs.length > 0 && inputs.every(({ bounded }) => bounded === true);
}

function timeOf(
  { watermark, lag }: Pick<NodeMetrics, 'watermark' | 'lag'>,
  isHistory: boolean,
): Pick<NodeFigures, 'watermark' | 'lag'> {
  return { ...(watermark === null ? {} : { watermark }), ...(lag === null || isHistory ? {} : { lag }) };
}

/** Absent where nothing is tried again. */
function retriesOf({ troubles, at }: MetricsSnapshot): { readonly retries?: readonly RetryFigures[] } {
  if (troubles.length === 0) return {};
  return {
    retries: troubles.map(({ node, server, reason, since, attempts }) => {
      return { node, server, reason, attempts, lasts: Math.max(0, at - since) };
    }),
  };
}

/** Rows that come into a fragment and rows that leave it, as its nodes count them: those counts go on after a start from a checkpoint. */
function flowOf(
  { nodes, rowsIn, rowsOut, rowsPerSecond }: MetricsSnapshot,
  { inlets, outlets, cells, sinks }: FragmentPlan,
): Pick<FragmentFigures, 'taken' | 'given' | 'takenPerSecond'> {
  const left = new Set(inlets.map(({ stream }) => labelOf(stream)));
  const flow = { taken: rowsIn, given: rowsOut, takenPerSecond: rowsPerSecond };
  for (const { name, inputs } of [...cells, ...sinks]) {
    const mine = inputs.map(labelOf).filter((label) => left.has(label));
    const node = nodes.find((one) => one.name === name && one.kind !== 'source');
    if (mine.length === 0 || node === undefined) continue;
    // of several that read the same, one counts
    for (const label of mine) left.delete(label);
    flow.taken += node.rowsIn;
    flow.takenPerSecond += node.rowsPerSecond;
  }
  for (const { stream } of outlets) flow.given += rowsGiven(stream, nodes, cells);
  return flow;
}

/** Of a main output; others are counted by their channels only. */
function rowsGiven({ node, port }: StreamRef, nodes: readonly NodeMetrics[], cells: FragmentPlan['cells']): number {
  if (port !== '') return 0;
  const cell = cells.find(({ operators }) => operators.at(-1)?.name === node);
  return nodes.find(({ name, kind }) => kind !== 'sink' && name === (cell?.name ?? node))?.rowsOut ?? 0;
}

function labelOf({ node, port }: StreamRef): string {
  return `${node}.${port}`;
}

function nodeFigures(node: NodeMetrics, isHistory: boolean): NodeFigures {
  const { name, kind, rowsIn, rowsOut, late, errors, skipped, diverted, memory, queued } = node;
  const { busyTime, blockedTime, idleTime } = node;
  const operators = node.operators.map(({ operator, keys, bytes }) =>
    keys === null ? { operator, bytes } : { operator, keys, bytes },
  );
  return {
    name,
    kind,
    rowsIn,
    rowsOut,
    late,
    errors: errors + skipped + diverted,
    memory,
    queued,
    busyTime,
    blockedTime,
    idleTime,
    operators,
    ...timeOf(node, isHistory),
  };
}

function channelFigures({ channels }: FragmentStatus): readonly ChannelFigures[] {
  return [...channels].map(([channel, { connected, rows, bytes, queued, roundTrip, lost = 0 }]) => ({
    channel,
    connected,
    rows,
    bytes,
    queued,
    ...(lost > 0 ? { lost } : {}),
    ...defined({ roundTrip }),
  }));
}
