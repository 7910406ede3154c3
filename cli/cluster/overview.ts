/** Everything that documents and agents say of a cluster, or of one app, as `status` and `list` show it. */
import type { ClusterClient } from '../../engine/cluster/client.ts';
import type { AppDocument } from '../../engine/cluster/documents/app.ts';
import type { AssignmentDocument } from '../../engine/cluster/documents/assignment.ts';
import type { LeaseDocument } from '../../engine/cluster/documents/lease.ts';
import { type AppName, agentLabel } from '../../engine/cluster/documents/names.ts';
import type { SiteDocument } from '../../engine/cluster/documents/site.ts';
import type {
  AgentStatus,
  FragmentFigures,
  RegionFigures,
  SilentAgent,
} from '../../engine/cluster/documents/status.ts';
import type { Trouble } from '../../engine/cluster/documents/troubles.ts';
import { settledRegions } from './settled-regions.ts';

export interface AppOverview {
  readonly document: AppDocument;
  readonly assignment: AssignmentDocument | undefined;
  readonly fragments: readonly (FragmentFigures & { readonly site: string; readonly agent: string })[];
  readonly regions: readonly RegionFigures[];
}

/** `silent` is absent where nobody knows since when. */
export type MissingAgent = Omit<SilentAgent, 'silent'> & { readonly silent?: number };

export interface Overview {
  /** Milliseconds since the epoch when it was asked for. */
  readonly at: number;
  readonly agents: readonly AgentStatus[];
  /** Agents that others have heard of, and nobody hears any more, and those that should run something, and do not answer. */
  readonly silent: readonly MissingAgent[];
  /** Of the coordinator, or the last one that did not give it up. */
  readonly lease: LeaseDocument | undefined;
  readonly sites: readonly SiteDocument[];
  readonly apps: readonly AppOverview[];
  /** Why only a part of it is known; absent: all is. */
  readonly partial?: Trouble;
}

/** Milliseconds that agents have to answer, where it is not known how many there are. */
export const ANSWERS = 400;

/** `nodes`: an app whose nodes are wanted, too. */
export async function overviewOf(client: ClusterClient, nodes?: AppName): Promise<Overview> {
  const [documents, sites, lease] = await Promise.all([client.apps(), client.sites(), client.lease()]);
  const assignments = await Promise.all(documents.map((document) => client.assignment(document)));
  const agents = await client.ask(ANSWERS, undefined, nodes);
  const told = documents.map((document, index) => appOverview(document, assignments[index], agents));
  const apps = await Promise.all(told.map((app) => withSettled(client, app)));
  const known = { at: Date.now(), agents, lease, sites, apps };
  return { ...known, silent: missingAgents(known) };
}

async function withSettled(client: ClusterClient, app: AppOverview): Promise<AppOverview> {
  const { assignment, regions } = app;
  if (assignment === undefined) return app;
  return { ...app, regions: [...regions, ...(await settledRegions(client, assignment, regions))] };
}

/** Agents of the same site hear each other, and those of the cloud hear all: where none of these is left, assignments and the lease tell. */
export function missingAgents(overview: Omit<Overview, 'silent'>): readonly MissingAgent[] {
  const { at, agents, sites, lease, apps } = overview;
  const found = new Map<string, MissingAgent>(silentOf(agents, sites).map((one) => [agentLabel(one), one]));
  const there = new Set(agents.map(agentLabel));
  for (const app of apps) {
    const { document, assignment } = app;
    const isWanted = document.wanted === 'running' || document.wanted === 'paused';
    if (!isWanted || stateOf(app) === 'finished') continue;
    for (const { site, agent, tier, workers } of assignment?.agents ?? []) {
      const label = agentLabel({ site, agent });
      const isForgotten = sites.some((one) => one.forgotten && one.site === site);
      if (there.has(label) || found.has(label) || isForgotten) continue;
      const coordinated = lease !== undefined && agentLabel(lease.holder) === label;
      const silent = coordinated ? { silent: Math.max(0, at - lease.renewed) } : {};
      found.set(label, { site, agent, tier, workers, version: '', left: false, ...silent });
    }
  }
  return [...found.values()].sort((a, b) => agentLabel(a).localeCompare(agentLabel(b)));
}

