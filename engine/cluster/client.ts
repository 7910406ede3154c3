/** The user's side of the control plane: writes wishes into documents by compare-and-set, and asks agents how far they are. */

import type { DistributedPlan } from '../compile/fragment-plan.ts';
import { defined } from '../defined.ts';
import { type CloudskinError, externalError, userError } from '../errors.ts';
import type { LogicalPlan } from '../graph/plan.ts';
import { compareAndSet, isWrongRevision } from '../nats/compare-and-set.ts';
import type { KeyValue, Nats, Subscription } from '../nats/nats.ts';
import type { Ports } from '../ports.ts';
import { emptyAssignment } from './coordinator/assign.ts';
import { type ForeseenMove, type MoveRequest, tryMoving, withMove } from './coordinator/try-moving.ts';
import { refusalOf, type Trial } from './coordinator/try-placing.ts';
import { type AppDocument, appDocument, type Wanted } from './documents/app.ts';
import { type AssignmentDocument, assignmentDocument } from './documents/assignment.ts';
import { ControlBuckets } from './documents/buckets.ts';
import { decodeDocument, encodeDocument, type Versioned, versioned } from './documents/document.ts';
import { type LeaseDocument, leaseDocument } from './documents/lease.ts';
import { hearMoves, type MoveEvent, publishMove } from './documents/move-event.ts';
import {
  type AgentName,
  type AppName,
  ASK_SUBJECT,
  agentSubject,
  appKey,
  appLabel,
  assignmentKey,
  LEASE_KEY,
  regionKey,
  sameAgent,
  siteKey,
} from './documents/names.ts';
import type { Read } from './documents/read-json.ts';
import { type RegionRecord, regionRecord } from './documents/region-record.ts';
import { type SiteDocument, siteDocument } from './documents/site.ts';
import { type AgentStatus, decodeStatus } from './documents/status.ts';
import { mustBeDealable } from './plans/dealt-components.ts';
import { Plans } from './plans/plans.ts';
import { type LogsRequest, logsAnswer } from './presence/log-requests.ts';
import type { LogRecord } from './process/log.ts';
import { UNPLACED } from './process/timing.ts';
import { signPlan } from './security/trust.ts';

/** Of compare-and-set against others who write the same document. */
const ATTEMPTS = 20;

export interface DeployRequest {
  readonly plan: LogicalPlan;
  /** Names of the parameters that were given. */
  readonly parameters: readonly string[];
  /** Begin without the state of the revision before. */
  readonly fresh?: boolean;
  /** Seed of the nkey that signs the plan. */
  readonly seed?: string;
}

/** Of an app that nobody has deployed. */
const NEVER = {
  ...versioned,
  revision: 0,
  deployed: 0,
  wanted: 'stopped',
  plan: '',
  parameters: [],
  changed: 0,
} as const;

export class ClusterClient {
  readonly #nats: Nats;
  readonly #ports: Ports;
  readonly #control: ControlBuckets;
  readonly #plans: Plans;

  /** `domain`: where the control documents are, if that is known. */
  constructor(nats: Nats, ports: Ports, domain?: string) {
    this.#nats = nats;
    this.#ports = ports;
    this.#control = new ControlBuckets({ nats, home: false, ...defined({ known: domain }) });
    this.#plans = new Plans(() => this.#control.artifacts());
  }

  documents(): Promise<KeyValue> {
    return this.#control.documents();
  }

  /** Every app that was not undeployed. */
  async apps(): Promise<readonly AppDocument[]> {
    const all = await this.#all('apps.>', appDocument);
    return all.filter(({ wanted }) => wanted !== 'undeployed');
  }

  sites(): Promise<readonly SiteDocument[]> {
    return this.#all('sites.>', siteDocument);
  }

  /** Who coordinates, or did last; undefined where the last one gave that up, or there was none. */
  lease(): Promise<LeaseDocument | undefined> {
    return this.#one(LEASE_KEY, leaseDocument);
  }

  app(name: AppName): Promise<AppDocument | undefined> {
    return this.#one(appKey(name), appDocument);
  }

  assignment(name: AppName): Promise<AssignmentDocument | undefined> {
    return this.#one(assignmentKey(name), assignmentDocument);
  }

