/**
 * Finding the group of a row. The hot path is in line: one slot, one record, keys compared. What does not end there goes to a function
 * that probes on, and puts a new record in. Hashing is multiplicative (Knuth, TAOCP 6.4): the high bits of a product.
 */
import type { Callee, FunctionBuilder, Local } from '../emit/function.ts';
import { PANE_END, PANE_NEXT, PANE_SHIFT, PANE_SLOTS, RECORD_HASH, RECORD_NULLS } from '../support/assembly/control.ts';
import type { AggregateLayout, KeySlot } from './aggregate-layout.ts';
import type { CodeModule } from './code-module.ts';
import type { Held } from './scope.ts';
import { wasmTypes } from './types.ts';

/** 2^64 over the golden ratio, odd. */
const MULTIPLIER = -0x61c8_8646_80b5_83ebn;

/** The keys of a row in locals; where one is null its value is zeros and its bit in `nulls` is set. */
export interface RowKeys {
  readonly keys: readonly { readonly slot: KeySlot; readonly locals: readonly Local[] }[];
  /** One a null word of the record. */
  readonly nulls: readonly Local[];
  readonly hash: Local;
}

/** Brings held keys into the form that is stored, and hashes them. */
export function prepareKeys(
  f: FunctionBuilder,
  code: CodeModule,
  layout: AggregateLayout,
  held: readonly Held[],
): RowKeys {
  const nulls = layout.nullWords.map((_, index) => f.local('i32', `key_nulls${index}`));
  const careful = held.some(({ flag }) => flag !== undefined);
  if (careful) {
    for (const word of nulls) {
      f.i32(0);
      f.set(word);
    }
  }
  const keys = layout.keys.map((slot, index) => {
    const key = held[index];
    if (key !== undefined) normalise(f, layout, slot, key, nulls);
    return { slot, locals: key?.locals ?? [] };
  });
  const hash = f.local('i32', 'hash');
  hashKeys(f, code, { keys, hash });
  return { keys, nulls, hash };
}

function normalise(
  f: FunctionBuilder,
  layout: AggregateLayout,
  { nulls: place }: KeySlot,
  key: Held,
  nulls: readonly Local[],
): void {
  const { flag, locals } = key;
  const word = nulls[layout.nullWords.indexOf(place?.word ?? -1)];
  if (flag === undefined || place === undefined || word === undefined) return;
  f.get(flag);
  f.if(() => {
    for (const local of locals) {
      if (local.type === 'i64') f.i64(0n);
      else f.i32(0);
      f.set(local);
    }
    f.get(word);
    f.i32(1 << place.bit);
    f.op('i32.or');
    f.set(word);
  });
}

/** Null bits stay out of the hash, so that both versions of the code hash alike; a null hashes as zeros. */
function hashKeys(f: FunctionBuilder, code: CodeModule, { keys, hash }: Omit<RowKeys, 'nulls'>): void {
  let started = false;
  /** Folds the i64 on the stack (put there by `part`) into the hash under way. */
  const fold = (part: () => void) => {
    if (started) {
      f.i64(29n);
      f.op('i64.rotl');
      part();
      f.op('i64.xor');
    } else part();
    f.i64(MULTIPLIER);
    f.op('i64.mul');
    started = true;
  };
  for (const { locals } of keys) {
    const [first, length] = locals;
    if (first === undefined) continue;
    if (length !== undefined) {
      if (!started) f.i64(0n);
      f.get(first);
      f.get(length);
      f.call(code.support('hashBytes'));
      started = true;
      continue;
    }
    fold(() => {
      f.get(first);
      if (first.type === 'i32') f.op('i64.extend_i32_u');
    });
  }
  if (!started) f.i64(0n);
  f.i64(32n);
  f.ops('i64.shr_u i32.wrap_i64');
  f.set(hash);
}

