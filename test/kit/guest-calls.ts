/** Batches for guests, and what is needed to call one and to look at what came out. */
import type { Batch } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import { readValue } from '../../engine/batch/reader.ts';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { Cell, Emit } from '../../engine/cell/cell.ts';
import { CloudskinError } from '../../engine/errors.ts';
import { type GuestParts, type OpenGuest, openGuest } from './guests.ts';

export const SCHEMA: Schema = {
  fields: [
    { name: 'machine', type: { kind: 'utf8' }, nullable: true },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
    { name: 'on', type: { kind: 'bool' }, nullable: false },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
  ],
  time: 3,
};
export const ROWS: readonly (readonly Value[])[] = [
  ['a', 1.5, true, 10n],
  [null, null, false, 20n],
  ['ünï', -0, true, 30n],
];

export function batchOf(rows: readonly (readonly Value[])[]): Batch {
  const builder = new BatchBuilder(SCHEMA);
  for (const row of rows) {
    for (const [index, value] of row.entries()) builder.columns[index]?.append(value);
    builder.endRow();
  }
  return builder.finish();
}

export function rowsOf(batch: Batch): Value[][] {
  return Array.from({ length: batch.rows }, (_, row) =>
    batch.schema.fields.map((_field, column) => readValue(batch, column, row)),
  );
}

export interface Gathered {
  readonly emit: Emit;
  readonly rows: Map<number, Value[][]>;
}

export function gather(): Gathered {
  const rows = new Map<number, Value[][]>();
  const emit: Emit = (port, batch) => rows.set(port, [...(rows.get(port) ?? []), ...rowsOf(batch)]);
  return { emit, rows };
}

export const NONE: Emit = () => undefined;

export async function errorOf(attempt: () => unknown): Promise<CloudskinError> {
  try {
    await attempt();
  } catch (error) {
    if (error instanceof CloudskinError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Opens the guest for the time of `use`. */
export async function withGuest<T>(parts: GuestParts, options: OpenGuest, use: (cell: Cell) => T): Promise<T> {
  const cell = await openGuest(parts, SCHEMA, options);
  try {
    return use(cell);
  } finally {
    cell.close();
  }
}
