/**
 * The tumbling aggregate, row by row: open windows by their end, in each the groups in the order of their first row. Windows are aligned
 * to the epoch; a row is late when its window's end is not after the last watermark; a window closes when the watermark reaches its end.
 */
import { type DataType, UNITS_PER_SECOND, type Value } from '../../batch/types.ts';
import type { Expr } from '../../expression/ir.ts';
import type { AggregateStep } from '../../graph/plan.ts';
import { type Accumulator, accumulator } from './accumulators.ts';
import { evaluateOn } from './evaluate.ts';
import { RowErrors } from './row-errors.ts';
import { allocate, type Columns, ComputedColumns, isNullAt, store, type Vector, valueAt } from './vector.ts';

const MICROS = 1_000_000n;
const INT64 = 2n ** 63n;

interface Group {
  readonly keys: readonly Value[];
  readonly accumulators: readonly Accumulator[];
}

/** A failed row and the text of the expression that it failed on. */
export interface StepErrors {
  readonly text: string;
  readonly errors: RowErrors;
}

export interface Taken {
  /** Rows that came too late. */
  readonly late: Int32Array;
  readonly failed: readonly StepErrors[];
}

export class Windows {
  readonly #step: AggregateStep;
  readonly #perSecond: bigint;
  /** By window end, in microseconds. */
  readonly #open = new Map<bigint, Map<string, Group>>();
  #watermark: bigint | undefined;

  constructor(step: AggregateStep) {
    this.#step = step;
    const type = step.input.fields[step.time]?.type;
    this.#perSecond = UNITS_PER_SECOND[type?.kind === 'timestamp' ? type.unit : 'us'];
  }

