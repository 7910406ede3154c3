/**
 * One fragment in the thread that runs it, from opening to the end.
 *
 *     opening ──> running ──> draining ──> ended        `stop` leads from running to draining,
 *        └───────────┴────────────┴──────> failed        any error to failed
 *
 * When every source and inlet has ended, cells have been flushed already (the end is a call through the cells like any other), so all
 * that is left is to wait for busy sinks and channels, then to close. With checkpoints the fragment waits for its leader between the two: the
 * last checkpoint has to make the output visible. On failure sinks are aborted, so that nothing half-written looks whole.
 */

import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import { type CloudskinError, externalError, internalError } from '../../errors.ts';
import type { MetricsSnapshot, RunState } from '../../metrics/snapshot.ts';
import { Tracer } from '../../metrics/trace.ts';
import { type Ports, realPorts } from '../../ports.ts';
import type { FragmentSaver } from '../../state/checkpoint/checkpoints.ts';
import type { RecordLog } from '../../state/log/log.ts';
import type { Restored } from '../checkpoint/restore.ts';
import { Control, Latch } from '../control.ts';
import { Alignment } from '../exchange/alignment.ts';
import { type ChannelOptions, Channels, NO_CHANNELS } from '../exchange/channels.ts';
import type { Lane } from '../exchange/inlet-node.ts';
import type { FragmentEvents, FragmentHandle, FragmentStatus, SinkSummary, StopHow } from '../fragment-handle.ts';
import { bounded } from '../node/sink-node.ts';
import { directoryOf, PATIENCE, type RuntimeOptions } from '../options.ts';
import type { Taker } from '../stream.ts';
import { Cuts } from './cuts.ts';
import { Opening } from './opening.ts';
import { takeSnapshot } from './snapshot.ts';
import { cellKey, inletKey, NO_PARTS, outletKey, type Parts, sinkKey, sourceKey } from './wiring.ts';

export interface FragmentOptions {
  readonly runtime: RuntimeOptions;
  /** Needed where the plan has inlets or outlets. */
  readonly channels?: ChannelOptions;
  /** Where cuts go; absent where no checkpoints are taken. */
  readonly saver?: FragmentSaver;
  /** Opens the journal of a source's partition; needs checkpoints, which trim it. */
  readonly journal?: (source: string, partition: string) => Promise<RecordLog>;
  /** The checkpoint to go on from. */
  readonly restored?: Restored;
  readonly events?: Partial<FragmentEvents>;
}

/** Milliseconds after which sources that have not heard that they are to stop are left behind. */
const SOURCE_GRACE = 1_500;

function tracerOf(plan: FragmentPlan, { runtime, channels }: FragmentOptions, ports: Ports): Tracer | undefined {
  if (runtime.traces === undefined) return undefined;
  const { namespace, app, name, region, revision, host } = plan;
  return new Tracer(runtime.traces, ports, {
    'cloudskin.namespace': namespace,
    'cloudskin.app': app,
    'cloudskin.fragment': name,
    'cloudskin.region': region,
    'cloudskin.site': host.site,
    'cloudskin.agent': host.agent,
    'cloudskin.revision': revision,
    'cloudskin.epoch': channels?.epoch ?? 1,
  });
}

export class Fragment implements FragmentHandle {
  readonly plan: FragmentPlan;
  readonly #options: FragmentOptions;
  readonly #control: Control;
  readonly #channels: Channels;
  readonly #alignment: Alignment;
  readonly #opening: Opening;
  /** `finish` was called. */
  readonly #finishing = new Latch();
  #parts: Parts;
  #cuts: Cuts | undefined;
  /** The greatest barrier asked for before rows flowed. */
  #early = 0;
  #state: RunState = 'opening';
  #isReady = false;
  #flowedOut = false;
  #discarded = false;
  /** Nothing goes on from its checkpoints. */
  #forgets = false;
  #startedAt: number | undefined;
  #endedAt: number | undefined;
  #running: Promise<readonly SinkSummary[]> | undefined;
  #reports: readonly SinkSummary[] | undefined;