/** Branches on: leaves 1 on the stack where the record's keys are the row's. */
function sameKeys(f: FunctionBuilder, code: CodeModule, layout: AggregateLayout, record: Local, row: RowKeys): void {
  let first = true;
  const and = (test: () => void) => {
    test();
    if (!first) f.op('i32.and');
    first = false;
  };
  const variable = row.keys.some(({ locals }) => locals.length === 2);
  if (variable) {
    and(() => {
      f.get(record);
      f.memory('i32.load', RECORD_HASH);
      f.get(row.hash);
      f.op('i32.eq');
    });
  }
  layout.nullWords.forEach((offset, index) => {
    const word = row.nulls[index];
    if (word === undefined) return;
    and(() => {
      f.get(record);
      f.memory('i32.load', offset);
      f.get(word);
      f.op('i32.eq');
    });
  });
  for (const { slot, locals } of row.keys) and(() => sameKey(f, code, slot, locals, record));
  if (first) f.i32(1);
}

function sameKey(f: FunctionBuilder, code: CodeModule, slot: KeySlot, locals: readonly Local[], record: Local): void {
  const [value, length] = locals;
  if (value === undefined) return;
  f.get(record);
  if (length === undefined) {
    f.memory(`${value.type}.load`, slot.offset);
    f.get(value);
    f.op(`${value.type}.eq`);
    return;
  }
  f.memory('i32.load', slot.offset);
  f.get(record);
  f.memory('i32.load', slot.offset + 4);
  f.get(value);
  f.get(length);
  f.call(code.support('equalBytes'));
}

/** The current pane as the row loop keeps it in locals. */
export interface PaneLocals {
  readonly pane: Local;
  readonly slots: Local;
  readonly shift: Local;
}

/** Code that leaves the address of the row's record in `record`; `probe` is the function of `generateGroup`. */
export function findGroup(
  f: FunctionBuilder,
  code: CodeModule,
  layout: AggregateLayout,
  row: RowKeys,
  { pane, record, probe }: { readonly pane: PaneLocals; readonly record: Local; readonly probe: Callee },
): void {
  f.block((found) => {
    f.block((missed) => {
      f.get(row.hash);
      f.get(pane.shift);
      f.op('i32.shr_u');
      f.i32(2);
      f.op('i32.shl');
      f.get(pane.slots);
      f.op('i32.add');
      f.memory('i32.load');
      f.tee(record);
      f.op('i32.eqz');
      f.brIf(missed);
      sameKeys(f, code, layout, record, row);
      f.brIf(found);
    });
    f.get(pane.pane);
    f.get(row.hash);
    for (const word of row.nulls) f.get(word);
    for (const { locals } of row.keys) for (const local of locals) f.get(local);
    f.call(probe);
    f.set(record);
    loadTable(f, pane);
  });
}

/** Table and shift of the pane, which change when it grows. */
export function loadTable(f: FunctionBuilder, { pane, slots, shift }: PaneLocals): void {
  f.get(pane);
  f.memory('i32.load', PANE_SLOTS);
  f.set(slots);
  f.get(pane);
  f.memory('i32.load', PANE_SHIFT);
  f.set(shift);
}

