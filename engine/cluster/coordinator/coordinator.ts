/**
 * The coordinator: makes assignments of app documents, and new ones when agents are lost or sites are forgotten or drained. Every agent of
 * the cloud stands by; the one with the lease acts. It commands nobody, keeps nothing that is not in KV, and its loss stops nothing.
 */

import type { AgentInfo } from '../../compile/distribute.ts';
import type { Host } from '../../compile/fragment-plan.ts';
import { CloudskinError, messageOf } from '../../errors.ts';
import { isWrongRevision } from '../../nats/compare-and-set.ts';
import type { KeyValue } from '../../nats/nats.ts';
import type { Ports } from '../../ports.ts';
import { type AppDocument, appDocument } from '../documents/app.ts';
import { type AssignmentDocument, assignmentDocument, type LeftBehind } from '../documents/assignment.ts';
import { DocumentsCache } from '../documents/documents-cache.ts';
import { nextStep, stepOf } from '../documents/epochs.ts';
import {
  type AgentName,
  type AppName,
  agentLabel,
  appKey,
  appLabel,
  assignmentKey,
  siteKey,
} from '../documents/names.ts';
import { type SiteDocument, siteDocument } from '../documents/site.ts';
import { codeField, type Trouble, troublesOf } from '../documents/troubles.ts';
import type { Plans } from '../plans/plans.ts';
import type { Neighbours } from '../presence/neighbours.ts';
import type { Log } from '../process/log.ts';
import { within } from '../process/patience.ts';
import { Reconciler } from '../process/reconciler.ts';
import {
  DOCUMENTS_OPEN,
  GIVE_BACK,
  LEASE_TEND,
  LISTEN,
  PASSED_OVER,
  REBUILT_AFTER,
  UNPLACED,
} from '../process/timing.ts';
import { appOf, assignmentOf, emptyAssignment, replaceLost, troublesAt, withWish } from './assign.ts';
import { avoidance, rebuildable } from './avoidance.ts';
import { Lease } from './lease.ts';
import { checkStreams } from './lineage.ts';
import type { Placement } from './placement.ts';

