/**
 * The groups of a compiled cell's aggregate, read from its memory and put back into it: open windows by start, their records in the order of
 * first rows. Layouts: support/assembly/control.ts (windows and heads of records), codegen/aggregate-layout.ts (keys and accumulators).
 */
import type { DataType, Value } from '../batch/types.ts';
import type { AggregateLayout, ArgumentSlot, KeySlot, ResultSlot } from '../compile/codegen/aggregate-layout.ts';
import { isIndexed } from '../compile/codegen/aggregate-table.ts';
import { wasmTypes } from '../compile/codegen/types.ts';
import type { GroupRow, GroupSource } from '../compile/state/group-rows.ts';
import { mergeCall, overflowed } from '../compile/state/merge.ts';
import {
  HEAP,
  PANE_COUNT,
  PANE_NEXT,
  PANE_RECORDS,
  PANE_START,
  RECORD_ROWS,
} from '../compile/support/assembly/control.ts';
import { internalError } from '../errors.ts';
import { initialArgument, type SavedArgument, savedArgument } from './compiled-arguments.ts';
import type { RunningCode } from './compiled-module.ts';

/** The open windows of a cell as they lie in memory; valid until its next call. */
export class MemoryGroups implements GroupSource {
  readonly #view: DataView;
  readonly #layout: AggregateLayout;
  readonly #panes: readonly Pane[];
  readonly count: number;
  /** The pane that was asked for last: groups are mostly asked for in order. */
  #at = 0;

  constructor({ memory }: RunningCode, layout: AggregateLayout) {
    this.#view = new DataView(memory.buffer);
    this.#layout = layout;
    this.#panes = panesOf(this.#view, layout);
    const last = this.#panes.at(-1);
    this.count = last === undefined ? 0 : last.first + last.groups;
  }

  start(group: number): bigint {
    return this.#paneOf(group).start;
  }

  position(group: number): number {
    return group - this.#paneOf(group).first;
  }

  rows(group: number): bigint {
    return this.#view.getBigInt64(this.#record(group) + RECORD_ROWS, true);
  }

