/**
 * Runs the fragments of one graph within this process, on whatever hosts it is given, from the newest sound checkpoint on where
 * checkpoints are taken.
 *
 *     opening ──> running ──> draining ──> ended        any fragment's error: all are stopped, failed
 *
 * With checkpoints `stop` does not drain: it takes one more checkpoint and leaves off there, so that the next run goes on as if
 * nothing had been.
 */

import type { DistributedPlan } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import { type CloudskinError, externalError, userError } from '../../errors.ts';
import { mergeSnapshots } from '../../metrics/merge.ts';
import type { MetricsSnapshot, RunState } from '../../metrics/snapshot.ts';
import { type Ports, realPorts } from '../../ports.ts';
import type { Checkpoints, Manifest } from '../../state/checkpoint/checkpoints.ts';
import { CheckpointLeader } from '../checkpoint/checkpoint-leader.ts';
import { Latch } from '../control.ts';
import type { FragmentHandle, FragmentHost } from '../fragment-handle.ts';
import { type ChangeReceipt, changePlan } from './change.ts';
import type { SinkSummary, Summary } from './deployment.ts';
import { Generation, known } from './generation.ts';

export interface RegionRunOptions {
  readonly host: FragmentHost;
  readonly ports?: Ports;
  /** Absent where no checkpoints are taken. */
  readonly checkpoints?: {
    readonly store: Checkpoints;
    /** Milliseconds. */
    readonly every: number;
  };
  /** Something that the user should know and that does not end the run. */
  readonly onWarning?: (message: string) => void;
  /** The run goes on from a checkpoint. */
  readonly onRestored?: (manifest: Manifest) => void;
}

/** Milliseconds that `stop` may take. */
const DRAIN = 5_000;

interface Start {
  readonly epoch: number;
  readonly lastId: number;
  readonly checkpoint: number | undefined;
}

export class EmbeddedRun {
  readonly #options: RegionRunOptions;
  readonly #ports: Ports;
  readonly #allOver = new Latch();
  /** What runs. */
  #generation: Generation;
  /** What hands over to it. */
  #former: Generation | undefined;
  #changing: Promise<unknown> = Promise.resolve();
  /** That was begun, or tried. */
  #lastEpoch = 0;
  #failure: CloudskinError | undefined;
  #state: RunState = 'opening';
  #running: Promise<Summary> | undefined;
  #stopped = false;
  #restored: number | undefined;
  #leftOffAt: number | undefined;

  constructor(plan: DistributedPlan, options: RegionRunOptions) {
    this.#options = options;
    this.#ports = options.ports ?? realPorts;
    this.#generation = this.#generationOf(plan, 1);
  }

  /** That runs now. */
  get plan(): DistributedPlan {
    return this.#generation.plan;
  }

  get state(): RunState {
    return this.#state;
  }

  /** The checkpoint that the run went on from. */
  get restored(): number | undefined {
    return this.#restored;
  }

  /** Resolves when all has ended, or `stop` has; rejects with the first error of any fragment. Called again it returns the same promise. */
  run(): Promise<Summary> {
    this.#running ??= this.#run();
    return this.#running;
  }

