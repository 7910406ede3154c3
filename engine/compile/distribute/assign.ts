/**
 * The placement that holds where no planner says better: sources and sinks where the graph puts them, operators beside what they read, everything
 * that is put nowhere in one place. Deterministic: the same graph and the same agents give the same hosts.
 */
import { type Problem, throwProblems } from '../../errors.ts';
import { placementOf } from '../../graph/placement.ts';
import type { LogicalPlan, OperatorNode, SinkNode, SourceNode } from '../../graph/plan.ts';
import { stayBounds, stayProof } from '../../graph/stays.ts';
import { type Assignment, type Host, KEY_GROUPS } from '../fragment-plan.ts';
import type { AgentInfo } from './agent-info.ts';
import { type ApartNode, apartPairs, separate, smallestClash } from './apart.ts';
import { conflict, type Demand, demandsOf, wordsOf } from './constraints.ts';
import { sameHost, sameHosts } from './links.ts';
import { type Change, mustFollow, NO_CHANGE, overrideDemands, readersOf, refusals } from './overrides.ts';
import { keepsState } from './site-owned.ts';
import { firstWorker, nearest, slotsOf } from './slots.ts';

type Node = SourceNode | OperatorNode | SinkNode;
type Hosts = ReadonlyMap<string, readonly Host[]>;

/**
 * Hosts for every source, operator and sink. Nodes of `keep` stay where they are where that is still allowed; what `change` asks for goes where it says.
 * Throws `placement.…` with a problem for every node that finds no place, and why: the fewest demands that exclude each other.
 */
export function assign(
  plan: LogicalPlan,
  agents: readonly AgentInfo[],
  keep: Hosts = new Map(),
  avoid: Avoid = NOTHING,
  change: Change = NO_CHANGE,
): Placed {
  return new Assigning(plan, agents, keep, avoid, change).run();
}

/** Sites that nothing new is placed on, and that whatever can leave leaves. */
export interface Avoid {
  readonly sites: ReadonlySet<string>;
  /** Agents likewise, as `<site>/<agent>`; absent: none. */
  readonly agents?: ReadonlySet<string>;
  /** Why a node that runs there has to stay, whatever other places there are; undefined where it may leave. */
  readonly stays: (node: string) => string | undefined;
}

export interface Placed extends Assignment {
  /** Nodes that stay at a site to be avoided. */
  readonly left: readonly { readonly node: string; readonly site: string; readonly why: string }[];
}

const NOTHING: Avoid = { sites: new Set(), stays: () => undefined };

class Assigning {
  readonly #plan: LogicalPlan;
  readonly #agents: readonly AgentInfo[];
  readonly #keep: Hosts;
  readonly #avoid: Avoid;
  readonly #change: Change;
  readonly #left = new Map<string, Placed['left'][number]>();
  readonly #first: number;
  readonly #demands: ReadonlyMap<string, readonly Demand[]>;
  readonly #pairs: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #problems: Problem[] = [];
  readonly #hosts = new Map<string, readonly Host[]>();
  #separated: ReadonlyMap<string, AgentInfo> = new Map();

