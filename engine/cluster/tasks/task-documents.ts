/**
 * The documents of tasks that an agent may serve, and whether its site is to be left: from its disk first, so that it can go on alone, then as KV has them. They are
 * never deleted, and their revisions rise: a server that lacks one, or has an older one, has gone back. That is not followed, and agents of the cloud put it right.
 */
import { messageOf } from '../../errors.ts';
import type { KeyValue, Subscription } from '../../nats/nats.ts';
import type { Ports } from '../../ports.ts';
import { changeDocument } from '../documents/change-document.ts';
import { decodeDocument, encodeDocument } from '../documents/document.ts';
import { siteKey } from '../documents/names.ts';
import { siteDocument } from '../documents/site.ts';
import { type TaskDocument, taskDocument, taskKey, taskLabel } from '../documents/task.ts';
import { codeField } from '../documents/troubles.ts';
import type { AgentDisk } from '../memory/agent-disk.ts';
import type { Log } from '../process/log.ts';
import { Reconciler } from '../process/reconciler.ts';
import { LOOK_AGAIN } from '../process/timing.ts';

export interface TaskDocumentsOptions {
  readonly ports: Ports;
  readonly site: string;
  readonly disk: AgentDisk;
  readonly log: Log;
  readonly documents: () => Promise<KeyValue>;
  /** Labels of the tasks whose documents may be read; all unless given. */
  readonly permitted?: readonly string[];
  /** Whether this agent may write them. */
  readonly givesBack: boolean;
  /** Whether this agent may come to serve it: others are not kept on its disk. */
  readonly concerns: (document: TaskDocument) => boolean;
  readonly changed: () => void;
}

/** Of the agent's disk. */
const KIND = 'task';
const WENT_BACK = 'cluster.server-went-back';

export class TaskDocuments {
  readonly #options: TaskDocumentsOptions;
  readonly #reconciler: Reconciler;
  readonly #known = new Map<string, TaskDocument>();
  #watched: { readonly bucket: KeyValue; readonly watches: readonly Subscription[] } | undefined;
  #draining = false;
  #stopped = false;

  constructor(options: TaskDocumentsOptions) {
    this.#options = options;
    this.#reconciler = new Reconciler(
      options.ports,
      () => this.#open(),
      (error, again) => {
        if (!again) options.log('warn', `documents of tasks cannot be watched: ${messageOf(error)}`, codeField(error));
      },
    );
  }

  /** Resolves when what is on disk is known. */
  async start(): Promise<void> {
    if (this.#options.permitted?.length === 0) return;
    for (const name of await this.#options.disk.artifacts(KIND)) {
      const bytes = await this.#options.disk.artifact(name);
      if (bytes !== undefined) this.#take(name, bytes);
    }
    this.#reconciler.kick();
  }

  get all(): Iterable<TaskDocument> {
    return this.#known.values();
  }

  /** The user wants the site left. */
  get draining(): boolean {
    return this.#draining;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unwatch();
    await this.#reconciler.stop();
  }

  /** Where the documents are elsewhere now, they are watched there. */
  async #open(): Promise<number> {
    const bucket = await this.#options.documents();
    if (this.#watched?.bucket === bucket) return LOOK_AGAIN;
    this.#unwatch();
    const patterns = this.#options.permitted?.map((label) => `tasks.${label.replace('/', '.')}`) ?? ['tasks.>'];
    const watches = await Promise.all([
      ...patterns.map((pattern) => this.#watchTasks(bucket, pattern)),
      this.#watchSite(bucket),
    ]);
    this.#watched = { bucket, watches };
    if (this.#stopped) this.#unwatch();
    return LOOK_AGAIN;
  }

  #unwatch(): void {
    for (const watch of this.#watched?.watches ?? []) watch.close();
    this.#watched = undefined;
  }

  #watchTasks(bucket: KeyValue, pattern: string): Promise<Subscription> {
    const told = new Set<string>();
    return bucket.watch(pattern, {
      change: ({ key, value }) => {
        told.add(key);
        if (value === undefined) this.#giveBack(key);
        else this.#take(key, value);
        this.#options.changed();
      },
      current: () => {
        for (const key of this.#known.keys()) if (isAsked(key, pattern) && !told.has(key)) this.#giveBack(key);
        this.#options.changed();
      },
    });
  }

  #watchSite(bucket: KeyValue): Promise<Subscription> {
    const key = siteKey(this.#options.site);
    return bucket.watch(key, {
      change: ({ value }) => {
        try {
          this.#draining = value !== undefined && decodeDocument(siteDocument, value, key).draining;
        } catch (error) {
          this.#options.log('error', messageOf(error), codeField(error));
        }
        this.#options.changed();
      },
    });
  }

  #take(key: string, value: Uint8Array): void {
    const { log, concerns } = this.#options;
    try {
      const document = decodeDocument(taskDocument, value, key);
      const own = taskKey(document);
      if (document.revision < (this.#known.get(own)?.revision ?? 0)) this.#giveBack(own);
      else {
        this.#known.set(own, document);
        this.#keep(document, concerns(document));
      }
    } catch (error) {
      log('error', messageOf(error), codeField(error));
    }
  }

  #giveBack(key: string): void {
    const document = this.#known.get(key);
    if (document === undefined || !this.#options.givesBack) return;
    const where = { task: taskLabel(document), revision: document.revision };
    const say = (message: string, code: string): void => this.#options.log('warn', message, { ...where, code });
    say('the server has an older document of a task than this agent: it was restored, or replaced', WENT_BACK);
    this.#write(document).catch((error: unknown) =>
      say(`the document of the task could not be given back: ${messageOf(error)}`, codeField(error).code),
    );
  }

  async #write(document: TaskDocument): Promise<void> {
    const newest = (before: TaskDocument | undefined): TaskDocument =>
      before !== undefined && before.revision >= document.revision ? before : document;
    await changeDocument(await this.#options.documents(), taskKey(document), taskDocument, newest);
  }

  #keep(document: TaskDocument, concerns: boolean): void {
    const { disk, log } = this.#options;
    const name = `${KIND}/${taskKey(document)}`;
    const kept = concerns ? disk.keepArtifact(name, encodeDocument(document)) : disk.dropArtifact(name);
    kept.catch((error: unknown) => {
      const what = `the document of task ${taskLabel(document)} cannot be kept on disk: ${messageOf(error)}`;
      log('warn', what, codeField(error));
    });
  }
}

function isAsked(key: string, pattern: string): boolean {
  return key === pattern || pattern.endsWith('>');
}
