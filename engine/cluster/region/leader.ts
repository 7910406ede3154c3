/**
 * Leads one region of an app: takes it over by its record, starts its fragments, has them cut, completes checkpoints, starts anew after
 * a failure, ends. It needs the region's own side of the network and no coordinator.
 *
 *     acquiring ──> starting ──> running ──> finished
 *        ^             └───────────┴──> backoff ──> acquiring       a user's mistake: failed
 *        └── a new assignment, or a wish to stop: stopping (a last checkpoint) ──> stopped
 */
import { defined } from '../../defined.ts';
import { messageOf } from '../../errors.ts';
import { isWrongRevision } from '../../nats/compare-and-set.ts';
import type { RegionName } from '../../state/checkpoint/layout.ts';
import type { AssignmentDocument, RegionAssignment } from '../documents/assignment.ts';
import type { FragmentReport, Goal } from '../documents/messages.ts';
import { sameAgent } from '../documents/names.ts';
import type { RegionFigures, RegionPhase } from '../documents/status.ts';
import { type FragmentTrouble, troubleOf } from '../documents/troubles.ts';
import type { LogFields, LogLevel } from '../process/log.ts';
import { Reconciler } from '../process/reconciler.ts';
import {
  HANDOVER,
  LAST_CHECKPOINT,
  LEADER_LOOKS,
  LEAVING_CHECKPOINT,
  RETURN,
  STABLE,
  STOPPING,
} from '../process/timing.ts';
import { RegionCheckpoints } from './checkpoints.ts';
import type { RegionContext } from './context.ts';
import { RestartPolicy } from './restart-policy.ts';
import type { Fault, RegionRun } from './run.ts';
import { takeOver } from './takeover.ts';
import { Wishes } from './wishes.ts';

interface Target {
  readonly assignment: AssignmentDocument;
  /** Absent where the region is not this agent's to lead, or no longer there. */
  readonly region: RegionAssignment | undefined;
}

export class RegionLeader {
  readonly name: RegionName;
  readonly #context: RegionContext;
  readonly #changed: () => void;
  readonly #reconciler: Reconciler;
  readonly #policy = new RestartPolicy();
  readonly #memories = new Map<string, string>();
  #target: Target;
  #phase: RegionPhase = 'acquiring';
  #run: RegionRun | undefined;
  #wishes: Wishes | undefined;
  #checkpoints: RegionCheckpoints | undefined;
  #trouble: FragmentTrouble | undefined;
  /** The revision at which it failed for good, or was brought to a stop. */
  #settled = 0;
  /** The revision that was tried last. */
  #tried = 0;
  /** The last checkpoint that was asked for, by former runs. */
  #answered = 0;
  #notBefore = 0;
  #startedAt = 0;
  #waitingSince: number | undefined;
  #concluding: { readonly checkpointUntil: number; readonly until: number; readonly done: number } | undefined;
  #leaving = false;
  #closed = false;

