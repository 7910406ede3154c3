/**
 * The windowed inner join, row by row: open windows by their end, in each the rows of either side in the order in which they came. When the
 * watermark reaches a window's end its pairs come out, in the order of the first side's rows and for each in that of the second's.
 * The oracle that the compiled join is tested against.
 */
import { type Batch, MAX_BATCH_BYTES, MAX_BATCH_ROWS } from '../../batch/batch.ts';
import { BatchBuilder } from '../../batch/builder.ts';
import { valueReader } from '../../batch/reader.ts';
import type { Value } from '../../batch/types.ts';
import { internalError } from '../../errors.ts';
import type { JoinStep, OperatorNode } from '../../graph/plan.ts';
import type { CellPlan, OutputPort } from '../cell-plan.ts';
import type { OperatorState } from '../state/chain-state.ts';
import type { KeyGroupRange } from '../state/group-rows.ts';
import { importJoin, joinOf, joinOverLimit } from '../state/join-chain.ts';
import { columnOf, JOIN_STATE, type JoinRow, joinSchema, readJoinRows, writeJoinRows } from '../state/join-state.ts';
import { boundsOf, windowEnd } from '../state/join-window.ts';
import { JoinFailures } from './join-failures.ts';
import type { Receiver } from './output.ts';

type Row = readonly Value[];
type Window = readonly [Row[], Row[]];

/** About what a row takes besides its values. */
const ROW_BYTES = 64;
const VALUE_BYTES = 16;

interface JoinCellState {
  exportLogical(): OperatorState[];
  importLogical(states: readonly OperatorState[], groups: KeyGroupRange): void;
}

export function openJoinKernel(plan: CellPlan): JoinKernel {
  return new JoinKernel(plan);
}

/** A `Cell` (engine/cell/cell.ts) in all but name, since cells lie a layer above. */
class JoinKernel {
  readonly name: string;
  readonly outputs: readonly OutputPort[];
  readonly #operator: OperatorNode;
  readonly #step: JoinStep;
  readonly #builder: BatchBuilder;
  readonly #failures: JoinFailures;
  /** By window end, in microseconds. */
  readonly #open = new Map<bigint, Window>();
  #watermark: bigint | undefined;
  #counts: { rows: number; late: number; errors: number } = { rows: 0, late: 0, errors: 0 };
  #kept = 0;
  #bytes = 0;
  readonly state: JoinCellState = {
    exportLogical: () => this.#export(),
    importLogical: (states, groups) => this.#import(states, groups),
  };

  constructor(plan: CellPlan) {
    const { operator, step } = joinOf(plan);
    this.name = plan.name;
    this.outputs = plan.outputs;
    this.#operator = operator;
    this.#step = step;
    this.#builder = new BatchBuilder(step.output);
    this.#failures = new JoinFailures(plan);
  }

