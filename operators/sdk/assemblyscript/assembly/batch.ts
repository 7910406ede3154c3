/**
 * A batch of rows as the engine hands it over: columns over the bytes of an Arrow IPC record batch, nothing copied. Valid until the call
 * that got it returns. One `Batch` object an input is reused for all its batches.
 */
import { Failure, fail, failed } from './failure';
import { Flat } from './flat';
import { Field, HEADER_BATCH, Kind, Schema } from './types';

/** A column of a batch; `validity`, `values` and `data` are addresses, 0 where there is no such buffer. */
export class Column {
  /** One bit a row, 1 where there is a value; 0 when no value is null. */
  validity: usize = 0;
  validityLength: usize = 0;
  /** Values of fixed width, bits of bool, or the 32-bit offsets of utf8 and binary. */
  values: usize = 0;
  valuesLength: usize = 0;
  /** The bytes of utf8 and binary. */
  data: usize = 0;
  dataLength: usize = 0;
  nullCount: i64 = 0;
  rows: i32 = 0;

  constructor(public field: Field) {}

  /** True where row `row` has no value. */
  isNull(row: i32): bool {
    if (this.field.kind == Kind.Null) return true;
    if (this.validity == 0) return false;
    return ((load<u8>(this.validity + <usize>(row >> 3)) >> <u8>(row & 7)) & 1) == 0;
  }

  bool(row: i32): bool {
    return ((load<u8>(this.values + <usize>(row >> 3)) >> <u8>(row & 7)) & 1) == 1;
  }

  /** A value of any numeric column as float64 (64-bit integers are rounded); of a null something arbitrary. */
  f64(row: i32): f64 {
    const at = this.values;
    switch (this.field.kind) {
      case Kind.Float64:
        return load<f64>(at + ((<usize>row) << 3));
      case Kind.Float32:
        return <f64>load<f32>(at + ((<usize>row) << 2));
      case Kind.Uint64:
        return <f64>load<u64>(at + ((<usize>row) << 3));
      default:
        return <f64>this.i64(row);
    }
  }

  /** A value of an integer, date, timestamp or duration column. */
  i64(row: i32): i64 {
    const at = this.values;
    switch (this.field.kind) {
      case Kind.Int8:
        return <i64>load<i8>(at + <usize>row);
      case Kind.Uint8:
        return <i64>load<u8>(at + <usize>row);
      case Kind.Int16:
        return <i64>load<i16>(at + ((<usize>row) << 1));
      case Kind.Uint16:
        return <i64>load<u16>(at + ((<usize>row) << 1));
      case Kind.Int32:
      case Kind.Date32:
        return <i64>load<i32>(at + ((<usize>row) << 2));
      case Kind.Uint32:
        return <i64>load<u32>(at + ((<usize>row) << 2));
      default:
        return load<i64>(at + ((<usize>row) << 3));
    }
  }

  /** Address of the bytes of a utf8 or binary value. */
  bytes(row: i32): usize {
    return this.data + <usize>load<i32>(this.values + ((<usize>row) << 2));
  }

  /** Number of the bytes of a utf8 or binary value. */
  byteLength(row: i32): i32 {
    const at = this.values + ((<usize>row) << 2);
    return load<i32>(at, 4) - load<i32>(at);
  }

  /** A utf8 value as a string; makes one each time. */
  text(row: i32): string {
    return String.UTF8.decodeUnsafe(this.bytes(row), this.byteLength(row));
  }
}

/** A float64 column without the checks of `Column`: for tight loops. */
export class Float64Column {
  private values: usize;
  private validity: usize;

  constructor(column: Column) {
    assert(column.field.kind == Kind.Float64, 'not a float64 column');
    this.values = column.values;
    this.validity = column.validity;
  }

  @inline at(row: i32): f64 {
    return load<f64>(this.values + ((<usize>row) << 3));
  }

  @inline isNull(row: i32): bool {
    return this.validity != 0 && ((load<u8>(this.validity + <usize>(row >> 3)) >> <u8>(row & 7)) & 1) == 0;
  }
}

