/**
 * What can be known of a cluster while its control documents are out of reach: what the agents in reach say of themselves, and the records of
 * regions beside the server. Wishes, what runs elsewhere, and which of it should run, are not known.
 */
import type { ClusterClient } from '../../engine/cluster/client.ts';
import type { AppDocument } from '../../engine/cluster/documents/app.ts';
import type { AssignmentDocument } from '../../engine/cluster/documents/assignment.ts';
import { versioned } from '../../engine/cluster/documents/document.ts';
import { type AgentName, appLabel } from '../../engine/cluster/documents/names.ts';
import type { RegionRecord } from '../../engine/cluster/documents/region-record.ts';
import type { AgentStatus, FragmentFigures, RegionFigures } from '../../engine/cluster/documents/status.ts';
import { CloudskinError } from '../../engine/errors.ts';
import { ANSWERS, type AppOverview, appOverview, type Overview, overviewOf } from './overview.ts';
import { settled } from './settled-regions.ts';

/** All of it, or where the documents are out of reach what is known here, marked as `partial`. */
export async function overviewInReach(client: ClusterClient): Promise<Overview> {
  try {
    return await overviewOf(client);
  } catch (error) {
    if (!(error instanceof CloudskinError) || error.code !== 'cluster.no-cloud') throw error;
    const [agents, records] = await Promise.all([client.ask(ANSWERS), client.regionRecords().catch(() => [])]);
    // nothing to show: the error says more
    if (agents.length === 0) throw error;
    const { code, message, hint } = error;
    const partial = {
      code,
      message: `${message}: this is what is known here`,
      ...(hint === undefined ? {} : { hint }),
    };
    return {
      at: Date.now(),
      agents,
      silent: [],
      lease: undefined,
      sites: [],
      apps: appsInReach(agents, records),
      partial,
    };
  }
}

/** Apps that an agent has something of, or that a record says to run. */
export function appsInReach(agents: readonly AgentStatus[], records: readonly RegionRecord[]): readonly AppOverview[] {
  const living = records.filter(({ finished, released }) => !finished && !released);
  const told = agents.flatMap(({ fragments, regions }) => [...fragments, ...regions]);
  const names = new Map([...told, ...living].map((one) => [appLabel(one), one]));
  return [...names.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label]) => {
      const mine = (one: { readonly namespace: string; readonly app: string }): boolean => appLabel(one) === label;
      return appInReach(
        agents.map((agent) => ({
          ...agent,
          fragments: agent.fragments.filter(mine),
          regions: agent.regions.filter(mine),
        })),
        records.filter(mine),
      );
    });
}

type Hosted = FragmentFigures & AgentName;

/** `agents` and `records`: with nothing of other apps. */
function appInReach(agents: readonly AgentStatus[], records: readonly RegionRecord[]): AppOverview {
  const hosted = newest(
    agents.flatMap(({ site, agent, fragments }) => fragments.map((one) => ({ ...one, site, agent }))),
  );
  const led = agents.flatMap(({ site, agent, regions }) => regions.map((one) => ({ ...one, site, agent })));
  const all = [...hosted, ...led, ...records];
  const { namespace = '', app = '' } = all[0] ?? {};
  const highest = (numbers: readonly number[]): number => Math.max(0, ...numbers);
  const deployed = highest([...led, ...records].map((one) => one.deployed));
  const revision = highest([...hosted, ...led].map((one) => one.revision).concat(deployed));
  const wanted = wantedOf(hosted, led);
  const document: AppDocument = {
    ...versioned,
    namespace,
    app,
    revision,
    deployed,
    wanted,
    plan: '',
    parameters: [],
    changed: 0,
  };
  const regions = [...new Set(all.map(({ region }) => region))].sort().map((region) => {
    const leader = led.find((one) => one.region === region) ?? records.find((one) => one.region === region)?.holder;
    const { site = '?', agent = '?' } = leader ?? {};
    const epoch = highest(all.filter((one) => one.region === region).map((one) => one.epoch));
    return [region, { leader: { site, agent }, epoch, handover: false }] as const;
  });
  const assignment: AssignmentDocument = {
    ...{ ...versioned, namespace, app, revision, deployed, wanted, term: 0, plan: '', distributed: '' },
    // how often one is due is written in the documents only
    checkpoint: { every: Number.POSITIVE_INFINITY, keep: 0 },
    regions: Object.fromEntries(regions),
    fragments: Object.fromEntries(
      hosted.map(({ fragment, region, site, agent, worker }) => [fragment, { region, host: { site, agent, worker } }]),
    ),
    ...{ agents: [], nodes: {}, troubles: [] },
  };
  const known = appOverview(document, assignment, agents);
  const untold = records.filter(({ region }) => !known.regions.some((one) => one.region === region));
  return { ...known, regions: [...known.regions, ...untold.flatMap((record) => settled(record, assignment))] };
}

/** Agents keep what a fragment was last for a while after it went elsewhere. */
function newest(fragments: readonly Hosted[]): readonly Hosted[] {
  const found = new Map<string, Hosted>();
  for (const one of fragments) if ((found.get(one.fragment)?.epoch ?? -1) < one.epoch) found.set(one.fragment, one);
  return [...found.values()].sort((a, b) => (a.fragment < b.fragment ? -1 : 1));
}

/** As it looks here. */
function wantedOf(hosted: readonly Hosted[], led: readonly RegionFigures[]): AppDocument['wanted'] {
  if (hosted.some(({ phase }) => phase === 'paused')) return 'paused';
  return led.length > 0 && led.every(({ phase }) => phase === 'stopped') ? 'stopped' : 'running';
}
