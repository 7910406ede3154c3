/** Decides what the assignment of an app is to be, as long as one coordinator leads; writing it down is `coordinator.ts`'s. */
import { sameHosts } from '../../compile/distribute/links.ts';
import type { Host } from '../../compile/fragment-plan.ts';
import { CloudskinError } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import type { AppDocument } from '../documents/app.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { type AppName, agentLabel, appLabel } from '../documents/names.ts';
import type { Trouble } from '../documents/troubles.ts';
import { mustBeDealable } from '../plans/dealt-components.ts';
import type { Plans } from '../plans/plans.ts';
import type { Neighbours } from '../presence/neighbours.ts';
import { UNPLACED } from '../process/timing.ts';
import { assignmentOf, emptyAssignment, troublesAt, withWish } from './assign.ts';
import { avoidance, leftWithoutReason, rebuildable } from './avoidance.ts';
import { carriedOut, changeOf, pendingOf } from './changes.ts';
import { checkStreams } from './lineage.ts';
import type { Placement } from './placement.ts';
import type { Survey } from './survey.ts';

export interface AssignerOptions {
  readonly ports: Ports;
  readonly plans: Plans;
  readonly place: Placement;
  readonly neighbours: Pick<Neighbours, 'ask'>;
  /** Makes the streams of an app beside the documents. */
  readonly prepare: (app: AppName) => Promise<void>;
}

/** Where everything is, where that is not for placement to say; every region anew; what was asked for. */
interface Manner {
  /** What was moved stays where it went, and so does all else. */
  readonly held?: boolean;
  readonly nodes?: ReadonlyMap<string, readonly Host[]>;
  readonly anew?: boolean;
  readonly asked?: boolean;
}

export class Assigner {
  readonly #options: AssignerOptions;
  readonly #survey: Survey;
  readonly #term: number;
  /** By app: since when it has not been possible to place what is wanted, as of which revision. */
  readonly #unplaced = new Map<string, { readonly since: number; readonly revision: number }>();

  /** `term` of the lease under which it decides. */
  constructor(options: AssignerOptions, survey: Survey, term: number) {
    this.#options = options;
    this.#survey = survey;
    this.#term = term;
  }

