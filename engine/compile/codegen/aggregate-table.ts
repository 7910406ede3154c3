/** Finding the record of a row's keys in the pane's table: by the key itself where there is an index, else by linear probing. */
import type { FunctionBuilder, Label, Local } from '../emit/function.ts';
import { PANE_INDEX, PANE_INDEX_BASE, PANE_INDEX_COUNT, PANE_SHIFT, PANE_SLOTS } from '../support/assembly/control.ts';
import { asInt64, compareKeys, hashKeys, type RowKeys } from './aggregate-keys.ts';
import type { AggregateLayout } from './aggregate-layout.ts';
import type { CodeModule } from './code-module.ts';
import { wasmTypes } from './types.ts';

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
export function probe(f: FunctionBuilder, code: CodeModule, layout: AggregateLayout, row: RowKeys, at: Probe): void {
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
