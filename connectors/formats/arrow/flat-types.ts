/**
 * apache-arrow's types from the metadata of a schema. Read by our own hands, because a file's footer has one too and apache-arrow
 * decodes that only together with all the file's dictionaries.
 */
import * as arrow from 'apache-arrow';
import { FlatBuffer, type FlatTable, malformed } from '../../../engine/batch/flatbuffer.ts';

const MAX_DEPTH = 64;
const INT_WIDTHS: ReadonlySet<number> = new Set([8, 16, 32, 64]);
const DECIMAL_WIDTHS: ReadonlySet<number> = new Set([32, 64, 128, 256]);

/** The schema, its dictionaries' value types by their numbers within it. */
export function arrowSchema(table: FlatTable): arrow.Schema {
  const dictionaries = new Map<number, arrow.DataType>();
  const fields = table.tables(1).map((field) => readField(field, dictionaries, 0));
  return new arrow.Schema(fields, readMetadata(table, 2), dictionaries);
}

function readMetadata(table: FlatTable, slot: number): Map<string, string> {
  return new Map(table.tables(slot).map((pair) => [pair.string(0) ?? '', pair.string(1) ?? '']));
}

function readField(table: FlatTable, dictionaries: Map<number, arrow.DataType>, depth: number): arrow.Field {
  if (depth > MAX_DEPTH) throw malformed(`types nested more than ${MAX_DEPTH} deep`);
  const name = table.string(0) ?? '';
  const encoding = table.table(4);
  const read = (): arrow.DataType => {
    const children = table.tables(5).map((child) => readField(child, dictionaries, depth + 1));
    return readType(table.u8(2, 0), table.table(3) ?? EMPTY, children);
  };
  const type = encoding === undefined ? read() : dictionary(encoding, read, dictionaries);
  return new arrow.Field(name, type, table.u8(1, 0) !== 0, readMetadata(table, 6));
}

/** A table without slots, for types whose table is left out. */
const EMPTY: FlatTable = new FlatBuffer(Uint8Array.of(8, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0)).root();

function dictionary(
  encoding: FlatTable,
  read: () => arrow.DataType,
  dictionaries: Map<number, arrow.DataType>,
): arrow.Dictionary {
  const id = encoding.i64(0, 0);
  const index = encoding.table(1);
  const indices = index === undefined ? new arrow.Int32() : readType(2, index, []);
  const values = dictionaries.get(id) ?? read();
  dictionaries.set(id, values);
  return new arrow.Dictionary(values, indices as arrow.Int32, id, encoding.u8(2, 0) !== 0);
}

function readType(number: number, table: FlatTable, children: arrow.Field[]): arrow.DataType {
  return simpleType(number) ?? timeType(number, table) ?? nestedType(number, table, children);
}

function simpleType(number: number): arrow.DataType | undefined {
  const types: Readonly<Record<number, new () => arrow.DataType>> = {
    1: arrow.Null,
    4: arrow.Binary,
    5: arrow.Utf8,
    6: arrow.Bool,
    19: arrow.LargeBinary,
    20: arrow.LargeUtf8,
    23: arrow.BinaryView,
    24: arrow.Utf8View,
  };
  const type = types[number];
  return type === undefined ? undefined : new type();
}

function timeType(number: number, table: FlatTable): arrow.DataType | undefined {
  switch (number) {
    case 8:
      return new arrow.Date_(upTo(1, table.i16(0, 1)));
    case 9: {
      const unit = upTo(3, table.i16(0, 1));
      return new arrow.Time(unit, oneOf(INT_WIDTHS, table.i32(1, 32)) === 64 ? 64 : 32);
    }
    case 10:
      return new arrow.Timestamp(upTo(3, table.i16(0, 0)), table.string(1) ?? null);
    case 11:
      return new arrow.Interval(upTo(2, table.i16(0, 0)));
    case 18:
      return new arrow.Duration(upTo(3, table.i16(0, 1)));
    default:
      return undefined;
  }
}

function nestedType(number: number, table: FlatTable, children: arrow.Field[]): arrow.DataType {
  switch (number) {
    case 2: {
      const width = oneOf(INT_WIDTHS, table.i32(0, 0)) as arrow.Int['bitWidth'];
      return new arrow.Int(table.u8(1, 0) !== 0, width);
    }
    case 3:
      return new arrow.Float(upTo(2, table.i16(0, 0)));
    case 7:
      return new arrow.Decimal(table.i32(1, 0), table.i32(0, 0), oneOf(DECIMAL_WIDTHS, table.i32(2, 128)));
    case 12:
      return new arrow.List(only(children));
    case 13:
      return new arrow.Struct(children);
    case 14:
      return new arrow.Union(upTo(1, table.i16(0, 0)), unionIds(table, children.length), children);
    case 15:
      return new arrow.FixedSizeBinary(upTo(0x7fff_ffff, table.i32(0, 0)));
    case 16:
      return new arrow.FixedSizeList(upTo(0x7fff_ffff, table.i32(0, 0)), only(children));
    case 17:
      return mapType(only(children), table.u8(0, 0) !== 0);
    case 21:
      return new arrow.LargeList(only(children));
    default:
      throw malformed(`type number ${number}`);
  }
}

/** The constructor of `Map_` renames its entries, so it gets fields of its own. */
function mapType(entries: arrow.Field, sorted: boolean): arrow.DataType {
  if (!arrow.DataType.isStruct(entries.type) || entries.type.children.length !== 2)
    throw malformed('a map without entries');
  return new arrow.Map_(entries as arrow.Field<arrow.Struct<{ key: arrow.DataType; value: arrow.DataType }>>, sorted);
}

function unionIds(table: FlatTable, members: number): number[] {
  const { length, at } = table.vector(1, 4);
  if (table.at(1) < 0) return Array.from({ length: members }, (_, id) => id);
  const ids = Array.from({ length }, (_, i) => upTo(127, table.buffer.i32(at + i * 4)));
  if (ids.length !== members) throw malformed(`a union of ${members} members and ${ids.length} ids`);
  return ids;
}

function only(children: arrow.Field[]): arrow.Field {
  const [child] = children;
  if (child === undefined || children.length !== 1) throw malformed(`a list of ${children.length} item types`);
  return child;
}

function upTo(most: number, value: number): number {
  if (value < 0 || value > most) throw malformed(`unit, width or id ${value}`);
  return value;
}

function oneOf(allowed: ReadonlySet<number>, value: number): 32 | 64 | 128 | 256 {
  if (!allowed.has(value)) throw malformed(`a width of ${value} bits`);
  return value as 32 | 64 | 128 | 256;
}
