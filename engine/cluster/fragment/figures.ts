/** A fragment's status as heartbeats carry it, and as it is told to those who ask for more. */
import type { NodeMetrics } from '../../metrics/snapshot.ts';
import type { FragmentStatus } from '../../runtime/fragment-handle.ts';
import type { ChannelFigures, FragmentFigures, NodeFigures } from '../documents/status.ts';
import type { HostedFragment } from './hosted-fragment.ts';

/** `nodes`: with those of its nodes. */
export function fragmentFigures(hosted: HostedFragment, nodes = false): FragmentFigures {
  const { namespace, app, region, fragment } = hosted.wish;
  const status = hosted.handle?.status();
  const metrics = status?.metrics;
  return {
    ...{ namespace, app, fragment, region, epoch: hosted.epoch, phase: hosted.phase },
    worker: hosted.plan?.host.worker ?? 0,
    revision: hosted.plan?.revision ?? 0,
    waiting: status?.waiting ?? [],
    channels: status === undefined ? [] : channelFigures(status),
    rowsIn: metrics?.rowsIn ?? 0,
    rowsOut: metrics?.rowsOut ?? 0,
    rowsPerSecond: metrics?.rowsPerSecond ?? 0,
    late: metrics?.late ?? 0,
    errors: (metrics?.errors ?? 0) + (metrics?.bad ?? 0),
    ...(metrics === undefined || metrics.lag === null ? {} : { lag: metrics.lag }),
    memory: metrics?.memory ?? 0,
    ...(hosted.trouble === undefined ? {} : { trouble: hosted.trouble }),
    ...(metrics === undefined ? {} : { at: metrics.at }),
    ...(metrics === undefined || !nodes ? {} : { nodes: metrics.nodes.map(nodeFigures) }),
  };
}

function nodeFigures(node: NodeMetrics): NodeFigures {
  const { name, kind, rowsIn, rowsOut, late, errors, skipped, diverted, memory, queued } = node;
  const { busyTime, blockedTime, idleTime, lag } = node;
  const operators = node.operators.map(({ operator, keys, bytes }) =>
    keys === null ? { operator, bytes } : { operator, keys, bytes },
  );
  return {
    ...{ name, kind, rowsIn, rowsOut, late, errors: errors + skipped + diverted, memory, queued },
    ...{ busyTime, blockedTime, idleTime, operators },
    ...(lag === null ? {} : { lag }),
  };
}

function channelFigures({ channels }: FragmentStatus): readonly ChannelFigures[] {
  return [...channels].map(([channel, { connected, rows, bytes, queued, roundTrip, lost = 0 }]) => ({
    ...{ channel, connected, rows, bytes, queued },
    ...(lost > 0 ? { lost } : {}),
    ...(roundTrip === undefined ? {} : { roundTrip }),
  }));
}