export class Batch {
  rows: i32 = 0;
  columns: Column[] = [];
  private bodyStart: usize = 0;
  private bodyLength: usize = 0;
  private buffers: usize = 0;
  private bufferCount: i32 = 0;
  private nextBuffer: i32 = 0;
  /** Start and length of the buffer last taken. */
  private start: usize = 0;
  private length: usize = 0;

  constructor(public schema: Schema) {
    for (let i = 0; i < schema.fields.length; i++) this.columns.push(new Column(schema.fields[i]));
  }

  /** The column of a name; check in `init` that it is there. */
  column(name: string): Column {
    return this.columns[this.schema.find(name)];
  }

  /** Points the columns at a record batch message; on a malformed one the call fails. */
  open(message: usize, size: usize): void {
    const root = Flat.open(message, size);
    if (Flat.scalar<u8>(root, 1, 0) != HEADER_BATCH) return this.refuse('the message is not a record batch');
    const header = Flat.table(root, 2);
    if (Flat.field(header, 3) != 0) return this.refuse('compressed batches are not taken');
    const rows = Flat.scalar<i64>(header, 0, 0);
    if (rows < 0 || rows > 16777216) return this.refuse('the row count is out of range');
    this.rows = <i32>rows;
    const nodes = Flat.vector(header, 1, 16);
    if (Flat.count != this.columns.length) return this.refuse('the number of columns is not that of the schema');
    this.buffers = Flat.vector(header, 2, 16);
    this.bufferCount = Flat.count;
    this.bodyStart = Flat.end;
    this.bodyLength = message + size - Flat.end;
    this.nextBuffer = 0;
    for (let i = 0; i < this.columns.length; i++) this.openColumn(this.columns[i], nodes + <usize>i * 16);
    if (!failed() && this.nextBuffer != this.bufferCount)
      this.refuse('the number of buffers is not that of the schema');
  }

  private refuse(message: string): void {
    fail(Failure.InvalidBatch, message);
  }

  private takeBuffer(needed: usize): void {
    this.start = 0;
    this.length = 0;
    if (this.nextBuffer >= this.bufferCount) return this.refuse('a buffer is missing');
    const at = this.buffers + <usize>this.nextBuffer * 16;
    this.nextBuffer += 1;
    const offset = load<u64>(at);
    const length = load<u64>(at, 8);
    if (offset > <u64>this.bodyLength || length > <u64>this.bodyLength - offset)
      return this.refuse('a buffer lies outside of the body');
    if (length < <u64>needed) return this.refuse('a buffer is too short');
    this.start = this.bodyStart + <usize>offset;
    this.length = <usize>length;
  }

  private openColumn(column: Column, node: usize): void {
    const field = column.field;
    const rows = <usize>this.rows;
    column.rows = this.rows;
    column.nullCount = load<i64>(node, 8);
    if (load<i64>(node) != <i64>this.rows) return this.refuse('a column has another row count than the batch');
    if (field.kind == Kind.Null) return;
    const nulls = column.nullCount != 0;
    this.takeBuffer(nulls ? (rows + 7) >> 3 : 0);
    column.validity = nulls ? this.start : 0;
    column.validityLength = nulls ? this.length : 0;
    this.takeBuffer(this.valueBytes(field, rows));
    column.values = this.start;
    column.valuesLength = this.length;
    if (!field.text) return;
    const least = rows == 0 || this.start == 0 ? 0 : load<i32>(this.start + (rows << 2));
    if (least < 0) return this.refuse('an offset is negative');
    this.takeBuffer(<usize>least);
    column.data = this.start;
    column.dataLength = this.length;
  }

  private valueBytes(field: Field, rows: usize): usize {
    if (field.kind == Kind.Bool) return (rows + 7) >> 3;
    if (field.text) return rows == 0 ? 0 : (rows + 1) << 2;
    return rows * <usize>field.width;
  }
}
