/**
 * The second half of an aggregate (pre-aggregate.ts): a row is a group of the first half, whose accumulators are merged into the record of its
 * keys. Exact whatever the order, since only counts, sums of integers, minima and maxima come here.
 */
import type { FunctionBuilder, Local } from '../emit/function.ts';
import { callColumns, FIRST_KEY } from '../state/aggregate-state.ts';
import { RECORD_ROWS } from '../support/assembly/control.ts';
import { addToSum, type PendingSum, storeSum } from './accumulators.ts';
import type { AggregateLayout, ArgumentSlot } from './aggregate-layout.ts';
import { updateExtreme } from './extremes.ts';
import type { Held, RowScope } from './scope.ts';

/** What a row says of one argument. */
interface Merged {
  readonly slot: ArgumentSlot;
  count?: Held;
  sum?: Held;
  high?: Held;
  min?: Held;
  max?: Held;
}

interface Place {
  readonly record: Local;
  readonly pane: Local;
}

/** `values` are the row's columns behind the keys: rows, then the accumulators of each call. */
export function mergeRecord(scope: RowScope, layout: AggregateLayout, values: readonly Held[], at: Place): void {
  const { f } = scope;
  const [rows] = values;
  if (rows === undefined) return;
  const merged = layout.arguments.map((slot) => mergedArgument(layout, slot, values));
  const sums = new Map(inOrderOfSums(merged).map((one) => [one, mergeSum(scope, one, at.record)]));
  add(f, at.record, RECORD_ROWS, () => rows.get(f));
  for (const one of merged) {
    const count = countOf(f, one, rows);
    const { nulls } = one.slot;
    if (nulls !== undefined) {
      add(f, at.record, nulls, () => {
        rows.get(f);
        f.get(count);
        f.op('i64.sub');
      });
    }
    const sum = sums.get(one);
    if (sum !== undefined && one.sum !== undefined) {
      unlessNull(f, one.sum, () => storeSum(f, one.slot, at.record, sum));
    }
    mergeExtremes(scope, one, count, at);
  }
}

function mergedArgument({ step, results, keys }: AggregateLayout, slot: ArgumentSlot, values: readonly Held[]): Merged {
  const merged: Merged = { slot };
  const columns = callColumns(step);
  for (const [index, { fn, argument }] of results.entries()) {
    const { first = 0 } = columns[index] ?? {};
    if (argument !== slot) continue;
    const [one, two, three] = values.slice(first - FIRST_KEY - keys.length);
    if (fn === 'avg') {
      if (one !== undefined) merged.high = one;
      if (two !== undefined) merged.sum ??= two;
      if (three !== undefined) merged.count = three;
    } else if (one !== undefined) merged[fn] = one;
  }
  return merged;
}

/** In the order of the calls of sum, so that the first one that overflows is reported. */
function inOrderOfSums(merged: readonly Merged[]): Merged[] {
  return merged.toSorted((a, b) => (a.slot.sumCall?.order ?? 0) - (b.slot.sumCall?.order ?? 0));
}

/** The new sum, in locals until nothing can fail any more. */
function mergeSum(scope: RowScope, { slot, sum, high }: Merged, record: Local): PendingSum | undefined {
  const { f } = scope;
  if (sum === undefined || slot.sum === undefined) return undefined;
  scope.site = { ...scope.site, text: slot.sumCall?.text ?? slot.text };
  // A sum of integers is an int64, whatever their type.
  const wide = { ...slot, expr: { ...slot.expr, type: sum.type } };
  let pending: PendingSum | undefined;
  unlessNull(f, sum, () => {
    pending = addToSum(scope, wide, sum, { record, exact: undefined });
    if (pending?.high === undefined || high === undefined) return;
    f.get(pending.high);
    high.get(f);
    f.op('i64.add');
    f.set(pending.high);
  });
  return pending;
}

/** How many values there were; where no call asks for it, all rows or none. */
function countOf(f: FunctionBuilder, { slot, count, sum, min, max }: Merged, rows: Held): Local {
  const local = f.local('i64', 'merged_count');
  const flag = (sum ?? min ?? max)?.flag;
  if (slot.nulls !== undefined && count !== undefined) count.get(f);
  else if (slot.nulls === undefined || flag === undefined) rows.get(f);
  else {
    f.i64(0n);
    rows.get(f);
    f.get(flag);
    f.op('select');
  }
  f.set(local);
  return local;
}

function mergeExtremes(scope: RowScope, { slot, min, max }: Merged, count: Local, at: Place): void {
  if (slot.nans !== undefined) {
    mergeFloats(scope, { slot, min, max }, count, at.record);
    return;
  }
  for (const [value, offset, isMin] of [[min, slot.min, true] as const, [max, slot.max, false] as const]) {
    if (value === undefined || offset === undefined) continue;
    unlessNull(scope.f, value, () => updateExtreme(scope, { offset, isMin, value, ...at }));
  }
}

interface Floats {
  readonly slot: ArgumentSlot;
  readonly min: Held | undefined;
  readonly max: Held | undefined;
}

/** A least value of NaN says that all values were NaN, a greatest one that some were. */
function mergeFloats({ f }: RowScope, { slot, min, max }: Floats, count: Local, record: Local): void {
  const nans = f.local('i64', 'merged_nans');
  f.i64(0n);
  f.set(nans);
  if (min !== undefined && slot.min !== undefined) {
    mergeFloat(f, min, { record, offset: slot.min, negate: false }, () => {
      f.get(count);
      f.set(nans);
    });
  }
  if (max !== undefined && slot.max !== undefined) {
    mergeFloat(f, max, { record, offset: slot.max, negate: true }, () => {
      f.get(nans);
      f.i64(1n);
      f.get(nans);
      f.ops('i64.eqz i32.eqz select');
      f.set(nans);
    });
  }
  add(f, record, slot.nans ?? 0, () => f.get(nans));
}

interface FloatPlace {
  readonly record: Local;
  readonly offset: number;
  /** The greatest is kept with its sign turned, as the least. */
  readonly negate: boolean;
}

function mergeFloat(f: FunctionBuilder, value: Held, { record, offset, negate }: FloatPlace, isNan: () => void): void {
  const local = f.local('f64', 'merged_float');
  unlessNull(f, value, () => {
    value.get(f);
    if (value.locals[0]?.type === 'f32') f.op('f64.promote_f32');
    if (negate) f.op('f64.neg');
    f.tee(local);
    f.get(local);
    f.op('f64.ne');
    f.if(isNan);
    f.get(local);
    f.get(record);
    f.memory('f64.load', offset);
    f.op('f64.lt');
    f.if(() => {
      f.get(record);
      f.get(local);
      f.memory('f64.store', offset);
    });
  });
}

/** Adds what `term` leaves to the i64 at `offset` of the record. */
function add(f: FunctionBuilder, record: Local, offset: number, term: () => void): void {
  f.get(record);
  f.get(record);
  f.memory('i64.load', offset);
  term();
  f.op('i64.add');
  f.memory('i64.store', offset);
}

function unlessNull(f: FunctionBuilder, { flag }: Held, body: () => void): void {
  if (flag === undefined) {
    body();
    return;
  }
  f.get(flag);
  f.op('i32.eqz');
  f.if(body);
}
