/** What the coordinator sees since it leads: agents by their word and their silence, sites by the user's, epochs by everybody's. Decides nothing. */
import type { AgentInfo } from '../../compile/distribute.ts';
import type { Host } from '../../compile/fragment-plan.ts';
import type { Ports } from '../../ports.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import type { DocumentsCache } from '../documents/documents-cache.ts';
import { nextStep, stepOf } from '../documents/epochs.ts';
import { type AgentName, type AppName, agentLabel, appLabel, siteKey } from '../documents/names.ts';
import type { SiteDocument } from '../documents/site.ts';
import type { AgentStatus } from '../documents/status.ts';
import type { Neighbours } from '../presence/neighbours.ts';
import { COMES_BACK, GIVE_BACK, LISTEN, PASSED_OVER, REBUILT_AFTER } from '../process/timing.ts';
import { replaceLost } from './assign.ts';

export interface SurveyOptions {
  readonly ports: Ports;
  readonly neighbours: Neighbours;
  readonly sites: Pick<DocumentsCache<SiteDocument>, 'all' | 'get'>;
  readonly assignments: Pick<DocumentsCache<AssignmentDocument>, 'all'>;
  /** The JetStream domain of the documents; `''` for none. */
  readonly domain: string;
}

export class Survey {
  readonly #options: SurveyOptions;
  #since: number;
  /** Since when an agent of it is heard again, after none was; absent of those that never fell silent, undefined while they are. */
  readonly #sitesBack = new Map<string, number | undefined>();
  readonly #wentBackSince = new Map<string, number>();

  constructor(options: SurveyOptions) {
    this.#options = options;
    this.#since = options.ports.monotonic();
  }

  /** Whether it has gone on for so long that silence means something. */
  get hasListened(): boolean {
    return this.#options.ports.monotonic() - this.#since >= LISTEN;
  }

  /** It was cut off itself: who is silent may only not have come back yet. */
  cameBack(): void {
    this.#since = this.#options.ports.monotonic() + COMES_BACK - LISTEN;
  }

