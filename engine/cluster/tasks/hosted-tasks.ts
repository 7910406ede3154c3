/** The tasks that an agent serves: those of the documents that are its own, as long as its site is not to be left. */
import { defined } from '../../defined.ts';
import { pause, type Timer } from '../../ports.ts';
import { type AgentName, sameAgent } from '../documents/names.ts';
import type { AgentStatus } from '../documents/status.ts';
import { type TaskDocument, type TaskFigures, taskLabel } from '../documents/task.ts';
import type { Neighbours } from '../presence/neighbours.ts';
import { READY_AFTER } from '../process/timing.ts';
import { type Candidate, fits, isMine } from './choose.ts';
import { HostedTask, notServed, type TaskContext } from './hosted-task.ts';
import { TaskDocuments, type TaskDocumentsOptions } from './task-documents.ts';

export interface HostedTasksOptions
  extends TaskContext,
    Pick<TaskDocumentsOptions, 'disk' | 'documents' | 'permitted'> {
  readonly name: AgentName;
  readonly labels: readonly string[];
  readonly neighbours: Pick<Neighbours, 'all' | 'isAlive'>;
}

/** Tasks of one agent: each has threads of its own. */
const MOST = 32;
/** Milliseconds that one that leaves waits until others have followed, and between two looks. */
const FOLLOWED_WITHIN = 1_500;
const LOOK = 50;

export class HostedTasks {
  readonly #options: HostedTasksOptions;
  readonly #documents: TaskDocuments;
  readonly #tasks = new Map<string, HostedTask>();
  /** Let go of, with calls yet to answer. */
  readonly #leaving = new Set<HostedTask>();
  /** Beyond what one agent serves. */
  readonly #refused = new Map<string, TaskFigures>();
  #timer: Timer | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: HostedTasksOptions) {
    const { name, ports, disk, log, documents, permitted, tier } = options;
    this.#options = options;
    this.#documents = new TaskDocuments({
      ...{ ports, site: name.site, disk, log, documents },
      ...defined({ permitted }),
      givesBack: tier === 'cloud',
      concerns: (document) => tier === 'cloud' || fits(document, this.#me),
      changed: () => this.#follow(),
    });
  }

  async start(): Promise<void> {
    await this.#documents.start();
    this.#follow();
    this.#look();
  }

  figures(): readonly TaskFigures[] {
    return [...[...this.#tasks.values(), ...this.#leaving].map((task) => task.figures()), ...this.#refused.values()];
  }

  /** Digests that must stay on the agent's disk. */
  named(): readonly string[] {
    return [...this.#tasks.values()].flatMap(({ named }) => named);
  }

  /** Hears no more calls; resolves when those taken are answered. */
  close(): Promise<void> {
    this.#timer?.cancel();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#handOver();
    for (const label of [...this.#tasks.keys()]) this.#letGo(label);
    await Promise.all([this.#documents.stop(), ...[...this.#leaving].map((task) => task.close())]);
  }

  /** Others of the site that are to follow have heard that this agent leaves; until they serve what it does it goes on. */
  async #handOver(): Promise<void> {
    const { ports } = this.#options;
    const until = ports.monotonic() + FOLLOWED_WITHIN;
    const isAwaited = (document: TaskDocument): boolean => {
      if (document.placement.replicas === undefined || !this.#tasks.has(taskLabel(document))) return false;
      const fitting = this.#others().filter((other) => other.site === this.#me.site && fits(document, other));
      return this.#servedByOthers(document) < Math.min(document.placement.replicas, fitting.length);
    };
    while ([...this.#documents.all].some(isAwaited) && ports.monotonic() < until) await pause(ports, LOOK);
  }

  /** Who is there is seen by silence, too. */
  #look(): void {
    this.#timer = this.#options.ports.after(READY_AFTER, () => {
      this.#follow();
      this.#look();
    });
  }

  get #me(): Candidate {
    const { name, tier, labels } = this.#options;
    return { ...name, tier, labels };
  }

  #follow(): void {
    if (this.#closing !== undefined) return;
    const mine = this.#documents.draining ? [] : this.#mine();
    const labels = new Set(mine.map(taskLabel));
    for (const label of [...this.#tasks.keys()]) if (!labels.has(label)) this.#letGo(label);
    for (const label of this.#refused.keys()) if (!labels.has(label)) this.#refused.delete(label);
    for (const document of mine) this.#serve(document);
  }

  /** What it serves and others are to, it serves until they do. */
  #mine(): readonly TaskDocument[] {
    const others = this.#others();
    const isStill = (document: TaskDocument): boolean =>
      this.#tasks.has(taskLabel(document)) &&
      fits(document, this.#me) &&
      this.#servedByOthers(document) < (document.placement.replicas ?? 0);
    return [...this.#documents.all].filter((one) => isMine(one, this.#me, others) || isStill(one));
  }

  #others(): readonly AgentStatus[] {
    const { neighbours, name } = this.#options;
    return [...neighbours.all].flatMap(({ status }) =>
      neighbours.isAlive(status) && !sameAgent(status, name) ? [status] : [],
    );
  }

  /** How many others of the site serve it as it is now. */
  #servedByOthers(document: TaskDocument): number {
    const isServed = ({ tasks = [] }: AgentStatus): boolean =>
      tasks.some(
        (one) =>
          taskLabel(one) === taskLabel(document) && one.phase === 'serving' && one.revision === document.revision,
      );
    return this.#others().filter((other) => other.site === this.#me.site && isServed(other)).length;
  }

  #serve(document: TaskDocument): void {
    const label = taskLabel(document);
    const known = this.#tasks.get(label);
    if (known !== undefined) known.take(document);
    else if (this.#tasks.size < MOST) {
      this.#refused.delete(label);
      this.#tasks.set(label, new HostedTask(document, this.#options));
    } else if (!this.#refused.has(label)) this.#refuse(label, document);
  }

  #refuse(label: string, document: TaskDocument): void {
    const message = `task ${label} is not served here: this agent serves ${MOST} already`;
    const trouble = { code: 'task.too-many', message, hint: 'undeploy others, or start another agent' };
    this.#refused.set(label, notServed(document, trouble));
    this.#options.log('error', message, { task: label, code: trouble.code });
    this.#options.changed();
  }

  #letGo(label: string): void {
    const task = this.#tasks.get(label);
    if (task === undefined) return;
    this.#tasks.delete(label);
    this.#leaving.add(task);
    this.#options.log('info', `lets go of task ${label}`, { task: label });
    void task.close().finally(() => {
      this.#leaving.delete(task);
      this.#options.changed();
    });
  }
}