/** Of what several say of one, the latest word; without those of sites that were forgotten, and those that left in good order. */
function silentOf(agents: readonly AgentStatus[], sites: readonly SiteDocument[]): readonly SilentAgent[] {
  const found = new Map<string, SilentAgent>();
  const there = new Set(agents.map(agentLabel));
  for (const one of agents.flatMap(({ silent }) => silent ?? [])) {
    const label = agentLabel(one);
    if (there.has(label) || one.left || sites.some(({ site, forgotten }) => forgotten && site === one.site)) continue;
    if (one.silent < (found.get(label)?.silent ?? Number.POSITIVE_INFINITY)) found.set(label, one);
  }
  return [...found.values()];
}

export function appOverview(
  document: AppDocument,
  assignment: AssignmentDocument | undefined,
  agents: readonly AgentStatus[],
): AppOverview {
  const mine = (one: { readonly namespace: string; readonly app: string }): boolean =>
    one.namespace === document.namespace && one.app === document.app;
  const fragments = agents.flatMap(({ site, agent, fragments: all }) =>
    all.filter(mine).map((fragment) => ({ ...fragment, site, agent })),
  );
  return {
    document,
    assignment,
    fragments: fragments.filter((one) => isCurrent(one, assignment)),
    regions: regionsOf(agents, mine),
  };
}

/** Agents keep what a fragment was last for a while after it went elsewhere. */
function isCurrent(
  fragment: FragmentFigures & { readonly site: string; readonly agent: string },
  assignment: AssignmentDocument | undefined,
): boolean {
  const host = assignment?.fragments[fragment.fragment]?.host;
  return host?.site === fragment.site && host.agent === fragment.agent;
}

function regionsOf(agents: readonly AgentStatus[], mine: (region: RegionFigures) => boolean): readonly RegionFigures[] {
  const newest = new Map<string, RegionFigures>();
  for (const region of agents.flatMap(({ regions }) => regions.filter(mine))) {
    const known = newest.get(region.region);
    if (known === undefined || known.deployed < region.deployed || known.epoch < region.epoch)
      newest.set(region.region, region);
  }
  return [...newest.values()];
}

/** The revision that an older one runs in place of, because it cannot be placed; undefined where there is no such. */
export function unplacedOf({ document, assignment }: AppOverview): number | undefined {
  if (assignment === undefined || assignment.troubles.length === 0) return undefined;
  return assignment.deployed < document.deployed ? document.deployed : undefined;
}

/** The revision that runs: an older one where the latest cannot be placed. */
export function revisionOf(app: AppOverview): number {
  const { document, assignment } = app;
  const isOlder = unplacedOf(app) !== undefined && assignment !== undefined && assignment.distributed !== '';
  return isOlder ? assignment.deployed : document.revision;
}

/** One word for how an app is, which runs at an older revision where the latest cannot be placed: what the user wants where all follows, else what stands in the way. */
export function stateOf(app: AppOverview): string {
  const { document, assignment, regions } = app;
  if (assignment === undefined || assignment.revision < document.revision) return 'waiting';
  if (unplacedOf(app) !== undefined && assignment.distributed === '') return 'not placed';
  const names = Object.keys(assignment.regions);
  const phases = names.map((name) => regions.find(({ region }) => region === name)?.phase ?? 'unreachable');
  for (const phase of ['failed', 'unreachable', 'backoff', 'fenced', 'acquiring', 'starting', 'stopping'] as const) {
    if (phases.includes(phase)) return phaseWord(phase);
  }
  if (names.length > 0 && phases.every((phase) => phase === 'finished')) return 'finished';
  if (phases.every((phase) => phase === 'stopped')) return 'stopped';
  return assignment.wanted === 'paused' ? 'paused' : 'running';
}

/** Of a fragment that no agent speaks of: its region may be over. */
export function untoldPhase({ regions }: AppOverview, region: string | undefined): string {
  const phase = regions.find((one) => one.region === region)?.phase;
  return phase === 'finished' || phase === 'stopped' ? phase : 'unreachable';
}

/** Of a region, or `unreachable`. */
export function phaseWord(phase: string): string {
  return phase === 'backoff' ? 'restarting' : phase === 'acquiring' ? 'starting' : phase;
}
