/**
 * Leads one region of an app: takes it over by its record, starts its fragments, has them cut, completes checkpoints, starts anew after
 * a failure, ends. It needs the region's own side of the network and no coordinator. What it can be at is `leader-state.ts`'s.
 */
import { defined } from '../../defined.ts';
import { messageOf } from '../../errors.ts';
import { isWrongRevision } from '../../nats/compare-and-set.ts';
import type { Checkpoints } from '../../state/checkpoint/checkpoints.ts';
import type { RegionName } from '../../state/checkpoint/layout.ts';
import type { AssignmentDocument, RegionAssignment } from '../documents/assignment.ts';
import type { FragmentReport } from '../documents/messages.ts';
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
import {
  ACQUIRING,
  type Active,
  type LeaderState,
  phaseOf,
  type Resting,
  type Running,
  type Settled,
  type Stopping,
  startOf,
  UNSEEN,
  wishesOf,
} from './leader-state.ts';
import { MoveEvents } from './move-events.ts';
import { Moves } from './moves.ts';
import { RestartPolicy } from './restart-policy.ts';
import { RestartReceipt } from './restart-receipt.ts';
import type { Fault, RegionRun } from './run.ts';
import type { Started } from './started.ts';
import { takeOver } from './takeover.ts';
import { goalOf, isToFlowOut, isUrgent, type Target, targetOf } from './target.ts';
import { Wishes } from './wishes.ts';

export class RegionLeader {
  readonly name: RegionName;
  readonly #context: RegionContext;
  readonly #changed: () => void;
  readonly #reconciler: Reconciler;
  readonly #policy = new RestartPolicy();
  readonly #memories = new Map<string, string>();
  readonly #restart: RestartReceipt;
  readonly #events: MoveEvents;
  #target: Target;
  #state: LeaderState = ACQUIRING;
  /** Of the last start, also when that is over. */
  #checkpoints: RegionCheckpoints | undefined;
  #trouble: FragmentTrouble | undefined;
  /** The revision that was tried last. */
  #tried = 0;
  /** The last checkpoint that was asked for, by former runs. */
  #answered = 0;
  /** The highest epoch that agents of its fragments spoke of when it let go. */
  #above = 0;
  readonly #moves: Moves;
  #leaving = false;
  #closed = false;

