/** Accumulators of one argument: how they begin, take in a value, and what result they give. */
import type { FunctionBuilder, Label, Local, ValueType } from '../emit/function.ts';
import type { AggregateLayout, ArgumentSlot } from './aggregate-layout.ts';
import { initialiseExtremes } from './extremes.ts';
import { INLINE } from './inline.ts';
import { suspicious } from './inline-float.ts';
import type { Held, RowScope } from './scope.ts';
import { wasmTypes } from './types.ts';

/** Writes the accumulators of a new record: nothing seen yet. */
export function initialiseRecord(f: FunctionBuilder, layout: AggregateLayout, record: Local): void {
  for (const slot of layout.arguments) {
    for (const offset of [slot.nulls, slot.high]) {
      if (offset === undefined) continue;
      f.get(record);
      f.i64(0n);
      f.memory('i64.store', offset);
    }
    if (slot.sum !== undefined) initialiseSum(f, record, slot.sum, wasmTypes(slot.expr.type)[0] ?? 'i64');
    if (slot.min !== undefined || slot.max !== undefined) initialiseExtremes(f, slot, record);
  }
}

/** A float sum begins as -0, to which any first value adds up to itself. */
function initialiseSum(f: FunctionBuilder, record: Local, offset: number, type: ValueType): void {
  f.get(record);
  if (type.startsWith('f')) {
    f.f64(-0);
    f.memory('f64.store', offset);
  } else {
    f.i64(0n);
    f.memory('i64.store', offset);
  }
}

/** New sum of one argument, held until nothing can fail any more. */
export interface PendingSum {
  readonly sum: Local;
  readonly high: Local | undefined;
}

/**
 * Adds the value to the record's sum, into locals. Where the sum overflows the row fails; or, given `exact`, goes there to be
 * looked at more closely, and so it does wherever a float sum becomes infinite or NaN.
 */
export function addToSum(
  scope: RowScope,
  slot: ArgumentSlot,
  value: Held,
  { record, exact }: { readonly record: Local; readonly exact: Label | undefined },
): PendingSum | undefined {
  const { f } = scope;
  if (slot.sum === undefined) return undefined;
  const type = wasmTypes(slot.expr.type)[0] ?? 'i64';
  const float = type.startsWith('f');
  const sum = f.local(float ? 'f64' : 'i64', 'sum');
  f.get(record);
  f.memory(float ? 'f64.load' : 'i64.load', slot.sum);
  value.get(f);
  if (type === 'i32') f.op('i64.extend_i32_s');
  if (type === 'f32') f.op('f64.promote_f32');
  if (slot.high !== undefined) return addWide(f, slot.high, record, sum);
  if (exact === undefined) {
    INLINE.get(float ? 'add.float64' : 'add.int64')?.(scope);
    f.set(sum);
  } else if (float) {
    f.op('f64.add');
    f.set(sum);
    suspicious(scope, 'f64', sum, false);
    f.brIf(exact);
  } else addUnless(scope, sum, exact);
  return { sum, high: undefined };
}

/** Takes two int64 from the stack; their sum to `sum`, or to `exact` where it overflows. */
function addUnless(scope: RowScope, sum: Local, exact: Label): void {
  const { f } = scope;
  const term = scope.temp('i64', 1);
  const before = scope.temp('i64', 0);
  f.set(term);
  f.tee(before);
  f.get(term);
  f.op('i64.add');
  f.tee(sum);
  f.get(before);
  f.op('i64.xor');
  f.get(term);
  f.get(sum);
  f.ops('i64.xor i64.and');
  f.i64(0n);
  f.op('i64.lt_s');
  f.brIf(exact);
}

/** 128 bits: the high word counts how often the low one, as a signed number, wrapped upwards less how often downwards. */
function addWide(f: FunctionBuilder, offset: number, record: Local, sum: Local): PendingSum {
  const before = f.local('i64', 'before');
  const term = f.local('i64', 'term');
  const high = f.local('i64', 'high');
  f.set(term);
  f.tee(before);
  f.get(term);
  f.op('i64.add');
  f.set(sum);
  f.get(record);
  f.memory('i64.load', offset);
  f.set(high);
  f.get(before);
  f.get(sum);
  f.op('i64.xor');
  f.get(term);
  f.get(sum);
  f.ops('i64.xor i64.and');
  f.i64(0n);
  f.op('i64.lt_s');
  f.if(() => {
    f.get(high);
    f.i64(1n);
    f.i64(-1n);
    f.get(term);
    f.i64(0n);
    f.ops('i64.gt_s select i64.add');
    f.set(high);
  });
  return { sum, high };
}

export function storeSum(f: FunctionBuilder, slot: ArgumentSlot, record: Local, pending: PendingSum): void {
  f.get(record);
  f.get(pending.sum);
  f.memory(`${pending.sum.type}.store`, slot.sum ?? 0);
  if (pending.high === undefined || slot.high === undefined) return;
  f.get(record);
  f.get(pending.high);
  f.memory('i64.store', slot.high);
}
