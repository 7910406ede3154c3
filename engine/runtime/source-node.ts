/**
 * A source in the running dataflow: opens its connector, runs one task a partition, joins their progress, and feeds the source's
 * two streams: its rows, and the rows that it could not read.
 */
import type { Batch } from '../batch/batch.ts';
import { externalError, userError } from '../errors.ts';
import type { Source, SourceContext, SourcePartition, SourceSpec } from '../graph/connector.ts';
import { ERRORS_SCHEMA, type SourceNode as SourcePlan } from '../graph/plan.ts';
import { NodeCounters } from '../metrics/counters.ts';
import type { NodeMetrics } from '../metrics/snapshot.ts';
import type { DriftGroup } from '../progress/drift.ts';
import { EventTimeScanner } from '../progress/event-time.ts';
import { ProgressMinimum } from '../progress/minimum.ts';
import { TIME_MIN } from '../progress/time.ts';
import { BadRows } from './bad-rows.ts';
import type { Control } from './control.ts';
import { ordered } from './order.ts';
import { paced } from './pace.ts';
import { type PartitionTarget, PartitionTask, type PartitionTime } from './partition-task.ts';
import type { SinkNode } from './sink-node.ts';
import { Stream } from './stream.ts';
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
}

export class SourceNode implements PartitionTarget {
  readonly plan: SourcePlan;
  readonly counters: NodeCounters;
  readonly main: Stream;
  readonly errors: Stream;
  readonly #control: Control;
  readonly #options: SourceNodeOptions;
  readonly #bad: BadRows;
  #source: Source | undefined;
  #partitions: readonly SourcePartition[] = [];
  #progress = new ProgressMinimum(1);
  #sinks: readonly SinkNode[] = [];
  #flushSet = false;

  constructor(plan: SourcePlan, control: Control, options: SourceNodeOptions) {
    this.plan = plan;
    this.counters = new NodeCounters(plan.name, 'source');
    this.main = new Stream({ node: plan.name, port: '' }, plan.schema, this.counters);
    this.errors = new Stream({ node: plan.name, port: 'errors' }, ERRORS_SCHEMA);
    this.#control = control;
    this.#options = options;
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
    const context: SourceContext = {
      name: plan.name,
      directory: this.#options.directory,
      signal: this.#control.sourceSignal,
      now: () => this.#control.ports.now(),
      paths: plan.paths,
      attach: plan.attach,
      reject: (row) => {
        this.#bad.reject(row);
        if (this.#bad.waiting === 0) return;
        this.#refuseFlood();
        this.#flushSoon();
      },
    };
    const opening = spec.open(options, plan.schema, context);
    this.#source = await this.#control.orDiscard(opening, (late) => late.close());
    if (this.#source === undefined) return;
    this.#partitions = this.#replayed(this.#source);
    this.#progress = new ProgressMinimum(this.#partitions.length);
  }

  /** Runs every partition to its end. Never rejects: failures go to the control. */
  async run(sinks: readonly SinkNode[]): Promise<void> {
    this.#sinks = sinks;
    this.counters.start(this.#control.ports.monotonic());
    try {
      if (this.plan.time === undefined) this.main.progress(TIME_MIN, true);
      this.errors.progress(TIME_MIN, true);
      if (this.#progress.ended) this.#end();
      const takesTurns = this.bounded && this.plan.speed === undefined;
      const tasks = this.#partitions.map((partition, index) => {
        const options = { time: this.#timeOf(), turn: takesTurns ? this.#options.turns.join() : undefined };
        return new PartitionTask(index, partition, this, options, this.#control);
      });
      await Promise.all(tasks.map((task) => task.run().catch((error: unknown) => this.#fail(error))));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Frees what the connector holds. */
  async close(): Promise<void> {
    const source = this.#source;
    this.#source = undefined;
    if (source === undefined) return;
    try {
      await source.close();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Waits for each full sink downstream in turn: by the time the last has room, the first may be full again, so ask anew. */
  room(): Promise<void> | undefined {
    for (const sink of this.#sinks) {
      const room = sink.room();
      if (room !== undefined) return room;
    }
    return undefined;
  }

  taken(batch: Batch): void {
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
    if (!this.#progress.end(partition)) return;
    if (this.#progress.ended) this.#end();
    else this.#advance();
  }

  metrics(now: number, monotonic: number): NodeMetrics {
    const { watermark, idle, ended } = this.#progress;
    return this.counters.metrics(
      {
        late: 0,
        errors: 0,
        watermark: ended || watermark === TIME_MIN ? undefined : watermark,
        memory: 0,
        queued: 0,
        dropped: 0,
        idle,
        ended,
      },
      now,
      monotonic,
    );
  }

  #advance(): void {
    const { watermark, idle } = this.#progress;
    if (this.plan.time !== undefined) this.main.progress(watermark, idle);
  }

  #end(): void {
    this.#bad.handOn();
    this.main.end();
    this.errors.end();
  }

  /** Rejecting cannot wait, so a source with nothing but bad rows could fill a slow sink's queue without end. */
  #refuseFlood(): void {
    const flooded = this.#sinks.find((sink) => sink.queuedBytes > FLOOD);
    if (flooded === undefined) return;
    const message = `source ${this.plan.name} has bad rows faster than sink ${flooded.plan.name} can take them`;
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

  /** The connector's partitions, put in order and paced as the graph asks. */
  #replayed(source: Source): readonly SourcePartition[] {
    const { orderBy, speed, name } = this.plan;
    let partitions = source.partitions;
    if (orderBy !== undefined) {
      if (!source.bounded) {
        const hint = 'orderBy reads the source whole; leave it out, or what makes the source unbounded';
        throw userError('source.order-unbounded', `source ${name} never ends and cannot be put in order`, { hint });
      }
      partitions = [ordered(this.plan, orderBy, partitions, this.#options.orderBytes, this.#control)];
    }
    return speed === undefined ? partitions : paced(this.plan, speed, partitions, this.#control);
  }

  #timeOf(): PartitionTime | undefined {
    const { time, schema } = this.plan;
    const type = time === undefined ? undefined : schema.fields[time.column]?.type;
    if (time === undefined || type?.kind !== 'timestamp') return undefined;
    const { column, maxDelay, idleAfter, maxDrift } = time;
    return {
      scanner: new EventTimeScanner({ column, unit: type.unit, maxDelay, step: this.#options.step }),
      idleAfter: idleAfter === undefined ? undefined : Number(idleAfter) / 1000,
      drift: this.#options.drift?.join(),
      maxDrift,
    };
  }

  #fail(error: unknown): void {
    this.#control.failNode('source', this.plan.name, error);
  }
}
