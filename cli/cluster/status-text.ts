/** `status` and `list` as text. */

import type { AgentStatus, FragmentFigures } from '../../engine/cluster/documents/status.ts';
import type { DistributedPlan, FragmentPlan } from '../../engine/compile/fragment-plan.ts';
import { count, duration, mebibytes } from '../output/figures.ts';
import { paint } from '../output/paint.ts';
import { columns } from '../output/table.ts';
import { appTitle } from './app-words.ts';
import { type AppHealth, type Health, type HealthTrouble, troubleLine } from './health.ts';
import { timeText } from './move-text.ts';
import { type AppOverview, type MissingAgent, type Overview, revisionOf, unplacedOf, untoldPhase } from './overview.ts';

const COLORS: Readonly<Record<string, Parameters<typeof paint>[1]>> = {
  running: 'green',
  finished: 'green',
  failed: 'red',
  unreachable: 'red',
  'not placed': 'red',
  restarting: 'yellow',
  degraded: 'yellow',
};

/** Of apps and fragments: nothing flows. */
const AT_REST: ReadonlySet<string> = new Set(['finished', 'stopped', 'failed', 'not placed', 'absent']);

export function appLabelOf({ document: { namespace, app } }: AppOverview): string {
  return appTitle({ namespace, app });
}

/** Troubles that are shown of all; those of one app are all shown. */
const MOST_TROUBLES = 20;

export interface TextOptions {
  readonly color: boolean;
  /** Columns; absent: as many as there are. */
  readonly width?: number | undefined;
}

