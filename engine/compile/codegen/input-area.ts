/**
 * Where a batch's columns go in a cell's memory: those that the code reads, each at a constant address, so that reading a value takes the row
 * number and nothing else. Larger batches are taken in parts of as many rows as there is room for.
 */
import { MAX_BATCH_ROWS } from '../../batch/batch.ts';
import { type Field, isVariable, type Schema } from '../../batch/types.ts';
import { BLOCK_ROWS } from '../support/assembly/control.ts';
import type { MemoryMap } from './memory-map.ts';
import { widthShift } from './types.ts';

/**
 * Bytes that the input's columns aim at together: what is copied in is then still in the second-level cache when it is read, and
 * the next part overwrites it there. Wide inputs get fewer rows at a time.
 */
const AREA_BYTES = 262_144;

export interface InputPlace {
  readonly column: number;
  readonly field: Field;
  /** Address of the values: bits for bool, offsets for utf8 and binary. */
  readonly values: number;
  /** Address of the validity bits, where the column may be null. */
  readonly validity: number | undefined;
  /** Address of the word that says where the bytes of utf8 and binary are. */
  readonly data: number | undefined;
}

export interface InputArea {
  /** Most rows at a time. */
  readonly rows: number;
  /** By column index. */
  readonly places: ReadonlyMap<number, InputPlace>;
}

/** Lays out the columns of the input that are read. */
export function layOutInput(
  memory: MemoryMap,
  { fields }: Schema,
  columns: Iterable<number>,
  areaBytes: number = AREA_BYTES,
): InputArea {
  const used = [...new Set(columns)].sort((a, b) => a - b);
  const read = used.flatMap((column) => {
    const field = fields[column];
    return field === undefined ? [] : [{ column, field }];
  });
  const rowBytes = read.reduce((sum, { field }) => sum + valuesBytes(field, 64) / 64 + 1 / 8, 1);
  let rows = MAX_BATCH_ROWS;
  while (rows > BLOCK_ROWS && rows * rowBytes > areaBytes) rows /= 2;
  const places = new Map<number, InputPlace>();
  for (const { column, field } of read) {
    const values = memory.reserve(valuesBytes(field, rows));
    const validity = field.nullable ? memory.reserve(rows / 8) : undefined;
    const data = isVariable(field.type) ? memory.reserve(4) : undefined;
    places.set(column, { column, field, values, validity, data });
  }
  return { rows, places };
}

function valuesBytes({ type }: Field, rows: number): number {
  if (type.kind === 'bool') return rows / 8;
  return (rows + (isVariable(type) ? 1 : 0)) << widthShift(type);
}
