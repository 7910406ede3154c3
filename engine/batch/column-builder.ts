/**
 * Gathers the values of one column. One class for all kinds, so that a caller's `column.appendNumber(v)` stays
 * monomorphic; every view lies over the same buffer and only those that the kind uses are real.
 *
 *   values     kind's width a row; bits for bool; int32 offsets (rows + 1) for utf8 and binary
 *   data       bytes of utf8 and binary
 *   validity   bits, touched only from a batch's first null on
 */
import { internalError, userError } from '../errors.ts';
import { toHalf } from './half.ts';
import { byteWidth, type DataType, type Field, formatType, isVariable, type Value } from './types.ts';

/** Bytes that the columns of one builder may hold together. */
export interface Budget {
  readonly limit: number;
  held: number;
}

const NO_BYTES: Uint8Array = new Uint8Array(0);
const TWO_32 = 4_294_967_296;
/** Strings up to this length are written in JavaScript; beyond it a call of `Buffer.write`, 30 ns whatever the length, is quicker. */
const SHORT_TEXT = 24;
const NO_BUFFER: Buffer = Buffer.alloc(0);

/** Largest and smallest value of each integer kind that fits a number. */
const RANGES: ReadonlyMap<string, readonly [number, number]> = new Map([
  ['int8', [-128, 127]],
  ['int16', [-32_768, 32_767]],
  ['int32', [-2_147_483_648, 2_147_483_647]],
  ['date32', [-2_147_483_648, 2_147_483_647]],
  ['uint8', [0, 255]],
  ['uint16', [0, 65_535]],
  ['uint32', [0, 4_294_967_295]],
  ['int64', [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  ['timestamp', [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  ['duration', [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  ['uint64', [0, Number.MAX_SAFE_INTEGER]],
]);

export class ColumnBuilder {
  readonly field: Field;
  readonly type: DataType;
  readonly nullable: boolean;
  readonly #budget: Budget;
  readonly #width: number;
  readonly #variable: boolean;
  readonly #min: number;
  readonly #max: number;
  #length = 0;
  #nulls = 0;
  #used = 0;
  #rowCapacity = 0;
  #validity: Uint8Array = NO_BYTES;
  /** A Buffer for its `write`. */
  #data: Buffer = NO_BUFFER;
  #u8: Uint8Array = NO_BYTES;
  #u16: Uint16Array = new Uint16Array(0);
  #i32: Int32Array = new Int32Array(0);
  #f32: Float32Array = new Float32Array(0);
  #f64: Float64Array = new Float64Array(0);
  #i64: BigInt64Array = new BigInt64Array(0);

  constructor(field: Field, rows: number, budget: Budget) {
    if (field.type.kind === 'foreign') {
      throw userError(
        'batch.foreign-column',
        `column ${field.name} is of type ${field.type.text}, which cannot be built`,
      );
    }
    this.field = field;
    this.type = field.type;
    this.nullable = field.nullable;
    this.#budget = budget;
    this.#width = byteWidth(field.type);
    this.#variable = isVariable(field.type);
    const range = RANGES.get(field.type.kind);
    this.#min = range?.[0] ?? 0;
    this.#max = range?.[1] ?? 0;
    this.#growRows(rows);
  }

  /** Values appended in this batch, the row under way included. */
  get length(): number {
    return this.#length;
  }

  get nullCount(): number {
    return this.#nulls;
  }

  /** Bytes of utf8 or binary data in this batch. */
  get dataBytes(): number {
    return this.#used;
  }

  /** Bytes that one row takes apart from utf8 and binary data; a fraction for bits. */
  get rowBytes(): number {
    if (this.#variable) return 4.125;
    return this.#width === 0 ? 0.25 : this.#width + 0.125;
  }

  /** Throws `batch.null` where the field is not nullable. */
  appendNull(): void {
    if (!this.nullable && this.type.kind !== 'null') {
      throw userError('batch.null', `column ${this.field.name} is not nullable and got null`);
    }
    const row = this.#next();
    if (this.#nulls === 0) this.#startValidity(row);
    this.#nulls++;
    this.#validity[row >> 3] = (this.#validity[row >> 3] ?? 0) & ~(1 << (row & 7));
    this.#blank(row);
  }

  /**
   * A value of any kind: boolean for bool; number or bigint for integers, timestamps, durations (a number must be a safe
   * integer); number for floats and date32; string for utf8; Uint8Array for binary; null where nullable. Throws
   * `batch.type` for a value of another sort and `batch.out-of-range` for one that the type cannot hold.
   */
  append(value: Value): void {
    if (value === null) this.appendNull();
    else if (typeof value === 'number') this.appendNumber(value);
    else if (typeof value === 'bigint') this.appendBigInt(value);
    else if (typeof value === 'string') this.appendString(value);
    else if (typeof value === 'boolean') this.appendBool(value);
    else if (this.type.kind === 'binary') this.appendBytes(value, 0, value.length);
    else throw this.#misfit('bytes');
  }

  appendNumber(v: number): void {
    const kind = this.type.kind;
    if (kind === 'float64') {
      const row = this.#nextValid();
      this.#f64[row] = v;
      return;
    }
    if (kind === 'float32') {
      const row = this.#nextValid();
      this.#f32[row] = v;
      return;
    }
    if (kind === 'float16') {
      const row = this.#nextValid();
      this.#u16[row] = toHalf(v);
      return;
    }
    if (!(v >= this.#min && v <= this.#max) || Math.trunc(v) !== v) throw this.#unfit(v);
    this.#putInteger(v);
  }

  /** For int64, uint64, timestamp and duration; other integer kinds take it where it fits, floats where it is exact. */
  appendBigInt(v: bigint): void {
    if (this.#width !== 8 || this.type.kind === 'float64') {
      const asNumber = Number(v);
      if (BigInt(asNumber) !== v) throw this.#unfit(v);
      this.appendNumber(asNumber);
      return;
    }
    const fits = this.type.kind === 'uint64' ? BigInt.asUintN(64, v) === v : BigInt.asIntN(64, v) === v;
    if (!fits) throw this.#unfit(v);
    const row = this.#nextValid();
    this.#i64[row] = v;
  }

  /** Lone surrogates become U+FFFD. */
  appendString(v: string): void {
    if (this.type.kind !== 'utf8') throw this.#misfit(`text ${JSON.stringify(v.slice(0, 40))}`);
    const length = v.length;
    const start = this.#used;
    if (start + length * 3 > this.#data.length) this.#growData(start + length * 3);
    let end = length <= SHORT_TEXT ? this.#putAscii(v, start) : -1;
    if (end < 0) end = start + this.#data.write(v, start, 'utf8');
    this.#endVariable(end);
  }

  /** For binary; for utf8 too, where the caller has made sure that `bytes` from `start` to `end` is valid UTF-8. */
  appendBytes(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#variable) throw this.#misfit('bytes');
    const at = this.#used;
    const length = end - start;
    if (at + length > this.#data.length) this.#growData(at + length);
    const data = this.#data;
    if (length <= 16) for (let i = 0; i < length; i++) data[at + i] = bytes[start + i] ?? 0;
    else data.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
    this.#endVariable(at + length);
  }

  appendBool(v: boolean): void {
    if (this.type.kind !== 'bool') throw this.#misfit(String(v));
    const row = this.#nextValid();
    const byte = this.#u8[row >> 3] ?? 0;
    this.#u8[row >> 3] = v ? byte | (1 << (row & 7)) : byte & ~(1 << (row & 7));
  }

  /** Takes back what lies beyond `rows`, at most one value. */
  truncate(rows: number): void {
    if (this.#length <= rows) return;
    if (this.#nulls > 0 && ((this.#validity[rows >> 3] ?? 0) & (1 << (rows & 7))) === 0) this.#nulls--;
    this.#length = rows;
    if (this.#variable) this.#used = this.#i32[rows] ?? 0;
  }

  reset(): void {
    this.#length = 0;
    this.#nulls = 0;
    this.#used = 0;
  }

  /** The finished buffers, views of this builder's memory: validity (empty without nulls), values or offsets, data. */
  buffers(): readonly [Uint8Array, Uint8Array, Uint8Array] {
    const bits = (this.#length + 7) >> 3;
    const validity = this.#nulls === 0 || this.type.kind === 'null' ? NO_BYTES : this.#validity.subarray(0, bits);
    clearTail(validity, this.#length);
    if (this.#variable) {
      return [validity, this.#u8.subarray(0, (this.#length + 1) * 4), this.#data.subarray(0, this.#used)];
    }
    if (this.type.kind !== 'bool') return [validity, this.#u8.subarray(0, this.#length * this.#width), NO_BYTES];
    const values = this.#u8.subarray(0, bits);
    clearTail(values, this.#length);
    return [validity, values, NO_BYTES];
  }

  #next(): number {
    const row = this.#length;
    if (row === this.#rowCapacity) this.#growRows(row * 2);
    this.#length = row + 1;
    return row;
  }

  /** Call it before naming the array to write to: it may put a larger one in its place. */
  #nextValid(): number {
    const row = this.#next();
    if (this.#nulls !== 0) this.#validity[row >> 3] = (this.#validity[row >> 3] ?? 0) | (1 << (row & 7));
    return row;
  }

  #putInteger(v: number): void {
    const width = this.#width;
    if (width === 0) throw this.#misfit(String(v));
    const row = this.#nextValid();
    if (width === 8) {
      this.#i32[row * 2] = v | 0;
      this.#i32[row * 2 + 1] = Math.floor(v / TWO_32);
    } else if (width === 4) this.#i32[row] = v;
    else if (width === 2) this.#u16[row] = v;
    else this.#u8[row] = v;
  }

  /** A null's place in the values holds zero, so that a finished body does not carry an earlier batch's bytes. */
  #blank(row: number): void {
    if (this.#variable) this.#i32[row + 1] = this.#used;
    else if (this.#width > 0) this.#u8.fill(0, row * this.#width, (row + 1) * this.#width);
    else if (this.type.kind === 'bool') this.#u8[row >> 3] = (this.#u8[row >> 3] ?? 0) & ~(1 << (row & 7));
  }

  /** The end of the text, or -1 at the first character that is not ASCII. */
  #putAscii(v: string, start: number): number {
    const data = this.#data;
    const length = v.length;
    for (let i = 0; i < length; i++) {
      const code = v.charCodeAt(i);
      if (code > 127) return -1;
      data[start + i] = code;
    }
    return start + length;
  }

  #endVariable(end: number): void {
    const row = this.#nextValid();
    this.#used = end;
    this.#i32[row + 1] = end;
  }

  #startValidity(row: number): void {
    if (this.#validity.length * 8 < this.#rowCapacity) {
      this.#validity = this.#regrow(NO_BYTES, this.#validity.length, (this.#rowCapacity + 7) >> 3);
    }
    this.#validity.fill(255, 0, (row + 8) >> 3);
  }

  #growRows(rows: number): void {
    const capacity = Math.max(rows, 8);
    const bytes = this.#variable
      ? (capacity + 1) * 4
      : this.#width === 0
        ? (capacity + 7) >> 3
        : capacity * this.#width;
    const u8 = this.#regrow(this.#u8, this.#u8.length, (bytes + 7) & ~7);
    if (this.#validity.length > 0) {
      this.#validity = this.#regrow(this.#validity, this.#validity.length, (capacity + 7) >> 3);
    }
    this.#rowCapacity = capacity;
    const { buffer } = u8;
    this.#u8 = u8;
    if (this.#width === 2) this.#u16 = new Uint16Array(buffer);
    if (this.#variable || this.#width >= 4) this.#i32 = new Int32Array(buffer);
    if (this.type.kind === 'float32') this.#f32 = new Float32Array(buffer);
    if (this.type.kind === 'float64') this.#f64 = new Float64Array(buffer);
    else if (this.#width === 8) this.#i64 = new BigInt64Array(buffer);
  }

  #growData(needed: number): void {
    const room = this.#budget.limit - this.#budget.held + this.#data.length;
    const doubled = Math.max(256, needed, Math.min(needed * 2, 2_147_483_647));
    const grown = this.#regrow(this.#data, this.#data.length, doubled > room ? needed : doubled);
    this.#data = Buffer.from(grown.buffer);
  }

  #regrow(from: Uint8Array, had: number, bytes: number): Uint8Array<ArrayBuffer> {
    const held = this.#budget.held - had + bytes;
    if (held > this.#budget.limit) {
      throw userError('batch.too-large', `column ${this.field.name}: a batch may take ${this.#budget.limit} bytes`, {
        hint: 'cut batches sooner',
      });
    }
    this.#budget.held = held;
    const grown = new Uint8Array(bytes);
    grown.set(from.subarray(0, bytes));
    return grown;
  }

  #misfit(what: string): Error {
    return userError('batch.type', `column ${this.field.name} is of type ${formatType(this.type)} and got ${what}`);
  }

  #unfit(v: number | bigint): Error {
    if (this.#max === 0 && this.#width === 0) return this.#misfit(String(v));
    return userError(
      'batch.out-of-range',
      `column ${this.field.name}: ${v} is no value of type ${formatType(this.type)}`,
    );
  }
}

/** Zeroes the bits beyond `rows` in the last byte. */
function clearTail(bits: Uint8Array, rows: number): void {
  const last = bits.length - 1;
  if (last >= 0 && (rows & 7) !== 0) bits[last] = (bits[last] ?? 0) & ((1 << (rows & 7)) - 1);
}

/** Checks that nobody relies on a column being as long as the batch where it is not. */
export function assertComplete(columns: readonly ColumnBuilder[], rows: number): void {
  for (const column of columns) {
    if (column.length !== rows) {
      throw internalError(
        'batch.incomplete-row',
        `column ${column.field.name} has ${column.length} values where the batch has ${rows} rows`,
      );
    }
  }
}
