/**
 * A cell in the running dataflow: joins the progress of its inputs, calls the cell, and passes on what it emits and how far it
 * has come.
 */

import type { Batch } from '../../batch/batch.ts';
import type { Cell, Emit } from '../../cell/cell.ts';
import type { CellPlan } from '../../compile/cell-plan.ts';
import { defined } from '../../defined.ts';
import { type Moment, NodeCounters } from '../../metrics/counters.ts';
import type { NodeMetrics } from '../../metrics/snapshot.ts';
import { ProgressMinimum } from '../../progress/minimum.ts';
import { TIME_MIN } from '../../progress/time.ts';
import type { CellImage, CellSnapshot, LogicalState } from '../../state/checkpoint/state.ts';
import { type Control, Unwinding } from '../control.ts';
import { blockedBy, type Receiver, Stream, type Taker } from '../stream.ts';

export class CellNode {
  readonly plan: CellPlan;
  readonly counters: NodeCounters;
  /** One for each of the plan's outputs, in their order. */
  readonly outputs: readonly Stream[];
  /** Of its spans. */
  readonly #label: string;
  readonly #cell: Cell;
  readonly #control: Control;
  readonly #progress: ProgressMinimum;
  readonly #emit: Emit;
  #handed: bigint = TIME_MIN;
  /** The cell has been flushed. */
  #flushed = false;
  #closed = false;
  #below: readonly Taker[] = [];

  /** Called at the first word of any input. */
  #onFirst: (() => void) | undefined;

  /** `former`: the node that had the cell before; it is not used any more. */
  constructor(plan: CellPlan, cell: Cell, control: Control, former?: CellNode) {
    this.plan = plan;
    this.#label = `cell ${plan.name}`;
    this.counters = former?.counters ?? new NodeCounters(plan.name, 'cell');
    this.#cell = cell;
    if (former !== undefined) {
      this.#handed = former.#handed;
      this.#flushed = former.#flushed;
    }
    this.#control = control;
    this.#progress = new ProgressMinimum(plan.inputs.length);
    this.outputs = plan.outputs.map(({ operator, port, schema }) => {
      const side = port === 'late' || port === 'errors';
      return new Stream({ node: operator, port }, schema, side ? undefined : this.counters);
    });
    const { outputs } = this;
    this.#emit = (port, batch) => outputs[port]?.batch(batch);
  }

  /** The cell's state between two calls, as the image where it has one, else in its logical form. A view: valid until the next call. */
  snapshot(): CellSnapshot {
    const { state } = this.#cell;
    const image = state?.image?.();
    const logical = image === undefined ? state?.exportLogical?.() : undefined;
    return {
      ...(image === undefined ? {} : { image, plan: this.plan }),
      ...defined({ logical }),
      ...(this.#handed === TIME_MIN ? {} : { watermark: this.#handed }),
      ...(this.#flushed ? { ended: true } : {}),
    };
  }

  /** The image alone, a view like the snapshot's; undefined where the cell has none. */
  image(): CellImage | undefined {
    return this.#cell.state?.image?.();
  }

  /** The logical form of its state, where it has one; valid until the next call. */
  exported(): readonly LogicalState[] | undefined {
    return this.#cell.state?.exportLogical?.();
  }

  /** A node of another fragment that goes on with the very cell; this one is as closed. */
  handOn(plan: CellPlan, control: Control): CellNode {
    this.#closed = true;
    return new CellNode(plan, this.#cell, control, this);
  }

  /** `call` is called once, at the first word of any input. */
  awaitFirst(call: () => void): void {
    this.#onFirst = call;
  }

  /** Takes up where a cell of a checkpoint was, whose state has been put into this one's cell. */
  restored(watermark: bigint | undefined, ended: boolean): void {
    this.#handed = watermark ?? TIME_MIN;
    this.#flushed = ended;
  }

  /** What takes the rows of input `index` of the plan. Only a component that names its inputs can tell them apart. */
  receiver(index: number): Receiver {
    const input = this.plan.operators[0]?.aliases === undefined ? 0 : index;
    return {
      batch: (batch) => this.#take(input, batch),
      progress: (watermark, idle) => {
        const isFirst = this.#first();
        if (this.#progress.update(index, watermark, idle) || isFirst) this.#advance();
      },
      end: () => {
        this.#first();
        if (this.#progress.end(index)) this.#advance();
      },
    };
  }

  /** Whose being full holds the cell back. */
  heed(below: readonly Taker[]): void {
    this.#below = below;
  }

  metrics(moment: Moment): NodeMetrics {
    const { late, errors, evicted = 0 } = this.#cell.counters();
    const { idle, ended } = this.#progress;
    const watermark = ended || this.#handed === TIME_MIN ? undefined : this.#handed;
    const memory = this.#closed ? 0 : this.#cell.memory();
    const sizes = this.#closed ? [] : (this.#cell.stateSize?.() ?? []);
    const operators = sizes.map(({ operator, keys, bytes }) => ({ operator, keys: keys ?? null, bytes }));
    const blocked = blockedBy(this.#below, moment.monotonic);
    const status = { late, errors, watermark, memory, idle, ended, evicted, operators, blocked };
    return this.counters.metrics(status, moment);
  }

  /** Frees the cell's memory; its counters stay readable. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#cell.close();
    } catch (error) {
      this.#control.failNode('cell', this.plan.name, error);
    }
  }

  /** True once, where somebody waits for the first word: then those below hear it, too, whether it says anything new or not. */
  #first(): boolean {
    const isAwaited = this.#onFirst !== undefined;
    this.#onFirst?.();
    this.#onFirst = undefined;
    return isAwaited;
  }

  #take(input: number, batch: Batch): void {
    this.#first();
    this.counters.takenIn(batch);
    this.#guard(() => this.#cell.process(input, batch, this.#emit), batch.rows);
  }

  /** Hands the cell a risen watermark, then passes progress on; at the end flushes it. */
  #advance(): void {
    const { watermark, idle, ended } = this.#progress;
    if (ended) {
      if (!this.#flushed) this.#guard(() => this.#cell.onEnd(this.#emit));
      this.#flushed = true;
      for (const output of this.outputs) output.end();
      return;
    }
    if (watermark > this.#handed) {
      this.#handed = watermark;
      this.#guard(() => this.#cell.onWatermark(watermark, this.#emit));
    }
    // not what it was handed before a restart: then its rows may have come from elsewhere
    for (const output of this.outputs) output.progress(watermark, idle);
  }

  #guard(call: () => void, rows = 0): void {
    const { clock, tracer } = this.#control;
    const outer = clock.enter(this.counters);
    const span = tracer?.part(this.#label, rows);
    let failure: unknown;
    try {
      call();
    } catch (error) {
      if (!(error instanceof Unwinding)) failure = error;
      this.#control.failNode('cell', this.plan.name, error);
      throw new Unwinding();
    } finally {
      span?.end(failure);
      clock.leave(outer);
    }
  }
}
