/**
 * What a call yields. `Output` builds batches of one output: columns taken over from the input as they are, or built row by row, are put
 * together into one Arrow IPC record batch. `Results` gathers the batches of a call for the ABI.
 *
 *   message   [ ffffffff | size | flatbuffer, padded to 64 bytes | body: buffers, each padded to 64 bytes ]
 */
import { Batch, Column } from './batch';
import { Field, HEADER_BATCH, Kind, Schema, VERSION } from './types';

function align64(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

/** Bytes that grow and are used again for every batch. */
export class Buffer {
  start: usize = 0;
  private capacity: usize = 0;

  /** Makes room for `bytes`, keeping what is there. */
  reserve(bytes: usize): void {
    if (bytes <= this.capacity) return;
    const capacity = align64(max(bytes, this.capacity * 2));
    const fresh = heap.alloc(capacity);
    if (this.start != 0) {
      memory.copy(fresh, this.start, this.capacity);
      heap.free(this.start);
    }
    memory.fill(fresh + this.capacity, 0, capacity - this.capacity);
    this.start = fresh;
    this.capacity = capacity;
  }
}

/** A column that is built row by row; `reset` it for each batch, then call exactly one `push...` a row. */
export class ColumnBuilder {
  /** What has been built, for `Output.set`. */
  column: Column;
  private validity: Buffer = new Buffer();
  private values: Buffer = new Buffer();
  private data: Buffer = new Buffer();
  private nulls: i32 = 0;

  constructor(field: Field) {
    this.column = new Column(field);
  }

  /** Starts a batch of at most `rows` rows. */
  reset(rows: i32): void {
    const field = this.column.field;
    const bits = (<usize>rows + 7) >> 3;
    this.validity.reserve(bits);
    this.values.reserve(
      field.kind == Kind.Bool ? bits : field.text ? (<usize>rows + 1) << 2 : <usize>(rows * field.width),
    );
    if (field.text) store<i32>(this.values.start, 0);
    this.column.rows = 0;
    this.column.dataLength = 0;
    this.nulls = 0;
  }

  private mark(valid: bool): i32 {
    const row = this.column.rows;
    this.column.rows = row + 1;
    const at = this.validity.start + <usize>(row >> 3);
    const bit = (<u8>1) << (<u8>(row & 7));
    store<u8>(at, valid ? load<u8>(at) | bit : load<u8>(at) & ~bit);
    if (!valid) this.nulls += 1;
    return row;
  }

  pushNull(): void {
    const row = this.mark(false);
    const field = this.column.field;
    if (field.text) this.endText(row);
    else if (field.kind == Kind.Bool) this.storeBit(row, false);
    else memory.fill(this.values.start + <usize>(row * field.width), 0, field.width);
  }

  @inline pushF64(value: f64): void {
    const row = this.mark(true);
    if (this.column.field.kind == Kind.Float64) store<f64>(this.values.start + ((<usize>row) << 3), value);
    else store<f32>(this.values.start + ((<usize>row) << 2), <f32>value);
  }

  /** Of any integer, date, timestamp or duration column; the low bytes are taken. */
  pushI64(value: i64): void {
    const row = this.mark(true);
    const width = this.column.field.width;
    const at = this.values.start + <usize>(row * width);
    if (width == 8) store<i64>(at, value);
    else if (width == 4) store<i32>(at, <i32>value);
    else if (width == 2) store<i16>(at, <i16>value);
    else store<i8>(at, <i8>value);
  }

  pushBool(value: bool): void {
    this.storeBit(this.mark(true), value);
  }

  private storeBit(row: i32, value: bool): void {
    const at = this.values.start + <usize>(row >> 3);
    const bit = (<u8>1) << (<u8>(row & 7));
    store<u8>(at, value ? load<u8>(at) | bit : load<u8>(at) & ~bit);
  }

  /** Bytes of a utf8 or binary value. */
  pushBytes(bytes: usize, length: i32): void {
    const row = this.mark(true);
    const used = this.column.dataLength;
    this.data.reserve(used + <usize>length);
    memory.copy(this.data.start + used, bytes, length);
    this.column.dataLength = used + <usize>length;
    this.endText(row);
  }

  pushText(text: string): void {
    const row = this.mark(true);
    const used = this.column.dataLength;
    this.data.reserve(used + <usize>text.length * 3);
    const written = String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, this.data.start + used);
    this.column.dataLength = used + <usize>written;
    this.endText(row);
  }

  private endText(row: i32): void {
    store<i32>(this.values.start + ((<usize>(row + 1)) << 2), <i32>this.column.dataLength);
  }

  /** The column as built so far. */
  finish(): Column {
    const column = this.column;
    const rows = <usize>column.rows;
    column.nullCount = this.nulls;
    column.validity = this.nulls > 0 ? this.validity.start : 0;
    column.validityLength = this.nulls > 0 ? (rows + 7) >> 3 : 0;
    column.values = this.values.start;
    if (column.field.kind == Kind.Bool) column.valuesLength = (rows + 7) >> 3;
    else column.valuesLength = column.field.text ? (rows + 1) << 2 : rows * <usize>column.field.width;
    column.data = this.data.start;
    return column;
  }
}

const MESSAGE: usize = 16;
const RECORD: usize = 52;
const NODES: usize = 76;

/** One output of the operator. Set every column, then `emit`. */
export class OutputBuilder {
  private message: Buffer = new Buffer();
  private columns: Column[] = [];
  private headerLength: usize = 0;
  private bufferCount: i32 = 0;

