/**
 * One fragment in the thread that runs it, from opening to the end.
 *
 *     opening ──> running ──> draining ──> ended        `stop` leads from running to draining,
 *        └───────────┴────────────┴──────> failed        any error to failed
 *
 * A fragment that takes over what those of a former plan had waits between opening and running until they have left it; one that hands over goes from
 * running to the end without draining: its sinks live on elsewhere.
 *
 * When every source and inlet has ended, cells have been flushed already (the end is a call through the cells like any other), so all
 * that is left is to wait for busy sinks and channels, then to close. With checkpoints the fragment waits for its leader between the two: the
 * last checkpoint has to make the output visible. On failure sinks are aborted, so that nothing half-written looks whole.
 */

import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import { type CloudskinError, externalError, internalError } from '../../errors.ts';
import type { MetricsSnapshot, RunState } from '../../metrics/snapshot.ts';
import { realPorts } from '../../ports.ts';
import type { FragmentSaver } from '../../state/checkpoint/checkpoints.ts';
import type { FragmentSnapshot } from '../../state/checkpoint/state.ts';
import type { RecordLog } from '../../state/log/log.ts';
import type { Restored } from '../checkpoint/restore.ts';
import { Control, Latch } from '../control.ts';
import { type ChannelOptions, Channels, NO_CHANNELS } from '../exchange/channels.ts';
import type {
  BarrierOptions,
  Bequest,
  FragmentEvents,
  FragmentHandle,
  FragmentStatus,
  SinkSummary,
  StopHow,
  Takeover,
} from '../fragment-handle.ts';
import type { WayOptions } from '../handover/bequeathing.ts';
import type { Estate } from '../handover/estate.ts';
import { Leaving } from '../handover/leaving.ts';
import { Succeeding } from '../handover/succeeding.ts';
import { sameThread } from '../handover/succession.ts';
import { awaitTakeover } from '../handover/taken-over.ts';
import { bounded } from '../node/sink-node.ts';
import { directoryOf, PATIENCE, type RuntimeOptions } from '../options.ts';
import type { Taker } from '../stream.ts';
import { Cuts } from './cuts.ts';
import { tracerOf } from './fragment-tracer.ts';
import { Lanes } from './lanes.ts';
import { Opening } from './opening.ts';
import { takeSnapshot } from './snapshot.ts';
import { cellKey, type Downstream, inletKey, NO_PARTS, outletKey, type Parts, sinkKey, sourceKey } from './wiring.ts';

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
  /** Where fragments of this thread hand over; needed where one does. */
  readonly estate?: Estate;
  /** Whether a fragment on another host meets this one there; by default one on the same worker of the same agent. */
  readonly isHere?: WayOptions['isHere'];
  /** Instead of a checkpoint: the parts of fragments that run. */
  readonly takeover?: Takeover;
}

/** Milliseconds after which sources that have not heard that they are to stop are left behind. */
const SOURCE_GRACE = 1_500;

export class Fragment implements FragmentHandle {
  readonly plan: FragmentPlan;
  readonly #options: FragmentOptions;
  readonly #control: Control;
  readonly #channels: Channels;
  readonly #lanes: Lanes;
  readonly #opening: Opening | Succeeding;
  readonly #leaving: Leaving;
  /** Rows flow, or have. */
  readonly #flowing = new Latch();
  /** `finish` was called. */
  readonly #finishing = new Latch();
  #parts: Parts;
  #cuts: Cuts | undefined;
  /** The greatest barrier asked for before rows flowed. */
  #early: { readonly id: number; readonly handover: boolean } = { id: 0, handover: false };
  #state: RunState = 'opening';
  #isReady = false;
  /** The last that was told. */
  #bequest: Bequest | undefined;
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
    const { epoch } = options.channels ?? NO_CHANNELS;
    this.#control = new Control(ports, tracerOf(plan, options.runtime, epoch, ports), options.runtime.trouble);
    this.#channels = new Channels(options.channels ?? NO_CHANNELS, () => this.#becomeReady());
    this.#lanes = new Lanes(plan, this.#control, this.#channels, (id, handover) => this.#cut(id, handover));
    this.#leaving = new Leaving(plan, epoch, options.estate, this.#ways);
    this.#opening = this.#openingOf();
    this.#parts = { ...NO_PARTS, sources: this.#opening instanceof Opening ? this.#opening.sources : [] };
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
    return takeSnapshot(this.#leaving.rest ?? this.#parts, this.#state, end - (this.#startedAt ?? end), this.#control);
  }

