/** What the coordinator makes of an app document, an assignment and the agents there are. Pure; when, is `assigner.ts`'s. */

import { wholeName } from '../../compile/distribute/names.ts';
import type { AgentInfo } from '../../compile/distribute.ts';
import type { DistributedPlan, FragmentPlan, Host } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import { placementOf } from '../../graph/placement.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import type { AppDocument, Overrides } from '../documents/app.ts';
import type { AssignmentDocument, CheckpointPolicy, LeftBehind, RegionAssignment } from '../documents/assignment.ts';
import { versioned, versionOf } from '../documents/document.ts';
import { type AgentName, sameAgent } from '../documents/names.ts';
import { type Trouble, troublesOf } from '../documents/troubles.ts';
import { type Ancestry, lineageOf } from './lineage.ts';

/** Taken where the graph says nothing. */
const CHECKPOINT: CheckpointPolicy = { every: 10_000, keep: 3 };

function checkpointPolicy({ checkpoint }: LogicalPlan): CheckpointPolicy {
  if (checkpoint === undefined) return CHECKPOINT;
  return { every: Math.max(1, Math.round(Number(checkpoint.every) / 1_000)), keep: checkpoint.keep ?? CHECKPOINT.keep };
}

/** An assignment that nothing has been given to anybody by. */
export function emptyAssignment({ namespace, app }: AppDocument): AssignmentDocument {
  return {
    ...versioned,
    namespace,
    app,
    revision: 0,
    deployed: 0,
    wanted: 'stopped',
    term: 0,
    plan: '',
    distributed: '',
    checkpoint: CHECKPOINT,
    regions: {},
    fragments: {},
    agents: [],
    nodes: {},
    troubles: [],
  };
}

/** The app document's wish, where only that has changed. */
export function withWish(assignment: AssignmentDocument, app: AppDocument, term: number): AssignmentDocument {
  const { drain: _, ...rest } = assignment;
  const drain = defined({ drain: app.drain });
  const asked = defined({ asked: app.asked });
  return { ...rest, revision: app.revision, wanted: app.wanted, ...drain, ...asked, term };
}

/** What an assignment says of the app document that it was made of; for a server that has lost the document and not the assignment. */
export function appOf(assignment: AssignmentDocument, known: AppDocument | undefined, now: number): AppDocument {
  const { namespace, app, revision, deployed, wanted, plan } = assignment;
  const { drain, restore, fresh, asked, overrides, pauseBudget } = assignment;
  return {
    ...(known ?? { ...versioned, parameters: [] }),
    namespace,
    app,
    revision,
    deployed,
    wanted,
    plan,
    changed: now,
    ...defined({ drain, restore, fresh, asked, overrides, pauseBudget }),
  };
}

export interface Planned {
  readonly app: AppDocument;
  readonly plan: LogicalPlan;
  readonly distributed: DistributedPlan;
  readonly digest: string;
  readonly nodes: ReadonlyMap<string, readonly Host[]>;
  /** Those that it may have been given to. */
  readonly agents: readonly AgentInfo[];
  readonly epoch: number;
  /** Every region gets the new epoch. */
  readonly anew: boolean;
  readonly term: number;
  readonly before: AssignmentDocument;
  readonly overrides: Overrides | undefined;
  /** What has to stay where it is though its site is to be left. */
  readonly left: readonly LeftBehind[];
  readonly ancestry: Ancestry;
  /** Where a region's record and checkpoints are to be. `shared`: not on a site's own side, which may be lost. */
  readonly domainOf: (leader: AgentName, sites: ReadonlySet<string>, shared: boolean) => string | undefined;
  readonly isAlive: (agent: AgentName) => boolean;
  /** Whether it can run fragments that take over from others while rows flow. */
  readonly handsOver: (agent: AgentName) => boolean;
}

/** The assignment of a plan that was placed: regions whose fragments stay as they are keep their epoch, unless it is a new deployment. */
export function assignmentOf(planned: Planned): AssignmentDocument {
  const { app, plan, distributed, digest, nodes, term, before, agents, overrides } = planned;
  const fragments = Object.fromEntries(
    distributed.fragments.map(({ name, region, host }) => [name, { region, host: hostOf(host) }]),
  );
  const { drain, restore, fresh, asked, pauseBudget } = app;
  const { left: _, drain: __, restore: ___, fresh: ____, overrides: _____, pauseBudget: ______, ...known } = before;
  const regions = regionsOf(planned);
  return {
    ...known,
    ...versionOf(Object.values(regions).some(({ since, from }) => since !== undefined || from !== undefined)),
    namespace: app.namespace,
    app: app.app,
    revision: app.revision,
    deployed: app.deployed,
    wanted: app.wanted,
    ...defined({ drain, restore, fresh, asked, overrides, pauseBudget }),
    ...(planned.ancestry.fresh ? { begun: app.deployed } : {}),
    term,
    plan: app.plan,
    distributed: digest,
    checkpoint: checkpointPolicy(plan),
    fragments,
    troubles: [],
    regions,
    ...(planned.left.length === 0 ? {} : { left: planned.left }),
    agents: agents.filter((agent) => distributed.fragments.some(({ host }) => sameAgent(host, agent))),
    nodes: Object.fromEntries([...nodes].map(([node, hosts]) => [node, hosts.map(hostOf)])),
  };
}

