/** The user's side of tasks that agents serve: writes wishes into their documents. */
import { userError } from '../../errors.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import type { Nats } from '../../nats/nats.ts';
import type { Ports } from '../../ports.ts';
import { ControlBuckets } from '../documents/buckets.ts';
import { changeDocument } from '../documents/change-document.ts';
import { decodeDocument, versioned } from '../documents/document.ts';
import {
  type TaskBounds,
  type TaskDocument,
  type TaskName,
  type TaskPlacement,
  taskDocument,
  taskKey,
  taskLabel,
} from '../documents/task.ts';
import { Plans } from '../plans/plans.ts';
import { signPlan } from '../security/trust.ts';

export interface TaskRequest {
  /** As `taskGraph` cuts it out, with components by digest. */
  readonly plan: LogicalPlan;
  readonly operator: string;
  readonly task: string;
  /** Names of the parameters that were given. */
  readonly parameters: readonly string[];
  readonly placement: TaskPlacement;
  readonly bounds: TaskBounds;
  /** Seed of the nkey that signs the plan. */
  readonly seed?: string;
}

export class TaskClient {
  readonly #ports: Ports;
  readonly #control: ControlBuckets;
  readonly #plans: Plans;

  constructor(nats: Nats, ports: Ports) {
    this.#ports = ports;
    this.#control = new ControlBuckets({ nats, home: false });
    this.#plans = new Plans(() => this.#control.artifacts());
  }

  /** Resolves to the digest under which a component can be named in a plan. */
  keepComponent(bytes: Uint8Array): Promise<string> {
    return this.#plans.keepComponent(bytes);
  }

  /** All that are to be served, by name. */
  async tasks(): Promise<readonly TaskDocument[]> {
    const bucket = await this.#control.documents();
    const entries = await Promise.all((await bucket.keys('tasks.>')).map((key) => bucket.get(key)));
    const all = entries.flatMap((entry) =>
      entry === undefined ? [] : [decodeDocument(taskDocument, entry.value, entry.key)],
    );
    const served = all.filter(({ wanted }) => wanted === 'served');
    return served.sort((one, other) => taskLabel(one).localeCompare(taskLabel(other)));
  }

  /** Safe when it resolves; who serves it is the agents'. */
  async deploy({ plan, task, seed, ...wish }: TaskRequest): Promise<TaskDocument> {
    const digest = await this.#plans.keep(plan);
    if (seed !== undefined) {
      const { key, bytes } = signPlan(plan, seed);
      await this.#plans.keepSignature(digest, key, bytes);
    }
    const name = { namespace: plan.namespace, task };
    return this.#change(name, (before) => ({
      ...(before ?? versioned),
      ...name,
      ...wish,
      plan: digest,
      wanted: 'served',
      revision: (before?.revision ?? 0) + 1,
      changed: this.#ports.now(),
    }));
  }

  /** Rejects with `cluster.no-task` where there is none. */
  undeploy(name: TaskName): Promise<TaskDocument> {
    return this.#change(name, (before) => {
      if (before === undefined || before.wanted === 'undeployed') throw noTask(name);
      return { ...before, wanted: 'undeployed', revision: before.revision + 1, changed: this.#ports.now() };
    });
  }

  async #change(name: TaskName, change: (before: TaskDocument | undefined) => TaskDocument): Promise<TaskDocument> {
    return changeDocument(await this.#control.documents(), taskKey(name), taskDocument, change);
  }
}

function noTask(name: TaskName): Error {
  return userError('cluster.no-task', `no agents serve a task ${taskLabel(name)}`, {
    hint: 'cloudskin task list shows those there are; what task serve serves ends with its process',
  });
}
