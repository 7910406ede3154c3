/**
 * The coordinator: makes assignments of app documents, and new ones when agents are lost or sites are forgotten or drained. Every agent of
 * the cloud stands by; the one with the lease acts. It commands nobody, keeps nothing that is not in KV, and its loss stops nothing.
 */

import { defined } from '../../defined.ts';
import { messageOf } from '../../errors.ts';
import { isWrongRevision } from '../../nats/compare-and-set.ts';
import type { KeyValue, Objects } from '../../nats/nats.ts';
import { type AppDocument, appDocument } from '../documents/app.ts';
import { type AssignmentDocument, assignmentDocument } from '../documents/assignment.ts';
import { DocumentsCache } from '../documents/documents-cache.ts';
import { type AgentName, appKey, appLabel, assignmentKey } from '../documents/names.ts';
import { type SiteDocument, siteDocument } from '../documents/site.ts';
import { codeField, troublesOf } from '../documents/troubles.ts';
import type { Neighbours } from '../presence/neighbours.ts';
import type { Log } from '../process/log.ts';
import { within } from '../process/patience.ts';
import { Reconciler } from '../process/reconciler.ts';
import { DOCUMENTS_OPEN, LEASE_TEND } from '../process/timing.ts';
import { Artifacts, type ArtifactTimes } from './artifacts.ts';
import { appOf } from './assign.ts';
import { Assigner, type AssignerOptions, isOutside } from './assigner.ts';
import { Lease } from './lease.ts';
import { Survey } from './survey.ts';

export interface CoordinatorOptions extends AssignerOptions {
  readonly name: AgentName;
  readonly incarnation: string;
  readonly log: Log;
  readonly neighbours: Neighbours;
  readonly documents: () => Promise<KeyValue>;
  /** The domain that the documents are in; `''` for none. */
  readonly domain: () => Promise<string>;
  readonly artifacts: () => Promise<Objects>;
  /** Other than the usual ones. */
  readonly artifactTimes?: ArtifactTimes;
  /** The agent has become, or ceased to be, the coordinator. */
  readonly changed: () => void;
}