/** `group(pane, hash, nulls…, keys…)`: the record of these keys, made if there is none. */
export function generateGroup(
  code: CodeModule,
  layout: AggregateLayout,
  initialise: (f: FunctionBuilder, record: Local) => void,
): FunctionBuilder {
  const keyParams = layout.keys.flatMap(({ name, expr }) =>
    wasmTypes(expr.type).map((type, part) => [part === 0 ? name : `${name}_length`, type] as const),
  );
  const nullParams = layout.nullWords.map((_, index) => [`nulls${index}`, 'i32'] as const);
  const f = code.builder.function('group', [['pane', 'i32'], ['hash', 'i32'], ...nullParams, ...keyParams], ['i32']);
  const pane = { pane: f.param(0), slots: f.local('i32', 'slots'), shift: f.local('i32', 'shift') };
  const row = paramKeys(f, layout);
  const record = f.local('i32', 'record');
  const slot = f.local('i32', 'slot');
  f.loop((retry) => {
    loadTable(f, pane);
    probe(f, code, layout, { pane, row, record, slot });
    // An empty slot is found: put a record there, unless the table is full and must grow first.
    f.get(pane.pane);
    f.memory('i32.load', PANE_NEXT);
    f.tee(record);
    f.get(pane.pane);
    f.memory('i32.load', PANE_END);
    f.op('i32.eq');
    f.if(() => {
      f.get(pane.pane);
      f.i32(layout.recordSize);
      f.call(code.support('growPane'));
      f.br(retry);
    });
  });
  f.get(slot);
  f.get(record);
  f.memory('i32.store');
  f.get(pane.pane);
  f.get(record);
  f.i32(layout.recordSize);
  f.op('i32.add');
  f.memory('i32.store', PANE_NEXT);
  storeKeys(f, code, layout, { pane: pane.pane, row, record });
  initialise(f, record);
  f.get(record);
  return f;
}

function paramKeys(f: FunctionBuilder, layout: AggregateLayout): RowKeys {
  let next = 2;
  const nulls = layout.nullWords.map(() => f.param(next++));
  const keys = layout.keys.map((slot) => ({ slot, locals: wasmTypes(slot.expr.type).map(() => f.param(next++)) }));
  return { keys, nulls, hash: f.param(1) };
}

/** Returns the record where one has the keys, else falls through with `slot` at an empty slot's address. */
function probe(
  f: FunctionBuilder,
  code: CodeModule,
  layout: AggregateLayout,
  at: { readonly pane: PaneLocals; readonly row: RowKeys; readonly record: Local; readonly slot: Local },
): void {
  const { pane, row, record, slot } = at;
  const index = f.local('i32', 'index');
  f.get(row.hash);
  f.get(pane.shift);
  f.op('i32.shr_u');
  f.set(index);
  f.block((empty) => {
    f.loop((again) => {
      f.get(index);
      f.i32(2);
      f.op('i32.shl');
      f.get(pane.slots);
      f.op('i32.add');
      f.tee(slot);
      f.memory('i32.load');
      f.tee(record);
      f.op('i32.eqz');
      f.brIf(empty);
      sameKeys(f, code, layout, record, row);
      f.if(() => {
        f.get(record);
        f.return();
      });
      // The next slot, from the last to the first: index = (index + 1) & (2^(32-shift) - 1)
      f.get(index);
      f.i32(1);
      f.op('i32.add');
      f.i32(-1);
      f.get(pane.shift);
      f.ops('i32.shr_u i32.and');
      f.set(index);
      f.br(again);
    });
  });
}

function storeKeys(
  f: FunctionBuilder,
  code: CodeModule,
  layout: AggregateLayout,
  { pane, row, record }: { readonly pane: Local; readonly row: RowKeys; readonly record: Local },
): void {
  f.get(record);
  f.get(row.hash);
  f.memory('i32.store', RECORD_HASH);
  if (layout.nullWords.length === 0) {
    f.get(record);
    f.i32(0);
    f.memory('i32.store', RECORD_NULLS);
  }
  layout.nullWords.forEach((offset, index) => {
    const word = row.nulls[index];
    if (word === undefined) return;
    f.get(record);
    f.get(word);
    f.memory('i32.store', offset);
  });
  for (const { slot, locals } of row.keys) {
    const [value, length] = locals;
    if (value === undefined) continue;
    f.get(record);
    if (length === undefined) {
      f.get(value);
      f.memory(`${value.type}.store`, slot.offset);
      continue;
    }
    f.get(pane);
    f.get(value);
    f.get(length);
    f.call(code.support('keepBytes'));
    f.memory('i32.store', slot.offset);
    f.get(record);
    f.get(length);
    f.memory('i32.store', slot.offset + 4);
  }
}
