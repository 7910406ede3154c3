/**
 * Schemas: fields and their types, read from and written as Arrow IPC schema messages.
 */
import { Failure, fail } from './failure';
import { Flat, FlatWriter } from './flat';

export enum Kind {
  Null,
  Bool,
  Int8,
  Int16,
  Int32,
  Int64,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Float32,
  Float64,
  Utf8,
  Binary,
  Date32,
  Timestamp,
  Duration,
}

/** Units of timestamps and durations, with Arrow's numbers. */
export enum Unit {
  Second,
  Millisecond,
  Microsecond,
  Nanosecond,
}

/** Field metadata that marks the event-time column: `true`. */
export const TIME_KEY: string = 'cloudskin.time';
/** Field metadata that marks a key column of a state: `true`. */
export const KEY_KEY: string = 'cloudskin.key';

export class Field {
  unit: Unit = Unit.Microsecond;
  timezone: string = '';
  /** Marks the event time of an output; at most one field, a timestamp. */
  time: bool = false;
  /** Marks a key column of a state. */
  key: bool = false;

  constructor(
    public name: string,
    public kind: Kind,
    public nullable: bool = true,
  ) {}

  /** True for integers and floats. */
  get numeric(): bool {
    return this.kind >= Kind.Int8 && this.kind <= Kind.Float64;
  }

  /** Bytes of a value; 0 for bool, null, utf8 and binary. */
  get width(): i32 {
    return widthOf(this.kind);
  }

  get text(): bool {
    return this.kind == Kind.Utf8 || this.kind == Kind.Binary;
  }

  /** Buffers of a column in a record batch. */
  get buffers(): i32 {
    if (this.kind == Kind.Null) return 0;
    return this.text ? 3 : 2;
  }
}

export function widthOf(kind: Kind): i32 {
  switch (kind) {
    case Kind.Int8:
    case Kind.Uint8:
      return 1;
    case Kind.Int16:
    case Kind.Uint16:
      return 2;
    case Kind.Int32:
    case Kind.Uint32:
    case Kind.Float32:
    case Kind.Date32:
      return 4;
    case Kind.Int64:
    case Kind.Uint64:
    case Kind.Float64:
    case Kind.Timestamp:
    case Kind.Duration:
      return 8;
    default:
      return 0;
  }
}

export class Schema {
  constructor(public fields: Field[]) {}

  /** The index of a column, -1 when there is none. */
  find(name: string): i32 {
    for (let i = 0; i < this.fields.length; i++) if (this.fields[i].name == name) return i;
    return -1;
  }

  /** All column names, for messages. */
  get names(): string {
    const names: string[] = [];
    for (let i = 0; i < this.fields.length; i++) names.push(this.fields[i].name);
    return names.join(', ');
  }
}

// Numbers of Arrow's `Type` union, MessageHeader and so on.
const TYPE_NULL: u8 = 1;
const TYPE_INT: u8 = 2;
const TYPE_FLOAT: u8 = 3;
const TYPE_BINARY: u8 = 4;
const TYPE_UTF8: u8 = 5;
const TYPE_BOOL: u8 = 6;
const TYPE_DATE: u8 = 8;
const TYPE_TIMESTAMP: u8 = 10;
const TYPE_DURATION: u8 = 18;
export const HEADER_SCHEMA: u8 = 1;
export const HEADER_BATCH: u8 = 3;
/** Metadata version 5. */
export const VERSION: i16 = 4;

function intKind(bits: i32, signed: bool): i32 {
  if (bits == 8) return signed ? Kind.Int8 : Kind.Uint8;
  if (bits == 16) return signed ? Kind.Int16 : Kind.Uint16;
  if (bits == 32) return signed ? Kind.Int32 : Kind.Uint32;
  return signed ? Kind.Int64 : Kind.Uint64;
}

/** The kind of a field's type, -1 when the SDK has none for it. */
function readKind(tag: u8, type: usize): i32 {
  switch (tag) {
    case TYPE_NULL:
      return Kind.Null;
    case TYPE_INT:
      return intKind(Flat.scalar<i32>(type, 0, 0), Flat.scalar<u8>(type, 1, 0) != 0);
    case TYPE_FLOAT: {
      const precision = Flat.scalar<i16>(type, 0, 0);
      return precision == 2 ? Kind.Float64 : precision == 1 ? Kind.Float32 : -1;
    }
    case TYPE_BINARY:
      return Kind.Binary;
    case TYPE_UTF8:
      return Kind.Utf8;
    case TYPE_BOOL:
      return Kind.Bool;
    case TYPE_DATE:
      return Flat.scalar<i16>(type, 0, 1) == 0 ? Kind.Date32 : -1;
    case TYPE_TIMESTAMP:
      return Kind.Timestamp;
    case TYPE_DURATION:
      return Kind.Duration;
    default:
      return -1;
  }
}