  key(group: number, key: number): Value {
    const slot = this.#layout.keys[key];
    const record = this.#record(group);
    if (slot === undefined || isNullKey(this.#view, record, slot)) return null;
    return readValue(this.#view, record + slot.offset, slot.expr.type);
  }

  call(group: number, call: number): readonly Value[] {
    const slot = this.#layout.results[call];
    return slot === undefined ? [] : readCall(this.#view, this.#record(group), slot);
  }

  #record(group: number): number {
    const { records, first } = this.#paneOf(group);
    return records + (group - first) * this.#layout.recordSize;
  }

  #paneOf(group: number): Pane {
    const panes = this.#panes;
    let pane = panes[this.#at];
    if (pane === undefined || group < pane.first || group >= pane.first + pane.groups) {
      this.#at = lastFrom(panes, group);
      pane = panes[this.#at];
    }
    if (pane === undefined) throw internalError('internal.state', `no group ${group}`);
    return pane;
  }
}

/** The last pane that begins at or before the group. */
function lastFrom(panes: readonly Pane[], group: number): number {
  let low = 0;
  let high = panes.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((panes[middle]?.first ?? 0) <= group) low = middle;
    else high = middle;
  }
  return low;
}

interface Pane {
  readonly start: bigint;
  /** The number of its first group. */
  readonly first: number;
  readonly groups: number;
  /** Address of its first record. */
  readonly records: number;
}

/** The panes that have groups, by start. */
function panesOf(view: DataView, { recordSize }: AggregateLayout): Pane[] {
  const heap = view.getUint32(HEAP, true);
  const found = Array.from({ length: view.getUint32(PANE_COUNT, true) }, (_, index) => {
    const pane = view.getUint32(heap + index * 4, true);
    const records = view.getUint32(pane + PANE_RECORDS, true);
    const groups = (view.getUint32(pane + PANE_NEXT, true) - records) / recordSize;
    return { start: view.getBigInt64(pane + PANE_START, true), groups, records };
  }).filter(({ groups }) => groups > 0);
  found.sort((a, b) => (a.start < b.start ? -1 : 1));
  let first = 0;
  return found.map((pane) => {
    first += pane.groups;
    return { ...pane, first: first - pane.groups };
  });
}

function isNullKey(view: DataView, record: number, { nulls }: KeySlot): boolean {
  return nulls !== undefined && ((view.getUint32(record + nulls.word, true) >>> nulls.bit) & 1) === 1;
}

/** A value as a record holds it; utf8 and binary as a view of their bytes. */
function readValue(view: DataView, at: number, { kind }: DataType): Value {
  switch (kind) {
    case 'bool':
      return view.getInt32(at, true) !== 0;
    case 'utf8':
    case 'binary':
      return new Uint8Array(view.buffer, view.getUint32(at, true), view.getUint32(at + 4, true));
    case 'int32':
    case 'date32':
      return view.getInt32(at, true);
    default:
      return view.getBigInt64(at, true);
  }
}

function readCall(view: DataView, record: number, { fn, argument }: ResultSlot): readonly Value[] {
  const rows = view.getBigInt64(record + RECORD_ROWS, true);
  const nulls = argument?.nulls === undefined ? 0n : view.getBigInt64(record + argument.nulls, true);
  const count = rows - nulls;
  if (argument === undefined) return [count];
  switch (fn) {
    case 'count':
      return [count];
    case 'sum':
      return [count === 0n ? null : readSum(view, record, argument)];
    case 'avg': {
      const sum = readSum(view, record, argument);
      if (typeof sum === 'number') return [count === 0n ? null : sum, count];
      return [argument.high === undefined ? 0n : view.getBigInt64(record + argument.high, true), sum, count];
    }
    case 'min':
    case 'max':
      return [count === 0n ? null : readExtreme(view, record, argument, fn, count)];
  }
}

function readSum(view: DataView, record: number, { expr, sum = 0 }: ArgumentSlot): number | bigint {
  const isFloat = wasmTypes(expr.type)[0]?.startsWith('f') === true;
  return isFloat ? view.getFloat64(record + sum, true) : view.getBigInt64(record + sum, true);
}

/** NaN is the greatest; the greatest of the others has its sign turned. */
function readExtreme(view: DataView, record: number, slot: ArgumentSlot, fn: 'min' | 'max', count: bigint): Value {
  const at = record + ((fn === 'min' ? slot.min : slot.max) ?? 0);
  if (slot.nans === undefined) return readValue(view, at, slot.expr.type);
  const nans = view.getBigInt64(record + slot.nans, true);
  if (fn === 'min') return nans === count ? Number.NaN : view.getFloat64(at, true);
  return nans !== 0n ? Number.NaN : -view.getFloat64(at, true);
}

/** Puts groups into the memory of a cell, behind those that are there. */
export class GroupLoader {
  readonly #code: RunningCode;
  readonly #layout: AggregateLayout;
  #view: DataView;

  constructor(code: RunningCode, layout: AggregateLayout) {
    this.#code = code;
    this.#layout = layout;
    this.#view = new DataView(code.memory.buffer);
  }

  load(row: GroupRow): void {
    const { support } = this.#code;
    const { size, recordSize, earliest, latest } = this.#layout;
    const pane = support.openPane(row.start, size, recordSize, earliest, latest) >>> 0;
    if (pane <= 1) throw internalError('internal.state', `a window that starts at ${row.start} cannot be opened`);
    const record = this.#makeGroup(pane, row);
    this.#refresh();
    const merged = this.#withThere(record, row);
    this.#view.setBigInt64(record + RECORD_ROWS, merged.rows, true);
    for (const slot of this.#layout.arguments) {
      const saved = savedArgument(slot, this.#layout.results, merged);
      initialArgument(this.#view, record, slot, saved);
      this.#replaceTexts(pane, record, slot, saved);
    }
  }

  /** The row together with what the record of its keys holds already: of two partials both have a group. */
  #withThere(record: number, row: GroupRow): Pick<GroupRow, 'rows' | 'call'> {
    const there = this.#view.getBigInt64(record + RECORD_ROWS, true);
    if (there === 0n) return row;
    const { results, step } = this.#layout;
    const calls = step.aggregates.map((call, index) => {
      const result = results[index];
      const before =
        result === undefined ? [] : readCall(this.#view, record, result).map((value) => kept(value, result));
      return mergeCall(call, before, row.call(index)) ?? overflowed(call.text);
    });
    return { rows: there + row.rows, call: (call) => calls[call] ?? [] };
  }

  /** The record of the row's keys, made where there is none. */
  #makeGroup(pane: number, row: GroupRow): number {
    const { support, group } = this.#code;
    const layout = this.#layout;
    const nulls = layout.nullWords.map(() => 0);
    const blocks: (readonly [block: number, bytes: number])[] = [];
    const keys = layout.keys.flatMap(({ expr, nulls: place }, index): (number | bigint)[] => {
      const value = row.key(index);
      if (value === null && place !== undefined) {
        const word = layout.nullWords.indexOf(place.word);
        nulls[word] = (nulls[word] ?? 0) | (1 << place.bit);
      }
      const bytes = bytesOf(value);
      if (bytes === undefined) return wasmValue(value, expr.type);
      const block = this.#copyIn(bytes);
      blocks.push([block, bytes.length + SLACK]);
      return [block, bytes.length];
    });
    const record = group(pane, ...nulls, ...keys) >>> 0;
    for (const [block, bytes] of blocks) support.release(block, bytes);
    const [only] = keys;
    if (isIndexed(layout) && only !== undefined && nulls.every((word) => word === 0)) {
      support.indexGroup(pane, BigInt(only), record, layout.recordSize, typeof only === 'bigint' ? 1 : 0);
    }
    return record;
  }

  #replaceTexts(pane: number, record: number, slot: ArgumentSlot, saved: SavedArgument): void {
    for (const [offset, value] of [[slot.min, saved.min] as const, [slot.max, saved.max] as const]) {
      const bytes = bytesOf(value ?? null);
      if (offset === undefined || bytes === undefined) continue;
      const block = this.#copyIn(bytes);
      this.#code.support.replaceBytes(pane, record + offset, block, bytes.length);
      this.#code.support.release(block, bytes.length + SLACK);
      this.#refresh();
    }
  }

  /** The bytes at a place of their own in the memory. */
  #copyIn(bytes: Uint8Array): number {
    const block = this.#code.support.allocate(bytes.length + SLACK) >>> 0;
    this.#refresh();
    new Uint8Array(this.#view.buffer, block, bytes.length).set(bytes);
    return block;
  }

  #refresh(): void {
    const { buffer } = this.#code.memory;
    if (this.#view.buffer !== buffer) this.#view = new DataView(buffer);
  }
}

/** Bytes behind a text that vector loads may read. */
const SLACK = 16;

/** Texts as the comparator takes them, beyond the life of the view. */
function kept(value: Value, { type }: ResultSlot): Value {
  if (!(value instanceof Uint8Array)) return value;
  return type.kind === 'utf8' ? Buffer.from(value).toString() : value.slice();
}

function bytesOf(value: Value): Uint8Array | undefined {
  if (typeof value === 'string') return Buffer.from(value);
  return value instanceof Uint8Array ? value : undefined;
}

/** A value that is neither utf8 nor binary as the generated code takes it; zeros for null. */
function wasmValue(value: Value, type: DataType): (number | bigint)[] {
  return wasmTypes(type).map((wasm, _, { length }) => {
    if (value === null || length === 2) return wasm === 'i64' ? 0n : 0;
    return typeof value === 'bigint' ? value : Number(value);
  });
}
