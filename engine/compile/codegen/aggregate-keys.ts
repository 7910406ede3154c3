/**
 * The keys of a row: in the form that is stored, hashed, and compared with those of a record. Hashing is multiplicative (Knuth, TAOCP
 * 6.4): the high bits of a product.
 */
import type { FunctionBuilder, Label, Local } from '../emit/function.ts';
import { RECORD_HASH } from '../support/assembly/control.ts';
import type { AggregateLayout, KeySlot } from './aggregate-layout.ts';
import type { CodeModule } from './code-module.ts';
import type { Held } from './scope.ts';

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
export function hashKeys(f: FunctionBuilder, code: CodeModule, { keys, hash }: RowKeys): void {
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
export function compareKeys(
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

/** Leaves an integer key as an int64. */
export function asInt64(f: FunctionBuilder, key: Local): void {
  f.get(key);
  if (key.type === 'i32') f.op('i64.extend_i32_s');
}