export interface CoordinatorOptions {
  readonly ports: Ports;
  readonly name: AgentName;
  readonly incarnation: string;
  readonly log: Log;
  readonly plans: Plans;
  readonly place: Placement;
  readonly neighbours: Neighbours;
  readonly documents: () => Promise<KeyValue>;
  /** The domain that the documents are in; `''` for none. */
  readonly domain: () => Promise<string>;
  /** Makes the streams of an app beside the documents. */
  readonly prepare: (app: AppName) => Promise<void>;
  /** The agent has become, or ceased to be, the coordinator. */
  readonly changed: () => void;
}

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #lease: Lease;
  readonly #reconciler: Reconciler;
  /** Of its own: whatever holds up the work must not cost the lease. */
  readonly #leading: Reconciler;
  readonly #apps: DocumentsCache<AppDocument>;
  readonly #assignments: DocumentsCache<AssignmentDocument>;
  readonly #sites: DocumentsCache<SiteDocument>;
  readonly #wentBackSince = new Map<string, number>();
  /** By app: since when it has not been possible to place what is wanted, as of which revision. */
  readonly #unplaced = new Map<string, { readonly since: number; readonly revision: number }>();
  #leadsSince: number | undefined;
  /** The lease could not be read when it was tried last. */
  #unheard = false;
  #domain = '';

  constructor(options: CoordinatorOptions) {
    const { ports, name, incarnation, log, documents } = options;
    this.#options = options;
    this.#lease = new Lease(ports, documents, { ...name, incarnation });
    const kick = (): void => this.#reconciler.kick();
    const failed = (error: unknown): void => log('error', messageOf(error), codeField(error));
    this.#apps = new DocumentsCache('apps', appDocument, kick, failed);
    this.#assignments = new DocumentsCache('assignments', assignmentDocument, kick, failed);
    this.#sites = new DocumentsCache('sites', siteDocument, kick, failed);
    this.#reconciler = new Reconciler(
      ports,
      () => this.#step(),
      (error, again) => {
        if (!again && !isWrongRevision(error))
          log('warn', `the coordinator is held up: ${messageOf(error)}`, codeField(error));
      },
    );
    this.#leading = new Reconciler(ports, () => this.#tend(), failed);
  }

  get leads(): boolean {
    return this.#leadsSince !== undefined && this.#lease.held;
  }

  start(): void {
    this.#leading.kick();
  }

  agentsChanged(): void {
    if (this.#leadsSince !== undefined) this.#reconciler.kick();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#leading.stop(), this.#reconciler.stop()]);
    for (const cache of this.#caches) cache.close();
    if (this.#leadsSince === undefined) return;
    await this.#lease.release().catch((error: unknown) => {
      this.#options.log('warn', `the lease could not be given back: ${messageOf(error)}`, codeField(error));
    });
  }

  /** Sees to the lease, every so often, come what may. */
  async #tend(): Promise<number> {
    try {
      await this.#lease.tend();
      this.#unheard = false;
    } catch (error) {
      if (!this.#unheard)
        this.#options.log('warn', `the lease cannot be seen to: ${messageOf(error)}`, codeField(error));
      this.#unheard = true;
    }
    if (!this.#lease.held && this.#leadsSince !== undefined) this.#becomeFollower();
    if (this.#lease.held && this.#leadsSince === undefined) this.#reconciler.kick();
    return LEASE_TEND;
  }

  async #step(): Promise<number | undefined> {
    if (!this.#lease.held) return undefined;
    if (this.#leadsSince === undefined) await this.#becomeLeader();
    for (const [, { document }] of [...this.#assignments.all]) await this.#recall(document);
    for (const [, { document }] of [...this.#apps.all]) await this.#apart(document);
    await this.#rejoin();
    return Math.min(LEASE_TEND, this.#options.neighbours.untilLost());
  }

  /** What is wrong with one app must not keep others waiting. */
  async #apart(app: AppDocument): Promise<void> {
    try {
      await this.#reconcile(app);
    } catch (error) {
      if (isWrongRevision(error) || isOutside(error)) throw error;
      const { namespace, app: name, revision } = app;
      this.#options.log('error', messageOf(error), {
        namespace,
        app: name,
        revision,
        code: troublesOf(error)[0]?.code ?? '',
      });
    }
  }

  async #becomeLeader(): Promise<void> {
    const { ports, documents, domain } = this.#options;
    const bucket = await documents();
    this.#domain = await domain();
    for (const cache of this.#caches) {
      cache.close();
      await within(ports, DOCUMENTS_OPEN, 'the control documents could not be read', cache.open(bucket));
    }
    for (const [key, { document }] of [...this.#assignments.all]) {
      await this.#write(key, { ...document, term: this.#lease.term });
      if (document.wanted !== 'undeployed' && document.distributed !== '') await this.#prepared(document);
    }
    this.#leadsSince = ports.monotonic();
    this.#options.log('info', 'this agent is the coordinator now');
    this.#options.changed();
  }

  /** Its predecessor may have lost the lease because the server had lost more than that. */
  async #prepared(app: AssignmentDocument): Promise<void> {
    try {
      await this.#options.prepare(app);
    } catch (error) {
      if (isOutside(error)) throw error;
      this.#options.log('warn', messageOf(error), { namespace: app.namespace, app: app.app, ...codeField(error) });
    }
  }

  get #caches(): readonly { open(bucket: KeyValue): Promise<void>; close(): void }[] {
    return [this.#apps, this.#assignments, this.#sites];
  }

  #becomeFollower(): void {
    this.#leadsSince = undefined;
    for (const cache of this.#caches) cache.close();
    this.#options.log('warn', 'this agent is no longer the coordinator');
    this.#options.changed();
  }

  /** An app document older than the assignment that was made of it is a server's past: agents have given the assignment back. */
  async #recall(assignment: AssignmentDocument): Promise<void> {
    const key = appKey(assignment);
    const app = this.#apps.get(key)?.document;
    if (app !== undefined && app.revision >= assignment.revision) return;
    if (!this.#lease.held || assignment.plan === '') return;
    await this.#apps.write(key, appOf(assignment, app, this.#options.ports.now()));
    this.#options.log('warn', `the server had lost what ${appLabel(assignment)} is to be`, {
      ...{ namespace: assignment.namespace, app: assignment.app, revision: assignment.revision },
      code: 'cluster.server-went-back',
    });
  }

  async #reconcile(app: AppDocument): Promise<void> {
    const key = assignmentKey(app);
    const before = this.#assignments.get(key)?.document;
    const next = await this.#next(app, before);
    if (next === undefined) return;
    await this.#write(key, next);
    const { namespace, app: name, revision } = app;
    const troubles = next.troubles.map(({ message }) => `: ${message}`).join('');
    this.#options.log(troubles === '' ? 'info' : 'warn', `assigned ${appLabel(app)}${troubles}`, {
      ...{
        namespace,
        app: name,
        revision,
        epoch: Math.max(0, ...Object.values(next.regions).map(({ epoch }) => epoch)),
      },
    });
  }

  async #write(key: string, document: AssignmentDocument): Promise<void> {
    if (this.#lease.held) await this.#assignments.write(key, document);
  }

  /** The assignment to write, or undefined where it stands as it should. */
  async #next(app: AppDocument, before: AssignmentDocument | undefined): Promise<AssignmentDocument | undefined> {
    const { term } = this.#lease;
    if (app.wanted === 'undeployed') {
      if (before === undefined || before.revision >= app.revision) return undefined;
      // what could not be placed need not be
      return { ...withWish(before, app, term), troubles: [] };
    }
    if (before === undefined || before.deployed < app.deployed) return this.#placed(app, before, undefined);
    if (this.#listened && (this.#mustLeave(before) || (await this.#mayRebuild(app, before)))) {
      return this.#placed(app, before, undefined);
    }
    const nodes = this.#listened ? this.#moved(before) : undefined;
    if (nodes !== undefined) return this.#placed(app, before, nodes);
    if (this.#hasGoneBack(before)) return this.#placed(app, before, new Map(Object.entries(before.nodes)), true);
    if (before.revision < app.revision) return withWish(before, app, term);
    // What stood in the way does not any more.
    return before.troubles.length > 0 ? { ...before, term, troubles: [] } : undefined;
  }

  get #listened(): boolean {
    return this.#options.ports.monotonic() - (this.#leadsSince ?? Number.POSITIVE_INFINITY) >= LISTEN;
  }

  /** Places the app, on these hosts where they are given; what cannot be placed is told in the assignment. */
  async #placed(
    app: AppDocument,
    known: AssignmentDocument | undefined,
    nodes: ReadonlyMap<string, readonly Host[]> | undefined,
    anew = false,
  ): Promise<AssignmentDocument | undefined> {
    const before = known ?? emptyAssignment(app);
    try {
      const next = await this.#assignment(app, before, nodes, anew);
      this.#unplaced.delete(appLabel(app));
      return next;
    } catch (error) {
      if (isOutside(error)) throw error;
      if (!this.#listened || !this.#isHopeless(app)) return undefined;
      return this.#troubled(before, app, troublesAt(before, app, error));
    }
  }

  async #assignment(
    app: AppDocument,
    before: AssignmentDocument,
    given: ReadonlyMap<string, readonly Host[]> | undefined,
    anew: boolean,
  ): Promise<AssignmentDocument> {
    const { place, plans, neighbours } = this.#options;
    const plan = await plans.logical(app.plan);
    const former = before.distributed === '' ? undefined : await plans.distributed(before.distributed);
    const agents = this.#agents(before);
    const leaving = { plan, before, former, draining: this.#draining, lost: this.#lost(before) };
    const keep = new Map(Object.entries(before.nodes));
    const { nodes, left = [] } =
      given === undefined
        ? place.assign(plan, agents, keep, avoidance(leaving))
        : { nodes: given, left: before.left ?? [] };
    const distributed = place.distribute(plan, { nodes }, app.deployed);
    const isNew = before.deployed < app.deployed;
    const fresh = isNew && app.fresh === true;
    if (isNew && !fresh) checkStreams(former, distributed);
    await this.#options.prepare(app);
    const digest = await plans.keep(distributed);
    const epoch = this.#nextEpoch(before);
    return assignmentOf({
      ...{ app, plan, distributed, digest, agents, nodes, before, term: this.#lease.term, epoch, anew },
      left: [...left, ...leftWithoutReason(nodes, left, leaving.draining)],
      ancestry: {
        ...{ before, former, fresh, epoch },
        hasStarted: (region, since) => this.#hasStarted(app, region, since),
        isForgotten: (site) => this.#isForgotten(site),
      },
      domainOf: (leader, sites, shared) => this.#domainOf(leader, sites, shared),
      isAlive: (agent) => neighbours.isAlive(agent),
    });
  }

  /** Whether it has been tried for so long that every agent must have been heard of: they are asked at first. */
  #isHopeless({ namespace, app, revision }: AppDocument): boolean {
    const label = appLabel({ namespace, app });
    const now = this.#options.ports.monotonic();
    const known = this.#unplaced.get(label);
    if (known?.revision === revision) return now - known.since >= UNPLACED;
    this.#unplaced.set(label, { since: now, revision });
    this.#options.neighbours.ask();
    return false;
  }

  #hasStarted({ namespace, app }: AppName, region: string, since: number): boolean {
    return [...this.#options.neighbours.all].some(({ status }) =>
      status.regions.some(
        (one) =>
          one.namespace === namespace && one.app === app && one.region === region && one.epoch >= Math.max(1, since),
      ),
    );
  }

  #troubled(
    before: AssignmentDocument,
    app: AppDocument,
    troubles: readonly Trouble[],
  ): AssignmentDocument | undefined {
    const same = JSON.stringify(before.troubles) === JSON.stringify(troubles) && before.revision === app.revision;
    if (same) return undefined;
    // What runs already can still be paused or stopped.
    const { term } = this.#lease;
    const next =
      before.deployed === app.deployed ? withWish(before, app, term) : { ...before, revision: app.revision, term };
    return { ...next, troubles };
  }

  /** Agents that may be given work: those that are there, and those that have some already, though they may be silent. */
  #agents(before?: AssignmentDocument): readonly AgentInfo[] {
    const views = new Map<string, AgentInfo>();
    for (const view of before?.agents ?? []) views.set(agentLabel(view), view);
    for (const { status, heard } of this.#options.neighbours.all) {
      const { site, agent, tier, labels, devices, workers } = status;
      const view = { site, agent, tier, labels, devices, workers };
      // One that is silent for a moment is not passed over: should it be lost, what it was given moves.
      if (!status.leaving && this.#options.ports.monotonic() - heard < PASSED_OVER) views.set(agentLabel(status), view);
    }
    return [...views.values()]
      .filter(({ site }) => !this.#isForgotten(site))
      .sort((a, b) => (agentLabel(a) < agentLabel(b) ? -1 : 1));
  }

  #isForgotten(site: string): boolean {
    return this.#sites.get(siteKey(site))?.document.forgotten === true;
  }

  /** Sites that the user wants left. */
  get #draining(): ReadonlySet<string> {
    return new Set([...this.#sites.all].flatMap(([, { document }]) => (document.draining ? [document.site] : [])));
  }

  /** Sites of an app that have been silent for so long that what may be rebuilt is. */
  #lost({ nodes }: AssignmentDocument): ReadonlySet<string> {
    const now = this.#options.ports.monotonic();
    const heard = new Map<string, number>();
    for (const { status, heard: at } of this.#options.neighbours.all) {
      heard.set(status.site, Math.max(at, heard.get(status.site) ?? 0));
    }
    const sites = new Set(Object.values(nodes).flatMap((hosts) => hosts.map(({ site }) => site)));
    const since = (site: string): number => Math.max(heard.get(site) ?? 0, this.#leadsSince ?? now);
    return new Set([...sites].filter((site) => now - since(site) >= REBUILT_AFTER));
  }

  /** Whether something on a lost site may go on elsewhere, and there is somewhere. */
  async #mayRebuild(app: AppDocument, before: AssignmentDocument): Promise<boolean> {
    const lost = this.#lost(before);
    if (lost.size === 0 || before.distributed === '') return false;
    const { plans, place } = this.#options;
    const [plan, former] = await Promise.all([plans.logical(app.plan), plans.distributed(before.distributed)]);
    const leaving = { plan, before, former, draining: this.#draining, lost };
    const nodes = rebuildable(leaving);
    if (nodes.size === 0) return false;
    try {
      const { left = [] } = place.assign(
        plan,
        this.#agents(before),
        new Map(Object.entries(before.nodes)),
        avoidance(leaving),
      );
      return !left.some(({ node }) => nodes.has(node));
    } catch {
      // It stays as it is: there is no other place.
      return false;
    }
  }

  /** Other hosts for what lost agents ran, where their site has some or was forgotten; undefined where everything stays. */
  #moved(before: AssignmentDocument): ReadonlyMap<string, readonly Host[]> | undefined {
    const agents = this.#agents();
    const isLost = (host: AgentName): boolean => !this.#options.neighbours.isAlive(host);
    return replaceLost(before.nodes, isLost, (site) => agents.filter((agent) => agent.site === site && !isLost(agent)));
  }

  /** Whether it has something on a site that the user wants empty, and that may leave as far as anybody knows. */
  #mustLeave({ fragments, nodes, left = [] }: AssignmentDocument): boolean {
    if (Object.values(fragments).some(({ host }) => this.#isForgotten(host.site))) return true;
    const draining = this.#draining;
    const stays = (node: string, site: string): boolean => left.some((one) => one.node === node && one.site === site);
    return Object.entries(nodes).some(([node, hosts]) =>
      hosts.some(({ site }) => draining.has(site) && !stays(node, site)),
    );
  }

  /** A forgotten site whose agents are back, with nothing left of what they ran, is a site like any other. */
  async #rejoin(): Promise<void> {
    for (const [key, { document }] of [...this.#sites.all]) {
      const isBack = [...this.#options.neighbours.all].some(
        ({ status }) => status.site === document.site && this.#options.neighbours.isAlive(status),
      );
      const used = [...this.#assignments.all].some(([, { document: assignment }]) =>
        Object.values(assignment.fragments).some(({ host }) => host.site === document.site),
      );
      if (!document.forgotten || !isBack || used || !this.#listened || !this.#lease.held) continue;
      await this.#sites.write(key, { ...document, forgotten: false, changed: this.#options.ports.now() });
      this.#options.log('info', `site ${document.site} is back`);
    }
  }

  /** For so long that no agent can be about to give the assignment back. */
  #hasGoneBack(assignment: AssignmentDocument): boolean {
    const label = appLabel(assignment);
    const now = this.#options.ports.monotonic();
    if (!this.#wentBack(assignment)) this.#wentBackSince.delete(label);
    else if (!this.#wentBackSince.has(label)) this.#wentBackSince.set(label, now);
    return now - (this.#wentBackSince.get(label) ?? now) >= GIVE_BACK;
  }

  /** Whether an agent has been given a later epoch than the assignment has: the server has gone back. */
  #wentBack({ namespace, app, regions }: AssignmentDocument): boolean {
    for (const { status } of this.#options.neighbours.all) {
      for (const fragment of status.fragments) {
        const assigned = regions[fragment.region];
        if (fragment.namespace !== namespace || fragment.app !== app || assigned === undefined) continue;
        if (stepOf(fragment.epoch) > assigned.epoch) return true;
      }
    }
    return false;
  }

  #nextEpoch(before: AssignmentDocument): number {
    const seen = [...Object.values(before.regions).map(({ epoch }) => epoch)];
    for (const { status } of this.#options.neighbours.all) seen.push(status.epoch);
    for (const [, { document }] of this.#assignments.all) {
      for (const { epoch } of Object.values(document.regions)) seen.push(epoch);
    }
    return nextStep(seen);
  }

  /** On the site's own side where the region is all there and its server keeps streams; else beside the documents. */
  #domainOf(leader: AgentName, sites: ReadonlySet<string>, shared: boolean): string | undefined {
    const own = this.#domain === '' ? undefined : this.#domain;
    if (shared) return own;
    const status = this.#options.neighbours.get(leader)?.status;
    if (sites.size === 1 && status?.jetstream === true) return status.domain;
    return own;
  }
}

/** What placement left at sites to be left though it names no reason. */
function leftWithoutReason(
  nodes: ReadonlyMap<string, readonly Host[]>,
  left: readonly LeftBehind[],
  draining: ReadonlySet<string>,
): readonly LeftBehind[] {
  return [...nodes].flatMap(([node, hosts]) => {
    const there = hosts.find(({ site }) => draining.has(site));
    if (there === undefined || left.some((one) => one.node === node)) return [];
    return [{ node, site: there.site, why: 'placement gives it no other place' }];
  });
}

/** The world's, and not the app's: it is tried again. */
function isOutside(error: unknown): boolean {
  return error instanceof CloudskinError && error.domain === 'external' && !error.code.startsWith('cluster.');
}
