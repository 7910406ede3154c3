/**
 * Groups of an aggregate as rows of its logical state, and back. Rows go out by key group, and within one by window and position; they come back
 * by window and position, whatever cells they were in, so that groups are put out in the order that they would have been.
 */
import { type Batch, MAX_BATCH_ROWS } from '../../batch/batch.ts';
import { BatchBuilder } from '../../batch/builder.ts';
import { valueReader } from '../../batch/reader.ts';
import type { Value } from '../../batch/types.ts';
import type { AggregateStep } from '../../graph/plan.ts';
import { KEY_GROUPS } from '../fragment-plan.ts';
import { keyGroupsOf } from '../key-groups.ts';
import { callColumns, FIRST_KEY, KEY_GROUP, POSITION, stateSchema, WINDOW_START } from './aggregate-state.ts';

/** Groups as a cell holds them, in the order of their windows and positions. */
export interface GroupSource {
  readonly count: number;
  /** In the unit of the time column. */
  start(group: number): bigint;
  position(group: number): number;
  /** utf8 as a string or as its bytes. */
  key(group: number, key: number): Value;
  rows(group: number): bigint;
  /** The accumulators of a call, as many as its columns. */
  call(group: number, call: number): readonly Value[];
}

export const NO_GROUPS: GroupSource = {
  count: 0,
  start: () => 0n,
  position: () => 0,
  key: () => null,
  rows: () => 0n,
  call: () => [],
};

/** One group on its way into a cell; valid until the next one. */
export interface GroupRow {
  readonly start: bigint;
  readonly rows: bigint;
  key(key: number): Value;
  call(call: number): readonly Value[];
}

export interface KeyGroupRange {
  readonly first: number;
  readonly last: number;
}

/** The groups in batches of `stateSchema`. */
export function writeGroups(step: AggregateStep, source: GroupSource): Batch[] {
  const groups = keyGroups(step, source);
  const order = inOrder(groups);
  const batches: Batch[] = [];
  for (let from = 0; from < order.length; from += MAX_BATCH_ROWS) {
    batches.push(writeSome(step, source, order.subarray(from, from + MAX_BATCH_ROWS), groups));
  }
  return batches;
}

function keyGroups(step: AggregateStep, source: GroupSource): Uint8Array {
  const groups = new Uint8Array(source.count);
  const fields = stateSchema(step).fields.slice(FIRST_KEY, FIRST_KEY + step.keys.length);
  const builder = new BatchBuilder({ fields });
  const columns = fields.map((_, index) => index);
  for (let from = 0; from < source.count; from += MAX_BATCH_ROWS) {
    const to = Math.min(source.count, from + MAX_BATCH_ROWS);
    for (const [key, column] of builder.columns.entries()) {
      for (let group = from; group < to; group += 1) appendTo(column, source.key(group, key));
    }
    builder.endRows(to - from);
    keyGroupsOf(builder.finish(), columns, groups.subarray(from, to));
  }
  return groups;
}

/** The numbers of the groups, sorted by key group and otherwise as they are. */
function inOrder(groups: Uint8Array): Uint32Array {
  const next = new Uint32Array(KEY_GROUPS + 1);
  for (const group of groups) next[group + 1] = (next[group + 1] ?? 0) + 1;
  for (let group = 0; group < KEY_GROUPS; group += 1) next[group + 1] = (next[group + 1] ?? 0) + (next[group] ?? 0);
  const order = new Uint32Array(groups.length);
  for (const [index, group] of groups.entries()) {
    const at = next[group] ?? 0;
    order[at] = index;
    next[group] = at + 1;
  }
  return order;
}

function writeSome(step: AggregateStep, source: GroupSource, order: Uint32Array, groups: Uint8Array): Batch {
  const builder = new BatchBuilder(stateSchema(step), { rows: order.length });
  const { columns } = builder;
  const fill = (index: number, value: (group: number) => Value) => {
    const column = columns[index];
    if (column !== undefined) for (const group of order) appendTo(column, value(group));
  };
  fill(KEY_GROUP, (group) => groups[group] ?? 0);
  fill(POSITION, (group) => source.position(group));
  fill(WINDOW_START, (group) => source.start(group));
  for (const key of step.keys.keys()) fill(FIRST_KEY + key, (group) => source.key(group, key));
  fill(FIRST_KEY + step.keys.length, (group) => source.rows(group));
  for (const [call, { first, count }] of callColumns(step).entries()) {
    for (const group of order) {
      const values = source.call(group, call);
      for (let part = 0; part < count; part += 1) {
        const column = columns[first + part];
        if (column !== undefined) appendTo(column, values[part] ?? null);
      }
    }
  }
  builder.endRows(order.length);
  return builder.finish();
}

function appendTo(column: BatchBuilder['columns'][number], value: Value): void {
  if (value instanceof Uint8Array) column.appendBytes(value, 0, value.length);
  else column.append(value);
}

/** Hands the groups within `range` to `take`, by window and position. The batches are of `stateSchema`. */
export function readGroups(
  step: AggregateStep,
  batches: readonly Batch[],
  range: KeyGroupRange,
  take: (group: GroupRow) => void,
): void {
  const tables = batches.map((batch) => new StateTable(step, batch));
  const found: {
    readonly table: StateTable;
    readonly row: number;
    readonly start: bigint;
    readonly position: number;
  }[] = [];
  for (const table of tables) {
    for (let row = 0; row < table.rowCount; row += 1) {
      const group = table.number(KEY_GROUP, row);
      if (group < range.first || group > range.last) continue;
      found.push({ table, row, start: table.startAt(row), position: table.number(POSITION, row) });
    }
  }
  // A stable sort: of equal positions, in different cells, the earlier cell's comes first.
  found.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : a.position - b.position));
  for (const { table, row } of found) take(table.at(row));
}

/** A batch of state, read row by row. */
class StateTable implements GroupRow {
  readonly rowCount: number;
  readonly #readers: readonly ((row: number) => Value)[];
  readonly #calls: readonly { readonly first: number; readonly count: number }[];
  readonly #rowsColumn: number;
  #row = 0;

  constructor(step: AggregateStep, batch: Batch) {
    this.rowCount = batch.rows;
    this.#readers = batch.schema.fields.map((_, column) => valueReader(batch, column));
    this.#calls = callColumns(step);
    this.#rowsColumn = FIRST_KEY + step.keys.length;
  }

  at(row: number): GroupRow {
    this.#row = row;
    return this;
  }

  number(column: number, row: number): number {
    return Number(this.#readers[column]?.(row) ?? 0);
  }

  startAt(row: number): bigint {
    return this.#int64(WINDOW_START, row);
  }

  get start(): bigint {
    return this.startAt(this.#row);
  }

  get rows(): bigint {
    return this.#int64(this.#rowsColumn, this.#row);
  }

  #int64(column: number, row: number): bigint {
    const value = this.#readers[column]?.(row);
    return typeof value === 'bigint' ? value : 0n;
  }

  key(key: number): Value {
    return this.#readers[FIRST_KEY + key]?.(this.#row) ?? null;
  }

  call(call: number): readonly Value[] {
    const { first = 0, count = 0 } = this.#calls[call] ?? {};
    return Array.from({ length: count }, (_, part) => this.#readers[first + part]?.(this.#row) ?? null);
  }
}
