/** The tasks that an agent serves: those of the documents that are its own, as long as its site is not to be left. */
import { defined } from '../../defined.ts';
import { userError } from '../../errors.ts';
import type { Timer } from '../../ports.ts';
import type { AgentName } from '../documents/names.ts';
import { type TaskDocument, type TaskFigures, taskLabel } from '../documents/task.ts';
import { codeField } from '../documents/troubles.ts';
import type { Neighbours } from '../presence/neighbours.ts';
import { READY_AFTER } from '../process/timing.ts';
import { type Candidate, fits, isMine } from './choose.ts';
import { HostedTask, type TaskContext } from './hosted-task.ts';
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

export class HostedTasks {
  readonly #options: HostedTasksOptions;
  readonly #documents: TaskDocuments;
  readonly #tasks = new Map<string, HostedTask>();
  /** Let go of, with calls yet to answer. */
  readonly #leaving = new Set<HostedTask>();
  readonly #refused = new Set<string>();
  #timer: Timer | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: HostedTasksOptions) {
    const { name, ports, disk, log, documents, permitted } = options;
    this.#options = options;
    this.#documents = new TaskDocuments({
      ...{ ports, site: name.site, disk, log, documents },
      ...defined({ permitted }),
      concerns: (document) => fits(document, this.#me),
      changed: () => this.#follow(),
    });
  }

  async start(): Promise<void> {
    await this.#documents.start();
    this.#follow();
    this.#look();
  }

  figures(): readonly TaskFigures[] {
    return [...this.#tasks.values(), ...this.#leaving].map((task) => task.figures());
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
    for (const label of [...this.#tasks.keys()]) this.#letGo(label);
    await Promise.all([this.#documents.stop(), ...[...this.#leaving].map((task) => task.close())]);
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
    for (const document of mine) this.#serve(document);
  }

  #mine(): readonly TaskDocument[] {
    const others: Candidate[] = [];
    for (const { status } of this.#options.neighbours.all) {
      if (this.#options.neighbours.isAlive(status)) others.push(status);
    }
    return [...this.#documents.all].filter((document) => isMine(document, this.#me, others));
  }

  #serve(document: TaskDocument): void {
    const label = taskLabel(document);
    const known = this.#tasks.get(label);
    if (known !== undefined) known.take(document);
    else if (this.#tasks.size < MOST) this.#tasks.set(label, new HostedTask(document, this.#options));
    else if (!this.#refused.has(label)) {
      this.#refused.add(label);
      const error = userError('task.too-many', `task ${label} is not served here: this agent serves ${MOST} already`);
      this.#options.log('error', error.message, { task: label, ...codeField(error) });
    }
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