  /** Agents that may be given work: those that are there, and those that have some of `before` already, though they may be silent. */
  agents(before?: AssignmentDocument): readonly AgentInfo[] {
    const now = this.#options.ports.monotonic();
    // One that is silent for a moment is not passed over: should it be lost, what it was given moves.
    const heard = [...this.#options.neighbours.all].filter((one) => now - one.heard < PASSED_OVER);
    const statuses = heard.map(({ status }) => status);
    return agentsFor(before?.agents ?? [], statuses, (site) => this.isForgotten(site));
  }

  isAlive(agent: AgentName): boolean {
    return this.#options.neighbours.isAlive(agent);
  }

  /** Whether it can run fragments that take over from others while rows flow. */
  handsOver(agent: AgentName): boolean {
    return this.#options.neighbours.get(agent)?.status.handsOver === true;
  }

  isForgotten(site: string): boolean {
    return this.#options.sites.get(siteKey(site))?.document.forgotten === true;
  }

  /** Sites that the user wants left. */
  get draining(): ReadonlySet<string> {
    const all = [...this.#options.sites.all];
    return new Set(all.flatMap(([, { document }]) => (document.draining ? [document.site] : [])));
  }

  /** Sites of an app that have been silent for so long that what may be rebuilt is. */
  lost({ nodes }: AssignmentDocument): ReadonlySet<string> {
    const now = this.#options.ports.monotonic();
    const heard = new Map<string, number>();
    for (const { status, heard: at } of this.#options.neighbours.all) {
      heard.set(status.site, Math.max(at, heard.get(status.site) ?? 0));
    }
    const sites = new Set(Object.values(nodes).flatMap((hosts) => hosts.map(({ site }) => site)));
    return new Set([...sites].filter((site) => now - Math.max(heard.get(site) ?? 0, this.#since) >= REBUILT_AFTER));
  }

  /** Agents that are there, and want others to take over what they run, as `<site>/<agent>`. */
  get parting(): ReadonlySet<string> {
    const all = [...this.#options.neighbours.all].map(({ status }) => status);
    return new Set(all.filter((one) => one.parting === true && this.isAlive(one)).map(agentLabel));
  }

  /** Other hosts for what these agents run, of their sites; undefined where none has another. */
  succeeded(
    { nodes }: AssignmentDocument,
    parting: ReadonlySet<string>,
  ): ReadonlyMap<string, readonly Host[]> | undefined {
    const there = this.agents().filter((agent) => this.isAlive(agent) && !parting.has(agentLabel(agent)));
    const leaves = (host: AgentName): boolean => parting.has(agentLabel(host));
    return replaceLost(nodes, leaves, (site) => there.filter((agent) => agent.site === site));
  }

  /** Other hosts for what lost agents ran, where their site has some or was forgotten; undefined where everything stays. */
  moved(before: AssignmentDocument): ReadonlyMap<string, readonly Host[]> | undefined {
    const alive = this.agents().filter((agent) => this.isAlive(agent));
    this.#lookAtSites();
    const now = this.#options.ports.monotonic();
    const isLost = (host: AgentName): boolean =>
      !this.isAlive(host) && now - (this.#sitesBack.get(host.site) ?? now - COMES_BACK) >= COMES_BACK;
    return replaceLost(before.nodes, isLost, (site) => alive.filter((agent) => agent.site === site));
  }

  /** A whole site falls silent with its server; its agents come back one after the other. */
  #lookAtSites(): void {
    const alive = new Set<string>();
    for (const { status } of this.#options.neighbours.all) if (this.isAlive(status)) alive.add(status.site);
    for (const { status } of this.#options.neighbours.all) {
      if (!alive.has(status.site)) this.#sitesBack.set(status.site, undefined);
    }
    for (const [site, back] of this.#sitesBack) {
      if (back === undefined && alive.has(site)) this.#sitesBack.set(site, this.#options.ports.monotonic());
    }
  }

  /** Whether an app has something on a site that the user wants empty, and that may leave as far as anybody knows. */
  mustLeave({ fragments, nodes, left = [] }: AssignmentDocument): boolean {
    if (Object.values(fragments).some(({ host }) => this.isForgotten(host.site))) return true;
    const { draining } = this;
    const stays = (node: string, site: string): boolean => left.some((one) => one.node === node && one.site === site);
    return Object.entries(nodes).some(([node, hosts]) =>
      hosts.some(({ site }) => draining.has(site) && !stays(node, site)),
    );
  }

  /** Whether agents of a site are there, with nothing assigned to them but what nobody else could be given, or is over. */
  isVacant(site: string): boolean {
    const isThere = [...this.#options.neighbours.all].some(
      ({ status }) => status.site === site && this.isAlive(status),
    );
    const isUsed = [...this.#options.assignments.all].some(
      ([, { document }]) =>
        document.wanted !== 'undeployed' &&
        document.troubles.length === 0 &&
        Object.values(document.fragments).some(({ host }) => host.site === site),
    );
    return isThere && !isUsed;
  }

  /** Whether the server has had an older assignment than agents follow for so long that none of them can be about to give it back. */
  hasGoneBack(assignment: AssignmentDocument): boolean {
    const label = appLabel(assignment);
    const now = this.#options.ports.monotonic();
    if (!this.#isBehind(assignment)) this.#wentBackSince.delete(label);
    else if (!this.#wentBackSince.has(label)) this.#wentBackSince.set(label, now);
    return now - (this.#wentBackSince.get(label) ?? now) >= GIVE_BACK;
  }

  /** Whether an agent has been given a later epoch than the assignment has. */
  #isBehind({ namespace, app, regions }: AssignmentDocument): boolean {
    for (const { status } of this.#options.neighbours.all) {
      for (const fragment of status.fragments) {
        const assigned = regions[fragment.region];
        if (fragment.namespace !== namespace || fragment.app !== app || assigned === undefined) continue;
        if (stepOf(fragment.epoch) > assigned.epoch) return true;
      }
    }
    return false;
  }

  /** Whether somebody leads the region at `since` or later. */
  hasStarted({ namespace, app }: AppName, region: string, since: number): boolean {
    const isIt = (one: AgentStatus['regions'][number]): boolean =>
      one.namespace === namespace && one.app === app && one.region === region && one.epoch >= Math.max(1, since);
    return [...this.#options.neighbours.all].some(({ status }) => status.regions.some(isIt));
  }

  /** An epoch beyond all that anybody knows of. */
  nextEpoch(before: AssignmentDocument): number {
    const seen = [...Object.values(before.regions).map(({ epoch }) => epoch)];
    for (const { status } of this.#options.neighbours.all) seen.push(status.epoch);
    for (const [, { document }] of this.#options.assignments.all) {
      for (const { epoch } of Object.values(document.regions)) seen.push(epoch);
    }
    return nextStep(seen);
  }

  /**
   * Where a region's record and checkpoints are to be: on the site's own side where the region is all there and its server keeps streams, else, and where
   * it is `shared`, beside the documents.
   */
  domainOf(leader: AgentName, sites: ReadonlySet<string>, shared: boolean): string | undefined {
    const { domain, neighbours } = this.#options;
    const status = neighbours.get(leader)?.status;
    if (!shared && sites.size === 1 && status?.jetstream === true) return status.domain;
    return domain === '' ? undefined : domain;
  }
}

/** Agents that an app may be given to: those that have some of it, though they may be silent, and those that are there and stay, by name. */
export function agentsFor(
  having: readonly AgentInfo[],
  statuses: readonly AgentStatus[],
  isForgotten: (site: string) => boolean,
): readonly AgentInfo[] {
  const views = new Map(having.map((view) => [agentLabel(view), view]));
  for (const { leaving, site, agent, tier, labels, devices, workers } of statuses) {
    if (!leaving) views.set(agentLabel({ site, agent }), { site, agent, tier, labels, devices, workers });
  }
  return [...views.values()]
    .filter(({ site }) => !isForgotten(site))
    .sort((a, b) => (agentLabel(a) < agentLabel(b) ? -1 : 1));
}
