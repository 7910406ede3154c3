/** The documents of tasks that an agent may serve, and whether its site is to be left: from its disk first, so that it can go on alone, then as KV has them. */
import { messageOf } from '../../errors.ts';
import type { KeyValue, Subscription } from '../../nats/nats.ts';
import type { Ports } from '../../ports.ts';
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
  /** Whether this agent may come to serve it: others are not kept on its disk. */
  readonly concerns: (document: TaskDocument) => boolean;
  readonly changed: () => void;
}

/** Of the agent's disk. */
const KIND = 'task';

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
        if (value === undefined) this.#drop(key);
        else this.#take(key, value);
        this.#options.changed();
      },
      current: () => {
        // what is known of the disk only, and the server does not have
        for (const key of [...this.#known.keys()]) if (isAsked(key, pattern) && !told.has(key)) this.#drop(key);
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
      this.#known.set(taskKey(document), document);
      this.#keep(document, concerns(document));
    } catch (error) {
      log('error', messageOf(error), codeField(error));
    }
  }

  #drop(key: string): void {
    const document = this.#known.get(key);
    this.#known.delete(key);
    if (document !== undefined) this.#keep(document, false);
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