  /** The assignment to write, or undefined where it stands as it should. */
  async next(app: AppDocument, before: AssignmentDocument | undefined): Promise<AssignmentDocument | undefined> {
    const survey = this.#survey;
    const term = this.#term;
    if (app.wanted === 'undeployed') {
      if (before === undefined || before.revision >= app.revision) return undefined;
      // what could not be placed need not be
      return { ...withWish(before, app, term), troubles: [] };
    }
    if (before === undefined || before.deployed < app.deployed) return this.#placed(app, before);
    if (survey.hasListened && (survey.mustLeave(before) || (await this.#mayRebuild(app, before)))) {
      return this.#placed(app, before);
    }
    const nodes = survey.hasListened ? survey.moved(before) : undefined;
    if (nodes !== undefined) return this.#placed(app, before, { nodes });
    const parted = survey.hasListened ? await this.#parted(app, before) : undefined;
    if (parted !== undefined) return this.#placed(app, before, parted);
    if (survey.hasGoneBack(before)) {
      return this.#placed(app, before, { nodes: new Map(Object.entries(before.nodes)), anew: true });
    }
    if (pendingOf(app, before).size > 0) return this.#placed(app, before, { asked: true });
    if (before.revision < app.revision) return withWish(before, app, term);
    // What stood in the way does not any more.
    return before.troubles.length > 0 ? { ...before, term, troubles: [] } : undefined;
  }

  /** Places the app; what cannot be placed is told in the assignment. */
  async #placed(
    app: AppDocument,
    known: AssignmentDocument | undefined,
    manner: Manner = {},
  ): Promise<AssignmentDocument | undefined> {
    const before = known ?? emptyAssignment(app);
    try {
      const next = await this.#assignment(app, before, manner);
      this.#unplaced.delete(appLabel(app));
      return next;
    } catch (error) {
      if (isOutside(error)) throw error;
      if (!this.#survey.hasListened || !this.#isHopeless(app)) return undefined;
      return this.#troubled(before, app, troublesAt(before, app, error));
    }
  }

  async #assignment(
    app: AppDocument,
    before: AssignmentDocument,
    { nodes: given, anew = false, asked = false, held = false }: Manner,
  ): Promise<AssignmentDocument> {
    const { place, plans, prepare } = this.#options;
    const survey = this.#survey;
    const plan = await plans.logical(app.plan);
    const former = before.distributed === '' ? undefined : await plans.distributed(before.distributed);
    const agents = survey.agents(before);
    const { draining, parting } = survey;
    const leaving = { plan, before, former, draining, parting, lost: survey.lost(before) };
    const keep = new Map(Object.entries(before.nodes));
    const { nodes, left = [] } =
      given === undefined
        ? place.assign(plan, agents, keep, avoidance(leaving), changeOf(app, before, { asked, held }))
        : { nodes: given, left: before.left ?? [] };
    if (asked) await mustBeDealable(plan, before.nodes, nodes, plans);
    const distributed = place.distribute(plan, { nodes }, app.deployed);
    const isNew = before.deployed < app.deployed;
    const fresh = isNew && app.fresh === true;
    if (!fresh) checkStreams(former, distributed);
    await prepare(app);
    const digest = await plans.keep(distributed);
    const epoch = survey.nextEpoch(before);
    return assignmentOf({
      ...{ app, plan, distributed, digest, agents, nodes, before, term: this.#term, epoch, anew },
      overrides: carriedOut(app, before, asked),
      left: [...left, ...leftWithoutReason(nodes, left, leaving.draining)],
      ancestry: {
        ...{ before, former, fresh, epoch },
        hasStarted: (region, since) => survey.hasStarted(app, region, since),
        isForgotten: (site) => survey.isForgotten(site),
      },
      domainOf: (leader, sites, shared) => survey.domainOf(leader, sites, shared),
      isAlive: (agent) => survey.isAlive(agent),
      handsOver: (agent) => survey.handsOver(agent),
    });
  }

  /** How what agents run that are about to leave goes to others: of their sites, else wherever it may; undefined where nobody can take anything. */
  async #parted(app: AppDocument, before: AssignmentDocument): Promise<Manner | undefined> {
    const survey = this.#survey;
    const { draining, parting } = survey;
    const concerned = Object.values(before.fragments).some(({ host }) => parting.has(agentLabel(host)));
    if (!concerned || before.wanted === 'stopped' || before.distributed === '') return undefined;
    const nodes = survey.succeeded(before, parting);
    if (nodes !== undefined) return { nodes };
    const { plans, place } = this.#options;
    const [plan, former] = await Promise.all([plans.logical(app.plan), plans.distributed(before.distributed)]);
    const leaving = { plan, before, former, draining, parting, lost: survey.lost(before) };
    const kept = new Map(Object.entries(before.nodes));
    const change = { asked: new Map(), held: true };
    const found = attempt(() => place.assign(plan, survey.agents(before), kept, avoidance(leaving), change).nodes);
    const moves =
      found !== undefined && [...found].some(([node, hosts]) => !sameHosts(hosts, before.nodes[node] ?? []));
    return moves ? { held: true } : undefined;
  }

  /** Whether something on a lost site may go on elsewhere, and there is somewhere. */
  async #mayRebuild(app: AppDocument, before: AssignmentDocument): Promise<boolean> {
    const lost = this.#survey.lost(before);
    if (lost.size === 0 || before.distributed === '') return false;
    const { plans, place } = this.#options;
    const [plan, former] = await Promise.all([plans.logical(app.plan), plans.distributed(before.distributed)]);
    const { draining, parting } = this.#survey;
    const leaving = { plan, before, former, draining, parting, lost };
    const nodes = rebuildable(leaving);
    if (nodes.size === 0) return false;
    try {
      const kept = new Map(Object.entries(before.nodes));
      const { left = [] } = place.assign(plan, this.#survey.agents(before), kept, avoidance(leaving));
      return !left.some(({ node }) => nodes.has(node));
    } catch {
      // It stays as it is: there is no other place.
      return false;
    }
  }

  /** Whether it has been tried for so long that every agent must have been heard of: they are asked at first. */
  #isHopeless(app: AppDocument): boolean {
    const { ports, neighbours } = this.#options;
    const label = appLabel(app);
    const now = ports.monotonic();
    const known = this.#unplaced.get(label);
    if (known?.revision === app.revision) return now - known.since >= UNPLACED;
    this.#unplaced.set(label, { since: now, revision: app.revision });
    neighbours.ask();
    return false;
  }

  #troubled(
    before: AssignmentDocument,
    app: AppDocument,
    troubles: readonly Trouble[],
  ): AssignmentDocument | undefined {
    const same = JSON.stringify(before.troubles) === JSON.stringify(troubles) && before.revision === app.revision;
    if (same) return undefined;
    // What runs already can still be paused or stopped.
    const term = this.#term;
    const next =
      before.deployed === app.deployed ? withWish(before, app, term) : { ...before, revision: app.revision, term };
    return { ...next, troubles };
  }
}

/** Undefined where the graph does not allow it. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof CloudskinError && error.domain === 'user') return undefined;
    throw error;
  }
}

/** The world's, and not the app's: it is tried again. */
export function isOutside(error: unknown): boolean {
  return error instanceof CloudskinError && error.domain === 'external' && !error.code.startsWith('cluster.');
}
