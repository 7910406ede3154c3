/**
 * Minimum and maximum. Of floats both lie in one vector, the maximum with its sign turned, and are updated without a branch; NaN, which is
 * above all other floats, is counted instead: it is the maximum where there is one, and the minimum where there is nothing else.
 */
import type { FunctionBuilder, Local, ValueType } from '../emit/function.ts';
import { type ArgumentSlot, isFloat } from './aggregate-layout.ts';
import type { CodeModule } from './code-module.ts';
import type { Held, RowScope } from './scope.ts';
import { wasmTypes } from './types.ts';

const MAXIMUM = { i32: 2n ** 31n - 1n, i64: 2n ** 63n - 1n } as const;

/** Nothing seen yet. */
export function initialiseExtremes(f: FunctionBuilder, slot: ArgumentSlot, record: Local): void {
  const { expr, min, max, nans } = slot;
  const zero = (offset: number) => {
    f.get(record);
    f.i64(0n);
    f.memory('i64.store', offset);
  };
  const types = wasmTypes(expr.type);
  if (nans !== undefined) {
    zero(nans);
    f.get(record);
    f.f64(Number.POSITIVE_INFINITY);
    f.op('f64x2.splat');
    f.memory('v128.store', pairOf(slot));
    return;
  }
  for (const [offset, isMin] of [[min, true] as const, [max, false] as const]) {
    if (offset === undefined) continue;
    if (types.length === 2) {
      zero(offset);
      zero(offset + 8);
    } else initialiseInteger(f, record, offset, types[0] ?? 'i64', isMin);
  }
}

/** The value that no other is beyond. */
function initialiseInteger(f: FunctionBuilder, record: Local, offset: number, type: ValueType, isMin: boolean): void {
  f.get(record);
  if (type === 'i64') f.i64(isMin ? MAXIMUM.i64 : -MAXIMUM.i64 - 1n);
  else f.i32(Number(isMin ? MAXIMUM.i32 : -MAXIMUM.i32 - 1n));
  f.memory(`${type}.store`, offset);
}

/** Where the vector of minimum and maximum begins. */
function pairOf({ min, max = 8 }: ArgumentSlot): number {
  return min ?? max - 8;
}

interface Place {
  readonly record: Local;
  readonly pane: Local;
}

/** Takes the value in; `mayBeNan` where that has not been ruled out. */
export function updateExtremes(
  scope: RowScope,
  slot: ArgumentSlot,
  value: Held,
  at: Place & { readonly mayBeNan: boolean },
): void {
  const { f } = scope;
  if (isFloat(slot.expr.type)) {
    if (slot.nans === undefined) return;
    if (at.mayBeNan) countNan(f, slot.nans, value, at.record);
    // A NaN is not less than anything, and so changes nothing here.
    updatePair(scope, slot, value, at.record);
    return;
  }
  if (slot.min !== undefined) updateExtreme(scope, { offset: slot.min, isMin: true, value, ...at });
  if (slot.max !== undefined) updateExtreme(scope, { offset: slot.max, isMin: false, value, ...at });
}

function countNan(f: FunctionBuilder, nans: number, value: Held, record: Local): void {
  value.get(f);
  value.get(f);
  f.op(`${value.locals[0]?.type}.ne`);
  f.if(() => {
    f.get(record);
    f.get(record);
    f.memory('i64.load', nans);
    f.i64(1n);
    f.op('i64.add');
    f.memory('i64.store', nans);
  });
}

/** Of equal ones the first stays: `pmin` gives its second operand only where that is less. */
function updatePair(scope: RowScope, slot: ArgumentSlot, value: Held, record: Local): void {
  const { f } = scope;
  const pair = pairOf(slot);
  f.get(record);
  f.get(record);
  f.memory('v128.load', pair);
  value.get(f);
  if (value.locals[0]?.type === 'f32') f.op('f64.promote_f32');
  f.op('f64x2.splat');
  f.get(scope.signOfSecond());
  f.ops('v128.xor f64x2.pmin');
  f.memory('v128.store', pair);
}

export interface Extreme extends Place {
  readonly offset: number;
  readonly isMin: boolean;
  readonly value: Held;
}

/** Of all but floats. */
export function updateExtreme({ f, code }: RowScope, extreme: Extreme): void {
  const { offset, isMin, value, record } = extreme;
  const [first] = value.locals;
  if (first === undefined) return;
  if (value.locals.length === 2) {
    updateBytes(f, code, extreme);
    return;
  }
  const { type } = first;
  f.get(first);
  f.get(record);
  f.memory(`${type}.load`, offset);
  f.op(`${type}.${isMin ? 'lt_s' : 'gt_s'}`);
  f.if(() => {
    f.get(record);
    f.get(first);
    f.memory(`${type}.store`, offset);
  });
}

/** Text and bytes: the accumulator holds address, length and capacity of a copy; an address of 0 says nothing was seen yet. */
function updateBytes(f: FunctionBuilder, code: CodeModule, { offset, isMin, value, record, pane }: Extreme): void {
  f.block((done) => {
    f.block((replace) => {
      f.get(record);
      f.memory('i32.load', offset);
      f.op('i32.eqz');
      f.brIf(replace);
      value.get(f);
      f.get(record);
      f.memory('i32.load', offset);
      f.get(record);
      f.memory('i32.load', offset + 4);
      f.call(code.support('compareBytes'));
      f.i32(0);
      f.op(isMin ? 'i32.lt_s' : 'i32.gt_s');
      f.brIf(replace);
      f.br(done);
    });
    f.get(pane);
    f.get(record);
    f.i32(offset);
    f.op('i32.add');
    value.get(f);
    f.call(code.support('replaceBytes'));
  });
}

/** Leaves the result; `count` leaves how many values there were (i64). */
export function readExtreme(
  f: FunctionBuilder,
  slot: ArgumentSlot,
  isMin: boolean,
  record: Local,
  count: () => void,
): void {
  const offset = (isMin ? slot.min : slot.max) ?? 0;
  if (slot.nans === undefined) {
    wasmTypes(slot.expr.type).forEach((type, part) => {
      f.get(record);
      f.memory(`${type}.load`, offset + 4 * part);
    });
    return;
  }
  f.f64(Number.NaN);
  f.get(record);
  f.memory('f64.load', offset);
  if (!isMin) f.op('f64.neg');
  f.get(record);
  f.memory('i64.load', slot.nans);
  if (isMin) {
    count();
    f.op('i64.eq');
  } else f.ops('i64.eqz i32.eqz');
  f.op('select');
  if (slot.expr.type.kind === 'float32') f.op('f32.demote_f64');
}
