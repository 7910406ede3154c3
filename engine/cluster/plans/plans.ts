/**
 * Plans and components by digest: objects beside the control documents, kept on the agent's own disk once fetched, since a restart must not need the
 * uplink. A digest names the bytes, so nothing is ever stale.
 */
import { createHash } from 'node:crypto';
import type { DistributedPlan } from '../../compile/fragment-plan.ts';
import { CloudskinError, externalError } from '../../errors.ts';
import { isKnownVersion } from '../../graph/deployable.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { parseValue, stringifyValue } from '../../json.ts';
import type { Objects } from '../../nats/nats.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { componentObject, planObject, signatureObject } from '../documents/names.ts';
import type { AgentDisk } from '../memory/agent-disk.ts';
import { UNNAMED } from '../process/timing.ts';
import { shippedIn } from './components.ts';

/** Plans kept in memory. */
const KEPT = 16;

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export interface Encoded {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/** The same plan gives the same digest: members are written in the order they have. */
export function encodePlan(plan: LogicalPlan | DistributedPlan): Encoded {
  const bytes = new TextEncoder().encode(stringifyValue(plan));
  return { digest: digestOf(bytes), bytes };
}

export class Plans {
  readonly #objects: () => Promise<Objects>;
  readonly #disk: AgentDisk | undefined;
  readonly #known = new Map<string, unknown>();
  /** Digests that others than assignments name. */
  #held: () => Iterable<string> = () => [];
  /** On the disk, though nothing names it: since when. */
  #unnamed: ReadonlyMap<string, number> = new Map();

  /** `objects`: the bucket of artifacts; may reject while it cannot be reached. */
  constructor(objects: () => Promise<Objects>, disk?: AgentDisk) {
    this.#objects = objects;
    this.#disk = disk;
  }

  /** What stays on the disk besides what assignments name. */
  hold(held: () => Iterable<string>): void {
    this.#held = held;
  }

  async distributed(digest: string): Promise<DistributedPlan> {
    return (await this.#load(digest)) as DistributedPlan;
  }

  async logical(digest: string): Promise<LogicalPlan> {
    return (await this.#load(digest)) as LogicalPlan;
  }

  /** Resolves to its digest when it is safe, here and there: should the store lose it, somebody has to have it. */
  async keep(plan: LogicalPlan | DistributedPlan): Promise<string> {
    const { digest, bytes } = encodePlan(plan);
    const name = planObject(digest);
    const objects = await this.#objects();
    // what was kept before may have been lost by a restored server
    if (this.#known.has(digest) && (await objects.get(name)) !== undefined) return digest;
    await this.#disk?.keepArtifact(name, bytes);
    await objects.put(name, bytes);
    this.#remember(digest, plan);
    return digest;
  }

  /** Puts a plan, its logical plan and its components back where the store has lost them and this agent has them; nothing where it has not. */
  async giveBack(digest: string): Promise<void> {
    const plan = await this.#has(digest);
    if (plan === undefined) return;
    const objects = await this.#objects();
    for (const { digest: own, bytes } of [encodePlan(plan), encodePlan(plan.logical)]) {
      if ((await objects.get(planObject(own))) === undefined) await objects.put(planObject(own), bytes);
    }
    for (const component of new Set(plan.fragments.flatMap(shippedIn))) {
      const kept = await this.#disk?.artifact(componentObject(component));
      const name = componentObject(component);
      if (kept !== undefined && (await objects.get(name)) === undefined) await objects.put(name, kept);
    }
  }

  /**
   * Deletes from the agent's own disk what none of the assignments has named for a minute; `now`: monotonic milliseconds. Resolves to the digests of the
   * components that went, and whether something else waits for its minute.
   */
  async tidy(
    assignments: Iterable<AssignmentDocument>,
    now: number,
  ): Promise<{ readonly components: readonly string[]; readonly more: boolean }> {
    const disk = this.#disk;
    if (disk === undefined) return { components: [], more: false };
    const named = new Set<string>(this.#held());
    for (const { plan, distributed, wanted } of assignments) {
      if (wanted !== 'undeployed') for (const digest of [plan, distributed]) named.add(digest);
      if (wanted !== 'undeployed') for (const digest of await this.#componentsOf(distributed)) named.add(digest);
    }
    const kept = await Promise.all(['plan', 'component', 'signature'].map((kind) => disk.artifacts(kind)));
    const unnamed = kept.flat().filter((name) => !named.has(name.split('/')[1] ?? ''));
    const since = new Map(unnamed.map((name) => [name, this.#unnamed.get(name) ?? now]));
    const gone = unnamed.filter((name) => now - (since.get(name) ?? now) >= UNNAMED);
    for (const name of gone) {
      await disk.dropArtifact(name);
      since.delete(name);
    }
    this.#unnamed = since;
    const components = gone.filter((name) => name.startsWith('component/')).map((name) => name.split('/')[1] ?? '');
    return { components, more: since.size > 0 };
  }

  /** Undefined where the agent's own disk does not have it. */
  async own(digest: string): Promise<DistributedPlan | undefined> {
    if (digest === '' || (await this.#disk?.artifact(planObject(digest))) === undefined) return undefined;
    return this.distributed(digest);
  }

  /** Of a plan that is on the agent's own disk: of others it has none. */
  async #componentsOf(digest: string): Promise<readonly string[]> {
    return (await this.own(digest))?.fragments.flatMap(shippedIn) ?? [];
  }

  async #has(digest: string): Promise<DistributedPlan | undefined> {
    try {
      return await this.distributed(digest);
    } catch (error) {
      if (error instanceof CloudskinError && error.code === 'cluster.no-artifact') return undefined;
      throw error;
    }
  }

  component(digest: string): Promise<Uint8Array> {
    return this.#bytes(componentObject(digest), digest);
  }

  async keepComponent(bytes: Uint8Array): Promise<string> {
    const digest = digestOf(bytes);
    await (await this.#objects()).put(componentObject(digest), bytes);
    return digest;
  }

  async keepSignature(digest: string, key: string, signature: Uint8Array): Promise<void> {
    await (await this.#objects()).put(signatureObject(digest, key), signature);
  }

  /** Of a plan by a key; undefined where there is none. Believing it is the caller's. */
  async signature(digest: string, key: string): Promise<Uint8Array | undefined> {
    const name = signatureObject(digest, key);
    const kept = await this.#disk?.artifact(name);
    if (kept !== undefined) return kept;
    const bytes = await (await this.#objects()).get(name);
    if (bytes !== undefined) await this.#disk?.keepArtifact(name, bytes);
    return bytes;
  }

  async #load(digest: string): Promise<unknown> {
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    const bytes = await this.#bytes(planObject(digest), digest);
    const plan = parseValue(new TextDecoder().decode(bytes)) as { readonly planVersion?: number };
    if (!isKnownVersion(plan)) {
      throw externalError(
        'cluster.newer-plan',
        `the plan ${digest.slice(0, 12)} was made by a version that this one cannot follow`,
        {
          hint: 'bring this agent or command to the version of the others',
        },
      );
    }
    this.#remember(digest, plan);
    return plan;
  }

  async #bytes(name: string, digest: string): Promise<Uint8Array> {
    const kept = await this.#disk?.artifact(name);
    if (kept !== undefined && digestOf(kept) === digest) return kept;
    const bytes = await (await this.#objects()).get(name);
    if (bytes === undefined) {
      throw externalError(
        'cluster.no-artifact',
        `there is no ${name.slice(0, name.indexOf('/') + 13)} among the artifacts`,
        {
          retry: true,
          hint: 'deploy the app again',
        },
      );
    }
    if (digestOf(bytes) !== digest) {
      throw externalError('cluster.bad-artifact', `${name.slice(0, name.indexOf('/') + 13)} is damaged`, {
        retry: true,
      });
    }
    await this.#disk?.keepArtifact(name, bytes);
    return bytes;
  }

  #remember(digest: string, plan: unknown): void {
    this.#known.set(digest, plan);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KEPT) return;
      this.#known.delete(oldest);
    }
  }
}
