/**
 * How a cluster and its apps are, worked out of what documents and agents say: one word for each app, and what is wrong, where, for how
 * long, and what to do about it. `status`, `list` and `top` show it, and `--json` has it as data.
 */

import { type AppName, agentLabel } from '../../engine/cluster/documents/names.ts';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import type { Trouble } from '../../engine/cluster/documents/troubles.ts';
import { channelEnds } from '../../engine/compile/distribute/names.ts';
import { defined } from '../../engine/defined.ts';
import { count, duration, plural } from '../output/figures.ts';
import { appArguments } from './app-words.ts';
import { diskTroubles } from './disk-health.ts';
import { type AppOverview, type MissingAgent, type Overview, phaseWord, stateOf } from './overview.ts';

export interface HealthTrouble extends Trouble {
  /** `region main`, `agent plant/plant-1`, `sink totals of totals at hub/hub-1`. */
  readonly where: string;
  /** Milliseconds for which it has been so, where that is known. */
  readonly lasts?: number;
}

export interface AppHealth {
  readonly app: AppOverview;
  /** That of `stateOf`, but `degraded` where it would be running or paused and something is wrong. */
  readonly state: string;
  readonly troubles: readonly HealthTrouble[];
}

export interface Health {
  /** Of the cluster; those that concern an app are among its own, too. */
  readonly troubles: readonly HealthTrouble[];
  readonly apps: readonly AppHealth[];
}

/** A checkpoint is overdue after so many intervals, and after so many milliseconds at least; so long may take what follows the last one, too. */
const OVERDUE_INTERVALS = 3;
const OVERDUE = 5_000;
/** Milliseconds for which a connector has tried again before it is worth a word: a request that is refused once is nothing. */
const RETRYING = 1_000;
/** Milliseconds since a coordinator renewed its lease, which it does each second, after which it is not just slow to answer. */
const LEASE_OLD = 5_000;

export function healthOf(overview: Overview): Health {
  const coordinator = coordinatorTroubles(overview);
  const silent = overview.silent.map((agent) => silentTrouble(agent, agentLabel(agent), []));
  return {
    troubles: [...coordinator, ...tierTroubles(overview), ...diskTroubles(overview), ...silent],
    apps: overview.apps.map((app) => {
      const troubles = [...appTroubles(app, overview), ...coordinator];
      const state = stateOf(app);
      const isDegraded = troubles.length > 0 && (state === 'running' || state === 'paused');
      return { app, state: isDegraded ? 'degraded' : state, troubles };
    }),
  };
}

/** In one line. */
export function troubleLine({ where, message, lasts }: HealthTrouble): string {
  const place = message.startsWith(where) ? '' : `${where}: `;
  return `${place}${message}${lasts === undefined ? '' : `, for ${duration(Math.round(lasts / 1_000))}`}`;
}

function coordinatorTroubles({ agents, lease, at, partial }: Overview): readonly HealthTrouble[] {
  if (partial !== undefined) return [{ ...partial, where: 'cloud' }];
  if (agents.some(({ coordinator }) => coordinator)) return [];
  const age = lease === undefined ? undefined : Math.max(0, at - lease.renewed);
  // It may only have been too slow to answer.
  if (age !== undefined && age < LEASE_OLD) return [];
  return [
    {
      code: 'cluster.no-coordinator',
      where: 'coordinator',
      message: 'there is none: what runs goes on, but nothing is placed, moved or changed',
      hint: 'an agent of the cloud coordinates: cloudskin agent --site NAME --tier cloud',
      ...defined({ lasts: age }),
    },
  ];
}

/** Agents that could not hear each other when they began. */
function tierTroubles({ agents }: Overview): readonly HealthTrouble[] {
  return [...Map.groupBy(agents, ({ site }) => site)].flatMap(([site, all]) => {
    if (new Set(all.map(({ tier }) => tier)).size < 2) return [];
    const each = all.map((agent) => `${agent.agent} is of tier ${agent.tier}`).join(', ');
    return [
      {
        code: 'agent.other-tier',
        where: `site ${site}`,
        message: `a site is of one tier, and ${each}`,
        hint: 'end those of the wrong tier; started again with it, they are refused',
      },
    ];
  });
}

function appTroubles(app: AppOverview, overview: Overview): readonly HealthTrouble[] {
  const placing = (app.assignment?.troubles ?? []).map((trouble) => ({ ...trouble, where: 'placement' }));
  const regions = [...regionTroubles(app, overview), ...undrained(app, overview.at)];
  const here = [...absentees(app, overview), ...diskTroubles(overview, app.document)];
  return [...placing, ...here, ...regions, ...fragmentTroubles(app)];
}

/** Agents and fragments that should be there, and are not. */
function absentees({ document, assignment, fragments, regions }: AppOverview, overview: Overview): HealthTrouble[] {
  if (document.wanted !== 'running' && document.wanted !== 'paused') return [];
  const missing = new Map<string, string[]>();
  const troubles: HealthTrouble[] = [];
  for (const [name, { host, region }] of Object.entries(assignment?.fragments ?? {})) {
    const phase = regions.find((one) => one.region === region)?.phase;
    if (phase === 'finished' || phase === 'failed' || phase === 'stopped') continue;
    const label = agentLabel(host);
    const isThere = overview.agents.some((agent) => agentLabel(agent) === label);
    if (!isThere) missing.set(label, [...(missing.get(label) ?? []), name]);
    else if (phase === 'running' && !fragments.some(({ fragment }) => fragment === name)) {
      const where = `fragment ${name} at ${label}`;
      const hint = `cloudskin logs ${appArguments(document)} says more`;
      troubles.push({ code: 'cluster.unreachable', where, message: 'its agent does not run it', hint });
    }
  }
  for (const [label, names] of missing) {
    const silent = overview.silent.find((agent) => agentLabel(agent) === label);
    troubles.push(silentTrouble(silent, label, names));
  }
  return troubles;
}

