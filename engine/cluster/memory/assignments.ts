/**
 * The assignments that concern an agent: from its own disk first, so that it can go on alone, then as KV has them and changes them. An
 * assignment that is older than what the agent has already followed is another server's past: it is not followed, and what the server has
 * lost is given back to it.
 */
import { messageOf } from '../../errors.ts';
import { compareAndSet, isWrongRevision } from '../../nats/compare-and-set.ts';
import type { KeyValue, Subscription } from '../../nats/nats.ts';
import type { Ports } from '../../ports.ts';
import { type AssignmentDocument, assignmentDocument } from '../documents/assignment.ts';
import { decodeDocument, encodeDocument } from '../documents/document.ts';
import { type AgentName, type AppName, appLabel, assignmentKey, sameAgent } from '../documents/names.ts';
import { codeField } from '../documents/troubles.ts';
import type { Log } from '../process/log.ts';
import { Reconciler } from '../process/reconciler.ts';
import { DISK_AFTER, LOOK_AGAIN } from '../process/timing.ts';
import type { AgentDisk } from './agent-disk.ts';

export interface AssignmentsOptions {
  readonly ports: Ports;
  readonly name: AgentName;
  readonly disk: AgentDisk;
  readonly log: Log;
  readonly documents: () => Promise<KeyValue>;
  /** As `documents`, but asks anew where they are. */
  readonly find: () => Promise<KeyValue>;
  /** Labels of the apps whose assignments may be read; all unless given. */
  readonly apps?: readonly string[];
  /** `before`: the one of the same app that was followed last, also by an earlier process. */
  readonly follow: (assignment: AssignmentDocument, before: AssignmentDocument | undefined) => void;
  /** Puts plans and components of an assignment back among the artifacts, where this agent has them. */
  readonly giveBack: (assignment: AssignmentDocument) => Promise<void>;
}

export class Assignments {
  readonly #options: AssignmentsOptions;
  readonly #reconciler: Reconciler;
  readonly #followed = new Map<string, AssignmentDocument>();
  /** As they were when the agent started. */
  readonly #onDisk = new Map<string, AssignmentDocument>();
  /** Keys that KV has said something of. */
  readonly #served = new Set<string>();
  /** By key, as they were read last. */
  readonly #read = new Map<string, Uint8Array>();
  #watched: { readonly bucket: KeyValue; readonly watches: readonly Subscription[] } | undefined;
  #failing = false;
  #stopped = false;

