/**
 * The tumbling aggregate, row by row: open windows by their end, in each the groups in the order of their first row. Windows are aligned
 * to the epoch; a row is late when its window's end is not after the last watermark; a window closes when the watermark reaches its end.
 */
import { type DataType, UNITS_PER_SECOND, type Value } from '../../batch/types.ts';
import { externalError } from '../../errors.ts';
import type { Expr } from '../../expression/ir.ts';
import type { AggregateStep } from '../../graph/plan.ts';
import { mergedColumns } from '../pre-aggregate.ts';
import { callColumns, FIRST_KEY } from '../state/aggregate-state.ts';
import type { GroupRow, GroupSource } from '../state/group-rows.ts';
import { mergeCall, overflowed } from '../state/merge.ts';
import { type Accumulator, accumulator, kept } from './accumulators.ts';
import { evaluateOn } from './evaluate.ts';
import { RowErrors } from './row-errors.ts';
import { allocate, type Columns, ComputedColumns, isNullAt, store, type Vector, valueAt } from './vector.ts';

const MICROS = 1_000_000n;
const INT64 = 2n ** 63n;
/** For errors that are not about a part of an expression. */
const NOWHERE = { start: 0, end: 0 };

interface Group {
  readonly keys: readonly Value[];
  readonly accumulators: readonly Accumulator[];
  rows: bigint;
}

/** A failed row and the text of the expression that it failed on. */
export interface StepErrors {
  readonly text: string;
  readonly errors: RowErrors;
}

interface Merging {
  readonly columns: Columns;
  readonly ends: BigInt64Array;
  readonly keys: readonly (Vector | undefined)[];
  readonly live: { readonly rows: Int32Array };
  readonly late: Int32Array;
  readonly failed: readonly StepErrors[];
}

export interface Taken {
  /** Rows that came too late, and how many rows of the source they stand for. */
  readonly late: Int32Array;
  readonly lateRows: number;
  readonly failed: readonly StepErrors[];
}

export class Windows {
  readonly #step: AggregateStep;
  readonly #perSecond: bigint;
  /** By window end, in microseconds. */
  readonly #open = new Map<bigint, Map<Value, Group>>();
  #watermark: bigint | undefined;
  #groups = 0;
  /** Arguments of the row under way. */
  readonly #values: Value[] = [];
  /** The window of the row before: mostly the next row's as well. */
  #recent = { from: 0n, to: 0n, end: 0n };

  constructor(step: AggregateStep) {
    this.#step = step;
    const type = step.input.fields[step.time]?.type;
    this.#perSecond = UNITS_PER_SECOND[type?.kind === 'timestamp' ? type.unit : 'us'];
  }

  /** Groups that are open, of all windows. */
  get groups(): number {
    return this.#groups;
  }