export function overviewText({ agents, silent, sites }: Overview, health: Health, options: TextOptions): string {
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
  rows.push(...silent.map(silentRow));
  const heading = ['SITE', 'TIER', 'AGENT', 'WORKERS', 'FRAGMENTS', 'VERSION', ''];
  const there = rows.length === 0 ? 'no agent answers\n' : columns([heading, ...rows], [3, 4], options.width);
  const parts = [
    there,
    ...(health.apps.length === 0 ? [] : [appsText(health.apps, options)]),
    allTroubles(health, options),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function silentRow({ site, tier, agent, workers, version, silent }: MissingAgent): string[] {
  const notes = silent === undefined ? 'does not answer' : `silent ${duration(Math.round(silent / 1_000))}`;
  return [site, tier, agent, String(workers), '-', version, notes];
}

/** Each once: what an app says of an agent says more. */
function allTroubles({ troubles, apps }: Health, { color }: TextOptions): string {
  const ofApps = apps.flatMap((one) => one.troubles.filter((trouble) => !troubles.includes(trouble)));
  const isTold = ({ code, where }: HealthTrouble): boolean =>
    ofApps.some((one) => one.code === code && one.where === where);
  const shared = troubles.filter((trouble) => !isTold(trouble));
  const all = [
    ...troublesText(shared, color),
    ...apps.flatMap((one) => {
      const own = one.troubles.filter((trouble) => !troubles.includes(trouble));
      return troublesText(own, color, `${appLabelOf(one.app)}: `);
    }),
  ];
  const more = all.length - MOST_TROUBLES;
  const lines = more > 0 ? [...all.slice(0, MOST_TROUBLES), `and ${count(more)} more: cloudskin status APP`] : all;
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function running({ fragments }: AgentStatus): number {
  return fragments.filter(({ phase }) => phase !== 'stopped' && phase !== 'absent' && phase !== 'finished').length;
}

export function appsText(apps: readonly AppHealth[], { color, width }: TextOptions): string {
  const rows = apps.map(({ app, state }) => {
    const sites = new Set(Object.values(app.assignment?.fragments ?? {}).map(({ host }) => host.site));
    const rate = app.fragments.reduce((sum, { rowsPerSecond }) => sum + rowsPerSecond, 0);
    return [
      appLabelOf(app),
      state,
      revisionText(app),
      [...sites].join(','),
      AT_REST.has(state) ? '-' : `${count(Math.round(rate))} rows/s`,
    ];
  });
  const text = columns([['APP', 'STATE', 'REVISION', 'SITES', 'RATE'], ...rows], [2, 4], width);
  return color
    ? text.replace(/\b(running|finished|failed|unreachable|not placed|restarting|degraded)\b/g, (word) =>
        paint(word, COLORS[word] ?? 'dim', true),
      )
    : text;
}

/** The one that runs, and the one that should where it cannot. */
function revisionText(app: AppOverview): string {
  const runs = revisionOf(app);
  return runs === app.document.revision ? String(runs) : `${runs}, ${unplacedOf(app)} not placed`;
}

/** One app: its regions, cells, streams and what stands in its way. `plan` is absent where it is not placed. */
export function appText(
  { app, state, troubles }: AppHealth,
  plan: DistributedPlan | undefined,
  now: number,
  { color, width }: TextOptions,
): string {
  const lines = troublesText(troubles, color);
  const parts = [
    `${appLabelOf(app)}: ${paint(state, COLORS[state] ?? 'yellow', color)}, revision ${revisionText(app)}\n`,
    regionsText(app, now, width),
    ...(plan === undefined ? [toldText(app, width)] : [fragmentsText(app, plan, width), streamsText(app, plan, width)]),
    movesText(app),
    lines.length === 0 ? '' : `${lines.join('\n')}\n`,
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function movesText({ regions }: AppOverview): string {
  const lines = regions.flatMap(({ region, move }) =>
    move === undefined
      ? []
      : [`region ${region} was moved last at revision ${move.revision}: ${move.how}, pause ${timeText(move.pause)}\n`],
  );
  return lines.join('');
}

function regionsText({ assignment, regions }: AppOverview, now: number, width: number | undefined): string {
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
  return rows.length === 0 ? '' : columns([heading, ...rows], [4, 5, 6], width);
}

function fragmentsText(app: AppOverview, plan: DistributedPlan, width: number | undefined): string {
  const rows = plan.fragments.map((fragment) => {
    const figures = app.fragments.find((one) => one.fragment === fragment.name);
    const { site, agent, worker } = fragment.host;
    return [
      ...[
        fragment.name,
        `${site}/${agent}#${worker}`,
        figures?.phase ?? untoldPhase(app, fragment.region),
        nodesOf(fragment),
      ],
      ...(figures === undefined ? ['', '', '', '', '', ''] : figuresOf(figures)),
    ];
  });
  const heading = ['FRAGMENT', 'AGENT', 'PHASE', 'CELLS', 'IN', 'OUT', 'RATE', 'LAG', 'WATERMARK', 'MEMORY'];
  return columns([heading, ...rows], [4, 5, 6, 7, 9], width);
}

/** Fragments where the plan is not known, which says what runs in them. */
function toldText({ fragments }: AppOverview, width: number | undefined): string {
  const rows = fragments.map((one) => [
    one.fragment,
    `${one.site}/${one.agent}#${one.worker}`,
    one.phase,
    ...figuresOf(one),
  ]);
  const heading = ['FRAGMENT', 'AGENT', 'PHASE', 'IN', 'OUT', 'RATE', 'LAG', 'WATERMARK', 'MEMORY'];
  return rows.length === 0 ? '' : columns([heading, ...rows], [3, 4, 5, 6, 8], width);
}

function figuresOf(figures: FragmentFigures): string[] {
  const { phase, lag, watermark, memory } = figures;
  const { taken = figures.rowsIn, given = figures.rowsOut, takenPerSecond = figures.rowsPerSecond } = figures;
  const rate = AT_REST.has(phase) ? '-' : `${count(Math.round(takenPerSecond))}/s`;
  const until = watermark === undefined ? '-' : new Date(watermark).toISOString().replace('.000Z', 'Z');
  const behind = lag === undefined ? '-' : duration(lag / 1_000);
  return [count(taken), count(given), rate, behind, until, `${mebibytes(memory)} MiB`];
}

/** What runs in it: sources, cells by the operators that were fused, sinks. */
export function nodesOf({ sources, cells, sinks }: FragmentPlan): string {
  return [...sources, ...cells, ...sinks].map(({ name }) => name).join(' ');
}

function streamsText({ fragments }: AppOverview, plan: DistributedPlan, width: number | undefined): string {
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
        // what a sender that has finished said last is not so any more
        const isRead = fragments.some(({ fragment: one, phase }) => one === channel.to && phase === 'finished');
        const queued = found === undefined ? '' : `${count(isRead ? 0 : Math.ceil(found.queued / 1024))} KiB`;
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
  return rows.length === 0 ? '' : columns([heading, ...rows], [4, 5, 6], width);
}

function troublesText(troubles: readonly HealthTrouble[], color: boolean, of = ''): string[] {
  return troubles.map((trouble) => {
    const { code, hint } = trouble;
    const advice = hint === undefined ? '' : `\n  ${hint}`;
    return `${of}${paint(code, 'red', color)}: ${troubleLine(trouble)}${advice}`;
  });
}