function readTime(field: usize): bool {
  const first = Flat.vector(field, 6, 4);
  const count = Flat.count;
  for (let i = 0; i < count; i++) {
    const pair = Flat.follow(first + <usize>i * 4);
    if (Flat.text(pair, 0) == TIME_KEY) return Flat.text(pair, 1) == 'true';
  }
  return false;
}

function readField(table: usize): Field | null {
  const name = Flat.text(table, 0);
  const type = Flat.table(table, 3);
  const kind = readKind(Flat.scalar<u8>(table, 2, 0), type);
  if (kind < 0 || Flat.field(table, 4) != 0) {
    fail(Failure.InvalidSchema, 'column ' + name + ' has a type that the operator does not take');
    return null;
  }
  const field = new Field(name, kind, Flat.scalar<u8>(table, 1, 0) != 0);
  if (kind == Kind.Timestamp) {
    field.unit = Flat.scalar<i16>(type, 0, 0);
    field.timezone = Flat.text(type, 1);
    field.time = readTime(table);
  } else if (kind == Kind.Duration) field.unit = Flat.scalar<i16>(type, 0, 1);
  return field;
}

/** Reads a schema message; an empty schema after a failure. */
export function readSchema(message: usize, length: usize): Schema {
  const schema = new Schema([]);
  const root = Flat.open(message, length);
  if (Flat.scalar<u8>(root, 1, 0) != HEADER_SCHEMA) {
    fail(Failure.InvalidSchema, 'an input has no schema message');
    return schema;
  }
  const table = Flat.table(root, 2);
  const first = Flat.vector(table, 1, 4);
  const count = Flat.count;
  for (let i = 0; i < count; i++) {
    const field = readField(Flat.follow(first + <usize>i * 4));
    if (field === null) break;
    schema.fields.push(field);
  }
  return schema;
}

function typeTag(kind: Kind): u8 {
  switch (kind) {
    case Kind.Null:
      return TYPE_NULL;
    case Kind.Bool:
      return TYPE_BOOL;
    case Kind.Float32:
    case Kind.Float64:
      return TYPE_FLOAT;
    case Kind.Utf8:
      return TYPE_UTF8;
    case Kind.Binary:
      return TYPE_BINARY;
    case Kind.Date32:
      return TYPE_DATE;
    case Kind.Timestamp:
      return TYPE_TIMESTAMP;
    case Kind.Duration:
      return TYPE_DURATION;
    default:
      return TYPE_INT;
  }
}

function writeType(out: FlatWriter, field: Field): usize {
  const timezone: usize = field.kind == Kind.Timestamp && field.timezone.length > 0 ? out.text(field.timezone) : 0;
  out.beginTable(2);
  switch (typeTag(field.kind)) {
    case TYPE_INT:
      out.scalar<u8>(1, u8(field.kind <= Kind.Int64));
      out.scalar<i32>(0, field.width * 8);
      break;
    case TYPE_FLOAT:
      out.scalar<i16>(0, field.kind == Kind.Float64 ? 2 : 1);
      break;
    case TYPE_DATE:
      out.scalar<i16>(0, 0);
      break;
    case TYPE_TIMESTAMP:
      out.offset(1, timezone);
      out.scalar<i16>(0, <i16>field.unit);
      break;
    case TYPE_DURATION:
      out.scalar<i16>(0, <i16>field.unit);
      break;
    default:
      break;
  }
  return out.endTable();
}

function writeMetadata(out: FlatWriter, mark: string): usize {
  const value = out.text('true');
  const key = out.text(mark);
  out.beginTable(2);
  out.offset(1, value);
  out.offset(0, key);
  return out.offsets([out.endTable()]);
}

function writeField(out: FlatWriter, field: Field): usize {
  const marked = field.time || field.key;
  const metadata: usize = marked ? writeMetadata(out, field.time ? TIME_KEY : KEY_KEY) : 0;
  const children = out.offsets([]);
  const type = writeType(out, field);
  const name = out.text(field.name);
  out.beginTable(7);
  out.offset(6, metadata);
  out.offset(5, children);
  out.offset(3, type);
  out.offset(0, name);
  out.scalar<u8>(2, typeTag(field.kind));
  out.scalar<u8>(1, u8(field.nullable));
  return out.endTable();
}

/** Writes a schema message; it lies at `out.start`, `out.used` bytes long. */
export function writeSchema(schema: Schema, out: FlatWriter): void {
  out.reset();
  const fields: usize[] = [];
  for (let i = 0; i < schema.fields.length; i++) fields.push(writeField(out, schema.fields[i]));
  const vector = out.offsets(fields);
  out.beginTable(4);
  out.offset(1, vector);
  const header = out.endTable();
  out.beginTable(5);
  out.scalar<i64>(3, 0);
  out.offset(2, header);
  out.scalar<i16>(0, VERSION);
  out.scalar<u8>(1, HEADER_SCHEMA);
  out.finish(out.endTable());
  const size = <u32>out.used;
  out.push<u32>(size);
  out.push<u32>(0xffffffff);
}