  /** `changed` is called whenever `figures` says something new. */
  constructor(name: RegionName, assignment: AssignmentDocument, context: RegionContext, changed: () => void) {
    this.name = name;
    this.#context = context;
    this.#changed = changed;
    this.#target = targetOf(assignment, this.name.region, this.#context.name);
    this.#restart = new RestartReceipt(context.ports);
    this.#events = new MoveEvents(context, name);
    this.#moves = new Moves({
      ...context,
      tell: (level, message, fields) => this.#log(level, message, fields),
      advance: (start) => this.#advance(start),
    });
    this.#reconciler = new Reconciler(
      context.ports,
      () => this.#step(),
      (error) => this.#stumble(error),
    );
    this.#reconciler.kick();
  }

  get phase(): RegionPhase {
    return phaseOf(this.#state);
  }

  get #run(): RegionRun | undefined {
    return startOf(this.#state)?.run;
  }

  /** True where nothing is left to lead here. */
  get idle(): boolean {
    return this.#run === undefined && this.#target.region === undefined;
  }

  follow(assignment: AssignmentDocument): void {
    const before = this.#target.assignment;
    this.#target = targetOf(assignment, this.name.region, this.#context.name);
    if (assignment.revision !== before.revision) this.#trouble = undefined;
    if (this.#target.region?.epoch !== before.regions[this.name.region]?.epoch) this.#restart.hears();
    // figures speak of the new revision from here on: what failed was the one before
    if (assignment.revision > before.revision && this.phase === 'failed' && this.#wantsToRun) this.#become(ACQUIRING);
    if (assignment.deployed !== before.deployed) this.#policy.progressed();
    if ((assignment.asked ?? 0) > (before.asked ?? 0)) this.#checkpoints?.ask(assignment.asked);
    this.#reconciler.kick();
  }

  hear(report: FragmentReport): void {
    if (this.#hearsOfChange(report)) {
      this.#checkpoints?.hear(report);
      this.#reconciler.kick();
      return;
    }
    const run = this.#run;
    if (run === undefined || !run.fragments.includes(report.fragment) || this.#isLeftover(run, report)) return;
    run.heardAt(report.fragment, this.#context.ports.monotonic());
    if (report.epoch > run.epoch) {
      run.above = Math.max(run.above, report.epoch);
      run.inDoubt = true;
    } else if (!run.hear(report)) return;
    this.#checkpoints?.hear(report);
    this.#reconciler.kick();
  }

  /** Of the other fragments, where two plans are at work. */
  #hearsOfChange(report: FragmentReport): boolean {
    const state = this.#state;
    if (state.kind === 'changing') return state.change.hear(report);
    if (state.kind !== 'switching' && state.kind !== 'sweeping') return false;
    const former = state.former?.run;
    if (report.epoch !== former?.epoch || !former.fragments.includes(report.fragment)) return false;
    former.hear(report);
    return true;
  }

  /** It speaks of an epoch that was prepared and came to nothing. */
  #isLeftover(run: RegionRun, { epoch }: FragmentReport): boolean {
    return epoch > run.epoch && epoch <= (run.record.prepared ?? 0);
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
    const known = {
      ...defined({ answered: this.#answered || undefined }),
      checkpoint: 0,
      ...this.#checkpoints?.figures,
    };
    const trouble = this.#trouble ?? this.#moves.stays(this.#target) ?? this.#run?.stumbling();
    return {
      namespace,
      app,
      region,
      deployed: assignment.deployed,
      revision: this.#target.assignment.revision,
      epoch: this.#run?.epoch ?? 0,
      phase: this.phase,
      restarts: this.#policy.restarts,
      ...known,
      ...defined({ trouble, move: this.#moves.receipt }),
    };
  }

  get #wantsToRun(): boolean {
    const { wanted, drain } = this.#target.assignment;
    if (this.#leaving || this.#closed || this.#target.region === undefined) return false;
    if (wanted === 'running' || wanted === 'paused') return true;
    if (drain !== true || this.#run !== undefined) return drain === true;
    // What is to flow out has to run, also where whoever ran it was killed; of an app that is undeployed what that needs may be gone.
    return isToFlowOut(this.#target.assignment) && !this.#hasFlownOut;
  }

  /** Or there was nothing that could. */
  get #hasFlownOut(): boolean {
    const state = this.#state;
    if (state.kind !== 'settled' || state.phase === 'failed') return false;
    return state.phase === 'finished' || state.revision >= this.#target.assignment.revision;
  }

  async #step(): Promise<number | undefined> {
    if (this.#run?.inDoubt === true) await this.#resolveDoubt(this.#run);
    const state = this.#state;
    if (!('start' in state)) return this.#rest(state);
    await this.#drive(state);
    if (this.#run !== state.start.run) return 0;
    const resend = Math.min(...wishesOf(this.#state).map((wishes) => wishes.send()));
    if (state.kind === 'changing' && this.#state.kind === 'running') return 0;
    // elsewhere checkpoints that are due are not begun, and there is nothing to be done at once
    return Math.min(resend, this.#state.kind === 'running' ? state.start.checkpoints.delay : LEADER_LOOKS);
  }

  /** Nothing runs: starts it where that is wished. */
  async #rest(state: Resting): Promise<number | undefined> {
    const { assignment, region } = this.#target;
    const { revision } = assignment;
    this.#tried = revision;
    const isSettled = state.kind === 'settled' && state.revision >= revision;
    if (!this.#wantsToRun || region === undefined) {
      if (assignment.wanted === 'undeployed' && region !== undefined && !isSettled) {
        await this.#context.dropState(this.name, region.domain);
      }
      return this.#settle(state.phase === 'finished' ? 'finished' : 'stopped');
    }
    if (isSettled && state.phase === 'failed') return undefined;
    const now = this.#context.ports.monotonic();
    const { notBefore, since = now } = state.kind === 'waiting' ? state : ACQUIRING;
    if (now < notBefore) return notBefore - now;
    this.#become({ ...ACQUIRING, phase: state.phase === 'fenced' ? 'fenced' : 'acquiring', since });
    return this.#takeOver(assignment, region, since);
  }

  async #takeOver(
    assignment: AssignmentDocument,
    region: RegionAssignment,
    since: number,
  ): Promise<number | undefined> {
    const waited = this.#context.ports.monotonic() - since;
    const waiting = {
      patient: waited < HANDOVER,
      hopeful: waited < RETURN,
      memories: this.#memories,
      above: this.#above,
    };
    const taken = await takeOver(this.#context, this.name, assignment, region, waiting);
    if (taken.kind === 'finished') return this.#settle('finished');
    if (taken.kind === 'empty') return this.#settle('stopped');
    if (taken.kind === 'wait') {
      this.#become({ ...ACQUIRING, phase: taken.phase, since });
      const message = `region ${this.name.region} waits: ${taken.why}`;
      this.#trouble = { code: 'cluster.waits', message, domain: 'external' };
      return LEADER_LOOKS;
    }
    this.#begin(taken.run, taken.store, taken.firstCheckpoint);
    return 0;
  }

  #begin(run: RegionRun, store: Checkpoints, firstCheckpoint: number): void {
    const { checkpoint, assignment } = run.options;
    const checkpoints = new RegionCheckpoints(this.#context, run, store, assignment.checkpoint.every, firstCheckpoint);
    this.#trouble = undefined;
    const start = { run, wishes: new Wishes(this.#context, run), checkpoints, at: this.#context.ports.monotonic() };
    this.#restart.begins(run);
    this.#become({ kind: 'running', phase: 'starting', start });
    const from = checkpoint === undefined ? 'from the beginning' : `from checkpoint ${checkpoint}`;
    this.#log('info', `region starts ${from}`);
  }

  async #drive(state: Active): Promise<void> {
    if (state.kind === 'sweeping') return this.#sweep(state);
    if (state.kind === 'switching') {
      const fault = state.change.fault() ?? state.change.overdue(this.#target, this.#wantsToRun);
      if (fault !== undefined) return this.#fail(state.start, fault, state.former);
      return this.#become(await this.#moves.switch(state));
    }
    const { start } = state;
    const { run } = start;
    const fault = run.fault();
    if (state.kind === 'changing') {
      if (fault === undefined) return this.#become(await this.#moves.prepare(state, this.#target, this.#wantsToRun));
      state.change.abandon();
    }
    if (fault !== undefined && run.goal !== 'stopped') return this.#fail(start, fault);
    if (state.kind === 'changing') return this.#become({ kind: 'running', phase: 'running', start });
    if (this.#isSuperseded(state) || !this.#wantsToRun) {
      const isFree = state.kind === 'running' && state.phase === 'running' && this.#wantsToRun;
      const changing = isFree ? await this.#moves.begin(state, this.#target, this.#memories) : undefined;
      return changing === undefined ? this.#conclude(state) : this.#become(changing);
    }
    run.goal = start.checkpoints.isLastDone ? 'finished' : goalOf(this.#target, this.phase === 'starting');
    const isRunning = this.phase === 'running' || run.all('ready', 'running', 'paused', 'ended', 'finished');
    if (isRunning) this.#moves.receipt = this.#restart.runs(run) ?? this.#moves.receipt;
    this.#become({ kind: 'running', phase: isRunning ? 'running' : 'starting', start });
    if (!isRunning) return;
    await this.#advance(start);
    // what held it up does not any more
    this.#trouble = undefined;
    const isStable = this.#context.ports.monotonic() - start.at > STABLE;
    if (isStable || start.checkpoints.done > 0) this.#policy.progressed();
    if (run.goal === 'finished' && run.all('finished')) await this.#finish(run);
  }

  /** What does not run yet begins by the latest plan, also where that changes others only: the one before is not kept for ever. */
  #isSuperseded({ phase, start: { run } }: Exclude<Active, { kind: 'sweeping' }>): boolean {
    const { assigned, assignment } = run.options;
    if (phase === 'running' && this.#moves.stays(this.#target) !== undefined) return false;
    if (assigned.epoch !== this.#target.region?.epoch) return true;
    return phase !== 'running' && assignment.distributed !== this.#target.assignment.distributed;
  }

  /** Whoever takes over must not go behind a complete checkpoint, though a server forget it: all hear of it at once. */
  async #advance({ checkpoints }: Started): Promise<void> {
    const before = checkpoints.figures.checkpoint;
    await checkpoints.advance();
    if (checkpoints.figures.checkpoint !== before) this.#changed();
  }

  /** A last checkpoint, then everything stops and the record says so. */
  async #conclude(state: Running | Stopping): Promise<void> {
    const stopping = state.kind === 'stopping' ? state : this.#beginToStop(state.start);
    const { checkpointUntil, until, done, start } = stopping;
    const { run, checkpoints } = start;
    const now = this.#context.ports.monotonic();
    if (now < checkpointUntil && checkpoints.done === done) {
      await this.#advance(start);
      if (checkpoints.done === done) return;
    }
    const { wanted, drain } = this.#target.assignment;
    run.forget = wanted === 'undeployed' && drain !== true;
    run.goal = 'stopped';
    const stopped = run.fragments.every((fragment) => run.satisfied(fragment)) || run.all('finished');
    if (!stopped && now < until) return;
    if (!stopped) this.#log('warn', 'not every fragment of the region said that it had stopped');
    const release = stopped ? this.#restart.releases(wanted, checkpoints.figures.bytes) : {};
    await run.save(this.#context.records, { released: stopped, ...release });
    this.#become({ ...UNSEEN, phase: 'stopped' });
  }

  #beginToStop(start: Started): Stopping {
    const { run, checkpoints } = start;
    const now = this.#context.ports.monotonic();
    // behind the last one of all none comes any more
    const worthwhile = this.phase === 'running' && !isUrgent(this.#target, run.options) && !checkpoints.isLastDone;
    const checkpointUntil = worthwhile ? now + (this.#leaving ? LEAVING_CHECKPOINT : LAST_CHECKPOINT) : now;
    checkpoints.ask();
    const until = checkpointUntil + STOPPING;
    const stopping: Stopping = {
      ...{ kind: 'stopping', phase: 'stopping', start, checkpointUntil, until },
      done: checkpoints.done,
    };
    this.#become(stopping);
    return stopping;
  }

  async #finish(run: RegionRun): Promise<void> {
    await run.save(this.#context.records, { finished: true });
    this.#log('info', 'region finished');
    this.#become({ ...UNSEEN, phase: 'finished' });
  }

  #fail(start: Started, { fragment, trouble, absent }: Fault, former?: Started): void {
    const delay = absent ? 0 : this.#policy.after(trouble, this.#context.ports.random());
    if (absent) this.#policy.again();
    const isFinal = delay === undefined;
    const what = isFinal ? 'the region stays stopped' : `the region starts again in ${Math.round(delay)} ms`;
    const { code, message } = trouble;
    this.#log(isFinal ? 'error' : 'warn', `${fragment}: ${message}; ${what}`, { code });
    this.#trouble = { ...trouble, message: `${fragment}: ${message}` };
    start.run.goal = 'stopped';
    if (former !== undefined) former.run.goal = 'stopped';
    const next: Resting = isFinal
      ? { kind: 'settled', phase: 'failed', revision: this.#target.assignment.revision }
      : { kind: 'waiting', phase: 'backoff', notBefore: this.#context.ports.monotonic() + delay };
    this.#become({ kind: 'sweeping', start, next, ...defined({ former }) });
  }

  #sweep({ start, former, next }: Extract<Active, { kind: 'sweeping' }>): void {
    const runs = [start.run, ...(former === undefined ? [] : [former.run])];
    const stopped = runs.every((run) => run.fragments.every((fragment) => run.satisfied(fragment)));
    const isTime = next.kind === 'waiting' && this.#context.ports.monotonic() >= next.notBefore;
    if (stopped || isTime) this.#become(next);
  }

  /** Something failed on the way to the record, or somebody spoke of a higher epoch: the record knows who leads. */
  async #resolveDoubt(run: RegionRun): Promise<void> {
    const epoch = await run.lostAt(this.#context.records, this.#context.incarnation);
    if (epoch === undefined) return;
    this.#above = Math.max(this.#above, run.above);
    this.#log('warn', `the region was taken over at epoch ${epoch}: this agent lets go of it`, {
      code: 'cluster.fenced',
    });
    run.goal = 'stopped';
    for (const wishes of wishesOf(this.#state)) wishes.send();
    this.#become({ ...ACQUIRING, phase: 'fenced' });
  }

  #settle(phase: Settled['phase']): undefined {
    this.#become({ kind: 'settled', phase, revision: this.#target.assignment.revision });
  }

  #become(state: LeaderState): void {
    const { phase, kind } = { ...this.#state, phase: this.phase };
    this.#state = state;
    const start = startOf(state);
    if (start !== undefined && start.checkpoints !== this.#checkpoints) this.#use(start);
    const { receipt } = this.#moves;
    const why = this.#moves.stays(this.#target)?.message ?? this.#trouble?.message;
    this.#events.look(state, { target: this.#target, run: start?.run, receipt, why });
    if (this.phase !== phase || state.kind !== kind) this.#changed();
  }

  /** What was asked for and is not done yet, is done by the new start. */
  #use({ checkpoints, run }: Started): void {
    const { asked = 0 } = run.options.assignment;
    this.#answered = this.#checkpoints?.figures.answered ?? this.#answered;
    this.#checkpoints = checkpoints;
    if (asked > this.#answered) checkpoints.ask(asked);
  }

  #stumble(error: unknown): void {
    if (isWrongRevision(error)) return;
    const trouble = troubleOf(error);
    this.#trouble = trouble;
    this.#log('warn', `region is held up: ${messageOf(error)}`, { code: trouble.code });
    // what came meanwhile has not been tried
    if (trouble.domain === 'user' && this.#run === undefined && this.#tried === this.#target.assignment.revision) {
      this.#settle('failed');
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