interface Reign {
  readonly survey: Survey;
  readonly assigner: Assigner;
  readonly artifacts: Artifacts;
}

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #lease: Lease;
  readonly #reconciler: Reconciler;
  /** Of its own: whatever holds up the work must not cost the lease. */
  readonly #leading: Reconciler;
  readonly #sweeping: Reconciler;
  readonly #apps: DocumentsCache<AppDocument>;
  readonly #assignments: DocumentsCache<AssignmentDocument>;
  readonly #sites: DocumentsCache<SiteDocument>;
  /** As long as it leads. */
  #reign: Reign | undefined;
  /** The lease could not be read when it was tried last. */
  #unheard = false;

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
    this.#sweeping = new Reconciler(
      ports,
      () => this.#sweep(),
      (error, again) => {
        if (!again) log('warn', `what nothing names cannot be deleted: ${messageOf(error)}`, codeField(error));
      },
    );
  }

  get leads(): boolean {
    return this.#reign !== undefined && this.#lease.held;
  }

  start(): void {
    this.#leading.kick();
  }

  agentsChanged(): void {
    if (this.#reign !== undefined) this.#reconciler.kick();
  }

  /** The connection was gone for a while. */
  reconnected(): void {
    this.#reign?.survey.cameBack();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#leading.stop(), this.#reconciler.stop(), this.#sweeping.stop()]);
    for (const cache of this.#caches) cache.close();
    if (this.#reign === undefined) return;
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
    if (!this.#lease.held && this.#reign !== undefined) this.#becomeFollower();
    if (this.#lease.held && this.#reign === undefined) this.#reconciler.kick();
    return LEASE_TEND;
  }

  async #step(): Promise<number | undefined> {
    if (!this.#lease.held) return undefined;
    const reign = this.#reign ?? (await this.#becomeLeader());
    for (const [, { document }] of [...this.#assignments.all]) await this.#recall(document);
    for (const [, { document }] of [...this.#apps.all]) await this.#apart(document, reign);
    await this.#rejoin(reign);
    return Math.min(LEASE_TEND, this.#options.neighbours.untilLost());
  }

  /** What is wrong with one app must not keep others waiting. */
  async #apart(app: AppDocument, reign: Reign): Promise<void> {
    try {
      await this.#reconcile(app, reign);
    } catch (error) {
      if (isWrongRevision(error) || isOutside(error)) throw error;
      const { namespace, app: name, revision } = app;
      const code = troublesOf(error)[0]?.code ?? '';
      this.#options.log('error', messageOf(error), { namespace, app: name, revision, code });
    }
  }

  async #becomeLeader(): Promise<Reign> {
    const { ports, neighbours, documents, log, changed } = this.#options;
    const bucket = await documents();
    const domain = await this.#options.domain();
    for (const cache of this.#caches) {
      cache.close();
      await within(ports, DOCUMENTS_OPEN, 'the control documents could not be read', cache.open(bucket));
    }
    for (const [key, { document }] of [...this.#assignments.all]) {
      await this.#write(key, { ...document, term: this.#lease.term });
      if (document.wanted !== 'undeployed' && document.distributed !== '') await this.#prepared(document);
    }
    const survey = new Survey({ ports, neighbours, sites: this.#sites, assignments: this.#assignments, domain });
    const reign = {
      survey,
      assigner: new Assigner(this.#options, survey, this.#lease.term),
      artifacts: this.#artifacts(),
    };
    this.#reign = reign;
    this.#sweeping.kick();
    log('info', 'this agent is the coordinator now');
    changed();
    return reign;
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

  #artifacts(): Artifacts {
    const { ports, plans, documents, artifacts, artifactTimes } = this.#options;
    const leads = (): boolean => this.#lease.held;
    return new Artifacts({ ports, plans, documents, objects: artifacts, leads, ...defined({ times: artifactTimes }) });
  }

  /** As long as it leads; a new reign counts anew. */
  async #sweep(): Promise<number | undefined> {
    const reign = this.#reign;
    if (reign === undefined || !this.#lease.held) return undefined;
    const deleted = await reign.artifacts.sweep();
    if (deleted.length > 0) this.#options.log('info', `${deleted.length} artifacts that no app names are deleted`);
    return reign.artifacts.times.every;
  }

  get #caches(): readonly { open(bucket: KeyValue): Promise<void>; close(): void }[] {
    return [this.#apps, this.#assignments, this.#sites];
  }

  #becomeFollower(): void {
    this.#reign = undefined;
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
    const { namespace, app: name, revision } = assignment;
    const fields = { namespace, app: name, revision, code: 'cluster.server-went-back' };
    this.#options.log('warn', `the server had lost what ${appLabel(assignment)} is to be`, fields);
  }

  async #reconcile(app: AppDocument, { assigner }: Reign): Promise<void> {
    const key = assignmentKey(app);
    const before = this.#assignments.get(key)?.document;
    const next = await assigner.next(app, before);
    if (next === undefined) return;
    await this.#write(key, next);
    const { namespace, app: name, revision } = app;
    const troubles = next.troubles.map(({ message }) => `: ${message}`).join('');
    const epoch = Math.max(0, ...Object.values(next.regions).map((region) => region.epoch));
    const fields = { namespace, app: name, revision, epoch };
    this.#options.log(troubles === '' ? 'info' : 'warn', `assigned ${appLabel(app)}${troubles}`, fields);
  }

  async #write(key: string, document: AssignmentDocument): Promise<void> {
    if (this.#lease.held) await this.#assignments.write(key, document);
  }

  /** A forgotten site whose agents are back, where what could go elsewhere has, is a site like any other. */
  async #rejoin({ survey }: Reign): Promise<void> {
    for (const [key, { document }] of [...this.#sites.all]) {
      if (!document.forgotten || !survey.hasListened || !survey.isVacant(document.site) || !this.#lease.held) continue;
      await this.#sites.write(key, { ...document, forgotten: false, changed: this.#options.ports.now() });
      this.#options.log('info', `site ${document.site} is back`);
    }
  }
}
