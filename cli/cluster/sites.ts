/** What is said of sites: listing, draining, forgetting. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterClient } from '../../engine/cluster/client.ts';
import { externalError, userError } from '../../engine/errors.ts';
import { suggest } from '../../engine/graph/suggest.ts';
import type { Terminal } from '../terminal.ts';
import { type NatsOptions, withCluster } from './connect.ts';
import { milliseconds } from './durations.ts';
import { type Overview, overviewOf } from './overview.ts';
import { Progress } from './progress.ts';
import { columns } from './table.ts';

export interface DrainFlags extends NatsOptions {
  readonly undo?: boolean;
  readonly timeout: string;
}

const LOOK = 200;

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
    await terminal.out(columns([['SITE', 'TIER', 'AGENTS', 'FRAGMENTS', 'STATE'], ...rows], [2, 3]));
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

function mustKnow(overview: Overview, name: string): Site {
  const sites = sitesOf(overview);
  const found = sites.find(({ site }) => site === name);
  if (found !== undefined) return found;
  const names = sites.map(({ site }) => site);
  const near = suggest(name, names);
  throw userError('cluster.no-site', `there is no site '${name}'`, {
    hint: near === undefined ? `there are: ${names.join(', ') || 'none'}` : `did you mean ${near}?`,
  });
}

export async function forgetSite(name: string, flags: NatsOptions, terminal: Terminal): Promise<void> {
  await withCluster(flags, async ({ client }) => {
    const site = mustKnow(await overviewOf(client), name);
    if (site.agents > 0) {
      throw userError('cluster.site-is-here', `site ${name} answers: its agents run what they were given`, {
        hint: `cloudskin drain ${name} moves away what can move`,
      });
    }
    await client.site(name, { forgotten: true });
    await terminal.out(`site ${name} is forgotten: what it ran may run elsewhere\n`);
  });
}

export async function drainSite(name: string, flags: DrainFlags, terminal: Terminal): Promise<void> {
  const timeout = milliseconds('--timeout', flags.timeout);
  const progress = new Progress(terminal);
  try {
    await withCluster(flags, async ({ client }) => {
      mustKnow(await overviewOf(client), name);
      await client.site(name, { draining: flags.undo !== true });
      if (flags.undo === true) return terminal.out(`site ${name} takes part again\n`);
      const left = await untilEmpty(client, name, timeout, progress);
      progress.end();
      if (left.length === 0) return terminal.out(`site ${name} is empty\n`);
      throw externalError('drain.left-behind', `${left.join(', ')} stay at ${name}`, {
        hint: 'their placement names this site, or no other one fits; cloudskin status APP says more',
      });
    });
  } finally {
    progress.end();
  }
}

/** Resolves to what has to stay: fragments by app. */
async function untilEmpty(
  client: ClusterClient,
  site: string,
  timeout: number,
  progress: Progress,
): Promise<readonly string[]> {
  const until = performance.now() + timeout;
  for (;;) {
    const { apps } = await overviewOf(client);
    const there = apps.flatMap(({ document, assignment }) =>
      Object.entries(assignment?.fragments ?? {}).flatMap(([fragment, { host }]) =>
        host.site === site && document.wanted !== 'undeployed'
          ? [{ name: `${document.app} ${fragment}`, stuck: (assignment?.troubles.length ?? 0) > 0 }]
          : [],
      ),
    );
    if (there.every(({ stuck }) => stuck) || performance.now() > until) return there.map(({ name }) => name);
    progress.step(`waiting for ${there.length} to leave ${site}`);
    await sleep(LOOK);
  }
}
