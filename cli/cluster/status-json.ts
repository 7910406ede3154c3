/** `status --json`: what the text shows, as data. Times in milliseconds since the epoch, durations in milliseconds. */
import type { DistributedPlan } from '../../engine/compile/fragment-plan.ts';
import { defined } from '../../engine/defined.ts';
import type { AppHealth, Health } from './health.ts';
import { type Overview, untoldPhase } from './overview.ts';

export function overviewJson({ agents, sites, silent, partial }: Overview, { apps, troubles }: Health): object {
  return {
    agents: agents.map(({ site, agent, tier, labels, devices, workers, version, coordinator, disk }) => {
      const said = sites.find((one) => one.site === site);
      const notes = { coordinator, draining: said?.draining ?? false };
      return { site, agent, tier, labels, devices, workers, version, ...notes, ...defined({ disk }) };
    }),
    ...defined({ partial }),
    silent,
    troubles,
    apps: apps.map((app) => appJson(app, undefined)),
  };
}

export function appJson({ app, state, troubles }: AppHealth, plan: DistributedPlan | undefined): object {
  const { document, assignment, fragments, regions } = app;
  const { namespace, app: name, revision, wanted } = document;
  return {
    namespace,
    app: name,
    revision,
    // the revision that is placed: an older one where the latest cannot be
    ...defined({ deployed: assignment?.deployed }),
    wanted,
    state,
    troubles,
    regions: Object.entries(assignment?.regions ?? {}).map(([region, { leader, epoch }]) => {
      const found = regions.find((one) => one.region === region);
      return { region, leader, assignedEpoch: epoch, ...(found ?? { phase: 'unreachable' }) };
    }),
    fragments: Object.entries(assignment?.fragments ?? {}).map(([fragment, { host, region }]) => {
      const planned = plan?.fragments.find((one) => one.name === fragment);
      const figures = fragments.find((one) => one.fragment === fragment);
      const names = (nodes: readonly { readonly name: string }[] = []): string[] => nodes.map((node) => node.name);
      const { sources, cells, sinks } = planned ?? {};
      const what = planned === undefined ? {} : { sources: names(sources), cells: names(cells), sinks: names(sinks) };
      return { fragment, region, ...host, ...what, ...(figures ?? { phase: untoldPhase(app, region) }) };
    }),
    streams: (plan?.fragments ?? []).flatMap((fragment) =>
      fragment.outlets.flatMap(({ stream, channels }) =>
        channels.map(({ id, from, to, transport, why }) => ({
          stream: stream.port === '' ? stream.node : `${stream.node}.${stream.port}`,
          channel: id,
          from,
          to,
          transport,
          why,
          ...fragments.find((one) => one.fragment === from)?.channels.find(({ channel }) => channel === id),
        })),
      ),
    ),
  };
}