  /** Takes the selected rows into their windows. Keys and arguments of late rows are not evaluated. */
  take(columns: Columns, selection: Int32Array): Taken {
    const times = new RowErrors();
    const ends = new BigInt64Array(columns.rows);
    const time = columns.column(this.#step.time);
    const timed = selection.filter((row) => this.#setEnd(time, row, ends, times));
    const watermark = this.#watermark;
    const isLate = (row: number) => watermark !== undefined && endOf(ends, row) <= watermark;
    const late = this.#step.phase === 'partial' ? timed.subarray(0, 0) : timed.filter(isLate);
    const failed: StepErrors[] = [{ text: this.#step.input.fields[this.#step.time]?.name ?? '', errors: times }];
    const live = { rows: late.length === 0 ? timed : timed.filter((row) => !isLate(row)) };
    const keys = this.#evaluateAll(this.#step.keys, columns, live, failed);
    if (this.#step.phase === 'final') return this.#merge({ columns, ends, keys, live, late, failed });
    const args = this.#evaluateAll(this.#step.aggregates, columns, live, failed);
    const overflows = this.#step.aggregates.map((call): StepErrors => ({ text: call.text, errors: new RowErrors() }));
    for (const row of live.rows) this.#add(row, this.#group(row, endOf(ends, row), keys), args, overflows);
    return { late, lateRows: late.length, failed: [...failed, ...overflows] };
  }

  /** Takes rows that are groups of the first half (pre-aggregate.ts). */
  #merge({ columns, ends, keys, live, late, failed }: Merging): Taken {
    const step = this.#step;
    const [rows, ...parts] = mergedColumns(step).map(({ index }) => columns.column(index));
    const places = callColumns(step).map(({ first, count }) => {
      return { from: first - FIRST_KEY - step.keys.length - 1, count };
    });
    const overflows = step.aggregates.map((call): StepErrors => ({ text: call.text, errors: new RowErrors() }));
    const rowsOf = (row: number) => (rows === undefined ? 0n : BigInt((valueAt(rows, row) ?? 0n) as bigint));
    for (const row of live.rows) {
      const group = this.#group(row, endOf(ends, row), keys);
      const merged = group.accumulators.map((one, call) => {
        const { from = 0, count = 0 } = places[call] ?? {};
        const given = parts.slice(from, from + count).map((part) => valueAt(part, row));
        return mergeCall(step.aggregates[call] ?? { fn: 'count' }, one.save(), given);
      });
      const overflow = merged.indexOf(undefined);
      if (overflow !== -1) {
        overflows[overflow]?.errors.add(row, 'overflow', NOWHERE);
        continue;
      }
      for (const [call, saved] of merged.entries()) group.accumulators[call]?.load(saved ?? []);
      group.rows += rowsOf(row);
    }
    const lateRows = late.reduce((sum, row) => sum + Number(rowsOf(row)), 0);
    return { late, lateRows, failed: [...failed, ...overflows] };
  }

  /** The earliest open window's end, in microseconds, and its groups. */
  earliest(): { readonly end: bigint; readonly groups: number } | undefined {
    const [end] = [...this.#open.keys()].sort(ascending);
    return end === undefined ? undefined : { end, groups: this.#open.get(end)?.size ?? 0 };
  }

  /** Closes the windows that end at or before `time`, or all; their groups as a table, in the order of their ends. */
  close(time: bigint | undefined): Columns | undefined {
    if (time !== undefined && (this.#watermark === undefined || time > this.#watermark)) this.#watermark = time;
    const ends = [...this.#open.keys()].filter((end) => time === undefined || end <= time);
    ends.sort(ascending);
    const rows: Value[][] = [];
    for (const end of ends) {
      const bounds = [this.#ticks(end - this.#step.window.size), this.#ticks(end)];
      for (const group of this.#open.get(end)?.values() ?? []) {
        rows.push(this.#step.phase === 'partial' ? partsOf(bounds, group) : resultOf(bounds, group));
      }
      this.#groups -= this.#open.get(end)?.size ?? 0;
      this.#open.delete(end);
    }
    return rows.length === 0 ? undefined : tableOf(this.#step.output.fields, rows);
  }

  /** Notes the end of the row's window, in microseconds; false after noting why the row has none. */
  #setEnd(time: Vector, row: number, ends: BigInt64Array, errors: RowErrors): boolean {
    if (isNullAt(time, row)) {
      errors.add(row, 'timeNull', NOWHERE);
      return false;
    }
    const read = time.values[row & time.mask] as bigint;
    const ticks = this.#step.timeIsEnd === true ? read - 1n : read;
    if (ticks < this.#recent.from || ticks >= this.#recent.to) {
      const found = this.#windowOf(ticks);
      if (found === undefined) {
        errors.add(row, 'outOfRange', NOWHERE);
        return false;
      }
      this.#recent = found;
    }
    ends[row] = this.#recent.end;
    return true;
  }

  /** The window that holds a time, in ticks, and its end in microseconds. */
  #windowOf(ticks: bigint): { readonly from: bigint; readonly to: bigint; readonly end: bigint } | undefined {
    const perMicro = this.#perSecond / MICROS;
    const micros = perMicro > 0n ? floorDivide(ticks, perMicro) : ticks * (MICROS / this.#perSecond);
    const { size } = this.#step.window;
    const end = (floorDivide(micros, size) + 1n) * size;
    if (!this.#fits(end - size) || !this.#fits(end)) return undefined;
    return { from: this.#ticks(end - size), to: this.#ticks(end), end };
  }

  /** Whether a time in microseconds is one in int64, and one of the time column's type. */
  #fits(micros: bigint): boolean {
    const ticks = this.#ticks(micros);
    return [micros, ticks].every((value) => value >= -INT64 && value < INT64);
  }

  #ticks(micros: bigint): bigint {
    return this.#perSecond > MICROS ? micros * (this.#perSecond / MICROS) : micros / (MICROS / this.#perSecond);
  }

  /** Evaluates on the rows that are left, and leaves those out that fail. */
  #evaluateAll(
    parts: readonly { readonly text: string; readonly expr?: Expr; readonly arg?: Expr }[],
    columns: Columns,
    live: { rows: Int32Array },
    failed: StepErrors[],
  ): (Vector | undefined)[] {
    return parts.map(({ text, expr, arg }) => {
      const what = expr ?? arg;
      if (what === undefined) return undefined;
      const errors = new RowErrors();
      const vector = evaluateOn(what, columns, live.rows, errors);
      live.rows = errors.without(live.rows);
      failed.push({ text, errors });
      return vector;
    });
  }

  /** Adds a row to its group; where one of its sums would overflow, to none of the group's aggregates. */
  #add(row: number, group: Group, args: readonly (Vector | undefined)[], overflows: readonly StepErrors[]): void {
    const values = this.#values;
    const { accumulators } = group;
    for (let index = 0; index < accumulators.length; index += 1) {
      const arg = args[index];
      const value = arg === undefined ? true : valueAt(arg, row);
      values[index] = value;
      if (value !== null && accumulators[index]?.takes(value) === false) {
        overflows[index]?.errors.add(row, 'overflow', NOWHERE);
        return;
      }
    }
    for (let index = 0; index < accumulators.length; index += 1) {
      const value = values[index] ?? null;
      if (value !== null) accumulators[index]?.add(value);
    }
    group.rows += 1n;
  }

  #countGroup(): void {
    this.#groups += 1;
    if (this.#groups <= MAX_GROUPS) return;
    const { file, line } = this.#step.place;
    const message = `the aggregate at ${file}:${line} has more than ${MAX_GROUPS} groups open`;
    throw externalError('cell.memory-limit', message, { hint: 'use shorter windows or fewer keys' });
  }

  #group(row: number, end: bigint, keys: readonly (Vector | undefined)[]): Group {
    const values = keys.map((key) => (key === undefined ? null : valueAt(key, row)));
    return this.#groupOf(end, values);
  }

  #groupOf(end: bigint, keys: readonly Value[]): Group {
    let window = this.#open.get(end);
    if (window === undefined) {
      window = new Map();
      this.#open.set(end, window);
    }
    const id = groupId(keys);
    let group = window.get(id);
    if (group === undefined) {
      this.#countGroup();
      const accumulators = this.#step.aggregates.map(({ fn, arg }) => accumulator(fn, arg?.type));
      group = { keys: keys.map(kept), accumulators, rows: 0n };
      window.set(id, group);
    }
    return group;
  }

  /** The open groups, for the logical state. */
  source(): GroupSource {
    const found: { readonly group: Group; readonly start: bigint; readonly position: number }[] = [];
    for (const end of [...this.#open.keys()].sort(ascending)) {
      const start = this.#ticks(end - this.#step.window.size);
      let position = 0;
      for (const group of this.#open.get(end)?.values() ?? []) found.push({ group, start, position: position++ });
    }
    return {
      count: found.length,
      start: (index) => found[index]?.start ?? 0n,
      position: (index) => found[index]?.position ?? 0,
      key: (index, key) => found[index]?.group.keys[key] ?? null,
      rows: (index) => found[index]?.group.rows ?? 0n,
      call: (index, call) => found[index]?.group.accumulators[call]?.save() ?? [],
    };
  }

  /** Takes a group back, behind those of its window that are there, or into the one with its keys. */
  load(row: GroupRow): void {
    const { size } = this.#step.window;
    const perMicro = this.#perSecond / MICROS;
    const micros = perMicro > 0n ? row.start / perMicro : row.start * (MICROS / this.#perSecond);
    const keys = this.#step.keys.map((_, key) => row.key(key));
    const group = this.#groupOf(micros + size, keys);
    for (const [call, one] of group.accumulators.entries()) {
      const saved = row.call(call);
      const step = this.#step.aggregates[call];
      if (group.rows === 0n || step === undefined) one.load(saved);
      else one.load(mergeCall(step, one.save(), saved) ?? overflowed(step.text));
    }
    group.rows += row.rows;
  }

  /** Up to where windows are closed, in microseconds. */
  get watermark(): bigint | undefined {
    return this.#watermark;
  }

  /** As after the last `close`. */
  restoreWatermark(time: bigint | undefined): void {
    this.#watermark = time;
  }
}

/** Groups that may be open at a time, of all windows: about a gigabyte. */
const MAX_GROUPS = 4_194_304;

function resultOf(bounds: readonly Value[], { keys, accumulators }: Group): Value[] {
  return [...bounds, ...keys, ...accumulators.map((one) => one.result())];
}

/** A row of the first half: the accumulators themselves. */
function partsOf([start = null]: readonly Value[], { keys, accumulators, rows }: Group): Value[] {
  return [start, ...keys, rows, ...accumulators.flatMap((one) => one.save())];
}

function endOf(ends: BigInt64Array, row: number): bigint {
  return ends[row] ?? 0n;
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Of a single key the value itself, of several a text that tells them apart. */
function groupId(keys: readonly Value[]): Value {
  const [value = null] = keys;
  if (keys.length <= 1 && !(value instanceof Uint8Array)) return value;
  return keys.map(keyText).join('\0');
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
