/** Accumulators of one argument: how they begin, take in a value, and what result they give. */
import type { FunctionBuilder, Local, ValueType } from '../emit/function.ts';
import type { AggregateLayout, ArgumentSlot } from './aggregate-layout.ts';
import type { CodeModule } from './code-module.ts';
import { INLINE } from './inline.ts';
import type { Held, RowScope } from './scope.ts';
import { wasmTypes } from './types.ts';

const MAXIMUM = { i32: 2n ** 31n - 1n, i64: 2n ** 63n - 1n } as const;

/** Writes the accumulators of a new record: nothing seen yet. */
export function initialiseRecord(f: FunctionBuilder, layout: AggregateLayout, record: Local): void {
  const zero = (offset: number) => {
    f.get(record);
    f.i64(0n);
    f.memory('i64.store', offset);
  };
  for (const { expr, nulls, sum, high, min, max } of layout.arguments) {
    const types = wasmTypes(expr.type);
    if (nulls !== undefined) zero(nulls);
    if (high !== undefined) zero(high);
    if (sum !== undefined) initialiseSum(f, record, sum, types[0] ?? 'i64');
    for (const [offset, isMin] of [[min, true] as const, [max, false] as const]) {
      if (offset === undefined) continue;
      if (types.length === 2) {
        zero(offset);
        zero(offset + 8);
      } else initialiseExtreme(f, record, offset, types[0] ?? 'i64', isMin);
    }
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

/** The value that no other is beyond: for a float minimum NaN, which is above all, for a maximum -Infinity. */
function initialiseExtreme(f: FunctionBuilder, record: Local, offset: number, type: ValueType, isMin: boolean): void {
  f.get(record);
  if (type === 'f64') f.f64(isMin ? Number.NaN : Number.NEGATIVE_INFINITY);
  else if (type === 'f32') f.f32(isMin ? Number.NaN : Number.NEGATIVE_INFINITY);
  else if (type === 'i64') f.i64(isMin ? MAXIMUM.i64 : -MAXIMUM.i64 - 1n);
  else f.i32(Number(isMin ? MAXIMUM.i32 : -MAXIMUM.i32 - 1n));
  f.memory(`${type}.store`, offset);
}

/** New sum of one argument, held until nothing can fail any more. */
export interface PendingSum {
  readonly sum: Local;
  readonly high: Local | undefined;
}

/** Adds the value to the record's sum, into locals. A sum that overflows fails. */
export function addToSum(scope: RowScope, slot: ArgumentSlot, value: Held, record: Local): PendingSum | undefined {
  const { f } = scope;
  if (slot.sum === undefined) return undefined;
  const type = wasmTypes(slot.expr.type)[0] ?? 'i64';
  const isFloat = type.startsWith('f');
  const sum = f.local(isFloat ? 'f64' : 'i64', 'sum');
  f.get(record);
  f.memory(isFloat ? 'f64.load' : 'i64.load', slot.sum);
  value.get(f);
  if (type === 'i32') f.op('i64.extend_i32_s');
  if (type === 'f32') f.op('f64.promote_f32');
  if (slot.high !== undefined) return addWide(f, slot.high, record, sum);
  INLINE.get(isFloat ? 'add.float64' : 'add.int64')?.(scope);
  f.set(sum);
  return { sum, high: undefined };
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

/** Takes the value as the new minimum or maximum where it is beyond the old one. */
export function updateExtremes(
  scope: RowScope,
  slot: ArgumentSlot,
  value: Held,
  at: { readonly record: Local; readonly pane: Local },
): void {
  if (slot.min !== undefined) updateExtreme(scope, { offset: slot.min, isMin: true, value, ...at });
  if (slot.max !== undefined) updateExtreme(scope, { offset: slot.max, isMin: false, value, ...at });
}

interface Extreme {
  readonly offset: number;
  readonly isMin: boolean;
  readonly value: Held;
  readonly record: Local;
  readonly pane: Local;
}

function updateExtreme({ f, code }: RowScope, extreme: Extreme): void {
  const { offset, isMin, value, record } = extreme;
  const [first] = value.locals;
  if (first === undefined) return;
  if (value.locals.length === 2) {
    updateBytes(f, code, extreme);
    return;
  }
  const { type } = first;
  const replace = () => {
    f.get(record);
    f.get(first);
    f.memory(`${type}.store`, offset);
  };
  f.get(first);
  f.get(record);
  f.memory(`${type}.load`, offset);
  if (!type.startsWith('f')) {
    f.op(`${type}.${isMin ? 'lt_s' : 'gt_s'}`);
    f.if(replace);
    return;
  }
  // Mostly the value is not beyond, and one comparison says so; NaN, above all, makes it say nothing.
  f.op(`${type}.${isMin ? 'ge' : 'le'}`);
  f.ops('i32.eqz');
  f.if(() => {
    const old = f.local(type, 'old');
    f.get(record);
    f.memory(`${type}.load`, offset);
    f.set(old);
    const [low, high] = isMin ? [first, old] : [old, first];
    f.get(low);
    f.get(high);
    f.op(`${type}.lt`);
    f.get(high);
    f.get(high);
    f.op(`${type}.ne`);
    f.get(low);
    f.get(low);
    f.ops(`${type}.eq i32.and i32.or`);
    f.if(replace);
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