  /** Ends the run within five seconds, by a last checkpoint where checkpoints are taken, else by draining. Called again it changes nothing. */
  stop(): void {
    if (this.#state === 'ended' || this.#state === 'failed' || this.#stopped) return;
    this.#stopped = true;
    const deadline = this.#ports.after(DRAIN, () => this.#fail(this.#drainTimeout()));
    const cancel = (): void => deadline.cancel();
    if (this.#running === undefined) cancel();
    else void this.#running.then(cancel, cancel);
    this.#end();
  }

  /** Ends the run at once, with `reason` or `run.aborted` as its error. */
  abort(reason?: CloudskinError): void {
    this.#fail(reason ?? externalError('run.aborted', 'the run was aborted; nothing of it is kept'));
  }

  /**
   * Goes over to another plan of the same graph while rows flow, one change after the other. Needs checkpoints. Where it rejects before anything is handed over
   * (`handover.…`, or what kept the new fragments from being prepared) the old plan runs on; later the run fails, to go on from its last checkpoint.
   */
  change(plan: DistributedPlan): Promise<ChangeReceipt> {
    const changing = this.#changing.then(() => this.#change(plan));
    this.#changing = changing.catch(() => undefined);
    return changing;
  }

  metrics(): MetricsSnapshot {
    const all = this.#handles.map((handle) => handle.status().metrics);
    return mergeSnapshots(all, this.#state, this.#ports.now());
  }

  async #run(): Promise<Summary> {
    try {
      const start = await this.#startingPoint();
      if (!this.#stopped && this.#failure === undefined) await this.#flow(start);
    } catch (error) {
      this.#fail(known(error));
    }
    this.#leader?.stop();
    await Promise.all(this.#handles.map((handle) => handle.stop('discard')));
    await this.#options.host.close();
    this.#state = this.#failure === undefined ? 'ended' : 'failed';
    if (this.#failure !== undefined) throw this.#failure;
    const { name } = this.plan.logical;
    const points = {
      ...defined({ restoredFrom: this.#restored, leftOffAt: this.#leftOffAt }),
    };
    return { name, stopped: this.#stopped, ...points, metrics: this.metrics(), sinks: this.#reports() };
  }

  async #flow({ checkpoint }: Start): Promise<void> {
    this.#restored = checkpoint;
    await this.#generation.start(this.#options.host, () => ({
      peers: new Map<string, number>(),
      ...defined({ checkpoint }),
      ...(this.#options.checkpoints === undefined ? {} : { checkpointed: true as const }),
    }));
    if (this.#failure !== undefined) return;
    this.#state = 'running';
    this.#led(this.#generation);
    if (this.#stopped) this.#end();
    await this.#allOver.tripping;
  }

  #led({ leader }: Generation): void {
    leader?.run().catch((error: unknown) => this.#fail(known(error)));
  }

  async #change(plan: DistributedPlan): Promise<ChangeReceipt> {
    const now = this.#generation;
    if (this.#state !== 'running' || now.leader === undefined) {
      throw userError(
        'handover.not-running',
        'only a run that takes checkpoints can change its plan, and only while it runs',
      );
    }
    this.#lastEpoch = Math.max(this.#lastEpoch, now.epoch) + 1;
    const receipt = await changePlan(now, plan, {
      epoch: this.#lastEpoch,
      host: this.#options.host,
      ports: this.#ports,
      begun: (next, checkpoint) => {
        this.#lead(next, checkpoint);
        // not by a name of this call's: what is handed on lives as long as the next generation
        this.#former = this.#generation;
        this.#generation = next;
      },
      failed: (error) => this.#fail(error),
      over: (generation) => this.#isOver(generation),
      isOver: this.#allOver,
    });
    if (receipt === undefined) throw this.#failure ?? this.#drainTimeout();
    this.#former = undefined;
    this.#led(this.#generation);
    return receipt;
  }

  #generationOf(plan: DistributedPlan, epoch: number): Generation {
    const generation: Generation = new Generation(plan, epoch, {
      failed: (error) => this.#fail(error),
      over: () => this.#isOver(generation),
    });
    return generation;
  }

  #isOver(generation: Generation): void {
    if (generation === this.#generation) this.#allOver.trip();
  }

  get #leader(): CheckpointLeader | undefined {
    return this.#generation.leader;
  }

  get #handles(): readonly FragmentHandle[] {
    return [...(this.#former?.handles ?? []), ...this.#generation.handles];
  }

  /** What `stop` does once there is something to stop. */
  #end(): void {
    if (this.#state !== 'running') return;
    this.#state = 'draining';
    const ending = this.#changing.then(async () => {
      if (this.#leader !== undefined) await this.#leaveOff(this.#leader);
      else await Promise.all(this.#handles.map((handle) => handle.stop('drain')));
    });
    ending.catch((error: unknown) => this.#fail(known(error)));
  }

  async #leaveOff(leader: CheckpointLeader): Promise<void> {
    const all = this.#handles;
    await Promise.all(all.map((handle) => handle.pause()));
    if (await leader.take()) this.#leftOffAt = leader.lastId;
    else if (this.#failure === undefined) {
      this.#options.onWarning?.('no last checkpoint could be taken; the next run goes on from the one before');
    }
    leader.stop();
    await Promise.all(all.map((handle) => handle.stop('discard')));
  }

  #drainTimeout(): CloudskinError {
    const busy = this.#handles.flatMap((handle) => handle.status().busy ?? []);
    const waiting = busy.length === 0 ? '' : `; still waiting for ${busy.join(', ')}`;
    return externalError('run.drain-timeout', `the run could not be ended within ${DRAIN / 1000} s${waiting}`);
  }

  #fail(error: CloudskinError): void {
    if (this.#state === 'ended' || this.#state === 'failed') return;
    this.#failure ??= error;
    this.#leader?.stop();
    for (const handle of this.#handles) void handle.stop('discard').catch(() => undefined);
    this.#allOver.trip();
  }

  async #startingPoint(): Promise<Start> {
    const { checkpoints } = this.#options;
    if (checkpoints === undefined) return { epoch: 1, lastId: 0, checkpoint: undefined };
    const { store } = checkpoints;
    const { manifest, refused } = await store.newest();
    for (const { id, problem } of refused) this.#options.onWarning?.(`checkpoint ${id} is not used: ${problem}`);
    if (manifest === undefined && refused.length > 0) throw noneSound(refused.length);
    if (manifest !== undefined) this.#options.onRestored?.(manifest);
    const ids = (await store.list()).map(({ id }) => id);
    const start = { epoch: (manifest?.epoch ?? 0) + 1, lastId: Math.max(0, ...ids), checkpoint: manifest?.id };
    this.#generation = this.#generationOf(this.plan, start.epoch);
    this.#lead(this.#generation, start.lastId);
    return start;
  }

  #lead(generation: Generation, lastId: number): void {
    const { checkpoints } = this.#options;
    if (checkpoints === undefined) return;
    const { plan, epoch } = generation;
    generation.leader = new CheckpointLeader(() => generation.handles, plan.fragments.length, {
      checkpoints: checkpoints.store,
      every: checkpoints.every,
      epoch,
      revision: plan.fragments[0]?.revision ?? 1,
      lastId,
      ports: this.#ports,
      onProblem: (id, error) => this.#options.onWarning?.(`checkpoint ${id} was given up: ${error.message}`),
    });
  }

  #reports(): readonly SinkSummary[] {
    const all = this.#handles.flatMap((handle) => handle.status().sinks ?? []);
    const order = this.plan.logical.sinks.map(({ name }) => name);
    return all.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  }
}

/** Beginning anew would write again what was written. */
function noneSound(count: number): CloudskinError {
  const which = count === 1 ? 'the one checkpoint that there is' : `any of the ${count} checkpoints that there are`;
  return externalError('state.none-sound', `the run cannot go on from ${which}`, {
    hint: 'the warnings say why; give the right key, put back what is missing, or begin anew (--fresh)',
  });
}