  constructor(
    public schema: Schema,
    /** Its name: empty for the first output. */
    public name: string = '',
  ) {
    for (let i = 0; i < schema.fields.length; i++) {
      this.columns.push(new Column(schema.fields[i]));
      this.bufferCount += schema.fields[i].buffers;
    }
  }

  /** Takes a column as it is: of the input, or from a `ColumnBuilder`. It must stay as it is until `emit`. */
  set(index: i32, column: Column): void {
    this.columns[index] = column;
  }

  /** Takes over the columns of the input as the first ones. */
  setAll(batch: Batch): void {
    for (let i = 0; i < batch.columns.length; i++) this.columns[i] = batch.columns[i];
  }

  private bodyLength(): usize {
    let bytes: usize = 0;
    for (let i = 0; i < this.columns.length; i++) {
      const column = this.columns[i];
      bytes += align64(column.validityLength) + align64(column.valuesLength);
      if (column.field.text) bytes += align64(column.dataLength);
    }
    return bytes;
  }

  /** Puts a batch together and hands it to the call's results; `output` counts the operator's outputs from 0. */
  emit(output: i32, rows: i32): void {
    const nodes = <usize>this.columns.length;
    const buffers = NODES + 4 + nodes * 16;
    this.headerLength = align64(8 + buffers + 8 + <usize>this.bufferCount * 16);
    const body = this.bodyLength();
    // One message of a call may not overwrite another: each call's later batches take memory of their own.
    const start = Results.reserve(this.message, this.headerLength + body);
    this.writeHeader(start + 8, rows, body, buffers);
    store<u32>(start, 0xffffffff);
    store<u32>(start, <u32>(this.headerLength - 8), 4);
    this.writeColumns(start, start + 8 + buffers + 8, rows);
    Results.add(output, start, this.headerLength + body);
  }

  /** Vtables, tables and vector lengths at fixed places; see the offsets above. */
  private writeHeader(at: usize, rows: i32, body: usize, buffers: usize): void {
    memory.fill(at, 0, this.headerLength - 8);
    store<u32>(at, <u32>MESSAGE);
    store<u64>(at, 0x0006_0004_0014_000c, 4); // vtable: 12 bytes, table of 20, version at 4, header type at 6
    store<u32>(at, 0x0008_0010, 12); // header at 16, body length at 8
    store<i32>(at + MESSAGE, 12);
    store<i16>(at + MESSAGE, VERSION, 4);
    store<u8>(at + MESSAGE, HEADER_BATCH, 6);
    store<i64>(at + MESSAGE, <i64>body, 8);
    store<u32>(at + MESSAGE, <u32>(RECORD - MESSAGE - 16), 16);
    store<u64>(at, 0x000c_0004_0014_000a, 36); // vtable: 10 bytes, table of 20, length at 4, nodes at 12
    store<u16>(at, 16, 44); // buffers at 16
    store<i32>(at + RECORD, 16);
    store<i64>(at + RECORD, <i64>rows, 4);
    store<u32>(at + RECORD, <u32>(NODES - RECORD - 12), 12);
    store<u32>(at + RECORD, <u32>(buffers + 4 - RECORD - 16), 16);
    store<u32>(at + NODES, <u32>this.columns.length);
    store<u32>(at + buffers, <u32>this.bufferCount, 4);
  }

  private writeColumns(start: usize, descriptions: usize, rows: i32): void {
    const body = start + this.headerLength;
    let offset: usize = 0;
    let at = descriptions;
    for (let i = 0; i < this.columns.length; i++) {
      const column = this.columns[i];
      const node = start + 8 + NODES + 4 + <usize>i * 16;
      store<i64>(node, <i64>rows);
      store<i64>(node, column.nullCount, 8);
      const count = column.field.buffers;
      for (let part = 0; part < count; part++) {
        const from = part == 0 ? column.validity : part == 1 ? column.values : column.data;
        const length = part == 0 ? column.validityLength : part == 1 ? column.valuesLength : column.dataLength;
        store<i64>(at, <i64>offset);
        store<i64>(at, <i64>length, 8);
        memory.copy(body + offset, from, length);
        at += 16;
        offset += align64(length);
      }
    }
  }
}

/** The batches of the call at hand, as the canonical ABI returns them: 12 bytes each, output, address, length. */
export class Results {
  private static list: Buffer = new Buffer();
  private static extra: usize[] = [];
  static count: i32 = 0;

  static get start(): usize {
    return Results.list.start;
  }

  /** Memory for a message: the output's own for its first batch of a call, fresh memory for the others. */
  static reserve(own: Buffer, bytes: usize): usize {
    for (let i = 0; i < Results.count; i++) {
      if (load<u32>(Results.list.start + <usize>i * 12, 4) != <u32>own.start) continue;
      const fresh = heap.alloc(bytes);
      Results.extra.push(fresh);
      return fresh;
    }
    own.reserve(bytes);
    return own.start;
  }

  static add(output: i32, start: usize, length: usize): void {
    Results.list.reserve((<usize>Results.count + 1) * 12);
    const at = Results.list.start + <usize>Results.count * 12;
    store<u32>(at, <u32>output);
    store<u32>(at, <u32>start, 4);
    store<u32>(at, <u32>length, 8);
    Results.count += 1;
  }

  static reset(): void {
    Results.count = 0;
    while (Results.extra.length > 0) heap.free(Results.extra.pop());
  }
}
