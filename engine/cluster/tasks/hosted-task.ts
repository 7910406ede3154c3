/**
 * A task on an agent: fetched, checked, opened and served as its document says. Where the document changes, the new one is served before the former is let
 * go of, so that there is always somebody who answers; where it cannot be, the former stays, with the trouble told.
 */
import { defined } from '../../defined.ts';
import { messageOf } from '../../errors.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import type { Ports } from '../../ports.ts';
import type { TaskStats } from '../../task/task-pool.ts';
import { type TaskDocument, type TaskFigures, type TaskPhase, taskLabel } from '../documents/task.ts';
import { codeField, type Trouble, troubleOf } from '../documents/troubles.ts';
import { mapComponents, shippedWith, withoutMark } from '../plans/components.ts';
import type { Plans } from '../plans/plans.ts';
import type { Log } from '../process/log.ts';
import { Reconciler } from '../process/reconciler.ts';
import { checkTask } from '../security/check-task.ts';
import type { ServedTask, TaskHost } from './task-host.ts';

export interface TaskContext {
  readonly ports: Ports;
  readonly tier: 'edge' | 'cloud';
  readonly plans: Plans;
  readonly host: TaskHost;
  readonly log: Log;
  /** Public keys: only plans that one of them signed are served; all unless given. */
  readonly trusted?: readonly string[];
  readonly changed: () => void;
}

interface Serving {
  readonly document: TaskDocument;
  readonly served: ServedTask;
}

const NO_STATS: TaskStats = {
  ...{ calls: 0, failed: 0, timeouts: 0, shed: 0, queued: 0, queuedBytes: 0, running: 0, runners: 0 },
  waited: { p50: 0, p99: 0, p999: 0, mean: 0 },
  ran: { p50: 0, p99: 0, p999: 0, mean: 0 },
};

/** Of one that an agent does not serve. */
export function notServed({ namespace, task, operator }: TaskDocument, trouble: Trouble): TaskFigures {
  return { namespace, task, operator, phase: 'failed', revision: 0, ...NO_STATS, trouble };
}

export class HostedTask {
  readonly #context: TaskContext;
  readonly #reconciler: Reconciler;
  #wanted: TaskDocument;
  #serving: Serving | undefined;
  #trouble: Trouble | undefined;
  #named: readonly string[] = [];
  #closing: Promise<void> | undefined;

  constructor(document: TaskDocument, context: TaskContext) {
    this.#context = context;
    this.#wanted = document;
    this.#reconciler = new Reconciler(
      context.ports,
      () => this.#step(),
      (error, again) => this.#failed(error, again),
    );
    this.#reconciler.kick();
  }

  take(document: TaskDocument): void {
    if (document.revision === this.#wanted.revision) return;
    this.#wanted = document;
    this.#reconciler.kick();
  }

  /** Digests of what must stay on the agent's disk. */
  get named(): readonly string[] {
    return [this.#wanted.plan, ...this.#named];
  }

  figures(): TaskFigures {
    const { namespace, task, operator } = this.#wanted;
    const { waited, ran, ...counts } = this.#serving?.served.stats() ?? NO_STATS;
    return {
      ...{ namespace, task, operator, phase: this.#phase, revision: this.#serving?.document.revision ?? 0 },
      ...counts,
      waited: { p50: waited.p50, p99: waited.p99 },
      ran: { p50: ran.p50, p99: ran.p99 },
      ...defined({ trouble: this.#trouble }),
    };
  }

  /** Takes no more calls; resolves when those taken are answered. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  get #phase(): TaskPhase {
    if (this.#closing !== undefined) return 'closing';
    if (this.#trouble !== undefined) return 'failed';
    return this.#serving?.document.revision === this.#wanted.revision ? 'serving' : 'opening';
  }

  async #close(): Promise<void> {
    await this.#reconciler.stop();
    const serving = this.#serving;
    await serving?.served.close();
    this.#serving = undefined;
  }

  async #step(): Promise<undefined> {
    const document = this.#wanted;
    if (this.#serving?.document.revision === document.revision) return;
    const served = await this.#open(document);
    const former = this.#serving;
    this.#serving = { document, served };
    this.#trouble = undefined;
    const { revision, operator } = document;
    this.#context.log('info', `serves task ${taskLabel(document)}`, { task: taskLabel(document), revision, operator });
    this.#context.changed();
    // what it has taken it answers, while the new one is there already
    void former?.served.close();
  }

  async #open(document: TaskDocument): Promise<ServedTask> {
    const { plans, host, tier, trusted } = this.#context;
    const plan = await plans.logical(document.plan);
    await checkTask(plan, { task: document, tier, ...defined({ trusted }) }, (digest, key) =>
      plans.signature(digest, key),
    );
    this.#named = shippedWith(plan.operators);
    await host.provide(this.#named, (digest) => plans.component(digest));
    const { namespace, task, operator, bounds } = document;
    return host.serve({
      ...{ namespace, task, operator, bounds },
      plan: withFiles(plan, (digest) => host.fileOf(digest)),
      lost: (error) => this.#lost(document, error),
    });
  }

  #lost(document: TaskDocument, error: Error): void {
    if (this.#serving?.document !== document || this.#closing !== undefined) return;
    const { served } = this.#serving;
    this.#serving = undefined;
    this.#failed(error, false);
    void served.close();
    this.#reconciler.kick();
  }

  #failed(error: unknown, again: boolean): void {
    const { code, message, hint } = troubleOf(error);
    this.#trouble = { code, message, ...defined({ hint }) };
    if (again) return;
    const task = taskLabel(this.#wanted);
    this.#context.log('error', `task ${task} is not served: ${messageOf(error)}`, { task, ...codeField(error) });
    this.#context.changed();
  }
}

function withFiles(plan: LogicalPlan, file: (digest: string) => string): LogicalPlan {
  const named = (component: string): string => {
    const digest = withoutMark(component);
    return digest === undefined ? component : file(digest);
  };
  return { ...plan, operators: plan.operators.map((operator) => mapComponents(operator, named)) };
}
