/**
 * A region goes to another plan without a stop, led by the same leader: the fragments of the new plan are prepared beside those that run, at an epoch that
 * is not in force yet.
 *
 *     preparing ──all ready──> record at the new epoch ──on all disks──> barrier with handover ──all took over──> finishing the former
 *         └── a failure: they are let go of, the former go on            └── a failure: like others, the region starts again one epoch higher
 */

import { defined } from '../../defined.ts';
import { userError } from '../../errors.ts';
import { successionOf } from '../../runtime/handover/succession.ts';
import type { AssignmentDocument, RegionAssignment } from '../documents/assignment.ts';
import { nextEpoch } from '../documents/epochs.ts';
import type { FragmentReport } from '../documents/messages.ts';
import type { RegionRecord } from '../documents/region-record.ts';
import type { MoveReceipt } from '../documents/status.ts';
import { FINISHES, PREPARES, SWITCHES } from '../process/timing.ts';
import { RegionCheckpoints } from './checkpoints.ts';
import type { RegionContext } from './context.ts';
import { RESERVE } from './decide-start.ts';
import { type Fault, RegionRun, type RunOptions } from './run.ts';
import type { Started } from './started.ts';
import type { Target } from './target.ts';
import { Wishes } from './wishes.ts';

/** What the region is to become, of a target that has it. */
export interface Successor {
  readonly assignment: AssignmentDocument;
  readonly region: RegionAssignment;
}

/** Whether a run may go on by another assignment while rows flow, as far as the documents say; its plans may say otherwise. Pure. */
export function mayChange({ assignment: before, assigned }: RunOptions, target: Target): target is Successor {
  const { assignment, region } = target;
  return (
    region?.live === true &&
    assignment.wanted === 'running' &&
    before.deployed === assignment.deployed &&
    before.distributed !== assignment.distributed &&
    assigned.domain === region.domain &&
    (assigned.since ?? 0) === (region.since ?? 0) &&
    (region.from ?? []).length === 0
  );
}

export class RegionChange {
  readonly next: RegionRun;
  readonly wishes: Wishes;
  readonly #context: RegionContext;
  readonly #former: Started;
  readonly #since: number;
  /** Since when something else is wanted than what it leads to. */
  #unwantedSince: number | undefined;
  /** Since when the former fragments may end. */
  #overSince: number | undefined;

  private constructor(context: RegionContext, former: Started, next: RegionRun) {
    this.#context = context;
    this.#former = former;
    this.next = next;
    this.wishes = new Wishes(context, next);
    this.#since = context.ports.monotonic();
  }

  /**
   * Begins to prepare. Throws user errors `handover.…` where rows cannot go on flowing; rejects where the record cannot be written: the run is in doubt
   * then.
   */
  static async begin(
    context: RegionContext,
    former: Started,
    { assignment, region }: Successor,
    memories: Map<string, string>,
  ): Promise<RegionChange> {
    const { run } = former;
    const before = run.options.assignment.distributed;
    await mustFollow(context, run.options.region, before, assignment.distributed);
    const { record } = run;
    const epoch = nextEpoch(region.epoch, Math.max(record.epoch, record.prepared ?? 0));
    if (epoch === undefined) throw userError('handover.epochs', 'the coordinator must give a new epoch');
    await run.save(context.records, { prepared: epoch });
    const options = { assignment, region: run.options.region, assigned: region, revision: run.revision, memories };
    const next = new RegionRun({ ...options, record: { ...run.record, epoch } });
    next.takeover = { from: run.epoch, distributed: before };
    const budget = assignment.pauseBudget;
    run.bequest = { epoch, distributed: assignment.distributed, ...defined({ budget }) };
    return new RegionChange(context, former, next);
  }

