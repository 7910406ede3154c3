/**
 * Deletes plans, components and signatures that no document refers to any more. Whoever deploys puts them into the store before the document that names them, and
 * puts anew what may be there already; so what nobody names stays for a while, counted from when it was put, or from when it was last seen named, whichever is later.
 */
import { CloudskinError } from '../../errors.ts';
import type { KeyValue, Objects } from '../../nats/nats.ts';
import type { Ports } from '../../ports.ts';
import { appDocument } from '../documents/app.ts';
import { assignmentDocument } from '../documents/assignment.ts';
import { decodeDocument, type Versioned } from '../documents/document.ts';
import type { Read } from '../documents/read-json.ts';
import { taskDocument } from '../documents/task.ts';
import { shippedIn, shippedWith } from '../plans/components.ts';
import type { Plans } from '../plans/plans.ts';

/** Milliseconds. */
export interface ArtifactTimes {
  /** Between two looks. */
  readonly every: number;
  /** For which what nothing names stays. */
  readonly grace: number;
  /** For which an app that is undeployed still names what it was: it may be flowing out. */
  readonly undeployed: number;
}

export const ARTIFACT_TIMES: ArtifactTimes = { every: 600_000, grace: 3_600_000, undeployed: 7 * 86_400_000 };

export interface ArtifactsOptions {
  readonly ports: Pick<Ports, 'now' | 'monotonic'>;
  readonly plans: Plans;
  readonly documents: () => Promise<KeyValue>;
  readonly objects: () => Promise<Objects>;
  /** Whether this agent still is the coordinator. */
  readonly leads: () => boolean;
  readonly times?: ArtifactTimes;
}

export class Artifacts {
  readonly #options: ArtifactsOptions;
  readonly times: ArtifactTimes;
  /** By name, by the monotonic clock. */
  #unnamed = new Map<string, number>();

  constructor(options: ArtifactsOptions) {
    this.#options = options;
    this.times = options.times ?? ARTIFACT_TIMES;
  }

  /** Resolves to the names of what it deleted. Rejects, with nothing deleted, where a document cannot be read: who knows what that names. */
  async sweep(): Promise<readonly string[]> {
    const { ports, leads } = this.#options;
    const objects = await this.#options.objects();
    // what is put after this look is not among the names
    const names = await objects.list();
    const named = await this.#named();
    const now = ports.monotonic();
    const unnamed = names.filter((name) => !named.has(name.split('/')[1] ?? ''));
    this.#unnamed = new Map(unnamed.map((name) => [name, this.#unnamed.get(name) ?? now]));
    const deleted: string[] = [];
    for (const [name, since] of this.#unnamed) {
      if (now - since < this.times.grace || !leads()) continue;
      if (!(await this.#isOld(objects, name))) continue;
      await objects.delete(name);
      deleted.push(name);
    }
    for (const name of deleted) this.#unnamed.delete(name);
    return deleted;
  }

  /** It may have been put again by somebody who is about to name it. */
  async #isOld(objects: Objects, name: string): Promise<boolean> {
    const written = await objects.written(name);
    return written !== undefined && this.#options.ports.now() - written >= this.times.grace;
  }

  /** Digests that documents refer to, directly or by a plan. */
  async #named(): Promise<ReadonlySet<string>> {
    const bucket = await this.#options.documents();
    const apps = await all(bucket, 'apps.>', appDocument);
    const assignments = await all(bucket, 'assignments.>', assignmentDocument);
    const now = this.#options.ports.now();
    const over = new Set(
      apps
        .filter(({ wanted, changed }) => wanted === 'undeployed' && now - changed > this.times.undeployed)
        .map(({ namespace, app }) => `${namespace}/${app}`),
    );
    const living = <T extends { readonly namespace: string; readonly app: string }>(one: T): boolean =>
      !over.has(`${one.namespace}/${one.app}`);
    const named = new Set<string>();
    for (const { plan } of apps.filter(living)) await this.#nameLogical(plan, named);
    const tasks = await all(bucket, 'tasks.>', taskDocument);
    for (const { plan, wanted } of tasks) if (wanted === 'served') await this.#nameLogical(plan, named);
    for (const { plan, distributed } of assignments.filter(living)) {
      await this.#nameLogical(plan, named);
      await this.#nameDistributed(distributed, named);
    }
    return named;
  }

  async #nameLogical(digest: string, named: Set<string>): Promise<void> {
    if (digest === '' || named.has(digest)) return;
    named.add(digest);
    const plan = await orAbsent(this.#options.plans.logical(digest));
    for (const component of shippedWith(plan?.operators ?? [])) named.add(component);
  }

  async #nameDistributed(digest: string, named: Set<string>): Promise<void> {
    if (digest === '' || named.has(digest)) return;
    named.add(digest);
    const plan = await orAbsent(this.#options.plans.distributed(digest));
    for (const component of plan?.fragments.flatMap(shippedIn) ?? []) named.add(component);
  }
}

async function all<T extends Versioned>(bucket: KeyValue, pattern: string, read: Read<T>): Promise<readonly T[]> {
  const keys = await bucket.keys(pattern);
  const entries = await Promise.all(keys.map((key) => bucket.get(key)));
  return entries.flatMap((entry) => (entry === undefined ? [] : [decodeDocument(read, entry.value, entry.key)]));
}

/** A plan that the server has lost: it names nothing until it is deployed again, which puts all of it anew. */
async function orAbsent<T>(loading: Promise<T>): Promise<T | undefined> {
  try {
    return await loading;
  } catch (error) {
    if (error instanceof CloudskinError && error.code === 'cluster.no-artifact') return undefined;
    throw error;
  }
}
