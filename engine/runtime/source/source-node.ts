/**
 * A source in the running dataflow: opens its connector, runs one task a partition, joins their progress, and feeds the source's
 * two streams: its rows, and the rows that it could not read.
 */
import type { Batch } from '../../batch/batch.ts';
import { externalError, userError } from '../../errors.ts';
import type { BadRow, Source, SourceContext, SourceSpec } from '../../graph/connector.ts';
import { ERRORS_SCHEMA, type SourceNode as SourcePlan } from '../../graph/plan.ts';
import type { Json } from '../../json.ts';
import { type Moment, NodeCounters } from '../../metrics/counters.ts';
import type { NodeMetrics } from '../../metrics/snapshot.ts';
import type { DriftGroup } from '../../progress/drift.ts';
import { EventTimeScanner } from '../../progress/event-time.ts';
import { ProgressMinimum } from '../../progress/minimum.ts';
import { TIME_MIN } from '../../progress/time.ts';
import type { PartitionState, SourceState } from '../../state/checkpoint/state.ts';
import type { RecordLog } from '../../state/log/log.ts';
import type { Control } from '../control.ts';
import { blockedBy, Stream, type Taker } from '../stream.ts';
import { BadCount } from './bad-count.ts';
import { BadRows } from './bad-rows.ts';
import { ordered } from './order.ts';
import { paced } from './pace.ts';
import { type PartitionTarget, PartitionTask, type PartitionTime } from './partition-task.ts';
import { type PlacedPartition, placed } from './position.ts';
import { SourceJournals } from './source-journals.ts';
import type { Turns } from './turns.ts';

/** Bytes that may wait for one sink when bad rows come. */
const FLOOD = 256 * 1_048_576;

export interface SourceNodeOptions {
  readonly directory: string;
  /** Most bytes that `orderBy` may read into memory. */
  readonly orderBytes: number;
  /** The step in which lateness counts downstream; see `cutStep`. */
  readonly step: bigint;
  /** The partitions that this source's drift is measured against, where any source upstream of the same node sets `maxDrift`. */
  readonly drift: DriftGroup | undefined;
  /** The turns of the sources that this one meets. */
  readonly turns: Turns;
  /** Which of the source's partitions run here: every `of`th from `index` on. */
  readonly share: { readonly index: number; readonly of: number };
  /** The run is cut for checkpoints. */
  readonly tracked: boolean;
  /** Namespace, app and source. */
  readonly identity: string;
  /** Hears where the source can be reached, if it takes connections. */
  readonly listening: ((source: string, address: string) => void) | undefined;
  /** Opens the journal of a partition; absent where there is none to write to. */
  readonly journal: ((partition: string) => Promise<RecordLog>) | undefined;
  /** Where partitions go on, by name. */
  readonly restored: ReadonlyMap<string, PartitionState>;
}

export class SourceNode implements PartitionTarget {
  readonly plan: SourcePlan;
  readonly counters: NodeCounters;
  readonly label: string;
  readonly main: Stream;
  readonly errors: Stream;
  readonly #control: Control;
  readonly #options: SourceNodeOptions;
  readonly #bad: BadRows;
  #source: Source | undefined;
  #partitions: readonly PlacedPartition[] = [];
  #tasks: readonly PartitionTask[] = [];
  /** Where the graph asks for journals and there is a place for them. */
  readonly #journals: SourceJournals | undefined;
  /** Bad rows, by partition; under `''` all, where there is one partition to which they can only belong. */
  readonly #badCounts = new Map<string, BadCount>();
  #progress = new ProgressMinimum(1);
  #below: readonly Taker[] = [];
  #flushSet = false;
  /** Between `leave` and `goOn`. */
  #held = false;
  #running: Promise<void> = Promise.resolve();

  constructor(plan: SourcePlan, control: Control, options: SourceNodeOptions) {
    this.plan = plan;
    this.counters = new NodeCounters(plan.name, 'source');
    this.label = `source ${plan.name}`;
    this.main = new Stream({ node: plan.name, port: '' }, plan.schema, this.counters);
    this.errors = new Stream({ node: plan.name, port: 'errors' }, ERRORS_SCHEMA);
    this.#control = control;
    this.#options = options;
    const { journal } = options;
    if (plan.journal === true && journal !== undefined) {
      this.#journals = new SourceJournals(journal, plan.schema, control);
    }
    this.#bad = new BadRows(plan.name, plan.onError, this.errors, this.counters, control.ports);
  }

  /** Valid once open. */
  get bounded(): boolean {
    return this.#source?.bounded ?? false;
  }

  get ended(): boolean {
    return this.#progress.ended;
  }