  /** How far a region was, as its leader wrote it down; undefined where there is no record. `domain` as in its assignment. Rejects where its place is out of reach. */
  async regionRecord(name: AppName, region: string, domain: string | undefined): Promise<RegionRecord | undefined> {
    const key = regionKey(name, region);
    const entry = await (await this.#control.knownRegions(domain))?.get(key);
    return entry === undefined ? undefined : decodeDocument(regionRecord, entry.value, key);
  }

  /** Those that lie with the server that we are connected to. */
  async regionRecords(): Promise<readonly RegionRecord[]> {
    const bucket = await this.#control.knownRegions(undefined);
    if (bucket === undefined) return [];
    const entries = await Promise.all((await bucket.keys('regions.>')).map((key) => bucket.get(key)));
    return entries.flatMap((entry) =>
      entry === undefined ? [] : [decodeDocument(regionRecord, entry.value, entry.key)],
    );
  }

  /** The plan of an assignment. */
  distributed(digest: string): Promise<DistributedPlan> {
    return this.#plans.distributed(digest);
  }

  /** The plan of an app document. */
  logical(digest: string): Promise<LogicalPlan> {
    return this.#plans.logical(digest);
  }

  /** Resolves to the digest under which a component can be named in a plan. */
  keepComponent(bytes: Uint8Array): Promise<string> {
    return this.#plans.keepComponent(bytes);
  }

  /**
   * Rejects with what the coordinator would say of a plan that the agents that are there cannot run, `placement.…` or `deploy.stream-changed`, while
   * nothing is changed yet. Where no coordinator answers, nobody can say so.
   */
  async mustPlace(plan: LogicalPlan, fresh = false): Promise<void> {
    const name = { namespace: plan.namespace, app: plan.name };
    const [app, known] = await Promise.all([this.app(name), this.assignment(name)]);
    const before = known ?? emptyAssignment({ ...name, ...NEVER });
    const trial = { ...(await this.#trial(plan, before)), fresh: fresh || app?.wanted === 'undeployed' };
    let refusal: CloudskinError | undefined;
    const statuses = await this.ask(UNPLACED, (all) => {
      refusal = refusalOf(trial, all);
      return refusal === undefined;
    });
    if (refusal !== undefined && statuses.some(({ coordinator }) => coordinator)) throw refusal;
  }

  /**
   * What a move or a rescaling would come to, of an app that is placed; changes nothing. Rejects with `placement.…`, `deploy.stream-changed` or `scale.…`, naming
   * what stands in the way, and with `cluster.no-app`.
   */
  async foresee(name: AppName, request: MoveRequest): Promise<ForeseenMove> {
    const [app, before] = await Promise.all([this.app(name), this.assignment(name)]);
    const plan = await this.#plans.logical(this.#known(name, app).plan);
    if (before === undefined || before.distributed === '' || app?.plan !== before.plan) {
      throw externalError('move.not-placed', `${appLabel(name)} is not placed yet`, { retry: true });
    }
    const trial = await this.#trial(plan, before);
    let foreseen: ForeseenMove | undefined;
    let refusal: unknown = externalError('cluster.no-agent', 'no agent answers', { retry: true });
    await this.ask(UNPLACED, (all) => {
      try {
        foreseen = tryMoving(trial, request, all);
      } catch (error) {
        refusal = error;
      }
      // who has not answered yet may be able to hand over
      const isAll = before.agents.every((agent) => all.some((one) => sameAgent(one, agent)));
      return foreseen !== undefined && (foreseen.how === 'live' || isAll);
    });
    if (foreseen === undefined) throw refusal;
    const after = new Map(foreseen.entries.map(({ entry, to }) => [entry, to]));
    await mustBeDealable(plan, before.nodes, new Map([...Object.entries(before.nodes), ...after]), this.#plans);
    return foreseen;
  }

  /** Asks for it; what becomes of it is the coordinator's and the agents'. `foresee` says before whether it may be. */
  async move(name: AppName, request: MoveRequest): Promise<AppDocument> {
    const at = this.#ports.now();
    const document = await this.#change(name, (before) => withMove(this.#known(name, before), request, at));
    publishMove(this.#nats, { ...name, region: '', revision: document.revision, phase: 'asked', at });
    return document;
  }

  /** Hears the phases of an app's moves from now on; told at most once. */
  moves(name: AppName, hear: (event: MoveEvent) => void): Subscription {
    return hearMoves(this.#nats, name, hear);
  }

  async #trial(plan: LogicalPlan, before: AssignmentDocument): Promise<Omit<Trial, 'fresh' | 'change'>> {
    const sites = await this.sites();
    const former = before.distributed === '' ? undefined : await this.#plans.distributed(before.distributed);
    return { plan, before, former, sites };
  }

  /** Safe when it resolves; what becomes of it is the coordinator's and the agents'. */
  async deploy({ plan, parameters, fresh, seed }: DeployRequest): Promise<AppDocument> {
    const digest = await this.#plans.keep(plan);
    if (seed !== undefined) {
      const { key, bytes } = signPlan(plan, seed);
      await this.#plans.keepSignature(digest, key, bytes);
    }
    const name = { namespace: plan.namespace, app: plan.name };
    return this.#change(name, (before) => ({
      ...withoutRestore(before),
      ...name,
      plan: digest,
      parameters,
      wanted: 'running',
      drain: false,
      fresh: fresh ?? before?.wanted === 'undeployed',
      changed: this.#ports.now(),
      ...this.#deployed(before),
    }));
  }

  /** Rejects with `cluster.no-app` where there is none. */
  want(name: AppName, wanted: Wanted, drain = false): Promise<AppDocument> {
    return this.#change(name, (before) => {
      const known = this.#known(name, before);
      return { ...known, wanted, drain, revision: known.revision + 1, changed: this.#ports.now() };
    });
  }

  restore(name: AppName, checkpoint: number): Promise<AppDocument> {
    return this.#change(name, (before) => ({
      ...this.#known(name, before),
      restore: checkpoint,
      fresh: false,
      drain: false,
      wanted: 'running',
      changed: this.#ports.now(),
      ...this.#deployed(before),
    }));
  }

  /**
   * Asks for a checkpoint besides those by the clock; a region has answered when its figures say so of this revision. Rejects with
   * `checkpoint.not-running` where nothing runs that could take one.
   */
  checkpoint(name: AppName): Promise<AppDocument> {
    return this.#change(name, (before) => {
      const known = this.#known(name, before);
      if (known.wanted !== 'running' && known.wanted !== 'paused') {
        throw userError('checkpoint.not-running', `${appLabel(name)} is ${known.wanted}: there is nothing to take`, {
          hint: `cloudskin resume ${name.app} starts it again`,
        });
      }
      const revision = known.revision + 1;
      return { ...known, revision, asked: revision, changed: this.#ports.now() };
    });
  }

  async site(site: string, change: Partial<Pick<SiteDocument, 'forgotten' | 'draining'>>): Promise<void> {
    await this.#write(siteKey(site), siteDocument, (before) => ({
      ...(before ?? { ...versioned, site, forgotten: false, draining: false }),
      ...change,
      changed: this.#ports.now(),
    }));
  }

  /** What an agent keeps of its log; rejects with `nats.timeout` or `nats.no-responders` where it does not answer. */
  async logs({ site, agent }: AgentName, wanted: LogsRequest, milliseconds: number): Promise<readonly LogRecord[]> {
    const subject = agentSubject(site, agent, 'logs');
    const { data } = await this.#nats.request(subject, encodeDocument(wanted), milliseconds);
    return logsAnswer(data);
  }

  /** Status of every agent that answers within `milliseconds`, or until `enough` says so; `nodes`: with those of this app's nodes. */
  ask(
    milliseconds: number,
    enough: (statuses: readonly AgentStatus[]) => boolean = () => false,
    nodes?: AppName,
  ): Promise<readonly AgentStatus[]> {
    const inbox = `${this.#nats.inboxPrefix ?? '_INBOX'}.cs-ctl.${Math.floor(this.#ports.random() * 0x1_0000_0000_0000).toString(36)}`;
    const statuses = new Map<string, AgentStatus>();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        answers.close();
        const all = [...statuses.values()];
        resolve(all.sort((a, b) => `${a.site}/${a.agent}`.localeCompare(`${b.site}/${b.agent}`)));
      };
      const answers = this.#nats.subscribe(inbox, ({ data }) => {
        if (data.length === 0) return;
        const status = decodeStatus(data);
        statuses.set(`${status.site}/${status.agent}`, status);
        if (enough([...statuses.values()])) end();
      });
      const timer = this.#ports.after(milliseconds, end);
      const wanted = nodes === undefined ? '' : appLabel(nodes);
      this.#nats.publish(ASK_SUBJECT, new TextEncoder().encode(wanted), { reply: inbox });
    });
  }

  /** The revision after `before`, and that everything is to be started for it. */
  #deployed(before: AppDocument | undefined): Pick<AppDocument, 'revision' | 'deployed'> {
    const revision = (before?.revision ?? 0) + 1;
    return { revision, deployed: revision };
  }

  #known(name: AppName, before: AppDocument | undefined): AppDocument {
    if (before !== undefined && before.wanted !== 'undeployed') return before;
    throw userError('cluster.no-app', `there is no app ${appLabel(name)}`, {
      hint: 'cloudskin list shows those there are',
    });
  }

  #change(name: AppName, change: (before: AppDocument | undefined) => AppDocument): Promise<AppDocument> {
    return this.#write(appKey(name), appDocument, change);
  }

  async #write<T extends Versioned>(key: string, read: Read<T>, change: (before: T | undefined) => T): Promise<T> {
    const bucket = await this.documents();
    for (let attempt = 1; ; attempt++) {
      const entry = await bucket.get(key);
      const before = entry === undefined ? undefined : decodeDocument(read, entry.value, key);
      const next = change(before);
      try {
        await compareAndSet(bucket, key, encodeDocument(next), entry?.revision ?? 0);
        return next;
      } catch (error) {
        if (!isWrongRevision(error) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  async #one<T extends Versioned>(key: string, read: Read<T>): Promise<T | undefined> {
    const entry = await (await this.documents()).get(key);
    return entry === undefined ? undefined : decodeDocument(read, entry.value, key);
  }

  async #all<T extends Versioned>(pattern: string, read: Read<T>): Promise<readonly T[]> {
    const bucket = await this.documents();
    const entries = await Promise.all((await bucket.keys(pattern)).map((key) => bucket.get(key)));
    return entries.flatMap((entry) => (entry === undefined ? [] : [decodeDocument(read, entry.value, entry.key)]));
  }
}

/** An earlier `restore`, and what was moved, are no part of a new deployment. */
function withoutRestore(before: AppDocument | undefined): Versioned {
  if (before === undefined) return versioned;
  const { restore: _, overrides: __, pauseBudget: ___, ...rest } = before;
  return rest;
}
