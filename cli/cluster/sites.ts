/** What is said of sites: listing, draining, forgetting. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterClient } from '../../engine/cluster/client.ts';
import { type CloudskinError, externalError, userError } from '../../engine/errors.ts';
import { suggest } from '../../engine/graph/suggest.ts';
import { milliseconds } from '../output/durations.ts';
import { Progress } from '../output/progress.ts';
import { columns } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';
import { type NatsOptions, withCluster } from './connect.ts';
import { type AppOverview, type Overview, overviewOf } from './overview.ts';
import { appLabelOf } from './status-text.ts';

export interface DrainFlags extends NatsOptions {
  readonly undo?: boolean;
  readonly json?: boolean;
  readonly within: string;
}

const LOOK = 200;
/** Of regions that have come to rest where they are. */
const SETTLED: ReadonlySet<string> = new Set(['running', 'finished', 'stopped', 'failed']);

interface Site {
  readonly site: string;
  readonly tier: string;
  readonly agents: number;
  readonly fragments: number;
  readonly state: 'here' | 'silent' | 'draining' | 'forgotten';
}

export async function listSites(flags: NatsOptions & { readonly json?: boolean }, terminal: Terminal): Promise<void> {
  await withCluster(flags, async ({ client }) => {
    const sites = sitesOf(await overviewOf(client));
    if (flags.json === true) return terminal.out(`${JSON.stringify({ sites })}\n`);
    const rows = sites.map(({ site, tier, agents, fragments, state }) => [
      site,
      tier,
      String(agents),
      String(fragments),
      state,
    ]);
    await terminal.out(columns([['SITE', 'TIER', 'AGENTS', 'FRAGMENTS', 'STATE'], ...rows], [2, 3], terminal.outWidth));
  });
}

/** Those with agents that answer, those with something assigned, those that something was said of. */
function sitesOf({ agents, sites, apps }: Overview): readonly Site[] {
  const assigned = apps.flatMap(({ assignment }) =>
    Object.values(assignment?.fragments ?? {}).map(({ host }) => host.site),
  );
  const names = new Set([...agents.map(({ site }) => site), ...assigned, ...sites.map(({ site }) => site)]);
  return [...names].sort().map((site) => {
    const there = agents.filter((agent) => agent.site === site);
    const said = sites.find((one) => one.site === site);
    const usual = there.length > 0 ? 'here' : 'silent';
    const state = said?.forgotten === true ? 'forgotten' : said?.draining === true ? 'draining' : usual;
    const fragments = assigned.filter((name) => name === site).length;
    return { site, tier: there[0]?.tier ?? '', agents: there.length, fragments, state };
  });
}

/** Throws `cluster.no-site` with the nearest right name. */
export function mustKnow(overview: Overview, name: string): Site {
  const sites = sitesOf(overview);
  const found = sites.find(({ site }) => site === name);
  if (found !== undefined) return found;
  const names = sites.map(({ site }) => site);
  const near = suggest(name, names);
  throw userError('cluster.no-site', `there is no site '${name}'`, {
    hint: near === undefined ? `there are: ${names.join(', ') || 'none'}` : `did you mean ${near}?`,
  });
}

export async function forgetSite(
  name: string,
  flags: NatsOptions & { readonly json?: boolean },
  terminal: Terminal,
): Promise<void> {
  await withCluster(flags, async ({ client }) => {
    const site = mustKnow(await overviewOf(client), name);
    if (site.agents > 0) {
      throw userError('cluster.site-is-here', `site ${name} answers: its agents run what they were given`, {
        hint: `cloudskin drain ${name} moves away what can move`,
      });
    }
    await client.site(name, { forgotten: true });
    const text = `site ${name} is forgotten: what it ran may run elsewhere`;
    await terminal.out(`${flags.json === true ? JSON.stringify({ site: name, state: 'forgotten' }) : text}\n`);
  });
}