  /** `options` with their secrets filled in. */
  async open(spec: SourceSpec, options: unknown): Promise<void> {
    const { plan } = this;
    const journals = this.#journals;
    const { directory, identity, restored, listening } = this.#options;
    const positions = new Map<string, Json>();
    for (const [name, { position }] of restored) if (position !== undefined) positions.set(name, position);
    const context: SourceContext = {
      name: plan.name,
      directory,
      identity,
      ...(positions.size === 0 ? {} : { positions }),
      signal: this.#control.sourceSignal,
      ports: this.#control.ports,
      trouble: this.#control.troubles.reporter(this.label),
      paths: plan.paths,
      attach: plan.attach,
      reject: (row, partition) => this.#reject(row, partition),
      ...(listening === undefined ? {} : { listening: (address) => listening(plan.name, address) }),
      ...(journals === undefined ? {} : { remember: (partition, memory) => journals.remember(partition, memory) }),
    };
    const opening = spec.open(options, plan.schema, context);
    this.#source = await this.#control.orDiscard(opening, (late) => late.close());
    if (this.#source === undefined) return;
    this.#partitions = this.#replayed(await this.#ownPartitions(this.#source), this.#source.bounded);
    this.#progress = new ProgressMinimum(this.#partitions.length);
  }

  /** Runs every partition to its end. Never rejects: failures go to the control. `below`: whose room its rows need. */
  run(below: readonly Taker[]): Promise<void> {
    this.#running = this.#run(below);
    return this.#running;
  }

  /** At a handover: hands on nothing until `goOn`. Nobody reads its streams, and it is no fragment's. */
  leave(): void {
    this.#held = true;
    this.#control.pause();
    this.#control.goTo(undefined);
    this.main.detach();
    this.errors.detach();
  }

  /** It is of the run that has this control. */
  join(control: Control): void {
    this.#control.goTo(control);
  }

  /** Goes on where it was left, its streams read anew: says first how far it has come. As `run`. */
  goOn(below: readonly Taker[]): Promise<void> {
    this.#held = false;
    this.#below = below;
    this.main.settle();
    this.errors.settle();
    try {
      if (this.plan.time === undefined) this.main.progress(TIME_MIN, true);
      this.errors.progress(TIME_MIN, true);
      this.#advance();
      this.#bad.handOn();
      if (this.#progress.ended) this.#end();
    } catch (error) {
      this.#fail(error);
    }
    this.#control.resume();
    return this.#running;
  }

  async #run(below: readonly Taker[]): Promise<void> {
    this.#below = below;
    this.counters.start(this.#control.ports.monotonic());
    this.#tasks = this.#partitions.map((partition, index) => this.#taskOf(partition, index));
    try {
      if (this.plan.time === undefined) this.main.progress(TIME_MIN, true);
      this.errors.progress(TIME_MIN, true);
      if (this.#progress.ended) this.#end();
      for (const task of this.#tasks) task.announce();
      await Promise.all(this.#tasks.map((task) => task.run().catch((error: unknown) => this.#fail(error))));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Where the partitions are; hands on the bad rows that wait, so that they are on this side of the cut. */
  state(): SourceState {
    this.#bad.handOn();
    const stateOf = (task: PartitionTask) => task.state((at) => this.#badCountOf(task.name).since(at));
    return { partitions: new Map(this.#tasks.map((task) => [task.name, stateOf(task)])) };
  }

  /** What came up to the places of `state` is in a complete checkpoint. */
  async acknowledge({ partitions }: SourceState): Promise<void> {
    for (const task of this.#tasks) await task.acknowledge(partitions.get(task.name)?.position);
  }

  /** Frees what the connector holds. */
  async close(): Promise<void> {
    const source = this.#source;
    this.#source = undefined;
    await source?.close().catch((error: unknown) => this.#fail(error));
    await this.#journals?.close().catch((error: unknown) => this.#fail(error));
  }

  /** Waits for each full sink or channel downstream in turn: by the time the last has room, the first may be full again, so ask anew. */
  room(): Promise<void> | undefined {
    for (const taker of this.#below) {
      const room = taker.room();
      if (room !== undefined) return room;
    }
    return undefined;
  }

  accept(batch: Batch, take: (batch: Batch) => void): void {
    const { clock, tracer } = this.#control;
    const outer = clock.enter(this.counters);
    const span = tracer?.root(this.counters.batchesIn + 1, this.label, batch.rows);
    try {
      this.#taken(batch);
      take(batch);
    } finally {
      span?.end();
      clock.leave(outer);
    }
  }

  #taken(batch: Batch): void {
    this.counters.takenIn(batch);
    this.#bad.handOn();
  }

  push(batch: Batch): void {
    this.main.batch(batch);
  }

  progress(partition: number, watermark: bigint, idle: boolean): void {
    if (this.#progress.update(partition, watermark, idle)) this.#advance();
  }

  end(partition: number): void {
    if (!this.#progress.end(partition) || this.#held) return;
    if (this.#progress.ended) this.#end();
    else this.#advance();
  }

  metrics(moment: Moment): NodeMetrics {
    const { watermark, idle, ended } = this.#progress;
    const status = {
      ...this.#control.troubles.figuresOf(this.label),
      watermark: ended || watermark === TIME_MIN ? undefined : watermark,
      idle,
      ended,
      blocked: blockedBy(this.#below, moment.monotonic),
    };
    return this.counters.metrics(status, moment);
  }

  #taskOf(partition: PlacedPartition, index: number): PartitionTask {
    const { restored, tracked, turns } = this.#options;
    const state = restored.get(partition.name);
    const takesTurns = this.bounded && this.plan.speed === undefined;
    const options = {
      time: this.#timeOf(state),
      turn: takesTurns ? turns.join() : undefined,
      tracked,
      restored: state,
    };
    return new PartitionTask(index, partition, this, options, this.#control);
  }

  #reject(row: BadRow, partition?: string): void {
    const journal = this.#journals?.of(partition);
    if (journal === undefined) this.#take(row, partition);
    else journal.reject(row);
  }

  #badCountOf(partition: string | undefined): BadCount {
    const { restored } = this.#options;
    const isOne = this.#partitions.length <= 1;
    const name = isOne ? '' : (partition ?? '');
    const known = this.#badCounts.get(name);
    if (known !== undefined) return known;
    const states = isOne ? [...restored.values()] : [restored.get(name)];
    const count = new BadCount(states.reduce((sum, state) => sum + (state?.rejected ?? 0), 0));
    this.#badCounts.set(name, count);
    return count;
  }

  #take(row: BadRow, partition: string | undefined): void {
    if (this.#badCountOf(partition).take()) return;
    this.#bad.reject(row);
    if (this.#bad.waiting === 0) return;
    this.#refuseFlood();
    this.#flushSoon();
  }

  #advance(): void {
    const { watermark, idle } = this.#progress;
    if (this.plan.time !== undefined && !this.#held) this.main.progress(watermark, idle);
  }

  #end(): void {
    this.#bad.handOn();
    this.main.end();
    this.errors.end();
  }

  /** Rejecting cannot wait, so a source with nothing but bad rows could fill a slow sink's queue without end. */
  #refuseFlood(): void {
    const flooded = this.#below.find((taker) => taker.queuedBytes > FLOOD);
    if (flooded === undefined) return;
    const message = `source ${this.plan.name} has bad rows faster than ${flooded.label} can take them`;
    const hint = `look at the first of them: the schema may be wrong; or give ${this.plan.name} 'onError: skip'`;
    throw externalError('source.bad-row-flood', message, { hint });
  }

  /** Bad rows must be seen even if no good one follows: hands them on at the next turn of the event loop. */
  #flushSoon(): void {
    if (this.#flushSet) return;
    this.#flushSet = true;
    void this.#control.ports.turn().then(() => {
      this.#flushSet = false;
      if (this.#progress.ended || this.#control.failure !== undefined) return;
      try {
        this.#bad.handOn();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  /** Those that run here, journaled where the graph asks for it and there is a journal to write to. */
  async #ownPartitions({ partitions }: Source): Promise<PlacedPartition[]> {
    const { restored, share } = this.#options;
    const { orderBy } = this.plan;
    const own = partitions.filter((_, index) => index % share.of === share.index);
    const journals = this.#journals;
    if (journals === undefined) {
      return own.map((inner) => {
        const from = orderBy === undefined ? restored.get(inner.name) : undefined;
        return placed(inner, from, () => this.#badCountOf(inner.name).read);
      });
    }
    const journaled: PlacedPartition[] = [];
    for (const inner of own) {
      const options = {
        from: restored.get(inner.name),
        handOn: (row: BadRow) => this.#take(row, inner.name),
        bad: () => this.#badCountOf(inner.name).read,
      };
      journaled.push(await journals.journal(inner, options));
    }
    return journaled;
  }

  /** The connector's partitions, put in order and paced as the graph asks. */
  #replayed(own: readonly PlacedPartition[], isBounded: boolean): readonly PlacedPartition[] {
    const { orderBy, speed, name } = this.plan;
    const { restored, orderBytes } = this.#options;
    let partitions = own;
    if (orderBy !== undefined) {
      if (!isBounded) {
        const hint = 'orderBy reads the source whole; leave it out, or what makes the source unbounded';
        throw userError('source.order-unbounded', `source ${name} never ends and cannot be put in order`, { hint });
      }
      const order = { limit: orderBytes, from: restored.get(name)?.rows ?? 0 };
      partitions = [ordered(this.plan, orderBy, partitions, order, this.#control)];
    }
    return speed === undefined ? partitions : paced(this.plan, speed, partitions, this.#control);
  }

  #timeOf(restored: PartitionState | undefined): PartitionTime | undefined {
    const { time, schema } = this.plan;
    const type = time === undefined ? undefined : schema.fields[time.column]?.type;
    if (time === undefined || type?.kind !== 'timestamp') return undefined;
    const { column, maxDelay, idleAfter, maxDrift } = time;
    return {
      scanner: new EventTimeScanner({
        column,
        unit: type.unit,
        maxDelay,
        step: this.#options.step,
        greatest: restored?.greatest,
      }),
      step: this.#options.step,
      idleAfter: idleAfter === undefined ? undefined : Number(idleAfter) / 1000,
      drift: this.#options.drift?.join(),
      maxDrift,
    };
  }

  #fail(error: unknown): void {
    this.#control.failNode('source', this.plan.name, error);
  }
}