  /** False where the report is not of the new fragments. */
  hear(report: FragmentReport): boolean {
    if (report.epoch !== this.next.epoch || !this.next.fragments.includes(report.fragment)) return false;
    this.next.heardAt(report.fragment, this.#context.ports.monotonic());
    this.next.hear(report);
    return true;
  }

  /** Why it comes to nothing, while it is prepared. */
  get hindrance(): Fault | undefined {
    const fault = this.next.fault();
    if (fault !== undefined || this.#context.ports.monotonic() - this.#since < PREPARES) return fault;
    const [fragment = ''] = this.next.fragments;
    const message = `the new fragments were not ready within ${PREPARES / 1_000} s`;
    return { fragment, trouble: { code: 'handover.late', message, domain: 'external' }, absent: false };
  }

  get isPrepared(): boolean {
    return this.next.every(({ phase }) => phase === 'ready');
  }

  /** The new fragments are let go of, the former go on. */
  abandon(): void {
    this.#former.run.bequest = undefined;
    this.#former.checkpoints.held = false;
    this.next.goal = 'stopped';
    this.wishes.send();
  }

  /** From the moment that the record says so on, the new fragments are those that count. Rejects as saving the record does: the former run is in doubt then. */
  async commit(): Promise<Started> {
    const { run, checkpoints } = this.#former;
    const { prepared: _, ...before } = { prepared: undefined, ...run.record };
    const { epoch } = this.next;
    const reserved = Math.max(before.reserved, checkpoints.used + RESERVE);
    const record: RegionRecord = { ...before, epoch, reserved };
    const { records, ports } = this.#context;
    run.inDoubt = true;
    this.next.revision = await records.save(record, run.options.assigned.domain, run.revision);
    run.inDoubt = false;
    this.next.record = record;
    this.next.takeover = { from: run.epoch, distributed: run.options.assignment.distributed, committed: true };
    return { run: this.next, wishes: this.wishes, checkpoints: await this.#checkpoints(), at: ports.monotonic() };
  }

  /** When every new fragment's disk has the epoch, the former ones are cut. */
  switch(checkpoints: RegionCheckpoints): void {
    const { run } = this.#former;
    if (run.handsOver || !this.next.every(({ taking }) => taking === true)) return;
    run.barrier = checkpoints.handOver(run);
    run.handsOver = true;
  }

  /** What is wrong with it: until all have taken over with the former fragments, too. */
  fault(): Fault | undefined {
    return this.next.fault() ?? (this.hasSwitched ? undefined : this.#former.run.fault());
  }

  /**
   * What it comes to where the new fragments do not take over: whose agents are to run others by now may have let go. Nothing is wrong with any: all start
   * again from the last checkpoint, at their latest places.
   */
  overdue({ region }: Target, wantsToRun: boolean): Fault | undefined {
    const now = this.#context.ports.monotonic();
    const isWanted = wantsToRun && region?.epoch === this.next.options.assigned.epoch;
    this.#unwantedSince = isWanted ? undefined : (this.#unwantedSince ?? now);
    if (this.#unwantedSince === undefined || now - this.#unwantedSince < SWITCHES) return undefined;
    const fragment = this.next.fragments.find((name) => !this.next.satisfied(name)) ?? '';
    const message = 'the change before was not over in time';
    return { fragment, trouble: { code: 'handover.late', message, domain: 'external' }, absent: true };
  }

  get hasSwitched(): boolean {
    return this.next.every(({ tookOver }) => tookOver !== undefined);
  }

  /** Lets the former fragments end; true when they have, or have had time enough. */
  finish(): boolean {
    const { run } = this.#former;
    const now = this.#context.ports.monotonic();
    run.goal = 'finished';
    this.#overSince ??= now;
    return run.all('finished', 'failed', 'absent', 'stopped') || now - this.#overSince > FINISHES;
  }

  get receipt(): MoveReceipt {
    const taken = [...this.next.reports].flatMap(({ tookOver }) => tookOver ?? []);
    const sum = (of: (one: (typeof taken)[number]) => number): number => taken.reduce((all, one) => all + of(one), 0);
    return {
      revision: this.next.options.assignment.revision,
      how: 'live',
      pause: Math.max(0, ...taken.map(({ pause }) => pause)),
      total: this.#context.ports.monotonic() - this.#since,
      bytes: sum(({ bytes }) => bytes),
      rounds: Math.max(0, ...taken.map(({ rounds }) => rounds)),
      adopted: sum(({ adopted }) => adopted),
      carried: sum(({ carried }) => carried),
      lost: 0,
      duplicated: 0,
    };
  }

  async #checkpoints(): Promise<RegionCheckpoints> {
    const { assignment, region, assigned } = this.next.options;
    const { namespace, app } = assignment;
    const name = { namespace, app, region };
    const store = await this.#context.checkpoints(name, assigned.domain, assignment.checkpoint.keep);
    const next = this.#former.checkpoints.used + 1;
    return new RegionCheckpoints(this.#context, this.next, store, assignment.checkpoint.every, next);
  }
}

/** Rejects with `handover.…` where the plans do not allow that rows go on flowing. */
async function mustFollow(context: RegionContext, region: string, before: string, distributed: string): Promise<void> {
  const [old, next] = await Promise.all([context.distributed(before), context.distributed(distributed)]);
  const ofRegion = (one: { readonly region: string }): boolean => one.region === region;
  successionOf(old.fragments.filter(ofRegion), next.fragments.filter(ofRegion));
}