/** Resolves to the exit status: 1 where something stays, or has not left in time. */
export async function drainSite(name: string, flags: DrainFlags, terminal: Terminal): Promise<number> {
  const within = milliseconds('--within', flags.within);
  const json = flags.json === true;
  const progress = new Progress(terminal, json);
  const tell = async (told: object, text: string): Promise<number> => {
    await terminal.out(`${json ? JSON.stringify({ site: name, ...told }) : text}\n`);
    return 0;
  };
  try {
    return await withCluster(flags, async ({ client }) => {
      mustKnow(await overviewOf(client), name);
      await client.site(name, { draining: flags.undo !== true });
      if (flags.undo === true)
        return tell({ state: 'here' }, `site ${name} takes part again; nothing moves back by itself`);
      const { stays, waits } = await untilLeft(client, name, within, progress);
      progress.end();
      if (stays.length === 0 && waits.length === 0) return tell({ state: 'empty', left: [] }, `site ${name} is empty`);
      if (!json) throw waits.length > 0 ? late(name, waits, flags.within) : leftBehind(name, stays);
      await tell({ state: waits.length > 0 ? 'late' : 'left', left: stays, waits }, '');
      return 1;
    });
  } finally {
    progress.end();
  }
}

interface Left {
  readonly app: string;
  readonly node: string;
  readonly why: string;
}

interface Progressing {
  /** What has to stay. */
  readonly stays: readonly Left[];
  /** What has not left yet, or has not started again elsewhere. */
  readonly waits: readonly string[];
}

async function untilLeft(
  client: ClusterClient,
  site: string,
  within: number,
  progress: Progress,
): Promise<Progressing> {
  const until = performance.now() + within;
  const concerned = new Set<string>();
  for (;;) {
    const { apps } = await overviewOf(client);
    const runsThere = ({ assignment }: AppOverview): boolean =>
      Object.values(assignment?.fragments ?? {}).some(({ host }) => host.site === site);
    for (const app of apps.filter(runsThere)) concerned.add(appLabelOf(app));
    const all = apps.filter((app) => concerned.has(appLabelOf(app))).map((app) => leaving(app, site));
    const waits = all.flatMap((one) => one.waits);
    if (waits.length === 0 || performance.now() > until) return { stays: all.flatMap((one) => one.stays), waits };
    progress.step(`waiting for ${waits.length} to leave ${site}`);
    await sleep(LOOK);
  }
}

function leaving({ document, assignment, regions }: AppOverview, site: string): Progressing {
  const { app, wanted } = document;
  if (assignment === undefined || wanted === 'undeployed') return { stays: [], waits: [] };
  const stays = (assignment.left ?? []).flatMap(({ node, site: at, why }) => (at === site ? [{ app, node, why }] : []));
  const nodes = Object.entries(assignment.nodes).flatMap(([node, hosts]) =>
    hosts.some((host) => host.site === site) ? [node] : [],
  );
  const moving = nodes.filter((node) => !stays.some((one) => one.node === node)).map((node) => `${app} ${node}`);
  const starting = Object.entries(assignment.regions).flatMap(([name, { epoch }]) => {
    const region = regions.find((one) => one.region === name);
    const isThere = region !== undefined && (region.epoch >= epoch || wanted !== 'running');
    return isThere && SETTLED.has(region.phase) ? [] : [`${app}: region ${name}`];
  });
  return { stays, waits: [...moving, ...starting] };
}

function late(site: string, waits: readonly string[], within: string): CloudskinError {
  const message = `not everything has left ${site} within ${within}: ${waits.slice(0, 5).join(', ')}`;
  return externalError('drain.not-yet', message, {
    retry: true,
    hint: `it goes on by itself; cloudskin drain ${site} waits again`,
  });
}

function leftBehind(site: string, stays: readonly Left[]): CloudskinError {
  const all = stays.map(({ app, node, why }) => `${app}: "${node}" stays at ${site}: ${why}`);
  return externalError('drain.left-behind', all.join('\n'), {
    hint: `all else has left; place these elsewhere, or undeploy them, before ${site} goes away`,
  });
}