  /** `changed` is called whenever `figures` says something new. */
  constructor(name: RegionName, assignment: AssignmentDocument, context: RegionContext, changed: () => void) {
    this.name = name;
    this.#context = context;
    this.#changed = changed;
    this.#target = this.#targetOf(assignment);
    this.#reconciler = new Reconciler(
      context.ports,
      () => this.#step(),
      (error) => this.#stumble(error),
    );
    this.#reconciler.kick();
  }

  get phase(): RegionPhase {
    return this.#phase;
  }

  /** True where nothing is left to lead here. */
  get idle(): boolean {
    return this.#run === undefined && this.#target.region === undefined;
  }

  follow(assignment: AssignmentDocument): void {
    const before = this.#target.assignment;
    this.#target = this.#targetOf(assignment);
    if (assignment.revision !== before.revision) this.#trouble = undefined;
    // figures speak of the new revision from here on: what failed was the one before
    if (assignment.revision > before.revision && this.#phase === 'failed' && this.#wantsToRun) this.#enter('acquiring');
    if (assignment.deployed !== before.deployed) this.#policy.progressed();
    if ((assignment.asked ?? 0) > (before.asked ?? 0)) this.#checkpoints?.ask(assignment.asked);
    this.#reconciler.kick();
  }

  hear(report: FragmentReport): void {
    const run = this.#run;
    if (run === undefined) return;
    if (report.epoch > run.epoch && run.fragments.includes(report.fragment)) run.inDoubt = true;
    else if (!run.hear(report)) return;
    this.#checkpoints?.hear(report);
    this.#reconciler.kick();
  }

  /** A last checkpoint, then all stops; the region is this agent's still when it is back. */
  leave(): void {
    this.#leaving = true;
    this.#reconciler.kick();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#reconciler.stop();
  }

  figures(): RegionFigures {
    const { assignment } = this.#run?.options ?? this.#target;
    const { namespace, app, region } = this.name;
    const known = this.#checkpoints?.figures ?? { checkpoint: 0 };
    const trouble = this.#trouble ?? this.#run?.stumbling();
    return {
      namespace,
      app,
      region,
      deployed: assignment.deployed,
      revision: this.#target.assignment.revision,
      epoch: this.#run?.epoch ?? 0,
      phase: this.#phase,
      restarts: this.#policy.restarts,
      ...known,
      ...defined({ trouble }),
    };
  }

  #targetOf(assignment: AssignmentDocument): Target {
    const region = assignment.regions[this.name.region];
    return { assignment, region: region && sameAgent(region.leader, this.#context.name) ? region : undefined };
  }

  get #wantsToRun(): boolean {
    const { wanted, drain } = this.#target.assignment;
    if (this.#leaving || this.#closed || this.#target.region === undefined) return false;
    if (wanted === 'running' || wanted === 'paused') return true;
    // What is to flow out has to run, but nothing is started for it.
    return drain === true && this.#run !== undefined;
  }

  async #step(): Promise<number | undefined> {
    if (this.#run?.inDoubt === true) await this.#resolveDoubt(this.#run);
    const run = this.#run;
    if (run === undefined) return this.#rest();
    await this.#drive(run);
    if (this.#run !== run) return 0;
    const resend = this.#wishes?.send() ?? LEADER_LOOKS;
    // elsewhere checkpoints that are due are not begun, and there is nothing to be done at once
    const due = this.#phase === 'running' ? this.#checkpoints?.delay : undefined;
    return Math.min(resend, due ?? LEADER_LOOKS);
  }

  /** Nothing runs: starts it where that is wished. */
  async #rest(): Promise<number | undefined> {
    const { assignment, region } = this.#target;
    this.#tried = assignment.revision;
    if (!this.#wantsToRun || region === undefined) {
      if (assignment.wanted === 'undeployed' && region !== undefined && this.#settled < assignment.revision) {
        await this.#context.dropState(this.name, region.domain);
      }
      return this.#settle(this.#phase === 'finished' ? 'finished' : 'stopped');
    }
    if (this.#phase === 'failed' && this.#settled >= assignment.revision) return undefined;
    const now = this.#context.ports.monotonic();
    if (now < this.#notBefore) return this.#notBefore - now;
    this.#waitingSince ??= now;
    if (this.#phase !== 'fenced') this.#enter('acquiring');
    return this.#takeOver(assignment, region, now - this.#waitingSince);
  }

  async #takeOver(
    assignment: AssignmentDocument,
    region: RegionAssignment,
    waited: number,
  ): Promise<number | undefined> {
    const waiting = { patient: waited < HANDOVER, hopeful: waited < RETURN, memories: this.#memories };
    const taken = await takeOver(this.#context, this.name, assignment, region, waiting);
    if (taken.kind === 'finished') return this.#settle('finished');
    if (taken.kind === 'wait') {
      this.#enter(taken.phase);
      this.#trouble = {
        code: 'cluster.waits',
        message: `region ${this.name.region} waits: ${taken.why}`,
        domain: 'external',
      };
      return LEADER_LOOKS;
    }
    const { run, store, firstCheckpoint } = taken;
    this.#run = run;
    this.#wishes = new Wishes(this.#context, run);
    this.#answered = this.#checkpoints?.figures.answered ?? this.#answered;
    this.#checkpoints = new RegionCheckpoints(this.#context, run, store, assignment.checkpoint.every, firstCheckpoint);
    if ((assignment.asked ?? 0) > this.#answered) this.#checkpoints.ask(assignment.asked);
    this.#concluding = undefined;
    this.#waitingSince = undefined;
    this.#trouble = undefined;
    this.#startedAt = this.#context.ports.monotonic();
    this.#enter('starting');
    const { checkpoint } = run.options;
    this.#log(
      'info',
      `region starts ${checkpoint === undefined ? 'from the beginning' : `from checkpoint ${checkpoint}`}`,
    );
    return 0;
  }

  async #drive(run: RegionRun): Promise<void> {
    if (run.over) return this.#sweep(run);
    const fault = run.fault();
    if (fault !== undefined && run.goal !== 'stopped') return this.#fail(run, fault);
    const superseded = run.options.assigned.epoch !== this.#target.region?.epoch;
    if (superseded || !this.#wantsToRun) return this.#conclude(run);
    this.#concluding = undefined;
    run.goal = this.#goal();
    if (this.#phase !== 'running' && run.all('ready', 'running', 'paused', 'ended', 'finished')) this.#enter('running');
    if (this.#phase !== 'running') return;
    await this.#advance();
    // what held it up does not any more
    this.#trouble = undefined;
    this.#progress();
    if (run.goal === 'finished' && run.all('finished')) await this.#finish(run);
  }

  /** Whoever takes over must not go behind a complete checkpoint, though a server forget it: all hear of it at once. */
  async #advance(): Promise<void> {
    const before = this.#checkpoints?.figures.checkpoint;
    await this.#checkpoints?.advance();
    if (this.#checkpoints?.figures.checkpoint !== before) this.#changed();
  }

  #goal(): Goal {
    if (this.#checkpoints?.isLastDone === true) return 'finished';
    const { wanted } = this.#target.assignment;
    if (wanted === 'paused') return 'paused';
    return wanted === 'running' ? 'running' : 'drained';
  }

  #progress(): void {
    const stable = this.#context.ports.monotonic() - this.#startedAt > STABLE;
    if (stable || (this.#checkpoints?.done ?? 0) > 0) this.#policy.progressed();
  }

  /** A last checkpoint, then everything stops and the record says so. */
  async #conclude(run: RegionRun): Promise<void> {
    const now = this.#context.ports.monotonic();
    const checkpoints = this.#checkpoints;
    if (this.#concluding === undefined) {
      const worthwhile = this.#phase === 'running' && !this.#isUrgent(run);
      const checkpointUntil = worthwhile ? now + (this.#leaving ? LEAVING_CHECKPOINT : LAST_CHECKPOINT) : now;
      this.#concluding = { checkpointUntil, until: checkpointUntil + STOPPING, done: checkpoints?.done ?? 0 };
      checkpoints?.ask();
      this.#enter('stopping');
    }
    const { checkpointUntil, until, done } = this.#concluding;
    if (now < checkpointUntil && checkpoints !== undefined && checkpoints.done === done) {
      await checkpoints.advance();
      if (checkpoints.done === done) return;
    }
    const { wanted, drain } = this.#target.assignment;
    run.forget = wanted === 'undeployed' && drain !== true;
    run.goal = 'stopped';
    const stopped = run.fragments.every((fragment) => run.satisfied(fragment)) || run.all('finished');
    if (!stopped && now < until) return;
    if (!stopped) this.#log('warn', 'not every fragment of the region said that it had stopped');
    await this.#save(run, { released: stopped });
    this.#run = undefined;
    this.#settle('stopped');
  }

  /** Whether a new assignment does not want the state as it is now: its owner is lost, or it goes back to an older checkpoint. */
  #isUrgent({ options }: RegionRun): boolean {
    const { assignment } = this.#target;
    const next = assignment.regions[this.name.region];
    if (next === undefined || next.epoch === options.assigned.epoch) return false;
    const goesBack = assignment.restore !== undefined && assignment.deployed !== options.assignment.deployed;
    return goesBack || !next.handover;
  }

  async #finish(run: RegionRun): Promise<void> {
    await this.#save(run, { finished: true });
    this.#log('info', 'region finished');
    this.#run = undefined;
    this.#settle('finished');
  }

  async #save(run: RegionRun, change: { readonly released?: boolean; readonly finished?: boolean }): Promise<void> {
    run.inDoubt = true;
    const record = { ...run.record, ...change };
    run.revision = await this.#context.records.save(record, run.options.assigned.domain, run.revision);
    run.record = record;
    run.inDoubt = false;
  }

  #fail(run: RegionRun, { fragment, trouble, absent }: Fault): void {
    const delay = absent ? 0 : this.#policy.after(trouble, this.#context.ports.random());
    if (absent) this.#policy.again();
    const what =
      delay === undefined ? 'the region stays stopped' : `the region starts again in ${Math.round(delay)} ms`;
    this.#log(delay === undefined ? 'error' : 'warn', `${fragment}: ${trouble.message}; ${what}`, {
      code: trouble.code,
    });
    this.#trouble = { ...trouble, message: `${fragment}: ${trouble.message}` };
    run.goal = 'stopped';
    run.over = true;
    if (delay === undefined) this.#settled = this.#target.assignment.revision;
    else this.#notBefore = this.#context.ports.monotonic() + delay;
    this.#enter(delay === undefined ? 'failed' : 'backoff');
  }

  /** After a failure: until all fragments have let go, or it is time for the next start, which makes them. */
  #sweep(run: RegionRun): void {
    const stopped = run.fragments.every((fragment) => run.satisfied(fragment));
    if (stopped || (this.#phase !== 'failed' && this.#context.ports.monotonic() >= this.#notBefore)) {
      this.#run = undefined;
    }
  }

  /** Something failed on the way to the record, or somebody spoke of a higher epoch: the record knows who leads. */
  async #resolveDoubt(run: RegionRun): Promise<void> {
    const { record, revision } = await this.#context.records.load(
      this.name,
      this.name.region,
      run.options.assigned.domain,
    );
    const mine = record?.epoch === run.epoch && record.incarnation === this.#context.incarnation;
    if (record !== undefined && mine) {
      run.record = record;
      run.revision = revision;
      run.inDoubt = false;
      return;
    }
    this.#log('warn', `the region was taken over at epoch ${record?.epoch ?? 0}: this agent lets go of it`, {
      code: 'cluster.fenced',
    });
    run.goal = 'stopped';
    this.#wishes?.send();
    this.#run = undefined;
    this.#enter('fenced');
  }

  #settle(phase: RegionPhase): undefined {
    this.#settled = this.#target.assignment.revision;
    this.#enter(phase);
  }

  #enter(phase: RegionPhase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#changed();
  }

  #stumble(error: unknown): void {
    if (isWrongRevision(error)) return;
    const trouble = troubleOf(error);
    this.#trouble = trouble;
    this.#log('warn', `region is held up: ${messageOf(error)}`, { code: trouble.code });
    // what came meanwhile has not been tried
    if (trouble.domain === 'user' && this.#run === undefined && this.#tried === this.#target.assignment.revision) {
      this.#settled = this.#tried;
      this.#enter('failed');
    }
    this.#changed();
  }

  #log(level: LogLevel, message: string, fields: LogFields = {}): void {
    const epoch = this.#run === undefined ? {} : { epoch: this.#run.epoch };
    this.#context.log(level, message, {
      ...this.name,
      revision: this.#target.assignment.revision,
      ...epoch,
      ...fields,
    });
  }
}