  process(input: number, batch: Batch, emit: Receiver): void {
    const side = this.#step.sides[input];
    if (side === undefined) throw internalError('internal.join', `a join has no input ${input}`);
    const readers = batch.schema.fields.map((_, column) => valueReader(batch, column));
    const keys = side.keys.map((_, key) => columnOf(this.#step, input, key));
    let refused = 0;
    for (let row = 0; row < batch.rows; row += 1) {
      const values = readers.map((reader) => reader(row));
      const end = windowEnd(this.#step, side, values[side.time] as bigint | null);
      if (end === undefined) refused += 1;
      else if (this.#watermark !== undefined && end <= this.#watermark) this.#counts.late += 1;
      // null equals nothing
      else if (keys.every((key) => values[key] !== null)) this.#keep(input === 0 ? 0 : 1, end, values);
    }
    const given = { input, batch, before: this.#counts.rows, watermark: this.#watermark };
    if (refused > 0) this.#counts.errors += this.#failures.take(given);
    this.#failures.flush(emit);
    this.#counts.rows += batch.rows;
    const limit = this.#operator.memory?.bytes;
    if (limit !== undefined && this.#bytes > limit) {
      const found = { bytes: this.#bytes, rows: this.#kept, all: this.#rows() };
      throw joinOverLimit(this.#operator, this.#step, found);
    }
  }

  onWatermark(time: bigint, emit: Receiver): void {
    this.#watermark = time;
    this.#close(time, emit);
  }

  onEnd(emit: Receiver): void {
    this.#close(undefined, emit);
  }

  counters(): { readonly late: number; readonly errors: number } {
    return { late: this.#counts.late, errors: this.#counts.errors };
  }

  /** An estimate. */
  memory(): number {
    return this.#bytes;
  }

  stateSize(): { readonly operator: string; readonly keys: number; readonly bytes: number }[] {
    return [{ operator: this.#operator.name, keys: this.#kept, bytes: this.#bytes }];
  }

  close(): void {
    this.#open.clear();
  }

  #keep(side: 0 | 1, end: bigint, values: Row): void {
    const window = this.#open.get(end) ?? [[], []];
    this.#open.set(end, window);
    window[side].push(values);
    this.#kept += 1;
    this.#bytes += bytesOf(values);
  }

  #close(time: bigint | undefined, emit: Receiver): void {
    const ends = [...this.#open.keys()].filter((end) => time === undefined || end <= time);
    for (const end of ends.sort((a, b) => (a < b ? -1 : 1))) {
      const [first, second] = this.#open.get(end) ?? [[], []];
      this.#pair(end, first, second, emit);
      this.#open.delete(end);
      this.#kept -= first.length + second.length;
      for (const row of [...first, ...second]) this.#bytes -= bytesOf(row);
    }
    this.#flush(emit);
  }

  #pair(end: bigint, first: readonly Row[], second: readonly Row[], emit: Receiver): void {
    const byKey = new Map<string, Row[]>();
    for (const row of second) {
      const key = this.#keyOf(1, row);
      const rows = byKey.get(key);
      if (rows === undefined) byKey.set(key, [row]);
      else rows.push(row);
    }
    const bounds = boundsOf(this.#step, end);
    const [a, b] = this.#step.sides;
    for (const one of first) {
      for (const other of byKey.get(this.#keyOf(0, one)) ?? []) {
        const values = [...bounds, ...one.slice(0, a.columns), ...other.slice(0, b.columns)];
        for (const [column, target] of this.#builder.columns.entries()) target.append(values[column] ?? null);
        this.#builder.endRow();
        if (this.#builder.rows >= MAX_BATCH_ROWS || this.#builder.bytes >= MAX_BATCH_BYTES) this.#flush(emit);
      }
    }
  }

  #keyOf(side: 0 | 1, row: Row): string {
    const keys = this.#step.sides[side].keys.map((_, key) => row[columnOf(this.#step, side, key)]);
    return JSON.stringify(keys, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  }

  #flush(emit: Receiver): void {
    if (this.#builder.rows > 0) emit(0, this.#builder.finish());
  }

  #export(): OperatorState[] {
    const rows = this.#rows();
    const watermark = this.#watermark === undefined ? {} : { watermark: this.#watermark };
    const batches = writeJoinRows(this.#step, rows);
    const { name } = this.#operator;
    return [
      {
        operator: name,
        kind: JOIN_STATE,
        schema: joinSchema(this.#step),
        batches,
        counters: this.#counts,
        ...watermark,
      },
    ];
  }

  #rows(): JoinRow[] {
    return [...this.#open].flatMap(([end, window]) =>
      window.flatMap((side, index) =>
        side.map((values, position): JoinRow => ({ side: index === 0 ? 0 : 1, end, position, values })),
      ),
    );
  }

  #import(states: readonly OperatorState[], groups: KeyGroupRange): void {
    const { watermark, counts } = importJoin(this.#operator, this.#step, states, groups);
    this.#watermark = watermark;
    this.#counts = counts;
    const batches = states.flatMap((state) => state.batches);
    for (const { side, end, values } of readJoinRows(this.#step, batches, groups)) this.#keep(side, end, values);
  }
}

function bytesOf(values: Row): number {
  let bytes = ROW_BYTES + values.length * VALUE_BYTES;
  for (const value of values) if (typeof value === 'string' || value instanceof Uint8Array) bytes += value.length;
  return bytes;
}