  constructor(plan: LogicalPlan, agents: readonly AgentInfo[], keep: Hosts, avoid: Avoid, change: Change) {
    this.#plan = plan;
    this.#agents = agents;
    this.#keep = keep;
    this.#avoid = avoid;
    this.#change = change;
    this.#first = firstWorker(`${plan.namespace}/${plan.name}`);
    const { nodes } = stayBounds(plan);
    this.#demands = new Map(
      this.#nodes.map(({ name }) => {
        const [stays] = nodes.get(name) ?? [];
        const bound = stays === undefined ? undefined : { tier: stays.tier, why: stayProof(stays) };
        const asked = overrideDemands(change.asked.get(name), keep.get(name) ?? []);
        return [name, [...demandsOf(placementOf(name, plan.placement), bound), ...asked]];
      }),
    );
    this.#pairs = apartPairs(
      new Map(this.#nodes.map(({ name }) => [name, placementOf(name, plan.placement)?.apart ?? []])),
    );
  }

  get #nodes(): readonly Node[] {
    return [...this.#plan.sources, ...this.#plan.operators, ...this.#plan.sinks];
  }

  run(): Placed {
    if (this.#agents.length === 0)
      this.#report(undefined, 'placement.no-agent', 'there is no agent', 'start one: cloudskin agent --site NAME');
    else {
      for (const node of this.#nodes) this.#refuse(node);
      throwProblems(this.#problems);
      this.#separate();
      for (const node of this.#nodes) this.#place(node);
    }
    throwProblems(this.#problems);
    return { nodes: this.#hosts, left: [...this.#left.values()] };
  }

  /** What is asked of a node, and what it is forbids. */
  #refuse(node: Node): void {
    const { name } = node;
    const asked = this.#change.asked.get(name);
    if (asked === undefined) return;
    const each = placementOf(name, this.#plan.placement)?.each;
    const situation = { plan: this.#plan, before: this.#keep.get(name) ?? [], each, stays: this.#avoid.stays(name) };
    for (const { code, message, hint } of refusals(name, asked, situation)) this.#report(node, code, message, hint);
  }

  #place(node: Node): void {
    const candidates = this.#candidates(node);
    if (candidates.length === 0) return;
    const kept = this.#kept(node, candidates);
    const hosts =
      kept ??
      (placementOf(node.name, this.#plan.placement)?.each === undefined
        ? this.#hostsOf(node, candidates)
        : this.#each(node, candidates));
    if (hosts.length > 0) this.#hosts.set(node.name, hosts);
  }

  /** Agents that the node may run on; reports where there is none. */
  #candidates(node: Node): readonly AgentInfo[] {
    const allowed = this.#allowed(node);
    const only = this.#separated.get(node.name);
    if (allowed.length === 0) this.#reportNone(node);
    if (only !== undefined) return allowed.filter((agent) => agent === only);
    const partners = [...(this.#pairs.get(node.name) ?? [])];
    const free = allowed.filter((agent) => !partners.some((partner) => this.#isOn(partner, agent)));
    if (free.length === 0 && allowed.length > 0) this.#reportTaken(node, partners, allowed);
    return free;
  }

  /** Agents that meet the node's demands; none of a site to be avoided, unless it runs there and has to stay. */
  #allowed({ name }: Node): readonly AgentInfo[] {
    const demands = this.#demands.get(name) ?? [];
    const all = this.#agents.filter((agent) => demands.every((demand) => demand.allows(agent)));
    const free = all.filter((agent) => !this.#isAvoided(agent));
    const there = this.#keep.get(name)?.find((host) => this.#isAvoided(host));
    if (there === undefined) return free;
    const each = placementOf(name, this.#plan.placement)?.each;
    const runsOnEach = each === undefined ? undefined : `it runs on each site that is or has "${each}"`;
    const nowhere = free.length === 0 ? `no agent elsewhere ${wordsOf(demands)}` : undefined;
    const why = this.#avoid.stays(name) ?? runsOnEach ?? nowhere;
    if (why === undefined) return free;
    if (this.#avoid.sites.has(there.site)) this.#left.set(name, { node: name, site: there.site, why });
    return all;
  }

  #isAvoided({ site, agent }: Pick<AgentInfo, 'site' | 'agent'>): boolean {
    return this.#avoid.sites.has(site) || this.#avoid.agents?.has(`${site}/${agent}`) === true;
  }

  #reportNone(node: Node): void {
    const demands = this.#demands.get(node.name) ?? [];
    const others = this.#agents.filter((agent) => demands.every((demand) => demand.allows(agent)));
    if (others.length === 0) {
      this.#reportConflict(node, demands);
      return;
    }
    const sites = [...new Set(others.map(({ site }) => site))].join(', ');
    const message = `"${node.name}" could only run on ${sites}, where nothing new is placed`;
    this.#report(node, 'placement.drained', message, 'cloudskin drain SITE --undo lets a site take part again');
  }

  #isOn(partner: string, { site, agent }: AgentInfo): boolean {
    const separated = this.#separated.get(partner);
    const hosts = separated === undefined ? (this.#hosts.get(partner) ?? []) : [separated];
    return hosts.some((host) => host.site === site && host.agent === agent);
  }

  #reportTaken(node: Node, partners: readonly string[], allowed: readonly AgentInfo[]): void {
    const others = partners.map((name) => `"${name}"`).join(' and ');
    const message = `"${node.name}" is to be apart from ${others}, which ${partners.length === 1 ? 'is' : 'are'} on all agents that may run it: ${agentNames(allowed)}`;
    this.#report(
      node,
      'placement.apart',
      message,
      'add an agent, or loosen `apart` or what else is said of their places',
    );
  }

  /** Where it was, if it still may be there. What keeps no state goes where its input is, and sites may have come or gone. */
  #kept(node: Node, candidates: readonly AgentInfo[]): readonly Host[] | undefined {
    const before = this.#keep.get(node.name);
    if (before === undefined || this.#change.asked.has(node.name)) return undefined;
    if (!this.#mayKeep(node, before)) return undefined;
    const isAllowed = ({ site, agent, worker }: Host): boolean =>
      candidates.some((one) => one.site === site && one.agent === agent && worker < Math.max(1, one.workers));
    return before.every(isAllowed) ? before : undefined;
  }

  #mayKeep(node: Node, before: readonly Host[]): boolean {
    if (this.#change.held) return !follows(node) || !mustFollow(node, this.#keep, this.#hosts);
    const wanted = 'parallelism' in node ? node.parallelism : undefined;
    const isEach = placementOf(node.name, this.#plan.placement)?.each !== undefined;
    if (isEach || (follows(node) && wanted === undefined)) return false;
    return wanted !== 'auto' && before.length === (wanted ?? 1);
  }

  /** How many partitions it is to have; undefined where nobody says. */
  #wanted(node: Node): number | 'auto' | undefined {
    const { name } = node;
    const asked = this.#change.asked.get(name);
    // what goes elsewhere goes whole
    if (asked !== undefined) return asked.partitions ?? this.#keep.get(name)?.length;
    return 'parallelism' in node ? node.parallelism : undefined;
  }

  /** One host a site, beside what it reads. */
  #each(node: Node, candidates: readonly AgentInfo[]): readonly Host[] {
    const inputs = 'inputs' in node ? node.inputs.map(({ node: from }) => this.#hosts.get(from) ?? []) : [];
    const sites = [...new Set(candidates.map(({ site }) => site))].sort();
    const wrong = inputs.find((hosts) => hosts.map(({ site }) => site).join() !== sites.join());
    if (wrong !== undefined && wrong.length > 0) {
      const message = `"${node.name}" runs on each of ${sites.join(', ')}, but what it reads runs on ${wrong.map(({ site }) => site).join(', ')}`;
      this.#report(node, 'placement.each', message, 'place what it reads by the same `each`');
      return [];
    }
    return sites.flatMap((site) => {
      const own = candidates.filter((agent) => agent.site === site);
      const near = inputs.flat().filter((host) => host.site === site);
      return this.#slots(own, near)[0] ?? [];
    });
  }

  #hostsOf(node: Node, candidates: readonly AgentInfo[]): readonly Host[] {
    const inputs = 'inputs' in node ? node.inputs.map(({ node: from }) => this.#hosts.get(from) ?? []) : [];
    const allowed = (host: Host): boolean =>
      candidates.some((one) => one.site === host.site && one.agent === host.agent);
    const [first = []] = inputs;
    const isShared = first.length > 0 && inputs.every((hosts) => sameHosts(hosts, first)) && first.every(allowed);
    const wanted = this.#wanted(node);
    const asked = this.#change.asked.get(node.name);
    if (asked !== undefined && asked.site === undefined)
      return this.#partitions(node, wanted ?? 1, candidates, this.#keep.get(node.name) ?? []);
    if (isShared && (wanted === first.length || (wanted === undefined && (first.length === 1 || follows(node)))))
      return first;
    const near =
      asked === undefined
        ? this.#near(inputs.flat(), candidates)
        : [...inputs.flat(), ...readersOf(node.name, this.#plan, this.#keep)];
    if (wanted === undefined) return this.#slots(candidates, near).slice(0, 1);
    return this.#partitions(node, wanted, candidates, near);
  }

  /** What is read on several sites comes together in the cloud, where there is one. */
  #near(inputs: readonly Host[], candidates: readonly AgentInfo[]): readonly Host[] {
    const sites = new Set(inputs.map(({ site }) => site));
    return sites.size > 1 && candidates.some(({ tier }) => tier === 'cloud') ? [] : inputs;
  }

  #partitions(
    node: Node,
    wanted: number | 'auto',
    candidates: readonly AgentInfo[],
    near: readonly Host[],
  ): readonly Host[] {
    const apart = placementOf(node.name, this.#plan.placement)?.apart?.includes(node.name) === true;
    const slots = apart
      ? nearest(candidates, near).flatMap((agent) => this.#slots([agent], near).slice(0, 1))
      : this.#slotsFor(wanted, candidates, near);
    const count = wanted === 'auto' ? Math.min(slots.length, KEY_GROUPS) : wanted;
    if (apart && count > slots.length) {
      const message = `the ${count} partitions of "${node.name}" are to be apart, and there are ${slots.length} agents that may run them`;
      this.#report(node, 'placement.apart', message, 'give it fewer partitions, or add agents');
      return [];
    }
    return Array.from({ length: count }, (_, index) => slots[index % slots.length]).filter(
      (host) => host !== undefined,
    );
  }

  /** Those of the nearest site where they suffice: partitions exchange rows, and links between sites are dear. */
  #slotsFor(wanted: number | 'auto', candidates: readonly AgentInfo[], near: readonly Host[]): readonly Host[] {
    const [closest] = nearest(candidates, near);
    const together = candidates.filter(({ site }) => site === closest?.site);
    const slots = this.#slots(together, near);
    return wanted === 'auto' || wanted <= slots.length ? slots : this.#slots(candidates, near);
  }

  /** The workers of the candidates, the nearest first: the very thread that something read runs in, if that is there. */
  #slots(candidates: readonly AgentInfo[], near: readonly Host[]): readonly Host[] {
    const slots = slotsOf(nearest(candidates, near), this.#first);
    const same = slots.filter((slot) => near.some((host) => sameHost(host, slot)));
    return [...same, ...slots.filter((slot) => !same.includes(slot))];
  }

  /** It takes what agents the others leave. */
  #isSpread(node: Node): boolean {
    return (this.#wanted(node) ?? 1) !== 1 || placementOf(node.name, this.#plan.placement)?.each !== undefined;
  }

  /** Agents for all that must not be together, before anything else is placed. */
  #separate(): void {
    const nodes = this.#nodes.flatMap((node): ApartNode[] => {
      const { name } = node;
      if (!this.#pairs.has(name) || this.#isSpread(node)) return [];
      const allowed = this.#allowed(node).filter((agent) => this.#mayGo(name, agent));
      return allowed.length === 0 ? [] : [{ name, candidates: nearest(allowed, this.#keep.get(name) ?? []) }];
    });
    const found = separate(nodes, this.#pairs);
    if (found !== undefined) {
      this.#separated = found;
      return;
    }
    const clash = smallestClash(nodes, this.#pairs);
    const names = clash.map(({ name }) => `"${name}"`).join(' and ');
    const agents = [
      ...new Set(clash.flatMap(({ candidates }) => candidates.map(({ site, agent }) => `${site}/${agent}`))),
    ];
    const message = `${names} are to be apart, and the agents that may run them are ${agents.join(', ')}`;
    const node = this.#nodes.find(({ name }) => name === clash[0]?.name);
    this.#report(
      node,
      'placement.apart',
      message,
      'add an agent, or loosen `apart` or what else is said of their places',
    );
  }

  /** What is to stay where it is stays on its agents. */
  #mayGo(name: string, { site, agent }: AgentInfo): boolean {
    const before = this.#keep.get(name);
    if (!this.#change.held || before === undefined || this.#change.asked.has(name)) return true;
    return before.some((host) => host.site === site && host.agent === agent);
  }

  #reportConflict(node: Node, demands: readonly Demand[]): void {
    const [first, ...rest] = conflict(demands, this.#agents);
    if (first === undefined) return;
    const message = `no agent ${wordsOf([first, ...rest])}, as "${node.name}" needs`;
    const shown = rest.length === 0 ? first.instead(this.#agents) : 'each alone can be met, all together cannot';
    this.#report(node, 'placement.no-agent', message, shown);
  }

  #report(node: Node | undefined, code: string, message: string, hint: string): void {
    const place = node === undefined ? {} : { place: node.place };
    this.#problems.push({ severity: 'error', code, message, ...place, hint });
  }
}

/** What keeps no state may run partition by partition beside what it reads; a sink is one. */
function follows(node: Node): boolean {
  return 'steps' in node && !keepsState(node);
}

function agentNames(agents: readonly AgentInfo[]): string {
  return [...new Set(agents.map(({ site, agent }) => `${site}/${agent}`))].join(', ');
}
