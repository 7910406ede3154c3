/**
 * Reads batches: whole columns as typed arrays (`columnView`), values one by one (`valueReader`, `readValue`).
 * Copying and cutting them is in `copy.ts`, which this file re-exports.
 */
import { internalError, userError } from '../errors.ts';
import { type Batch, LAYOUT_WORDS } from './batch.ts';
import { getBit } from './bits.ts';
import { fromHalf } from './half.ts';
import { type DataType, type Field, isVariable, type Value } from './types.ts';

export {
  assembleColumns,
  type BatchMemory,
  batchBytes,
  type ColumnRange,
  concatBatches,
  copyBatch,
  copyRows,
  selectColumns,
  sliceBatch,
} from './copy.ts';

export type Values =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** A column's buffers. Views of the batch's memory (copies, where its body is not aligned), valid as long as the batch. */
export interface ColumnView {
  readonly type: DataType;
  readonly rows: number;
  readonly nullCount: number;
  /** Bits; empty where no value is null. */
  readonly validity: Uint8Array;
  /** One element a row; bits for bool; float16 as its 16 bits; empty for utf8, binary and null. */
  readonly values: Values;
  /** `rows + 1` offsets into `data` for utf8 and binary, else empty. */
  readonly offsets: Int32Array;
  readonly data: Uint8Array;
}

const NO_BYTES: Uint8Array = new Uint8Array(0);
const NO_OFFSETS: Int32Array = new Int32Array(0);

/** The bytes of buffer `part` of a column: 0 validity, 1 values or offsets, 2 data of utf8 and binary. */
export function columnBytes(batch: Batch, column: number, part: 0 | 1 | 2): Uint8Array {
  const word = column * LAYOUT_WORDS + 1 + part * 2;
  const offset = batch.layout[word] ?? 0;
  return batch.body.subarray(offset, offset + (batch.layout[word + 1] ?? 0));
}

export function nullCount(batch: Batch, column: number): number {
  return batch.layout[column * LAYOUT_WORDS] ?? 0;
}

/** Throws `batch.foreign-column` for a foreign column. */
export function columnView(batch: Batch, column: number): ColumnView {
  const { type, name } = fieldOf(batch, column);
  if (type.kind === 'foreign') throw foreignColumn(name, type.text);
  const view = { type, rows: batch.rows, nullCount: nullCount(batch, column), validity: columnBytes(batch, column, 0) };
  const bytes = columnBytes(batch, column, 1);
  if (!isVariable(type)) {
    return {
      ...view,
      values: type.kind === 'null' ? NO_BYTES : typed(type, bytes),
      offsets: NO_OFFSETS,
      data: NO_BYTES,
    };
  }
  const aligned = align(bytes, 4);
  const offsets = new Int32Array(aligned.buffer, aligned.byteOffset, Math.min(batch.rows + 1, aligned.length >> 2));
  return { ...view, values: NO_BYTES, offsets, data: columnBytes(batch, column, 2) };
}

export function isNull(batch: Batch, column: number, row: number): boolean {
  const word = column * LAYOUT_WORDS;
  if (fieldOf(batch, column).type.kind === 'null') return true;
  if ((batch.layout[word + 2] ?? 0) === 0) return false;
  const byte = batch.body[(batch.layout[word + 1] ?? 0) + (row >> 3)] ?? 0;
  return (byte & (1 << (row & 7))) === 0;
}

/** One value; for more than a few of a column, `valueReader` is faster. Rows count from 0 and are not checked. */
export function readValue(batch: Batch, column: number, row: number): Value {
  return valueReader(batch, column)(row);
}

/**
 * A function that reads a column's values by row: `null`, or what `Value` says of the kind. A binary value is a view of the
 * batch. Throws `batch.foreign-column` for a foreign column.
 */
export function valueReader(batch: Batch, column: number): (row: number) => Value {
  const view = columnView(batch, column);
  const read = plainReader(view);
  if (view.type.kind === 'null') return () => null;
  if (view.validity.length === 0) return read;
  const { validity } = view;
  return (row) => (getBit(validity, row) ? read(row) : null);
}

function plainReader(view: ColumnView): (row: number) => Value {
  const { values } = view;
  const bits = asBytes(values);
  switch (view.type.kind) {
    case 'bool':
      return (row) => getBit(bits, row);
    case 'float16':
      return (row) => fromHalf(Number(values[row] ?? 0));
    case 'utf8':
      return textReader(view);
    case 'binary':
      return (row) => view.data.subarray(view.offsets[row] ?? 0, view.offsets[row + 1] ?? 0);
    default:
      return (row) => values[row] ?? 0;
  }
}

function textReader(view: ColumnView): (row: number) => Value {
  const { offsets, data } = view;
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return (row) => text.toString('utf8', offsets[row] ?? 0, offsets[row + 1] ?? 0);
}

function asBytes(values: Values): Uint8Array {
  return values instanceof Uint8Array ? values : new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function typed(type: DataType, bytes: Uint8Array): Values {
  switch (type.kind) {
    case 'int8':
      return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    case 'int16':
      return view(bytes, 2, Int16Array);
    case 'uint16':
    case 'float16':
      return view(bytes, 2, Uint16Array);
    case 'int32':
    case 'date32':
      return view(bytes, 4, Int32Array);
    case 'uint32':
      return view(bytes, 4, Uint32Array);
    case 'float32':
      return view(bytes, 4, Float32Array);
    case 'float64':
      return view(bytes, 8, Float64Array);
    case 'uint64':
      return view(bytes, 8, BigUint64Array);
    case 'int64':
    case 'timestamp':
    case 'duration':
      return view(bytes, 8, BigInt64Array);
    default:
      return bytes;
  }
}

function view<T>(
  bytes: Uint8Array,
  width: number,
  construct: new (buffer: ArrayBufferLike, offset: number, length: number) => T,
): T {
  const aligned = align(bytes, width);
  return new construct(aligned.buffer, aligned.byteOffset, Math.floor(aligned.length / width));
}

/** The bytes themselves where they lie at a multiple of `width` in their buffer, else a copy that does. */
function align(bytes: Uint8Array, width: number): Uint8Array {
  return bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
}

function fieldOf(batch: Batch, column: number): Field {
  const field = batch.schema.fields[column];
  if (field === undefined) {
    throw internalError('batch.no-column', `column ${column} of a batch of ${batch.schema.fields.length} columns`);
  }
  return field;
}

function foreignColumn(name: string, text: string): Error {
  return userError('batch.foreign-column', `column ${name} is of type ${text}, which cannot be read value by value`);
}
