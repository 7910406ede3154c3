/** New groups: the function that makes the record of keys that have none yet. */
import type { Callee, FunctionBuilder, Local } from '../emit/function.ts';
import { PANE_END, PANE_NEXT, RECORD_HASH, RECORD_NULLS, RECORD_ROWS } from '../support/assembly/control.ts';
import { initialiseRecord } from './accumulators.ts';
import { asInt64, hashKeys, type RowKeys } from './aggregate-keys.ts';
import type { AggregateLayout } from './aggregate-layout.ts';
import { isIndexed, loadTable, type PaneLocals, probe } from './aggregate-table.ts';
import type { CodeModule } from './code-module.ts';
import { wasmTypes } from './types.ts';

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
export function generateGroup(code: CodeModule, layout: AggregateLayout): Callee {
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
  f.get(record);
  f.i64(0n);
  f.memory('i64.store', RECORD_ROWS);
  initialiseRecord(f, layout, record);
  f.get(record);
  return f.callee;
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
