/**
 * Finding the group of a row, by linear probing in the pane's table; the walk is written in line, a new group is made in a function.
 * Hashing is multiplicative (Knuth, TAOCP 6.4): the high bits of a product.
 */
import type { Callee, FunctionBuilder, Label, Local } from '../emit/function.ts';
import {
  PANE_END,
  PANE_INDEX,
  PANE_INDEX_BASE,
  PANE_INDEX_COUNT,
  PANE_NEXT,
  PANE_SHIFT,
  PANE_SLOTS,
  RECORD_HASH,
  RECORD_NULLS,
} from '../support/assembly/control.ts';
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
  /** Whether a key may be null here. */
  readonly careful: boolean;
  /** 32 bits, in an i64. */
  readonly hash: Local;
}

/** Brings held keys into the form that is stored. */
export function prepareKeys(f: FunctionBuilder, layout: AggregateLayout, held: readonly Held[]): RowKeys {
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
  return { keys, nulls, careful, hash: f.local('i64', 'hash') };
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
function hashKeys(f: FunctionBuilder, code: CodeModule, { keys, hash }: RowKeys): void {
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
  f.op('i64.shr_u');
  f.set(hash);
}

/** Branches to `different` where the record's keys are not the row's. One branch a key: mostly none is taken. */
function compareKeys(
  f: FunctionBuilder,
  code: CodeModule,
  layout: AggregateLayout,
  { record, row, different }: { readonly record: Local; readonly row: RowKeys; readonly different: Label },
): void {
  if (row.keys.some(({ locals }) => locals.length === 2)) {
    f.get(record);
    f.memory('i32.load', RECORD_HASH);
    f.get(row.hash);
    f.ops('i32.wrap_i64 i32.ne');
    f.brIf(different);
  }
  for (const { slot, locals } of row.keys) {
    differs(f, code, slot, locals, record);
    f.brIf(different);
  }
  layout.nullWords.forEach((offset, index) => {
    const word = row.nulls[index];
    if (word === undefined) return;
    f.get(record);
    f.memory('i32.load', offset);
    f.get(word);
    f.op('i32.ne');
    f.brIf(different);
  });
}

function differs(f: FunctionBuilder, code: CodeModule, slot: KeySlot, locals: readonly Local[], record: Local): void {
  const [value, length] = locals;
  if (value === undefined) {
    f.i32(0);
    return;
  }
  f.get(record);
  if (length === undefined) {
    f.memory(`${value.type}.load`, slot.offset);
    f.get(value);
    f.op(`${value.type}.ne`);
    return;
  }
  f.memory('i32.load', slot.offset);
  f.get(record);
  f.memory('i32.load', slot.offset + 4);
  f.get(value);
  f.get(length);
  f.call(code.support('equalBytes'));
  f.op('i32.eqz');
}

/** The current pane's table as the row loop keeps it in locals. */
export interface PaneLocals {
  readonly pane: Local;
  /** Address of the slots. */
  readonly slots: Local;
  /** How many slots there are, a power of two (i64). */
  readonly slotCount: Local;
  /** Where the one key is an integer: the pane's index, its length and the key that it begins with. */
  readonly index?: { readonly table: Local; readonly count: Local; readonly base: Local };
}

export function paneLocals(f: FunctionBuilder, layout: AggregateLayout): PaneLocals {
  const pane = {
    pane: f.local('i32', 'pane'),
    slots: f.local('i32', 'slots'),
    slotCount: f.local('i64', 'slot_count'),
  };
  if (!isIndexed(layout)) return pane;
  const base = f.local('i64', 'index_base');
  return { ...pane, index: { table: f.local('i32', 'index'), count: f.local('i64', 'index_count'), base } };
}

/** One integer key: then groups whose keys lie close are found by the key itself. */
export function isIndexed({ keys }: AggregateLayout): boolean {
  const [only, ...more] = keys;
  return only !== undefined && more.length === 0 && wasmTypes(only.expr.type).length === 1;
}

/** Reads the table of the pane, which changes when it grows. */
export function loadTable(f: FunctionBuilder, { pane, slots, slotCount, index }: PaneLocals): void {
  f.get(pane);
  f.memory('i32.load', PANE_SLOTS);
  f.set(slots);
  f.i64(2n ** 32n);
  f.get(pane);
  f.memory('i64.load32_u', PANE_SHIFT);
  f.op('i64.shr_u');
  f.set(slotCount);
  if (index === undefined) return;
  f.get(pane);
  f.memory('i32.load', PANE_INDEX);
  f.set(index.table);
  f.get(pane);
  f.memory('i64.load32_u', PANE_INDEX_COUNT);
  f.set(index.count);
  f.get(pane);
  f.memory('i64.load', PANE_INDEX_BASE);
  f.set(index.base);
}

/** What `probe` walks with. */
interface Probe {
  readonly pane: PaneLocals;
  readonly record: Local;
  /** Where there is no such record; the address of the empty slot is then in `slot`. */
  readonly missing: Label;
  readonly slot: Local;
}

/**
 * Walks from the slot that the hash names to the one that has the row's record, and leaves its address in `record`. The slot is the hash
 * scaled to their number, its highest bits: hash * count / 2^32.
 */
function probe(f: FunctionBuilder, code: CodeModule, layout: AggregateLayout, row: RowKeys, at: Probe): void {
  const { pane, record, missing, slot } = at;
  f.get(row.hash);
  f.get(pane.slotCount);
  f.op('i64.mul');
  f.i64(32n);
  f.ops('i64.shr_u i32.wrap_i64');
  f.i32(2);
  f.op('i32.shl');
  f.get(pane.slots);
  f.op('i32.add');
  f.set(slot);
  f.block((found) => {
    f.loop((again) => {
      f.get(slot);
      f.memory('i32.load');
      f.tee(record);
      f.op('i32.eqz');
      f.brIf(missing);
      f.block((different) => {
        compareKeys(f, code, layout, { record, row, different });
        f.br(found);
      });
      // The next slot, from the last to the first.
      f.get(pane.slots);
      f.get(slot);
      f.i32(4);
      f.op('i32.add');
      f.get(pane.slots);
      f.op('i32.sub');
      f.get(pane.slotCount);
      f.op('i32.wrap_i64');
      f.i32(2);
      f.op('i32.shl');
      f.i32(1);
      f.ops('i32.sub i32.and i32.add');
      f.set(slot);
      f.br(again);
    });
  });
}

/** Code that leaves the address of the row's record in `record`, or branches to `missing`. */
export function findGroup(
  f: FunctionBuilder,
  code: CodeModule,
  layout: AggregateLayout,
  row: RowKeys,
  at: { readonly pane: PaneLocals; readonly record: Local; readonly missing: Label },
): void {
  const slot = f.local('i32', 'slot');
  f.block((found) => {
    f.block((hashed) => lookUp(f, row, { ...at, found, hashed }));
    hashKeys(f, code, row);
    probe(f, code, layout, row, { ...at, slot });
  });
}

interface LookUp {
  readonly pane: PaneLocals;
  readonly record: Local;
  readonly missing: Label;
  readonly found: Label;
  readonly hashed: Label;
}

/** By the pane's index: a key within its range has its record there, or none at all. */
function lookUp(f: FunctionBuilder, { keys, nulls, careful }: RowKeys, at: LookUp): void {
  const { pane, record, missing, found, hashed } = at;
  const key = keys[0]?.locals[0];
  if (pane.index === undefined || key === undefined) return;
  if (careful) {
    for (const word of nulls) {
      f.get(word);
      f.brIf(hashed);
    }
  }
  const offset = f.local('i64', 'offset');
  asInt64(f, key);
  f.get(pane.index.base);
  f.op('i64.sub');
  f.tee(offset);
  f.get(pane.index.count);
  f.op('i64.ge_u');
  f.brIf(hashed);
  f.get(offset);
  f.op('i32.wrap_i64');
  f.i32(2);
  f.op('i32.shl');
  f.get(pane.index.table);
  f.op('i32.add');
  f.memory('i32.load');
  f.tee(record);
  f.brIf(found);
  f.br(missing);
}

function asInt64(f: FunctionBuilder, key: Local): void {
  f.get(key);
  if (key.type === 'i32') f.op('i64.extend_i32_s');
}

/** Calls `group` for the row, and takes what it made into the pane's index. */
export function makeGroup(
  f: FunctionBuilder,
  code: CodeModule,
  layout: AggregateLayout,
  { keys, nulls }: RowKeys,
  { pane, record, group }: { readonly pane: PaneLocals; readonly record: Local; readonly group: Callee },
): void {
  f.get(pane.pane);
  for (const word of nulls) f.get(word);
  for (const { locals } of keys) for (const local of locals) f.get(local);
  f.call(group);
  f.set(record);
  const key = keys[0]?.locals[0];
  if (isIndexed(layout) && key !== undefined) {
    f.block((done) => {
      for (const word of nulls) {
        f.get(word);
        f.brIf(done);
      }
      f.get(pane.pane);
      asInt64(f, key);
      f.get(record);
      f.i32(layout.recordSize);
      f.i32(key.type === 'i64' ? 1 : 0);
      f.call(code.support('indexGroup'));
    });
  }
  loadTable(f, pane);
}

/** `group(pane, nulls…, keys…)`: makes the record of keys that have none yet, and returns its address. */
export function generateGroup(
  code: CodeModule,
  layout: AggregateLayout,
  initialise: (f: FunctionBuilder, record: Local) => void,
): FunctionBuilder {
  const keyParams = layout.keys.flatMap(({ name, expr }) =>
    wasmTypes(expr.type).map((type, part) => [part === 0 ? name : `${name}_length`, type] as const),
  );
  const nullParams = layout.nullWords.map((_, index) => [`nulls${index}`, 'i32'] as const);
  const f = code.builder.function('group', [['pane', 'i32'], ...nullParams, ...keyParams], ['i32']);
  const pane = { pane: f.param(0), slots: f.local('i32', 'slots'), slotCount: f.local('i64', 'slot_count') };
  const row = paramKeys(f, layout);
  const record = f.local('i32', 'record');
  const slot = f.local('i32', 'slot');
  growWhenFull(f, code, layout, pane.pane);
  loadTable(f, pane);
  hashKeys(f, code, row);
  f.block((missing) => {
    probe(f, code, layout, row, { pane, record, slot, missing });
    f.get(record);
    f.return();
  });
  f.get(slot);
  f.get(pane.pane);
  f.memory('i32.load', PANE_NEXT);
  f.tee(record);
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

function growWhenFull(f: FunctionBuilder, code: CodeModule, { recordSize }: AggregateLayout, pane: Local): void {
  f.get(pane);
  f.memory('i32.load', PANE_NEXT);
  f.get(pane);
  f.memory('i32.load', PANE_END);
  f.op('i32.eq');
  f.if(() => {
    f.get(pane);
    f.i32(recordSize);
    f.call(code.support('growPane'));
  });
}

function paramKeys(f: FunctionBuilder, layout: AggregateLayout): RowKeys {
  let next = 1;
  const nulls = layout.nullWords.map(() => f.param(next++));
  const keys = layout.keys.map((slot) => ({ slot, locals: wasmTypes(slot.expr.type).map(() => f.param(next++)) }));
  return { keys, nulls, careful: true, hash: f.local('i64', 'hash') };
}

function storeKeys(
  f: FunctionBuilder,
  code: CodeModule,
  layout: AggregateLayout,
  { pane, row, record }: { readonly pane: Local; readonly row: RowKeys; readonly record: Local },
): void {
  f.get(record);
  f.get(row.hash);
  f.memory('i64.store32', RECORD_HASH);
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