function regionsOf(planned: Planned): Readonly<Record<string, RegionAssignment>> {
  const { app, distributed, before, anew } = planned;
  const names = new Set(distributed.fragments.map(({ region }) => region));
  const regions: Record<string, RegionAssignment> = {};
  for (const name of names) {
    const members = distributed.fragments.filter(({ region }) => region === name);
    const known = before.regions[name];
    const same = known !== undefined && !anew && before.deployed === app.deployed && sameHosts(name, planned);
    regions[name] = same ? known : newRegion(name, members, planned);
  }
  return regions;
}

function newRegion(name: string, members: readonly FragmentPlan[], planned: Planned): RegionAssignment {
  const { plan, before, domainOf, isAlive, epoch, ancestry } = planned;
  const hosts = members.map(({ host }) => host);
  const leader = leaderOf(name, hosts, planned);
  const shared = members.some(mayBeRebuilt(plan));
  const sites = new Set(hosts.map(({ site }) => site));
  const domain = shared ? undefined : keptDomain(name, leader, sites, planned);
  const place = domain ?? domainOf(leader, sites, shared);
  const lineage = lineageOf(name, place, members, ancestry);
  const formers = [name, ...(lineage.from ?? []).map(({ region }) => region)].flatMap(
    (one) => before.regions[one] ?? [],
  );
  const runs = Object.values(before.fragments).map(({ host }) => host);
  const handover = formers.length > 0 && formers.every((one) => isAlive(one.leader)) && runs.every(isAlive);
  const live = handover && [...runs, ...hosts].every(planned.handsOver);
  return { epoch, leader, handover, ...(live ? { live } : {}), ...defined({ domain: place }), ...lineage };
}

/** Whoever led it, as long as it is there and has some of it: it knows all that has to be handed over. Else whoever has the first of it. */
function leaderOf(name: string, hosts: readonly Host[], { before, isAlive }: Planned): AgentName {
  const [first] = hosts;
  if (first === undefined) throw new TypeError('a region has fragments');
  const former = before.regions[name]?.leader;
  const stays = former !== undefined && isAlive(former) && hosts.some((host) => sameAgent(host, former));
  return stays ? former : { site: first.site, agent: first.agent };
}

/**
 * Its record stays on its leader's side where all others that have something of it are of the cloud, which reads and writes there: what leaves the leader's site
 * for the cloud, and comes back, does so while rows flow.
 */
function keptDomain(
  name: string,
  leader: AgentName,
  sites: ReadonlySet<string>,
  { before, app, agents, domainOf }: Planned,
): string | undefined {
  const known = before.regions[name];
  if (known === undefined || !sameAgent(known.leader, leader) || before.deployed !== app.deployed) return undefined;
  const inReach = [...sites].every((site) => site === leader.site || tierOf(site, agents) === 'cloud');
  return inReach && known.domain === domainOf(leader, new Set([leader.site]), false) ? known.domain : undefined;
}

function tierOf(site: string, agents: readonly AgentInfo[]): string | undefined {
  return agents.find((agent) => agent.site === site)?.tier;
}

function mayBeRebuilt({ placement }: LogicalPlan): (fragment: FragmentPlan) => boolean {
  const says = (name: string): boolean => placementOf(wholeName(name), placement)?.rebuild === true;
  return ({ sources, cells, sinks }) =>
    [...sources, ...cells.flatMap(({ operators }) => operators), ...sinks].some(({ name }) => says(name));
}

function sameHosts(region: string, { distributed, before }: Planned): boolean {
  const members = distributed.fragments.filter((fragment) => fragment.region === region);
  const former = Object.values(before.fragments).filter((fragment) => fragment.region === region);
  return (
    members.length === former.length &&
    members.every(({ name, host }) => {
      const known = before.fragments[name];
      return known !== undefined && sameAgent(known.host, host) && known.host.worker === host.worker;
    })
  );
}

function hostOf({ site, agent, worker }: Host): Host {
  return { site, agent, worker };
}

/** Hosts with lost agents replaced by others of the same site, those with the fewest workers in use first; undefined where nothing can be. */
export function replaceLost(
  nodes: Readonly<Record<string, readonly Host[]>>,
  isLost: (agent: AgentName) => boolean,
  others: (site: string) => readonly { readonly agent: string; readonly workers: number }[],
): ReadonlyMap<string, readonly Host[]> | undefined {
  let replaced = 0;
  const next = new Map<string, readonly Host[]>();
  for (const [node, hosts] of Object.entries(nodes)) {
    next.set(
      node,
      hosts.map((host, partition) => {
        const candidates = isLost(host) ? others(host.site) : [];
        const chosen = candidates[partition % Math.max(1, candidates.length)];
        if (chosen === undefined) return host;
        replaced += 1;
        return { site: host.site, agent: chosen.agent, worker: host.worker % Math.max(1, chosen.workers) };
      }),
    );
  }
  return replaced === 0 ? undefined : next;
}

/** Of an app document that cannot be placed; what runs of an earlier one goes on, which is said, too. */
export function troublesAt(before: AssignmentDocument, app: AppDocument, error: unknown): readonly Trouble[] {
  const troubles = troublesOf(error);
  if (before.distributed === '' || before.deployed >= app.deployed) return troubles;
  const stays = `revision ${before.deployed} stays, revision ${app.deployed} cannot be placed`;
  return troubles.map((trouble) => ({ ...trouble, message: `${stays}: ${trouble.message}` }));
}
