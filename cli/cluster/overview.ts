/** Everything that documents and agents say of a cluster, or of one app, as `status` and `list` show it. */
import type { ClusterClient } from '../../engine/cluster/client.ts';
import type { AppDocument, AssignmentDocument, SiteDocument } from '../../engine/cluster/documents/documents.ts';
import type { AppName } from '../../engine/cluster/documents/names.ts';
import type { AgentStatus, FragmentFigures, RegionFigures } from '../../engine/cluster/documents/status.ts';

export interface AppOverview {
  readonly document: AppDocument;
  readonly assignment: AssignmentDocument | undefined;
  readonly fragments: readonly (FragmentFigures & { readonly site: string; readonly agent: string })[];
  readonly regions: readonly RegionFigures[];
}

export interface Overview {
  readonly agents: readonly AgentStatus[];
  readonly sites: readonly SiteDocument[];
  readonly apps: readonly AppOverview[];
}

/** Milliseconds that agents have to answer, where it is not known how many there are. */
const ANSWERS = 400;

/** `nodes`: an app whose nodes are wanted, too. */
export async function overviewOf(client: ClusterClient, nodes?: AppName): Promise<Overview> {
  const [documents, sites] = await Promise.all([client.apps(), client.sites()]);
  const assignments = await Promise.all(documents.map((document) => client.assignment(document)));
  const agents = await client.ask(ANSWERS, undefined, nodes);
  const apps = documents.map((document, index) => appOverview(document, assignments[index], agents));
  return { agents, sites, apps };
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

/** One word for how an app is: what the user wants where all follows, else what stands in the way. */
export function stateOf({ document, assignment, regions }: AppOverview): string {
  if (assignment === undefined || assignment.revision < document.revision) return 'waiting';
  if (assignment.troubles.length > 0 && assignment.deployed < document.deployed) return 'not placed';
  const names = Object.keys(assignment.regions);
  const phases = names.map((name) => regions.find(({ region }) => region === name)?.phase ?? 'unreachable');
  for (const phase of ['failed', 'unreachable', 'backoff', 'fenced', 'acquiring', 'starting', 'stopping'] as const) {
    if (phases.includes(phase)) return phase === 'backoff' ? 'restarting' : phase === 'acquiring' ? 'starting' : phase;
  }
  if (names.length > 0 && phases.every((phase) => phase === 'finished')) return 'finished';
  if (phases.every((phase) => phase === 'stopped')) return 'stopped';
  return document.wanted === 'paused' ? 'paused' : 'running';
}
