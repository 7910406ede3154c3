/**
 * Keeps what an agent has on its disk in order: copies that no checkpoint needs any more are deleted, what a shared store has lost, because its server was restored
 * from an older disk, is put back, and of apps that are undeployed nothing stays, also where the agent was away when that happened.
 */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { messageOf } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import type { RegionName } from '../../state/checkpoint/layout.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { STEP, stepOf } from '../documents/epochs.ts';
import { type AppName, appLabel } from '../documents/names.ts';
import { codeField } from '../documents/troubles.ts';
import type { Log } from '../process/log.ts';
import { Reconciler } from '../process/reconciler.ts';
import { HOUSEKEEPING } from '../process/timing.ts';

export interface OwnCopies {
  /** Resolves to the names of what was put back into the shared store. */
  tidy(region: RegionName, domain: string | undefined, keep: number): Promise<readonly string[]>;
  drop(region: RegionName): Promise<void>;
  /** Journals of sources, and what durable channels keep here and in streams of these domains. */
  dropLogs(app: AppName, domains: readonly (string | undefined)[]): Promise<void>;
  /** Removes what sinks of these fragments have written here and nobody was shown, at epochs up to `epoch`. */
  dropHeld(left: Left, epoch: number): Promise<void>;
  dropComponents(digests: readonly string[]): Promise<void>;
}

/** Fragments that were this agent's. */
export interface Left {
  readonly fragments: readonly FragmentPlan[];
  /** Of the graph; absent where it has none. */
  readonly directory?: string;
}

/** What else of the agent is concerned. */
export interface Belongings {
  /** Forgets what ran here of an app that is undeployed; false while something of it still runs. */
  letGo(app: AppName): boolean;
  /** Of the regions whose fragments the agent runs. */
  domains(assignment: AssignmentDocument): readonly (string | undefined)[];
  /** What of an assignment is this agent's, where its disk still has the plan: it has run nothing without that. */
  left(assignment: AssignmentDocument): Promise<Left | undefined>;
  /** Deletes plans and components that none of these assignments has named for a while; resolves to the digests of the components, and whether more is to go. */
  tidyPlans(
    assignments: Iterable<AssignmentDocument>,
  ): Promise<{ readonly components: readonly string[]; readonly more: boolean }>;
}

/** What else a server may have lost, and this agent puts back where it has it. */
export interface Returning {
  /** Of the plan and the components of an app. */
  plans(assignment: AssignmentDocument): Promise<void>;
  record(region: RegionName, domain: string | undefined): Promise<void>;
}

export class Housekeeping {
  readonly #copies: OwnCopies;
  readonly #log: Log;
  readonly #reconciler: Reconciler;
  readonly #assignments = new Map<string, AssignmentDocument>();
  readonly #returning: Returning;
  readonly #belongings: Belongings;
  /** Apps of which something may be missing in the store of plans. */
  readonly #unsure = new Set<string>();
  /** What was to run here before an app ended or began anew, while nobody may have told the fragments so. */
  #over: { readonly assignment: AssignmentDocument; readonly epoch: number }[] = [];
  /** Plans may be here that nothing names any more. */
  #untidy = true;

  constructor(ports: Ports, copies: OwnCopies, returning: Returning, belongings: Belongings, log: Log) {
    this.#copies = copies;
    this.#belongings = belongings;
    this.#returning = returning;
    this.#log = log;
    this.#reconciler = new Reconciler(
      ports,
      async () => {
        for (const assignment of [...this.#assignments.values()]) await this.#tidy(assignment);
        await this.#dropOver();
        if (this.#untidy) await this.#tidyPlans();
        return HOUSEKEEPING;
      },
      (error, again) => {
        if (!again) log('warn', `copies of checkpoints cannot be tidied: ${messageOf(error)}`, codeField(error));
      },
    );
  }

  /** `before`: what the agent followed last of the app, perhaps when it was another process. */
  follow(assignment: AssignmentDocument, before?: AssignmentDocument): void {
    const epoch = before === undefined ? undefined : overUpTo(assignment, before);
    if (before !== undefined && epoch !== undefined) this.#over.push({ assignment: before, epoch });
    this.#assignments.set(appLabel(assignment), assignment);
    this.#untidy = true;
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
    const { namespace, app, wanted, regions, checkpoint } = assignment;
    if (wanted === 'undeployed') return this.#drop(assignment);
    const label = appLabel(assignment);
    if (this.#unsure.has(label)) {
      await this.#returning.plans(assignment);
      this.#unsure.delete(label);
    }
    for (const [region, { domain }] of Object.entries(regions)) {
      const name = { namespace, app, region };
      // before its checkpoints: whoever finds these goes no further than the record says
      await this.#returning.record(name, domain);
      this.#tell(name, await this.#copies.tidy(name, domain, checkpoint.keep));
    }
  }

  /** Once nothing of it runs here: until then it may still be read and written. */
  async #drop(assignment: AssignmentDocument): Promise<void> {
    const { namespace, app, regions } = assignment;
    if (!this.#belongings.letGo({ namespace, app })) return;
    for (const region of Object.keys(regions)) await this.#copies.drop({ namespace, app, region });
    await this.#copies.dropLogs({ namespace, app }, this.#belongings.domains(assignment));
    if (assignment.drain !== true) await this.#dropHeld(assignment, lastEpoch(assignment));
    const label = appLabel(assignment);
    if (this.#assignments.get(label) !== assignment) return;
    this.#assignments.delete(label);
    this.#unsure.delete(label);
  }

  /** Fragments that did not run when their app ended could not remove it themselves. */
  async #dropHeld(assignment: AssignmentDocument, epoch: number): Promise<void> {
    const left = await this.#belongings.left(assignment);
    if (left !== undefined) await this.#copies.dropHeld(left, epoch);
  }

  async #dropOver(): Promise<void> {
    for (let [next] = this.#over; next !== undefined; [next] = this.#over) {
      await this.#dropHeld(next.assignment, next.epoch);
      this.#over = this.#over.slice(1);
    }
  }

  async #tidyPlans(): Promise<void> {
    this.#untidy = false;
    try {
      const { components, more } = await this.#belongings.tidyPlans(this.#assignments.values());
      await this.#copies.dropComponents(components);
      this.#untidy ||= more;
    } catch (error) {
      this.#untidy = true;
      throw error;
    }
  }

  #tell(region: RegionName, put: readonly string[]): void {
    if (put.length === 0) return;
    const message = `${put.length} parts of checkpoints were put back into the shared store, which had lost them`;
    this.#log('warn', message, { ...region, code: 'cluster.server-went-back' });
  }
}

/** The last epoch of what ran by the assignment before, where nothing of that goes on; undefined where it does. */
function overUpTo(assignment: AssignmentDocument, before: AssignmentDocument): number | undefined {
  if ((assignment.begun ?? 0) > (before.begun ?? 0)) return firstEpoch(assignment) - 1;
  const isOver = assignment.wanted === 'undeployed' && assignment.drain !== true;
  // what is in this assignment, too, goes when nothing of it runs any more
  return isOver && assignment.distributed !== before.distributed ? lastEpoch(assignment) : undefined;
}

function firstEpoch({ regions }: AssignmentDocument): number {
  return Math.min(...Object.values(regions).map(({ epoch }) => stepOf(epoch)));
}

/** That a leader may still have made of the assignment. */
function lastEpoch({ regions }: AssignmentDocument): number {
  return Math.max(0, ...Object.values(regions).map(({ epoch }) => stepOf(epoch))) + STEP - 1;
}
