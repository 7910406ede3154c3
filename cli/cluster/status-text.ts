/** `status` and `list` as text. */

import type { AgentStatus, FragmentFigures } from '../../engine/cluster/documents/status.ts';
import type { DistributedPlan, FragmentPlan } from '../../engine/compile/fragment-plan.ts';
import { count, duration, mebibytes } from '../output/figures.ts';
import { paint } from '../output/paint.ts';
import { columns } from '../output/table.ts';
import { type AppOverview, type Overview, stateOf } from './overview.ts';

const COLORS: Readonly<Record<string, Parameters<typeof paint>[1]>> = {
  running: 'green',
  finished: 'green',
  failed: 'red',
  unreachable: 'red',
  'not placed': 'red',
  restarting: 'yellow',
};

export function appLabelOf({ document: { namespace, app } }: AppOverview): string {
  return namespace === 'default' ? app : `${namespace}/${app}`;
}

export function overviewText({ agents, sites, apps }: Overview, color: boolean): string {
  const rows = agents.map((agent) => {
    const said = sites.find(({ site }) => site === agent.site);
    const notes = [...(agent.coordinator ? ['coordinator'] : []), ...(said?.draining === true ? ['draining'] : [])];
    return [
      agent.site,
      agent.tier,
      agent.agent,
      String(agent.workers),
      String(running(agent)),
      agent.version,
      notes.join(', '),
    ];
  });
  const heading = ['SITE', 'TIER', 'AGENT', 'WORKERS', 'FRAGMENTS', 'VERSION', ''];
  const there = rows.length === 0 ? 'no agent answers\n' : columns([heading, ...rows], [3, 4]);
  return apps.length === 0 ? there : `${there}\n${appsText(apps, color)}`;
}

function running({ fragments }: AgentStatus): number {
  return fragments.filter(({ phase }) => phase !== 'stopped' && phase !== 'absent' && phase !== 'finished').length;
}

export function appsText(apps: readonly AppOverview[], color: boolean): string {
  const rows = apps.map((app) => {
    const state = stateOf(app);
    const sites = new Set(Object.values(app.assignment?.fragments ?? {}).map(({ host }) => host.site));
    const rate = app.fragments.reduce((sum, { rowsPerSecond }) => sum + rowsPerSecond, 0);
    return [
      appLabelOf(app),
      state,
      String(app.document.revision),
      [...sites].join(','),
      `${count(Math.round(rate))} rows/s`,
    ];
  });
  const text = columns([['APP', 'STATE', 'REVISION', 'SITES', 'RATE'], ...rows], [2, 4]);
  return color
    ? text.replace(/\b(running|finished|failed|unreachable|not placed|restarting)\b/g, (word) =>
        paint(word, COLORS[word] ?? 'dim', true),
      )
    : text;
}

