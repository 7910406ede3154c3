/**
 * The logical state of a join: the rows that wait for their window to close. One row each:
 *
 *     key_group | side | position | window_start | columns of the first side ... | columns of the second side ...
 *
 *     side       0 or 1; the columns of the other side are null
 *     position   of the row among those of its side and window, in which order pairs come out
 *
 * Field metadata says what windows and keys are, so that state never goes to a join that means something else.
 */
import { type Batch, MAX_BATCH_ROWS } from '../../batch/batch.ts';
import { BatchBuilder } from '../../batch/builder.ts';
import { valueReader } from '../../batch/reader.ts';
import { type Field, formatType, type Schema, type Value } from '../../batch/types.ts';
import type { JoinStep } from '../../graph/plan.ts';
import { formatDuration } from '../../graph/units.ts';
import { KEY_GROUPS } from '../fragment-plan.ts';
import { keyGroupsOf } from '../key-groups.ts';
import type { KeyGroupRange } from './group-rows.ts';

export const JOIN_STATE = 'join/1';

const MEANING = 'cloudskin.state';
const FIRST = 4;
const WINDOW_START = 3;

/** A row that waits, `end` being its window's in microseconds. */
export interface JoinRow {
  readonly side: 0 | 1;
  readonly end: bigint;
  readonly position: number;
  readonly values: readonly Value[];
}

export function joinSchema(step: JoinStep): Schema {
  const int32 = { kind: 'int32' } as const;
  const windows = `tumbling of ${formatDuration(step.window.size)}, joined where ${step.keyText}`;
  const sides = step.sides.flatMap(({ alias, input, columns }) =>
    input.fields.map(({ name, type }, column): Field => {
      // a key that was computed has no name of its own
      return { name: column < columns ? `${alias}.${name}` : `${alias}${name}`, type, nullable: true };
    }),
  );
  return {
    fields: [
      { name: 'key_group', type: int32, nullable: false },
      { name: 'side', type: int32, nullable: false },
      { name: 'position', type: int32, nullable: false },
      {
        name: 'window_start',
        type: { kind: 'timestamp', unit: 'us' },
        nullable: false,
        metadata: new Map([[MEANING, windows]]),
      },
      ...sides,
    ],
  };
}

/** Why rows of a state do not fit the join, as the end of a sentence; undefined where they do. */
export function joinMismatch(step: JoinStep, found: Schema): string | undefined {
  const wanted = joinSchema(step);
  if (windowsOf(wanted) !== windowsOf(found)) return 'its window or its keys are others';
  return columnsOf(wanted) === columnsOf(found) ? undefined : 'its inputs have other columns';
}

/** What the state of a join means, as one text: joins whose texts differ take no state of each other. */
export function joinMeaning(step: JoinStep): string {
  const schema = joinSchema(step);
  return `${windowsOf(schema)}; ${columnsOf(schema)}`;
}

function windowsOf({ fields }: Schema): string | undefined {
  return fields[WINDOW_START]?.metadata?.get(MEANING);
}

function columnsOf({ fields }: Schema): string {
  return fields.map(({ name, type }) => `${name} ${formatType(type)}`).join(', ');
}

/** The rows in batches of `joinSchema`, by side and key group, and within one in the order given. */
export function writeJoinRows(step: JoinStep, rows: readonly JoinRow[]): Batch[] {
  return [0, 1].flatMap((side) =>
    writeSide(
      step,
      side,
      rows.filter((row) => row.side === side),
    ),
  );
}

function writeSide(step: JoinStep, side: number, rows: readonly JoinRow[]): Batch[] {
  const groups = keyGroups(step, side, rows);
  const order = Array.from(rows.keys()).sort((a, b) => (groups[a] ?? 0) - (groups[b] ?? 0) || a - b);
  const schema = joinSchema(step);
  const first = FIRST + (side === 0 ? 0 : (step.sides[0].input.fields.length ?? 0));
  const batches: Batch[] = [];
  for (let from = 0; from < order.length; from += MAX_BATCH_ROWS) {
    const builder = new BatchBuilder(schema);
    for (const index of order.slice(from, from + MAX_BATCH_ROWS)) {
      const row = rows[index];
      if (row === undefined) continue;
      const head = [groups[index] ?? 0, side, row.position, row.end - step.window.size];
      for (const [column, target] of builder.columns.entries()) {
        target.append(column < FIRST ? (head[column] ?? null) : (row.values[column - first] ?? null));
      }
      builder.endRow();
    }
    batches.push(builder.finish());
  }
  return batches;
}

function keyGroups(step: JoinStep, side: number, rows: readonly JoinRow[]): Uint8Array {
  const groups = new Uint8Array(rows.length);
  const { keys = [] } = step.sides[side] ?? {};
  const builder = new BatchBuilder({ fields: keys.map(({ type }, key) => ({ name: `${key}`, type, nullable: true })) });
  const columns = keys.map((_, key) => key);
  for (let from = 0; from < rows.length; from += MAX_BATCH_ROWS) {
    const part = rows.slice(from, from + MAX_BATCH_ROWS);
    for (const { values } of part) {
      for (const key of columns) builder.columns[key]?.append(values[columnOf(step, side, key)] ?? null);
      builder.endRow();
    }
    keyGroupsOf(builder.finish(), columns, groups.subarray(from, from + part.length));
  }
  return groups;
}

/** The column of a side's input that is its key. */
export function columnOf(step: JoinStep, side: number, key: number): number {
  const expr = step.sides[side]?.keys[key];
  return expr?.node === 'column' ? expr.index : 0;
}

/** The rows within `range`, by window, side and position; of equal positions, in different cells, the earlier cell's first. */
export function readJoinRows(step: JoinStep, batches: readonly Batch[], range: KeyGroupRange): JoinRow[] {
  const rows: JoinRow[] = [];
  const width = step.sides[0].input.fields.length;
  for (const batch of batches) {
    const readers = batch.schema.fields.map((_, column) => valueReader(batch, column));
    const at = (column: number, row: number): Value => readers[column]?.(row) ?? null;
    for (let row = 0; row < batch.rows; row += 1) {
      const group = Number(at(0, row));
      if (group < range.first || group > Math.min(range.last, KEY_GROUPS - 1)) continue;
      const side = Number(at(1, row)) === 0 ? 0 : 1;
      const [first, end] = side === 0 ? [FIRST, FIRST + width] : [FIRST + width, readers.length];
      const values = readers.slice(first, end).map((reader) => reader(row));
      rows.push({
        side,
        end: BigInt(at(WINDOW_START, row) as bigint) + step.window.size,
        position: Number(at(2, row)),
        values,
      });
    }
  }
  return rows.sort((a, b) => (a.end === b.end ? a.side - b.side || a.position - b.position : a.end < b.end ? -1 : 1));
}
