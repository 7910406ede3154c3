/** The figures of an agent, and of all that it runs and leads, for a scraper. */

import type { DiskUse } from '../../engine/cluster/documents/disk-use.ts';
import type { AgentStatus, RegionFigures } from '../../engine/cluster/documents/status.ts';
import type { HostedFragment } from '../../engine/cluster/fragment/hosted-fragment.ts';
import type { FragmentPlan } from '../../engine/compile/fragment-plan.ts';
import { type Labels, nodeSamples, type Sample, samplesOf } from '../../engine/metrics/samples.ts';
import type { FragmentStatus } from '../../engine/runtime/fragment-handle.ts';
import { processSamples } from './process-samples.ts';

/** What an agent tells of itself; `Agent` does. */
export interface Observed {
  status(): Pick<AgentStatus, 'site' | 'agent' | 'workers' | 'coordinator' | 'regions' | 'disk' | 'tasks'>;
  fragments(): Iterable<Pick<HostedFragment, 'wish' | 'plan' | 'epoch' | 'phase' | 'handle'>>;
}

type ObservedFragment = ReturnType<Observed['fragments']> extends Iterable<infer S> ? S : never;

/** `connected`: to its NATS server. */
export function agentSamples(observed: Observed, connected: boolean): readonly Sample[] {
  const { site, agent, workers, coordinator, regions, disk, tasks = [] } = observed.status();
  const place = { site, agent };
  return [
    ...samplesOf('agent', place, { workers, connected, coordinator }),
    ...processSamples(place),
    ...(disk === undefined ? [] : diskSamples(disk, place)),
    ...regions.flatMap((region) => regionSamples(region, place)),
    ...tasks.flatMap((task) =>
      samplesOf('task', { namespace: task.namespace, task: task.task, ...place }, { ...task }),
    ),
    ...[...observed.fragments()].flatMap((fragment) => fragmentSamples(fragment, place)),
  ];
}

function diskSamples({ free, size, reserve, short, logs }: DiskUse, place: Labels): readonly Sample[] {
  return [
    ...samplesOf('agent', place, { diskFree: free, diskSize: size, diskReserve: reserve, diskShort: short }),
    ...logs.flatMap((log) => {
      const { namespace, app, kind, name } = log;
      return samplesOf('log', { namespace, app, kind, log: name, ...place }, { ...log });
    }),
  ];
}

function regionSamples(figures: RegionFigures, place: Labels): readonly Sample[] {
  const { namespace, app, region, phase } = figures;
  return samplesOf('region', { namespace, app, region, ...place }, { ...figures, running: phase === 'running' });
}

function fragmentSamples({ wish, plan, epoch, phase, handle }: ObservedFragment, place: Labels): readonly Sample[] {
  const { namespace, app, region, fragment, checkpoint } = wish;
  const labels = { namespace, app, fragment, region, ...place };
  const running = phase === 'running' || phase === 'paused';
  const figures = { running, epoch, revision: plan?.revision, worker: plan?.host.worker };
  const status = handle?.status();
  return [
    ...samplesOf('fragment', labels, figures),
    ...(status === undefined ? [] : nodeSamples(status.metrics, labels, checkpoint !== undefined)),
    ...(status === undefined || plan === undefined ? [] : channelSamples(status, plan, labels)),
  ];
}

function channelSamples({ channels }: FragmentStatus, plan: FragmentPlan, labels: Labels): readonly Sample[] {
  const sent = new Set(plan.outlets.flatMap((outlet) => outlet.channels.map(({ id }) => id)));
  return [...channels].flatMap(([channel, stats]) => {
    const named = { ...labels, channel, end: sent.has(channel) ? 'send' : 'receive' };
    return samplesOf('channel', named, { ...stats });
  });
}
