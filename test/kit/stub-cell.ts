/**
 * Cells in plain JavaScript for tests of the runtime, where what matters is when a cell is called, not what it computes: an operator
 * without steps passes rows on; one with an aggregate counts rows by window and puts late rows out at `late`.
 */
import type { Batch } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import { sliceBatch, valueReader } from '../../engine/batch/reader.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { Cell, CellCounters, Emit } from '../../engine/cell/cell.ts';
import type { CellPlan, OutputPort } from '../../engine/compile/cell-plan.ts';
import type { AggregateStep } from '../../engine/graph/plan.ts';
import { floorDivide } from '../../engine/progress/time.ts';
import { PLACE } from './plans.ts';

/** What the counting stub yields: the start of a window in microseconds, and its rows. */
export const COUNTS: Schema = {
  fields: [
    { name: 'window_start', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
    { name: 'count', type: { kind: 'int64' }, nullable: false },
  ],
  time: 0,
};

/** A step that the stub counts by. */
export function counting(input: Schema, size: bigint, late: 'drop' | 'divert' = 'drop'): AggregateStep {
  const window = { kind: 'tumbling' as const, size };
  const time = input.time ?? 0;
  return { kind: 'aggregate', window, time, keys: [], aggregates: [], late, input, output: COUNTS, place: PLACE };
}

/** What was asked of a stub: `process 3`, `watermark 5000000`, `end`, `close`. */
export type Calls = string[];

export function openStubCell(plan: CellPlan, calls: Calls = []): Cell {
  const step = plan.operators.flatMap((operator) => operator.steps).find((one) => one.kind === 'aggregate');
  return step?.kind === 'aggregate' ? new CountingCell(plan, step, calls) : new PassingCell(plan, calls);
}

class PassingCell implements Cell {
  readonly name: string;
  readonly outputs: readonly OutputPort[];
  readonly calls: Calls;

  constructor(plan: CellPlan, calls: Calls) {
    this.name = plan.name;
    this.outputs = plan.outputs;
    this.calls = calls;
  }

  process(_input: number, batch: Batch, emit: Emit): void {
    this.calls.push(`process ${batch.rows}`);
    emit(0, batch);
  }

  onWatermark(time: bigint, _emit: Emit): void {
    this.calls.push(`watermark ${time}`);
  }

  onEnd(_emit: Emit): void {
    this.calls.push('end');
  }

  counters(): CellCounters {
    return { late: 0, errors: 0 };
  }

  memory(): number {
    return 65_536;
  }

  close(): void {
    this.calls.push('close');
  }
}

class CountingCell extends PassingCell {
  readonly #step: AggregateStep;
  readonly #counts = new Map<bigint, bigint>();
  readonly #latePort: number;
  #watermark: bigint | undefined;
  #late = 0;

  constructor(plan: CellPlan, step: AggregateStep, calls: Calls) {
    super(plan, calls);
    this.#step = step;
    this.#latePort = plan.outputs.findIndex((output) => output.port === 'late');
  }

  override process(_input: number, batch: Batch, emit: Emit): void {
    this.calls.push(`process ${batch.rows}`);
    const { size } = this.#step.window;
    const times = valueReader(batch, this.#step.time);
    for (let row = 0; row < batch.rows; row++) {
      const time = times(row);
      if (typeof time !== 'bigint') continue;
      const start = floorDivide(time, size) * size;
      if (this.#watermark === undefined || start + size > this.#watermark) {
        this.#counts.set(start, (this.#counts.get(start) ?? 0n) + 1n);
        continue;
      }
      this.#late++;
      if (this.#latePort >= 0) emit(this.#latePort, sliceBatch(batch, row, row + 1));
    }
  }

  override onWatermark(time: bigint, emit: Emit): void {
    this.calls.push(`watermark ${time}`);
    this.#watermark = time;
    this.#yield((start) => start + this.#step.window.size <= time, emit);
  }

  override onEnd(emit: Emit): void {
    this.calls.push('end');
    this.#yield(() => true, emit);
  }

  override counters(): CellCounters {
    return { late: this.#late, errors: 0 };
  }

  #yield(isClosed: (start: bigint) => boolean, emit: Emit): void {
    const builder = new BatchBuilder(COUNTS);
    for (const start of [...this.#counts.keys()].sort((a, b) => Number(a - b))) {
      if (!isClosed(start)) continue;
      builder.columns[0]?.append(start);
      builder.columns[1]?.append(this.#counts.get(start) ?? 0n);
      builder.endRow();
      this.#counts.delete(start);
    }
    if (builder.rows > 0) emit(0, builder.finish());
  }
}
