/**
 * Accumulators of a compiled cell, made of the logical state. Calls of one argument share them, so what is written follows from all calls
 * together: a count that none of them asks for need only say whether there was a value.
 */
import type { Value } from '../batch/types.ts';
import type { ArgumentSlot, ResultSlot } from '../compile/codegen/aggregate-layout.ts';
import { wasmTypes } from '../compile/codegen/types.ts';
import type { GroupRow } from '../compile/state/group-rows.ts';

/** What the calls of one argument say of it. */
export interface SavedArgument {
  /** Rows, and how many of them had a value. */
  readonly rows: bigint;
  readonly count: bigint;
  readonly sum?: Value;
  readonly high?: Value;
  readonly min?: Value;
  readonly max?: Value;
}

interface Found {
  count?: bigint;
  sum?: Value;
  high?: Value;
  min?: Value;
  max?: Value;
}

export function savedArgument(
  slot: ArgumentSlot,
  results: readonly ResultSlot[],
  row: Pick<GroupRow, 'rows' | 'call'>,
): SavedArgument {
  const found: Found = {};
  for (const [index, { fn, argument }] of results.entries()) {
    if (argument === slot) note(found, fn, row.call(index));
  }
  const { sum = null, min = null, max = null } = found;
  const some = sum !== null || min !== null || max !== null;
  const guess = some ? row.rows : 0n;
  return { ...found, rows: row.rows, count: slot.nulls === undefined ? row.rows : (found.count ?? guess) };
}

function note(found: Found, fn: ResultSlot['fn'], saved: readonly Value[]): void {
  const [first = null, second = null] = saved;
  switch (fn) {
    case 'count':
      found.count = first as bigint;
      return;
    case 'sum':
    case 'min':
    case 'max':
      found[fn] = first;
      return;
    case 'avg': {
      const wide = saved.length === 3;
      if (wide) found.high = first;
      found.sum ??= wide ? second : first;
      found.count = saved.at(-1) as bigint;
    }
  }
}

/** Writes everything but texts into a record whose accumulators are as they begin. */
export function initialArgument(view: DataView, record: number, slot: ArgumentSlot, saved: SavedArgument): void {
  if (slot.nulls !== undefined) view.setBigInt64(record + slot.nulls, saved.rows - saved.count, true);
  if (slot.high !== undefined && typeof saved.high === 'bigint') {
    view.setBigInt64(record + slot.high, saved.high, true);
  }
  if (slot.sum !== undefined) writeNumber(view, record + slot.sum, saved.sum, 'i64');
  if (slot.nans !== undefined) {
    writeFloatExtremes(view, record, slot, saved);
    return;
  }
  const [type = 'i64', second] = wasmTypes(slot.expr.type);
  if (second !== undefined) return;
  if (slot.min !== undefined) writeNumber(view, record + slot.min, saved.min, type);
  if (slot.max !== undefined) writeNumber(view, record + slot.max, saved.max, type);
}

/** NaN is counted, not kept: all values were NaN where the least is, some where the greatest is. */
function writeFloatExtremes(
  view: DataView,
  record: number,
  slot: ArgumentSlot,
  { min, max, count }: SavedArgument,
): void {
  const nans = Number.isNaN(min) ? count : Number.isNaN(max) ? 1n : 0n;
  if (slot.nans !== undefined) view.setBigInt64(record + slot.nans, nans, true);
  if (slot.min !== undefined && typeof min === 'number' && !Number.isNaN(min)) {
    view.setFloat64(record + slot.min, min, true);
  }
  if (slot.max !== undefined && typeof max === 'number' && !Number.isNaN(max)) {
    view.setFloat64(record + slot.max, -max, true);
  }
}

function writeNumber(view: DataView, at: number, value: Value | undefined, type: string): void {
  if (typeof value === 'bigint') view.setBigInt64(at, value, true);
  else if (typeof value === 'boolean') view.setInt32(at, Number(value), true);
  else if (typeof value === 'number') {
    if (type === 'i32') view.setInt32(at, value, true);
    else view.setFloat64(at, value, true);
  }
}