  /** Groups that are open, of all windows. */
  get groups(): number {
    let groups = 0;
    for (const window of this.#open.values()) groups += window.size;
    return groups;
  }

  /** Takes the selected rows into their windows. Keys and arguments of late rows are not evaluated. */
  take(columns: Columns, selection: Int32Array): Taken {
    const timeErrors = new RowErrors();
    const ends = new Map<number, bigint>();
    const late: number[] = [];
    const time = columns.column(this.#step.time);
    for (const row of selection) {
      const end = this.#windowEnd(time, row, timeErrors);
      if (end === undefined) continue;
      if (this.#watermark !== undefined && end <= this.#watermark) late.push(row);
      else ends.set(row, end);
    }
    const text = this.#step.input.fields[this.#step.time]?.name ?? '';
    const failed: StepErrors[] = [{ text, errors: timeErrors }];
    const keys = this.#evaluateAll(this.#step.keys, columns, ends, failed);
    const args = this.#evaluateAll(this.#step.aggregates, columns, ends, failed);
    const overflows = this.#step.aggregates.map((call): StepErrors => ({ text: call.text, errors: new RowErrors() }));
    for (const [row, end] of ends) this.#add(row, end, keys, args, overflows);
    return { late: Int32Array.from(late), failed: [...failed, ...overflows] };
  }

  /** Closes the windows that end at or before `time`, or all; their groups as a table, in the order of their ends. */
  close(time: bigint | undefined): Columns | undefined {
    if (time !== undefined) this.#watermark = time;
    const ends = [...this.#open.keys()].filter((end) => time === undefined || end <= time);
    ends.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const rows: Value[][] = [];
    for (const end of ends) {
      const bounds = [this.#ticks(end - this.#step.window.size), this.#ticks(end)];
      for (const group of this.#open.get(end)?.values() ?? []) {
        rows.push([...bounds, ...group.keys, ...group.accumulators.map((one) => one.result())]);
      }
      this.#open.delete(end);
    }
    return rows.length === 0 ? undefined : tableOf(this.#step.output.fields, rows);
  }

  /** Microseconds; undefined after noting why the row has no window. */
  #windowEnd(time: Vector, row: number, errors: RowErrors): bigint | undefined {
    const span = { start: 0, end: 0 };
    if (isNullAt(time, row)) {
      errors.add(row, 'timeNull', span);
      return undefined;
    }
    const read = BigInt(time.values[row & time.mask] as bigint);
    const ticks = this.#step.timeIsEnd === true ? read - 1n : read;
    const micros =
      this.#perSecond > MICROS ? floorDivide(ticks, this.#perSecond / MICROS) : ticks * (MICROS / this.#perSecond);
    const { size } = this.#step.window;
    const end = (floorDivide(micros, size) + 1n) * size;
    if (this.#fits(end - size) && this.#fits(end)) return end;
    errors.add(row, 'outOfRange', span);
    return undefined;
  }

  /** Whether a time in microseconds is one in int64, and one of the time column's type. */
  #fits(micros: bigint): boolean {
    const ticks = this.#ticks(micros);
    return [micros, ticks].every((value) => value >= -INT64 && value < INT64);
  }

  #ticks(micros: bigint): bigint {
    return this.#perSecond > MICROS ? micros * (this.#perSecond / MICROS) : micros / (MICROS / this.#perSecond);
  }

  /** Evaluates on the rows that are left, and takes those that fail out of `ends`. */
  #evaluateAll(
    parts: readonly { readonly text: string; readonly expr?: Expr; readonly arg?: Expr }[],
    columns: Columns,
    ends: Map<number, bigint>,
    failed: StepErrors[],
  ): (Vector | undefined)[] {
    return parts.map(({ text, expr, arg }) => {
      const what = expr ?? arg;
      if (what === undefined) return undefined;
      const errors = new RowErrors();
      const vector = evaluateOn(what, columns, Int32Array.from(ends.keys()), errors);
      for (const { row } of errors.list()) ends.delete(row);
      failed.push({ text, errors });
      return vector;
    });
  }

  /** Adds a row to its group; where one of its sums would overflow, to none of the group's aggregates. */
  #add(
    row: number,
    end: bigint,
    keys: readonly (Vector | undefined)[],
    args: readonly (Vector | undefined)[],
    overflows: readonly StepErrors[],
  ): void {
    const group = this.#group(row, end, keys);
    const values = args.map((arg) => (arg === undefined ? true : valueAt(arg, row)));
    for (const [index, one] of group.accumulators.entries()) {
      const value = values[index] ?? null;
      if (value !== null && !one.takes(value)) {
        overflows[index]?.errors.add(row, 'overflow', { start: 0, end: 0 });
        return;
      }
    }
    for (const [index, one] of group.accumulators.entries()) {
      const value = values[index] ?? null;
      if (value !== null) one.add(value);
    }
  }

  #group(row: number, end: bigint, keys: readonly (Vector | undefined)[]): Group {
    let window = this.#open.get(end);
    if (window === undefined) {
      window = new Map();
      this.#open.set(end, window);
    }
    const values = keys.map((key) => (key === undefined ? null : valueAt(key, row)));
    const id = values.map(keyText).join('\0');
    let group = window.get(id);
    if (group === undefined) {
      const accumulators = this.#step.aggregates.map(({ fn, arg }) => accumulator(fn, arg?.type));
      group = { keys: values, accumulators };
      window.set(id, group);
    }
    return group;
  }
}

/** A text that two values of a key share when they are equal. Its length makes it unambiguous next to others. */
function keyText(value: Value): string {
  if (value === null) return 'n';
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
  return `${text.length}:${text}`;
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

function tableOf(fields: readonly { readonly type: DataType }[], rows: readonly (readonly Value[])[]): Columns {
  const vectors = fields.map(({ type }, column): Vector => {
    const values = allocate(type, rows.length);
    const nulls = new Uint8Array(rows.length);
    for (const [row, cells] of rows.entries()) {
      const value = cells[column] ?? null;
      if (value === null) nulls[row] = 1;
      else store(values, row, value);
    }
    return { type, values, nulls, mask: -1 };
  });
  return new ComputedColumns(rows.length, vectors);
}