  checkpoint(id: number, { handover = false }: BarrierOptions = {}): void {
    if (this.#cuts === undefined) {
      if (id > this.#early.id) this.#early = { id, handover };
    } else if (this.#control.failure === undefined && !this.isOver && !this.#leaving.left.tripped) {
      this.#guard(() => this.#lanes.request(id, handover));
    }
  }

  async bequeath(bequest: Bequest | undefined): Promise<void> {
    const { failed } = this.#control;
    this.#bequest = bequest;
    // what is copied ahead has to be there
    if (bequest !== undefined) await failed.until(this.#flowing.tripping);
    // something else may have been said meanwhile
    if (this.#bequest === bequest && !failed.tripped && !this.isOver)
      await this.#leaving.bequeath(bequest, this.#parts.cells);
  }

  async commit(id: number): Promise<void> {
    // what was prepared before it took over is not here yet
    if (this.#options.takeover !== undefined) await this.#control.failed.until(this.#flowing.tripping);
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
    const grace = this.#control.ports.after(SOURCE_GRACE, () => this.#control.leaveBehind());
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
    const troubles = new Map(this.#control.troubled.map((trouble) => [trouble.node, trouble]));
    return all.map((label) => {
      const trouble = troubles.get(label);
      return trouble === undefined ? label : `${label} (${trouble.server}: ${trouble.reason})`;
    });
  }

  #openingOf(): Opening | Succeeding {
    const { runtime, channels, saver, restored, journal, takeover, estate } = this.#options;
    if (takeover !== undefined && estate !== undefined) {
      const { epoch } = channels ?? NO_CHANNELS;
      const options = { takeover, runtime, estate, epoch, ways: this.#ways };
      return new Succeeding(this.plan, options, this.#control, this.#channels);
    }
    const options = {
      runtime,
      epoch: channels?.epoch ?? 1,
      directory: runtime.directory ?? directoryOf('<fragment>'),
      checkpointed: saver !== undefined,
      restored,
      journal: saver === undefined ? undefined : journal,
    };
    return new Opening(this.plan, options, this.#control, this.#channels);
  }

  get #ways(): WayOptions {
    const { channels = NO_CHANNELS, isHere = sameThread } = this.#options;
    return { ports: this.#control.ports, transport: channels.transport, isHere };
  }

  #handleState(): FragmentStatus['state'] {
    if (this.#state === 'failed') return this.#discarded ? 'stopped' : 'failed';
    if (this.#state === 'ended') return 'ended';
    if (this.#state === 'opening') return this.#isReady ? 'ready' : 'opening';
    if (this.#flowedOut) return 'ended';
    if (!this.#isReady) return 'opening';
    return this.#control.paused === undefined ? 'running' : 'paused';
  }

  async #run(): Promise<readonly SinkSummary[]> {
    const reports = await this.#passThrough().catch((error: unknown) => {
      this.#control.fail(internalError('runtime.failed', 'the runtime failed', { cause: error }));
      return [];
    });
    const { failure } = this.#control;
    this.#control.close();
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
    this.#parts = await this.#open();
    if (!failed.tripped) await this.#flow();
    if (!failed.tripped && !this.#leaving.left.tripped) await this.#flowOut();
    if (this.#leaving.left.tripped) await this.#handOver();
    return await this.#close();
  }

  async #open(): Promise<Parts> {
    if (this.#opening instanceof Opening) return await this.#opening.open();
    await this.#opening.prepare();
    if (this.#control.failure === undefined) {
      this.#tellReady();
      const parts = await this.#opening.open();
      if (this.#control.failure === undefined) return parts;
    }
    this.#opening.forget();
    return NO_PARTS;
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
    const running = [...this.#runSources(), ...this.#runInlets()];
    this.#flowing.trip();
    if (this.#early.id > 0) this.checkpoint(this.#early.id, this.#early);
    await this.#leaving.left.until(Promise.all(running));
    this.#state = 'draining';
  }

  #runSources(): readonly Promise<void>[] {
    const below = (name: string) => this.#takersBelow(sourceKey(name));
    if (this.#opening instanceof Opening) {
      return this.#parts.sources.map((source) => source.run(below(source.plan.name)));
    }
    const { taken, cuts } = this.#opening;
    this.#cuts?.inherit(cuts);
    this.#opening.letGo();
    awaitTakeover(this.#parts.cells, taken, this.#control, (figures) => this.#options.events?.tookOver?.(figures));
    return this.#parts.sources.map((source) => source.goOn(below(source.plan.name)));
  }

  #runInlets(): readonly Promise<void>[] {
    return this.#lanes.run(this.#parts.inlets, ({ plan }) => this.#takersBelow(inletKey(plan.stream)));
  }

  /** What was left is others'; what was sent before has to be taken, and whoever comes next wants the channels' names. */
  async #handOver(): Promise<void> {
    const { failed } = this.#control;
    const { outlets } = this.#parts;
    const drained = Promise.all(outlets.map((outlet) => outlet.drained()));
    // once all that follow have taken theirs, it was taken: who would say so again may be gone
    await failed.until(this.#finishing.until(drained));
    for (const outlet of outlets) outlet.close();
    await bounded(this.#channels.leave(), PATIENCE, this.#control);
    if (failed.tripped) return;
    this.#leaving.close();
    this.#options.events?.handedOver?.(this.#leaving.checkpoint);
    await this.#leaving.unclaimed(this.#control, this.#finishing);
    await failed.until(this.#cuts?.saved() ?? Promise.resolve());
  }

  /**
   * After this nothing comes any more. With checkpoints, waits until the leader has had the last one: then the whole region has ended, so that everything sent within
   * it has been taken, and an acknowledgement that was lost may have nobody left to give it again.
   */
  async #flowOut(): Promise<void> {
    const { failed } = this.#control;
    const { left } = this.#leaving;
    for (const sink of this.#parts.sinks) await sink.drained();
    if (left.tripped) return;
    this.#flowedOut = true;
    if (this.#cuts !== undefined) {
      this.#options.events?.ended?.();
      await failed.until(left.until(this.#finishing.tripping));
      if (left.tripped) return;
    }
    const { outlets } = this.#parts;
    const drained = outlets.map((outlet) => (this.#cuts === undefined ? outlet.drained() : outlet.safe()));
    await failed.until(Promise.all(drained));
    await failed.until(this.#channels.settled());
  }

  #takersBelow(key: string): readonly Taker[] {
    const downstream: Downstream = this.#opening.downstream;
    const below = downstream.get(key);
    return [
      ...this.#parts.sinks.filter(({ plan }) => below?.has(sinkKey(plan.name))),
      ...this.#parts.outlets.filter(({ plan }) => below?.has(outletKey(plan.stream))),
    ];
  }

  #cut(id: number, handover: boolean): void {
    const { sources, inlets } = this.#parts;
    const last = sources.every(({ ended }) => ended) && inlets.every(({ ended }) => ended);
    const leftAt = this.#control.ports.monotonic();
    const send = (taken: FragmentSnapshot): void => this.#leaving.send(taken, leftAt);
    const snapshot = this.#cuts?.cut(id, last, handover ? send : undefined);
    if (!handover || snapshot === undefined) return;
    this.#lanes.end();
    const parts = this.#parts;
    this.#parts = { ...parts, sources: [], sinks: [], cells: [] };
    this.#leaving.leave({ parts, checkpoint: id, snapshot, cuts: this.#cuts?.open ?? new Map(), leftAt });
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#control.failNode('cell', this.plan.name, error);
    }
  }

  #becomeReady(): void {
    if (this.#state !== 'opening') this.#tellReady();
  }

  #tellReady(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#options.events?.ready?.();
  }

  /** Sources, then sinks one after the other, so that a failing one leaves as many of the others unwritten as possible. */
  async #close(): Promise<readonly SinkSummary[]> {
    const { failed } = this.#control;
    const { sources, sinks, cells } = this.#leaving.reclaim(this.#control) ?? this.#parts;
    const { outlets } = this.#parts;
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
    await bounded(this.#leaving.forget(), PATIENCE, this.#control);
    return reports;
  }
}
