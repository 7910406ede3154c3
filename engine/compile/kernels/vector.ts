/**
 * Vectors: the columns of values that kernels compute with. A vector has a slot for every row of its batch; only the slots of rows that
 * were asked for hold something. A constant has one slot, which `mask` makes every row's.
 *
 *     value of row i:   values[i & mask]      null where nulls?.[i & mask] is 1
 */
import type { Batch } from '../../batch/batch.ts';
import { columnView, valueReader } from '../../batch/reader.ts';
import type { DataType, Value } from '../../batch/types.ts';
import type { LiteralValue } from '../../expression/ir.ts';

/** One element a row: numbers (0 or 1 for bool), bigints, or texts and bytes as objects. */
export type Slots =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Value[];

export interface Vector {
  /** As it is stored: a column of int8 is a vector of int8 until an expression reads it. */
  readonly type: DataType;
  readonly values: Slots;
  /** 1 where the value is null; absent where none is. */
  readonly nulls: Uint8Array | undefined;
  /** -1, or 0 for a constant. */
  readonly mask: number;
}

/** Columns of equal length that expressions read by index. */
export interface Columns {
  readonly rows: number;
  column(index: number): Vector;
}

/** An empty vector for results of the type. */
export function allocate(type: DataType, rows: number): Slots {
  switch (type.kind) {
    case 'bool':
    case 'uint8':
      return new Uint8Array(rows);
    case 'int8':
      return new Int8Array(rows);
    case 'int16':
      return new Int16Array(rows);
    case 'uint16':
      return new Uint16Array(rows);
    case 'uint32':
      return new Uint32Array(rows);
    case 'int32':
    case 'date32':
      return new Int32Array(rows);
    case 'float32':
      return new Float32Array(rows);
    case 'float64':
      return new Float64Array(rows);
    case 'int64':
    case 'timestamp':
    case 'duration':
      return new BigInt64Array(rows);
    case 'uint64':
      return new BigUint64Array(rows);
    default:
      return new Array<Value>(rows).fill(null);
  }
}

/** Writes one slot; `value` is of the sort that the slots hold, a bool as boolean or 0 and 1. */
export function store(slots: Slots, row: number, value: Value): void {
  (slots as Value[])[row] = typeof value === 'boolean' && !Array.isArray(slots) ? Number(value) : value;
}

export function constant(type: DataType, value: LiteralValue): Vector {
  const values = allocate(type, 1);
  if (value !== null) store(values, 0, value);
  return { type, values, nulls: value === null ? Uint8Array.of(1) : undefined, mask: 0 };
}

export function isNullAt({ nulls, mask }: Vector, row: number): boolean {
  return nulls !== undefined && nulls[row & mask] === 1;
}

/** The value of a row as expressions see it (bool as boolean), null where it is null. */
export function valueAt(vector: Vector, row: number): Value {
  if (isNullAt(vector, row)) return null;
  const value = vector.values[row & vector.mask] ?? null;
  return vector.type.kind === 'bool' ? value === 1 : value;
}

/** The columns of a batch, read when they are first asked for. Valid as long as the batch. */
export class BatchColumns implements Columns {
  readonly rows: number;
  readonly #batch: Batch;
  readonly #vectors: (Vector | undefined)[] = [];

  constructor(batch: Batch) {
    this.rows = batch.rows;
    this.#batch = batch;
  }

  column(index: number): Vector {
    const known = this.#vectors[index];
    if (known !== undefined) return known;
    const vector = readColumn(this.#batch, index);
    this.#vectors[index] = vector;
    return vector;
  }
}

/** Vectors that were computed. */
export class ComputedColumns implements Columns {
  readonly rows: number;
  readonly #vectors: readonly Vector[];

  constructor(rows: number, vectors: readonly Vector[]) {
    this.rows = rows;
    this.#vectors = vectors;
  }

  column(index: number): Vector {
    const vector = this.#vectors[index];
    if (vector === undefined) throw new RangeError(`column ${index} of ${this.#vectors.length}`);
    return vector;
  }
}

function readColumn(batch: Batch, index: number): Vector {
  const { type, rows, validity, values } = columnView(batch, index);
  const nulls = validity.length === 0 ? undefined : nullsOf(validity, rows);
  if (type.kind !== 'bool' && !['utf8', 'binary', 'float16', 'null'].includes(type.kind)) {
    return { type, values, nulls, mask: -1 };
  }
  const slots = allocate(type, rows);
  const read = valueReader(batch, index);
  for (let row = 0; row < rows; row += 1) if (nulls?.[row] !== 1) store(slots, row, read(row));
  return { type, values: slots, nulls: type.kind === 'null' ? new Uint8Array(rows).fill(1) : nulls, mask: -1 };
}

function nullsOf(validity: Uint8Array, rows: number): Uint8Array {
  const nulls = new Uint8Array(rows);
  for (let row = 0; row < rows; row += 1) nulls[row] = (((validity[row >> 3] ?? 0) >> (row & 7)) & 1) ^ 1;
  return nulls;
}