/** One app: its regions, cells, streams and what stands in its way. `plan` is absent where it is not placed. */
export function appText(app: AppOverview, plan: DistributedPlan | undefined, now: number, color: boolean): string {
  const state = stateOf(app);
  const parts = [
    `${appLabelOf(app)}: ${paint(state, COLORS[state] ?? 'yellow', color)}, revision ${app.document.revision}\n`,
    regionsText(app, now),
    ...(plan === undefined ? [] : [fragmentsText(app, plan), streamsText(app, plan)]),
    troublesText(app, color),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function regionsText({ assignment, regions }: AppOverview, now: number): string {
  const rows = Object.entries(assignment?.regions ?? {}).map(([name, { leader }]) => {
    const region = regions.find((one) => one.region === name);
    const age = region?.completed === undefined ? '' : `, ${duration(Math.max(0, now - region.completed) / 1_000)} ago`;
    const checkpoint = region === undefined || region.checkpoint === 0 ? 'none' : `${region.checkpoint}${age}`;
    const took = region?.took === undefined ? '' : `${Math.round(region.took)} ms`;
    const size = region?.bytes === undefined ? '' : `${count(Math.ceil(region.bytes / 1024))} KiB`;
    const restarts = String(region?.restarts ?? 0);
    return [name, region?.phase ?? 'unreachable', `${leader.site}/${leader.agent}`, checkpoint, took, size, restarts];
  });
  const heading = ['REGION', 'PHASE', 'LED BY', 'CHECKPOINT', 'TOOK', 'SIZE', 'RESTARTS'];
  return rows.length === 0 ? '' : columns([heading, ...rows], [4, 5, 6]);
}

function fragmentsText({ fragments }: AppOverview, plan: DistributedPlan): string {
  const rows = plan.fragments.map((fragment) => {
    const figures = fragments.find((one) => one.fragment === fragment.name);
    const { site, agent, worker } = fragment.host;
    return [
      ...[fragment.name, `${site}/${agent}#${worker}`, figures?.phase ?? 'unreachable', nodesOf(fragment)],
      ...(figures === undefined ? ['', '', '', '', ''] : figuresOf(figures)),
    ];
  });
  const heading = ['FRAGMENT', 'AGENT', 'PHASE', 'CELLS', 'IN', 'OUT', 'RATE', 'LAG', 'MEMORY'];
  return columns([heading, ...rows], [4, 5, 6, 7, 8]);
}

function figuresOf({ rowsIn, rowsOut, rowsPerSecond, lag, memory }: FragmentFigures): string[] {
  const behind = lag === undefined ? '' : duration(lag / 1_000);
  return [count(rowsIn), count(rowsOut), `${count(Math.round(rowsPerSecond))}/s`, behind, `${mebibytes(memory)} MiB`];
}

/** What runs in it: sources, cells by the operators that were fused, sinks. */
export function nodesOf({ sources, cells, sinks }: FragmentPlan): string {
  return [...sources, ...cells, ...sinks].map(({ name }) => name).join(' ');
}

function streamsText({ fragments }: AppOverview, plan: DistributedPlan): string {
  const figures = new Map(
    fragments.flatMap((fragment) =>
      fragment.channels.map((channel) => [`${fragment.fragment} ${channel.channel}`, channel] as const),
    ),
  );
  const rows = plan.fragments.flatMap((fragment) =>
    fragment.outlets.flatMap(({ stream, channels }) =>
      channels.map((channel) => {
        const found = figures.get(`${fragment.name} ${channel.id}`);
        const name = stream.port === '' ? stream.node : `${stream.node}.${stream.port}`;
        const trip = found?.roundTrip === undefined ? '' : `${found.roundTrip.toFixed(1)} ms`;
        const connected = found === undefined ? '?' : found.connected ? 'yes' : 'no';
        const queued = found === undefined ? '' : `${count(Math.ceil(found.queued / 1024))} KiB`;
        return [
          name,
          `${channel.from} > ${channel.to}`,
          channel.transport,
          connected,
          count(found?.rows ?? 0),
          queued,
          trip,
          found?.lost === undefined ? '' : `${count(found.lost)} rows given up`,
        ];
      }),
    ),
  );
  const heading = ['STREAM', 'FROM > TO', 'TRANSPORT', 'CONNECTED', 'ROWS', 'QUEUED', 'ROUND TRIP', ''];
  return rows.length === 0 ? '' : columns([heading, ...rows], [4, 5, 6]);
}

function troublesText({ assignment, regions, fragments }: AppOverview, color: boolean): string {
  const troubles = [
    ...(assignment?.troubles ?? []),
    ...regions.flatMap(({ trouble }) => trouble ?? []),
    ...fragments.flatMap(({ trouble, fragment }) =>
      trouble === undefined ? [] : [{ ...trouble, message: `${fragment}: ${trouble.message}` }],
    ),
  ];
  const lines = troubles.map(
    ({ code, message, hint }) => `${paint(code, 'red', color)}: ${message}${hint === undefined ? '' : `\n  ${hint}`}`,
  );
  return lines.length === 0 ? '' : `${[...new Set(lines)].join('\n')}\n`;
}