/** `fragments`: what is to run there. */
function silentTrouble(silent: MissingAgent | undefined, label: string, fragments: readonly string[]): HealthTrouble {
  const [site = ''] = label.split('/');
  const what = silent?.silent === undefined ? 'does not answer' : silent.left ? 'has left' : 'is silent';
  const some = fragments.slice(0, 5).join(', ');
  const more = fragments.length > 5 ? ` and ${plural(fragments.length - 5, 'other')}` : '';
  const unreachable = fragments.length === 0 ? '' : `; unreachable on site ${site}: ${some}${more}`;
  return {
    code: 'cluster.agent-silent',
    where: `agent ${label}`,
    message: `${what}${unreachable}`,
    hint: `start it again; cloudskin site forget ${site} lets what can run elsewhere do so, if all of the site is gone`,
    ...(silent?.silent === undefined ? {} : { lasts: silent.silent }),
  };
}

function regionTroubles({ document, assignment, regions }: AppOverview, { silent }: Overview): HealthTrouble[] {
  const isWanted = document.wanted === 'running' || document.wanted === 'paused';
  return Object.entries(assignment?.regions ?? {}).flatMap(([name, { leader }]): HealthTrouble[] => {
    const where = `region ${name}`;
    const region = regions.find((one) => one.region === name);
    if (region !== undefined) {
      const own = region.trouble === undefined ? [] : [{ ...region.trouble, where }];
      const overdue = document.wanted === 'running' ? overdueOf(region, assignment?.checkpoint.every, document) : [];
      return [...own, ...overdue];
    }
    if (!isWanted) return [];
    const label = agentLabel(leader);
    const lasts = silent.find((agent) => agentLabel(agent) === label)?.silent;
    return [
      {
        code: 'cluster.no-leader',
        where,
        message: `nobody leads it: ${label} is to, and says nothing of it`,
        hint: `it takes no checkpoints and is not restarted until ${label} is back, or another agent takes over`,
        ...defined({ lasts }),
      },
    ];
  });
}

function overdueOf(region: RegionFigures, every: number | undefined, app: AppName): HealthTrouble[] {
  const { unsaved, phase, hindrance, checkpoint } = region;
  if (unsaved === undefined || every === undefined || phase !== 'running') return [];
  if (unsaved <= Math.max(OVERDUE_INTERVALS * every, OVERDUE)) return [];
  const why = hindrance === undefined ? '' : `: ${hindrance}`;
  const from = checkpoint === 0 ? 'the beginning' : `checkpoint ${checkpoint}`;
  return [
    {
      code: 'checkpoint.overdue',
      where: `region ${region.region}`,
      message: `no checkpoint was completed, though one is due every ${duration(every / 1_000)}${why}`,
      hint: `a restart would go back to ${from}; cloudskin logs ${appArguments(app)} says more`,
      lasts: unsaved,
    },
  ];
}

/** What has ended above a durable stream is done only when the region below has read it. */
function undrained({ document, assignment, fragments, regions }: AppOverview, at: number): HealthTrouble[] {
  if (document.wanted !== 'running') return [];
  const phaseOf = (name: string): string => regions.find(({ region }) => region === name)?.phase ?? 'unreachable';
  return fragments.flatMap(({ phase, region, channels, site, agent }) =>
    channels.flatMap(({ channel, connected, queued }): HealthTrouble[] => {
      const below = assignment?.fragments[channelEnds(channel).to]?.region;
      const isLeft = (phase === 'ended' || phase === 'finished') && !connected && queued > 0;
      if (!isLeft || below === undefined || below === region) return [];
      const belowPhase = phaseOf(below);
      if (belowPhase === 'running' || belowPhase === 'finished') return [];
      const completed = regions.find((one) => one.region === region)?.completed;
      const lasts = completed === undefined ? undefined : Math.max(0, at - completed);
      if (lasts !== undefined && lasts < OVERDUE) return [];
      return [
        {
          code: 'stream.undrained',
          where: `stream ${channelEnds(channel).stream}`,
          message: `region ${region} has ended, and ${count(Math.ceil(queued / 1_024))} KiB wait for region ${below}, which is ${phaseWord(belowPhase)}`,
          hint: `they are kept at ${site}/${agent}, and read as soon as region ${below} runs`,
          ...defined({ lasts }),
        },
      ];
    }),
  );
}

function fragmentTroubles({ fragments, regions }: AppOverview): HealthTrouble[] {
  return fragments.flatMap(({ fragment, site, agent, trouble, retries = [] }) => {
    const where = `fragment ${fragment} at ${site}/${agent}`;
    const lasting = retries.filter(({ lasts }) => lasts >= RETRYING);
    // Its region tells the same of it.
    const isTold = regions.some((one) => one.trouble?.message === `${fragment}: ${trouble?.message}`);
    return [
      ...(trouble === undefined || isTold ? [] : [{ ...trouble, where }]),
      ...lasting.map(({ node, server, reason, lasts, attempts }) => ({
        code: 'connector.retrying',
        where: `${node} of ${where}`,
        message: `${server}: ${reason}; tried again ${plural(attempts, 'time')}`,
        hint: `it goes on by itself as soon as ${server} takes part again`,
        lasts,
      })),
    ];
  });
}