  constructor(plan: FragmentPlan, options: FragmentOptions) {
    this.plan = plan;
    this.#options = options;
    const { ports = realPorts } = options.runtime;
    this.#control = new Control(ports, tracerOf(plan, options, ports), options.runtime.trouble);
    this.#channels = new Channels(options.channels ?? NO_CHANNELS, () => this.#becomeReady());
    const incoming = plan.inlets.flatMap(({ channels }) => channels);
    const aligned = incoming.filter((channel) => !this.#channels.isDurable(channel)).length;
    this.#alignment = new Alignment(aligned, (id) => this.#cut(id), plan.mode !== 'at-least-once');
    this.#opening = new Opening(plan, this.#openingOptions(), this.#control, this.#channels);
    this.#parts = { ...NO_PARTS, sources: this.#opening.sources };
  }

  get state(): RunState {
    return this.#state;
  }

  /** True once the run is over, well or not. */
  get isOver(): boolean {
    return this.#endedAt !== undefined;
  }

  /**
   * Opens everything and runs to the end; nothing is opened where it was stopped before. Rejects with the first error, attributed to its node; then every sink
   * has been aborted, every source closed. Called again it returns the same promise.
   */
  run(): Promise<readonly SinkSummary[]> {
    this.#running ??= this.#run();
    return this.#running;
  }

  status(): FragmentStatus {
    const { failure } = this.#control;
    const { code, message, hint } = failure ?? {};
    const error = code === undefined || message === undefined || this.#discarded ? undefined : { code, message };
    return {
      state: this.#handleState(),
      waiting: this.#channels.waiting,
      channels: this.#channels.stats,
      metrics: this.metrics(),
      busy: this.#busy,
      ...defined({ sinks: this.#reports }),
      ...(error === undefined ? {} : { error: { ...error, ...defined({ hint }) } }),
    };
  }

  metrics(): MetricsSnapshot {
    const end = this.#endedAt ?? this.#control.ports.monotonic();
    return takeSnapshot(this.#parts, this.#state, end - (this.#startedAt ?? end), this.#control);
  }

  checkpoint(id: number): void {
    if (this.#cuts === undefined) this.#early = Math.max(this.#early, id);
    else if (this.#control.failure === undefined && !this.isOver) this.#guard(() => this.#alignment.request(id));
  }

  async commit(id: number): Promise<void> {
    await this.#cuts?.commit(id);
  }

  async finish(): Promise<void> {
    this.#finishing.trip();
    await this.#running?.catch(() => undefined);
  }

  pause(): Promise<void> {
    this.#control.pause();
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.#control.resume();
    return Promise.resolve();
  }

  async stop(how: StopHow): Promise<void> {
    this.#forgets ||= how === 'forget';
    if (how === 'drain') this.drain();
    else this.discard();
    await this.#running?.catch(() => undefined);
  }

  /** Sources end; those that do not hear it are left behind after a while. */
  drain(): void {
    if (this.isOver) return;
    this.#control.stop();
    const grace = this.#control.ports.after(SOURCE_GRACE, () => this.#control.cut.trip());
    const cancel = (): void => grace.cancel();
    if (this.#running === undefined) cancel();
    else void this.#running.then(cancel, cancel);
  }

  /** Ends at once, and that is no failure: what is not in a checkpoint is discarded. */
  discard(): void {
    if (this.isOver || this.#control.failure !== undefined) return;
    this.#discarded = true;
    this.fail(externalError('run.discarded', 'the run was stopped where it was'));
  }

  /** Ends at once with an error. */
  fail(error: CloudskinError): void {
    if (!this.isOver) this.#control.fail(error);
  }

  /** What holds up the end, for messages: what is not open yet and sinks that are busy; only where there is none, sources that have not ended. */
  get waitingFor(): readonly string[] {
    const busy = this.#busy;
    return busy.length > 0 ? busy : this.#parts.sources.filter((source) => !source.ended).map(({ label }) => label);
  }

  /** With what they go on trying: whatever is upstream of them only waits for them. */
  get #busy(): readonly string[] {
    const all = [
      ...this.#opening.pending,
      ...this.#parts.sinks.filter((sink) => sink.isBusy).map(({ label }) => label),
    ];
    const troubles = new Map(this.#control.troubles.all.map((trouble) => [trouble.node, trouble]));
    return all.map((label) => {
      const trouble = troubles.get(label);
      return trouble === undefined ? label : `${label} (${trouble.server}: ${trouble.reason})`;
    });
  }

  #openingOptions() {
    const { runtime, channels, saver, restored, journal } = this.#options;
    return {
      runtime,
      epoch: channels?.epoch ?? 1,
      directory: runtime.directory ?? directoryOf('<fragment>'),
      checkpointed: saver !== undefined,
      restored,
      journal: saver === undefined ? undefined : journal,
    };
  }

  #handleState(): FragmentStatus['state'] {
    if (this.#state === 'failed') return this.#discarded ? 'stopped' : 'failed';
    if (this.#state === 'ended') return 'ended';
    if (this.#state === 'opening') return 'opening';
    if (this.#flowedOut) return 'ended';
    if (!this.#isReady) return 'opening';
    return this.#control.paused === undefined ? 'running' : 'paused';
  }

  async #run(): Promise<readonly SinkSummary[]> {
    const reports = await this.#passThrough().catch((error: unknown) => {
      this.#control.fail(internalError('runtime.failed', 'the runtime failed', { cause: error }));
      return [];
    });
    const { failure, troubles } = this.#control;
    troubles.close();
    this.#reports = reports;
    this.#state = failure === undefined ? 'ended' : 'failed';
    this.#endedAt = this.#control.ports.monotonic();
    this.#options.events?.over?.(this.#discarded ? undefined : failure);
    if (failure !== undefined) throw failure;
    return reports;
  }

  async #passThrough(): Promise<readonly SinkSummary[]> {
    const { failed, stopping } = this.#control;
    if (failed.tripped || stopping.tripped) return [];
    this.#refuseUnchecked();
    this.#parts = await this.#opening.open();
    if (!failed.tripped) await this.#flow();
    if (!failed.tripped) await this.#flowOut();
    return await this.#close();
  }

  /** What is not in a checkpoint would never be published. */
  #refuseUnchecked(): void {
    const all = [...this.plan.inlets, ...this.plan.outlets].flatMap(({ channels }) => channels);
    const durable = all.find((channel) => this.#channels.isDurable(channel));
    if (durable === undefined || this.#options.saver !== undefined) return;
    throw internalError('runtime.durable', `the durable channel ${durable.id} needs checkpoints, and none are taken`);
  }

  async #flow(): Promise<void> {
    this.#state = 'running';
    this.#startedAt = this.#control.ports.monotonic();
    const { saver, events } = this.#options;
    if (saver !== undefined) {
      this.#cuts = new Cuts(this.plan, this.#parts, this.#control, saver, {
        saved: (id, receipt) => events?.saved?.(id, receipt),
        notSaved: (id, error) => events?.notSaved?.(id, error),
      });
    }
    for (const cell of this.#parts.cells) cell.heed(this.#takersBelow(cellKey(cell.plan.name)));
    if (this.#channels.connected) this.#becomeReady();
    const running = [
      ...this.#parts.sources.map((source) => source.run(this.#takersBelow(sourceKey(source.plan.name)))),
      ...this.#runInlets(),
    ];
    if (this.#early > 0) this.checkpoint(this.#early);
    await Promise.all(running);
    this.#state = 'draining';
  }

  #runInlets(): Promise<void>[] {
    let place = 0;
    return this.#parts.inlets.flatMap((inlet) => {
      const below = this.#takersBelow(inletKey(inlet.plan.stream));
      return inlet.plan.channels.map((channel, index) => {
        const lane = this.#channels.isDurable(channel) ? this.#durableLane() : this.#alignedLane(place++);
        return inlet.run(index, this.#channels.receiver(channel.id), lane, below).catch((error: unknown) => {
          this.#control.failNode('cell', this.plan.name, error);
        });
      });
    });
  }

  #alignedLane(place: number): Lane {
    return {
      hold: () => this.#alignment.hold(place),
      barrier: (checkpoint) => this.#alignment.barrier(place, checkpoint),
      ended: () => this.#alignment.ended(place),
    };
  }

  /** Like a source: no barrier comes, and a pause holds it. */
  #durableLane(): Lane {
    return { hold: () => this.#control.paused, barrier: () => undefined, ended: () => undefined };
  }

  /**
   * After this nothing comes any more. With checkpoints, waits until the leader has had the last one: then the whole region has ended, so that everything sent within
   * it has been taken, and an acknowledgement that was lost may have nobody left to give it again.
   */
  async #flowOut(): Promise<void> {
    const { failed } = this.#control;
    for (const sink of this.#parts.sinks) await sink.drained();
    this.#flowedOut = true;
    if (this.#cuts !== undefined) {
      this.#options.events?.ended?.();
      await failed.until(this.#finishing.tripping);
    }
    const { outlets } = this.#parts;
    const drained = outlets.map((outlet) => (this.#cuts === undefined ? outlet.drained() : outlet.safe()));
    await failed.until(Promise.all(drained));
    await failed.until(this.#channels.settled());
  }

  #takersBelow(key: string): readonly Taker[] {
    const below = this.#opening.downstream.get(key);
    return [
      ...this.#parts.sinks.filter(({ plan }) => below?.has(sinkKey(plan.name))),
      ...this.#parts.outlets.filter(({ plan }) => below?.has(outletKey(plan.stream))),
    ];
  }

  #cut(id: number): void {
    const { sources, inlets } = this.#parts;
    const last = sources.every(({ ended }) => ended) && inlets.every(({ ended }) => ended);
    this.#cuts?.cut(id, last);
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#control.failNode('cell', this.plan.name, error);
    }
  }

  #becomeReady(): void {
    if (this.#isReady || this.#state === 'opening') return;
    this.#isReady = true;
    this.#options.events?.ready?.();
  }

  /** Sources, then sinks one after the other, so that a failing one leaves as many of the others unwritten as possible. */
  async #close(): Promise<readonly SinkSummary[]> {
    const { failed } = this.#control;
    const { sources, sinks, cells, outlets } = this.#parts;
    await Promise.all(sources.map((source) => bounded(source.close(), PATIENCE, this.#control)));
    const reports: SinkSummary[] = [];
    for (const sink of sinks) {
      const report = failed.tripped ? undefined : await sink.close();
      if (report !== undefined) reports.push({ name: sink.plan.name, ...report });
    }
    if (failed.tripped) await Promise.all(sinks.map((sink) => sink.abort(PATIENCE, this.#forgets)));
    for (const cell of cells) cell.close();
    for (const outlet of outlets) outlet.close();
    await bounded(this.#channels.close(), PATIENCE, this.#control).catch((error: unknown) => {
      this.#control.failNode('cell', this.plan.name, error);
    });
    return reports;
  }
}