  constructor(options: AssignmentsOptions) {
    this.#options = options;
    this.#reconciler = new Reconciler(
      options.ports,
      () => this.#open(),
      (error, again) => {
        this.#failing = true;
        if (!again) options.log('warn', `control documents cannot be watched: ${messageOf(error)}`, codeField(error));
      },
    );
  }

  /** Resolves when what is on disk is known; KV is waited for in the background. */
  async start(): Promise<void> {
    for (const assignment of await this.#options.disk.assignments()) {
      this.#onDisk.set(appLabel(assignment), assignment);
    }
    this.#reconciler.kick();
    this.#options.ports.after(DISK_AFTER, () => {
      for (const [label, assignment] of this.#onDisk) if (!this.#followed.has(label)) this.#follow(assignment);
    });
  }

  get all(): Iterable<AssignmentDocument> {
    return this.#followed.values();
  }

  /** Of a site that has something of an app. */
  tierOf(app: AppName, site: string): 'edge' | 'cloud' | undefined {
    return this.#followed.get(appLabel(app))?.agents.find((agent) => agent.site === site)?.tier;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unwatch();
    await this.#reconciler.stop();
  }

  async #open(): Promise<number> {
    const bucket = await this.#options.find();
    const patterns = this.#options.apps?.map((label) => `assignments.${label.replace('/', '.')}`) ?? ['assignments.>'];
    if (this.#watched?.bucket === bucket) {
      for (const pattern of patterns) await this.#lookAgain(bucket, pattern);
      return LOOK_AGAIN;
    }
    this.#unwatch();
    const watches = await Promise.all(patterns.map((pattern) => this.#watchOne(bucket, pattern)));
    this.#watched = { bucket, watches };
    if (this.#stopped) this.#unwatch();
    if (this.#failing) this.#options.log('info', 'control documents are watched now');
    this.#failing = false;
    return LOOK_AGAIN;
  }

  /** Also where the documents are elsewhere now: what was said of them before does not count. */
  #unwatch(): void {
    for (const watch of this.#watched?.watches ?? []) watch.close();
    this.#watched = undefined;
    this.#served.clear();
    this.#read.clear();
  }

  async #lookAgain(bucket: KeyValue, pattern: string): Promise<void> {
    const keys = await bucket.keys(pattern);
    for (const key of keys) {
      const value = (await bucket.get(key))?.value;
      if (value !== undefined && !sameBytes(value, this.#read.get(key))) this.#take(key, value);
    }
    for (const assignment of this.#known()) {
      const key = assignmentKey(assignment);
      if (isAsked(key, pattern) && !keys.includes(key)) this.#giveBack(assignment);
    }
  }

  #watchOne(bucket: KeyValue, pattern: string): Promise<Subscription> {
    return bucket.watch(pattern, {
      change: ({ key, value }) => {
        this.#served.add(key);
        if (value === undefined) this.#isGone(key);
        else this.#take(key, value);
      },
      current: () => {
        for (const assignment of this.#known()) {
          const key = assignmentKey(assignment);
          if (isAsked(key, pattern) && !this.#served.has(key)) this.#giveBack(assignment);
        }
      },
    });
  }

  #take(key: string, value: Uint8Array): void {
    this.#read.set(key, value);
    try {
      this.#follow(decodeDocument(assignmentDocument, value, key));
    } catch (error) {
      this.#options.log('error', messageOf(error), codeField(error));
    }
  }

  #follow(assignment: AssignmentDocument): void {
    if (this.#stopped) return;
    const label = appLabel(assignment);
    const before = this.#followed.get(label) ?? this.#onDisk.get(label);
    if (before !== undefined && isOlder(assignment, before)) {
      this.#giveBack(before);
      return;
    }
    this.#followed.set(label, assignment);
    for (const { epoch } of Object.values(assignment.regions)) this.#options.disk.heardOf(epoch);
    this.#options.follow(assignment, before === assignment ? undefined : before);
    this.#keep(assignment, before).catch((error: unknown) => {
      this.#options.log('error', `the assignment of ${label} cannot be kept on disk: ${messageOf(error)}`, {
        namespace: assignment.namespace,
        app: assignment.app,
        revision: assignment.revision,
        ...codeField(error),
      });
    });
  }

  *#known(): Iterable<AssignmentDocument> {
    yield* this.#followed.values();
    for (const [label, assignment] of this.#onDisk) if (!this.#followed.has(label)) yield assignment;
  }

  /** Assignments are never deleted: the server has lost it. */
  #isGone(key: string): void {
    for (const assignment of this.#known()) if (assignmentKey(assignment) === key) this.#giveBack(assignment);
  }

  #giveBack(assignment: AssignmentDocument): void {
    if (!this.#concerns(assignment)) return;
    const { namespace, app, revision } = assignment;
    const where = { namespace, app, revision, code: 'cluster.server-went-back' };
    this.#options.log(
      'warn',
      'the server has an older assignment than this agent: it was restored, or replaced',
      where,
    );
    this.#write(assignment).catch((error: unknown) => {
      this.#options.log('warn', `the assignment could not be given back: ${messageOf(error)}`, {
        ...where,
        ...codeField(error),
      });
    });
  }

  async #write(assignment: AssignmentDocument): Promise<void> {
    const bucket = await this.#options.documents();
    await this.#options.giveBack(assignment);
    const key = assignmentKey(assignment);
    const entry = await bucket.get(key);
    const there = entry === undefined ? undefined : decodeDocument(assignmentDocument, entry.value, key);
    if (there !== undefined && !isOlder(there, assignment)) return;
    try {
      await compareAndSet(bucket, key, encodeDocument(assignment), entry?.revision ?? 0);
    } catch (error) {
      // Another agent was first; its change comes by the watch.
      if (!isWrongRevision(error)) throw error;
    }
  }

  async #keep(assignment: AssignmentDocument, before: AssignmentDocument | undefined): Promise<void> {
    const { disk } = this.#options;
    if (this.#concerns(assignment)) await disk.keepAssignment(assignment);
    else if (before !== undefined && this.#concerns(before)) await disk.forgetApp(assignment);
  }

  #concerns({ fragments, regions }: AssignmentDocument): boolean {
    const { name } = this.#options;
    return (
      Object.values(fragments).some(({ host }) => sameAgent(host, name)) ||
      Object.values(regions).some(({ leader }) => sameAgent(leader, name))
    );
  }
}

function isAsked(key: string, pattern: string): boolean {
  return pattern === key || pattern.endsWith('>');
}

function sameBytes(one: Uint8Array, other: Uint8Array | undefined): boolean {
  return other !== undefined && Buffer.compare(one, other) === 0;
}

/** By epochs, which only rise, whatever has become of the server. */
function isOlder(one: AssignmentDocument, other: AssignmentDocument): boolean {
  if (one.revision < other.revision && highest(one) <= highest(other)) return true;
  return Object.entries(one.regions).some(([name, { epoch }]) => epoch < (other.regions[name]?.epoch ?? 0));
}

function highest({ regions }: AssignmentDocument): number {
  return Math.max(0, ...Object.values(regions).map(({ epoch }) => epoch));
}
