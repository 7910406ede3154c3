/**
 * Keeps an agent's own copies of checkpoints and plans in order: what no checkpoint needs any more is deleted, what a shared store has lost, because its server was restored
 * from an older disk, is put back, and of apps that are undeployed nothing stays.
 */
import { messageOf } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import type { AssignmentDocument } from '../documents/documents.ts';
import { appLabel } from '../documents/names.ts';
import type { Log } from '../process/log.ts';
import { Reconciler } from '../process/reconciler.ts';
import type { RegionName } from '../region/context.ts';

export interface OwnCopies {
  /** Resolves to the names of what was put back into the shared store. */
  tidy(region: RegionName, domain: string | undefined, keep: number): Promise<readonly string[]>;
  drop(region: RegionName): Promise<void>;
}

/** What else a server may have lost, and this agent puts back where it has it. */
export interface Returning {
  /** Of the plan and the components of an app. */
  plans(assignment: AssignmentDocument): Promise<void>;
  record(region: RegionName, domain: string | undefined): Promise<void>;
}

/** Milliseconds between two rounds. */
const EVERY = 5_000;

export class Housekeeping {
  readonly #copies: OwnCopies;
  readonly #log: Log;
  readonly #reconciler: Reconciler;
  readonly #assignments = new Map<string, AssignmentDocument>();
  readonly #dropped = new Map<string, number>();
  readonly #returning: Returning;
  /** Apps of which something may be missing in the store of plans. */
  readonly #unsure = new Set<string>();
  /** Said once, until it goes well again. */
  #failed = false;

  constructor(ports: Ports, copies: OwnCopies, returning: Returning, log: Log) {
    this.#copies = copies;
    this.#returning = returning;
    this.#log = log;
    this.#reconciler = new Reconciler(
      ports,
      async () => {
        for (const assignment of [...this.#assignments.values()]) await this.#tidy(assignment);
        this.#failed = false;
        return EVERY;
      },
      (error) => this.#stumble(error),
    );
  }

  follow(assignment: AssignmentDocument): void {
    this.#assignments.set(appLabel(assignment), assignment);
    this.#unsure.add(appLabel(assignment));
  }

  /** Soon: the server may have been restored. */
  kick(): void {
    for (const label of this.#assignments.keys()) this.#unsure.add(label);
    this.#reconciler.kick();
  }

  async stop(): Promise<void> {
    await this.#reconciler.stop();
  }

  async #tidy(assignment: AssignmentDocument): Promise<void> {
    const { namespace, app, revision, wanted, regions, checkpoint } = assignment;
    const label = appLabel(assignment);
    if (wanted !== 'undeployed' && this.#unsure.has(label)) {
      await this.#returning.plans(assignment);
      this.#unsure.delete(label);
    }
    if (wanted === 'undeployed' && this.#dropped.get(label) === revision) return;
    for (const [region, { domain }] of Object.entries(regions)) {
      const name = { namespace, app, region };
      if (wanted === 'undeployed') {
        await this.#copies.drop(name);
        continue;
      }
      // before its checkpoints: whoever finds these goes no further than the record says
      await this.#returning.record(name, domain);
      this.#tell(name, await this.#copies.tidy(name, domain, checkpoint.keep));
    }
    if (wanted === 'undeployed') this.#dropped.set(label, revision);
  }

  #tell(region: RegionName, put: readonly string[]): void {
    if (put.length === 0) return;
    const message = `${put.length} parts of checkpoints were put back into the shared store, which had lost them`;
    this.#log('warn', message, { ...region, code: 'cluster.server-went-back' });
  }

  #stumble(error: unknown): void {
    if (!this.#failed) this.#log('warn', `copies of checkpoints cannot be tidied: ${messageOf(error)}`);
    this.#failed = true;
  }
}
