/**
 * A sink in the running dataflow. Batches go straight to it while it keeps up; while it is busy they are copied into a queue with a
 * bound in bytes, and every source upstream waits as long as that queue is full. The bound is exceeded by at most what one
 * push of a source makes. Barriers and commits wait in the same queue, so that each comes between the very writes it belongs between.
 */
import type { Batch } from '../../batch/batch.ts';
import { copyBatch } from '../../batch/reader.ts';
import type { Prepared, Sink, SinkReport } from '../../graph/connector.ts';
import type { SinkNode as SinkPlan } from '../../graph/plan.ts';
import { type Moment, NodeCounters, usedBytes } from '../../metrics/counters.ts';
import type { NodeMetrics } from '../../metrics/snapshot.ts';
import type { OpenSpan, TraceContext } from '../../metrics/trace.ts';
import { Lasting } from '../../metrics/work-clock.ts';
import type { Timer } from '../../ports.ts';
import { ProgressMinimum } from '../../progress/minimum.ts';
import { TIME_MIN } from '../../progress/time.ts';
import { type Control, Unwinding } from '../control.ts';
import type { Receiver, Taker } from '../stream.ts';

export interface SinkNodeOptions {
  /** Bytes that may wait before sources do. */
  readonly queueBytes: number;
  /** Milliseconds without a row after which the sink is asked to flush; undefined: never. */
  readonly quiet: number | undefined;
}

/** A sink that rows may be kept from by its own policy says how many. */
interface Dropping {
  readonly dropped?: number;
}

/** A batch that waits, or a call that comes after those before it. */
type Queued =
  | { readonly batch: Batch; readonly bytes: number; readonly trace: TraceContext | undefined }
  | { readonly call: () => Promise<void> };

export class SinkNode implements Taker {
  readonly counters: NodeCounters;
  readonly label: string;
  #plan: SinkPlan;
  readonly #sink: Sink & Dropping;
  readonly #control: Control;
  readonly #options: SinkNodeOptions;
  #progress: ProgressMinimum;
  readonly #queue: Queued[] = [];
  #queuedBytes = 0;
  /** Times that the queue was full, and that the connector was waited for. */
  readonly #full = new Lasting();
  readonly #waiting = new Lasting();
  /** The sink's back-pressure and what follows from it; undefined while the sink takes more. */
  #busy: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #quietTimer: Timer | undefined;
  /** Rows came since the timer was set. */
  #wroteSince = false;
  /** Rows came since the last flush. */
  #unflushed = false;
  #settled = false;

  constructor(plan: SinkPlan, sink: Sink, control: Control, options: SinkNodeOptions) {
    this.#plan = plan;
    this.counters = new NodeCounters(plan.name, 'sink');
    this.label = `sink ${plan.name}`;
    this.#sink = sink;
    this.#control = control;
    this.#options = options;
    this.#progress = new ProgressMinimum(plan.inputs.length);
  }

  get plan(): SinkPlan {
    return this.#plan;
  }

  /** At a handover: it is no fragment's until `join`; what it was given is written all the same. */
  leave(): void {
    this.#control.goTo(undefined);
  }

  /** It is of the run that has this control, fed as `plan` says. */
  join(control: Control, plan: SinkPlan): void {
    this.#plan = plan;
    this.#progress = new ProgressMinimum(plan.inputs.length);
    this.#control.goTo(control);
  }

  receiver(index: number): Receiver {
    return {
      batch: (batch) => this.#take(batch),
      progress: (watermark, idle) => {
        this.#progress.update(index, watermark, idle);
      },
      end: () => {
        this.#progress.end(index);
      },
    };
  }

  /** A promise while the queue is full, else undefined: who pushes waits for it before the next push. */
  room(): Promise<void> | undefined {
    if (this.#queuedBytes < this.#options.queueBytes) return undefined;
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  /** Bytes that wait for the sink. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  fullTime(monotonic: number): number {
    return this.#full.total(monotonic);
  }

  /** True while the sink has not yet taken all it was given. */
  get isBusy(): boolean {
    return this.#busy !== undefined;
  }

  /** Waits until the sink has taken all it was given, or the run has failed. */
  async drained(): Promise<void> {
    while (this.#busy !== undefined && this.#control.failure === undefined) {
      await this.#control.failed.until(this.#busy);
    }
  }

  /**
   * Has the sink prepare what was written up to now for a checkpoint; `last`: nothing more will come. A sink that cannot is flushed, so that
   * what came before is out. Resolves when that is safe; rejects when the run has failed before.
   */
  prepare(checkpoint: number, last: boolean): Promise<Prepared | undefined> {
    return this.#inTurn(async () => {
      if (this.#sink.prepare !== undefined) return await this.#sink.prepare(checkpoint, last);
      this.#unflushed = false;
      await this.#sink.flush?.();
      return undefined;
    });
  }

  /** Makes visible what was prepared for a checkpoint that is complete. */
  commit(checkpoint: number, prepared: Prepared): Promise<void> {
    return this.#inTurn(async () => await this.#sink.commit?.(checkpoint, prepared));
  }

  /** Makes what was written visible. Rejects nothing: failures go to the control. */
  async close(): Promise<SinkReport | undefined> {
    this.#quietTimer?.cancel();
    await this.drained();
    if (this.#control.failure !== undefined) return undefined;
    this.#settled = true;
    try {
      return await this.#control.failed.until(this.#sink.close());
    } catch (error) {
      this.#control.failNode('sink', this.plan.name, error);
      return undefined;
    }
  }

  /** Has the sink leave nothing half-written behind, unless it is closed; waits for a write under way at most `patience` ms. `forget`: nor what a checkpoint holds. */
  async abort(patience: number, forget = false): Promise<void> {
    this.#quietTimer?.cancel();
    if (this.#settled) return;
    this.#settled = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    try {
      await bounded(this.#busy ?? Promise.resolve(), patience, this.#control);
      await bounded(this.#sink.abort(forget), patience, this.#control);
    } catch (error) {
      this.#control.failNode('sink', this.plan.name, error);
    }
  }

  metrics(moment: Moment): NodeMetrics {
    const { watermark, idle, ended } = this.#progress;
    const status = {
      ...this.#control.troubles.figuresOf(this.label),
      watermark: ended || watermark === TIME_MIN ? undefined : watermark,
      queued: this.#queuedBytes,
      dropped: this.#sink.dropped ?? 0,
      idle,
      ended,
      blocked: this.#waiting.total(moment.monotonic),
    };
    return this.counters.metrics(status, moment);
  }

  #take(batch: Batch): void {
    if (this.#settled) return;
    this.counters.takenIn(batch);
    this.#wroteSince = true;
    this.#unflushed = true;
    if (this.#busy !== undefined) {
      const copy = copyBatch(batch);
      const bytes = usedBytes(copy);
      this.#queue.push({ batch: copy, bytes, trace: this.#control.tracer?.current });
      this.#queuedBytes += bytes;
      if (this.#queuedBytes >= this.#options.queueBytes) this.#full.set(true, this.#control.ports.monotonic());
      return;
    }
    const waits = this.#write(batch, this.#control.tracer?.current);
    if (waits !== undefined) this.#busy = this.#drain(waits);
    else this.#watchQuiet();
  }

  /** A call that neither overtakes writes nor is overtaken by them. Its failure is the run's. */
  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    promise.catch(() => undefined);
    const entry = { call: () => call().then(resolve, this.#tell(reject)) };
    const { failure } = this.#control;
    if (failure !== undefined || this.#settled) reject(failure ?? new Unwinding());
    else if (this.#busy !== undefined) this.#queue.push(entry);
    else this.#busy = this.#drain(entry.call());
    void this.#control.failed
      .until(promise)
      .catch(() => undefined)
      .then(() => reject(this.#control.failure));
    return promise;
  }

  #tell(reject: (error: unknown) => void): (error: unknown) => never {
    return (error) => {
      this.#control.failNode('sink', this.plan.name, error);
      reject(this.#control.failure);
      throw new Unwinding();
    };
  }

  /** `trace`: of what the batch came with. */
  #write(batch: Batch, trace: TraceContext | undefined): Promise<void> | undefined {
    const { clock, tracer } = this.#control;
    const outer = clock.enter(this.counters);
    const span = trace === undefined ? undefined : tracer?.part(this.label, batch.rows, trace);
    try {
      const result = this.#sink.write(batch);
      this.counters.handedOn(batch);
      const waits = result instanceof Promise ? result : undefined;
      if (span !== undefined) endWith(span, waits);
      return waits;
    } catch (error) {
      span?.end(error);
      this.#control.failNode('sink', this.plan.name, error);
      throw new Unwinding();
    } finally {
      clock.leave(outer);
    }
  }

  /** Writes what is queued, one batch after the other as the sink allows, until nothing waits. Never rejects. */
  async #drain(first: Promise<void>): Promise<void> {
    this.#waiting.set(true, this.#control.ports.monotonic());
    try {
      await first;
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        if ('call' in next) {
          await next.call();
          continue;
        }
        this.#queuedBytes -= next.bytes;
        const waits = this.#write(next.batch, next.trace);
        this.#openGate();
        if (waits !== undefined) await waits;
      }
    } catch (error) {
      this.#control.failNode('sink', this.plan.name, error);
    }
    this.#busy = undefined;
    this.#waiting.set(false, this.#control.ports.monotonic());
    this.#openGate();
    this.#watchQuiet();
  }

  #openGate(): void {
    if (this.#queuedBytes >= this.#options.queueBytes) return;
    this.#full.set(false, this.#control.ports.monotonic());
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Keeps one timer running while rows come; when none came for its time, the sink is flushed and the timer rests. */
  #watchQuiet(): void {
    const { quiet } = this.#options;
    if (quiet === undefined || this.#sink.flush === undefined || !this.#unflushed) return;
    if (this.#quietTimer !== undefined || this.#settled) return;
    this.#wroteSince = false;
    this.#quietTimer = this.#control.ports.after(quiet, () => {
      this.#quietTimer = undefined;
      if (this.#wroteSince) this.#watchQuiet();
      else this.#flush();
    });
  }

  #flush(): void {
    if (this.#settled || this.#busy !== undefined) return;
    this.#unflushed = false;
    try {
      const waits = this.#sink.flush?.();
      if (waits instanceof Promise) this.#busy = this.#drain(waits);
    } catch (error) {
      this.#control.failNode('sink', this.plan.name, error);
    }
  }
}

/** Ends a span when the write that it is of has. */
function endWith(span: OpenSpan, waits: Promise<void> | undefined): void {
  span.leave();
  if (waits === undefined) span.end();
  else waits.then(() => span.end(), span.end);
}

/** Settles with `promise`, or quietly after `patience` milliseconds. */
export function bounded(promise: Promise<void>, patience: number, control: Control): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = control.ports.after(patience, resolve);
    void promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
