/**
 * Schemas as Arrow IPC schema messages, for the kinds that have a name of ours; `connectors/formats` goes through apache-arrow
 * for foreign types. The time column is marked in field metadata, as in `arrow-types.ts`.
 */
import { userError } from '../errors.ts';
import type { FlatTable } from './flatbuffer.ts';
import { malformed } from './flatbuffer.ts';
import type { Slot, Table } from './flatbuffer-writer.ts';
import type { DataType, Field, Schema, TimeUnit } from './types.ts';

/** Field metadata that marks the time column: `true`. */
export const TIME_KEY = 'cloudskin.time';
/** Arrow's MetadataVersion.V5, which everything since 1.0 writes. */
export const METADATA_V5 = 4;

const UNITS: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns'];
const INTEGERS = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'] as const;
const FLOATS = ['float16', 'float32', 'float64'] as const;
/** Names of Arrow's type numbers, for messages about those that are foreign. */
const NAMES = (
  'none null int float binary utf8 bool decimal date time timestamp interval list struct union fixed_size_binary ' +
  'fixed_size_list map duration large_binary large_utf8 large_list run_end_encoded binary_view utf8_view list_view ' +
  'large_list_view'
).split(' ');

const i16 = (value: number): Slot => ({ kind: 'i16', value });
const text = (value: string): Slot => ({ kind: 'string', value });

/** The Schema table; throws `batch.foreign-column`. */
export function schemaTable(schema: Schema): Table {
  const fields = schema.fields.map((field, index) => fieldTable(field, schema.time === index));
  return [i16(0), { kind: 'tables', value: fields }];
}

function fieldTable(field: Field, isTime: boolean): Table {
  const [number, type] = typeTable(field);
  const metadata: Table[] = [...(field.metadata ?? [])].map(([key, value]) => [text(key), text(value)]);
  if (isTime) metadata.push([text(TIME_KEY), text('true')]);
  return [
    text(field.name),
    { kind: 'u8', value: field.nullable ? 1 : 0 },
    { kind: 'u8', value: number },
    { kind: 'table', value: type },
    undefined,
    { kind: 'tables', value: [] },
    metadata.length === 0 ? undefined : { kind: 'tables', value: metadata },
  ];
}

function typeTable({ name, type }: Field): readonly [number, Table] {
  switch (type.kind) {
    case 'null':
      return [1, []];
    case 'float16':
    case 'float32':
    case 'float64':
      return [3, [i16(FLOATS.indexOf(type.kind))]];
    case 'binary':
      return [4, []];
    case 'utf8':
      return [5, []];
    case 'bool':
      return [6, []];
    case 'date32':
      return [8, [i16(0)]];
    case 'timestamp':
      return [10, [i16(UNITS.indexOf(type.unit)), type.timezone === undefined ? undefined : text(type.timezone)]];
    case 'duration':
      return [18, [i16(UNITS.indexOf(type.unit))]];
    case 'foreign':
      throw foreignColumn(name, type.text);
    default: {
      const index = INTEGERS.indexOf(type.kind);
      return [
        2,
        [
          { kind: 'i32', value: 8 << (index & 3) },
          { kind: 'u8', value: index < 4 ? 1 : 0 },
        ],
      ];
    }
  }
}

/**
 * The schema of a schema message's table. A type that has no name of ours throws `batch.foreign-column`, naming column and type, or with
 * `foreign: 'name'` becomes a foreign type without apache-arrow's. Throws `batch.big-endian`.
 */
export function readSchema(table: FlatTable, foreign: 'refuse' | 'name' = 'refuse'): Schema {
  if (table.i16(0, 0) !== 0) {
    throw userError('batch.big-endian', 'the data is big-endian', { hint: 'write it on a little-endian machine' });
  }
  const read = table.tables(1).map((field) => readField(field, foreign));
  const fields = read.map((entry) => entry.field);
  const time = read.findIndex((entry) => entry.isTime);
  return time < 0 ? { fields } : { fields, time };
}

function readField(table: FlatTable, foreign: 'refuse' | 'name'): { readonly field: Field; readonly isTime: boolean } {
  const name = table.string(0) ?? '';
  const encoded = table.table(4) !== undefined;
  const type = encoded ? foreignType('dictionary') : readType(table.u8(2, 0), table.table(3));
  if (type.kind === 'foreign' && foreign === 'refuse') throw foreignColumn(name, type.text);
  const plain = { name, type, nullable: table.u8(1, 0) !== 0 };
  const metadata = new Map(table.tables(6).map((pair) => [pair.string(0) ?? '', pair.string(1) ?? '']));
  const isTime = metadata.get(TIME_KEY) === 'true';
  metadata.delete(TIME_KEY);
  return { field: metadata.size === 0 ? plain : { ...plain, metadata }, isTime };
}

function readType(number: number, table: FlatTable | undefined): DataType {
  switch (number) {
    case 1:
      return { kind: 'null' };
    case 2: {
      const width = table?.i32(0, 0) ?? 0;
      const kind = INTEGERS[[8, 16, 32, 64].indexOf(width) + ((table?.u8(1, 0) ?? 0) !== 0 ? 0 : 4)];
      if (kind === undefined || ![8, 16, 32, 64].includes(width)) throw malformed(`integers of ${width} bits`);
      return { kind };
    }
    case 3:
      return { kind: oneOf(FLOATS, table?.i16(0, 0) ?? 0) };
    case 4:
      return { kind: 'binary' };
    case 5:
      return { kind: 'utf8' };
    case 6:
      return { kind: 'bool' };
    case 8:
      if ((table?.i16(0, 1) ?? 1) === 0) return { kind: 'date32' };
      return foreignType('date64');
    case 10: {
      const unit = oneOf(UNITS, table?.i16(0, 0) ?? 0);
      const timezone = table?.string(1);
      return timezone ? { kind: 'timestamp', unit, timezone } : { kind: 'timestamp', unit };
    }
    case 18:
      return { kind: 'duration', unit: oneOf(UNITS, table?.i16(0, 1) ?? 1) };
    default:
      return foreignType(NAMES[number] ?? `number ${number}`);
  }
}

function oneOf<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw malformed(`unit or precision ${index}`);
  return value;
}

function foreignType(text: string): DataType {
  return { kind: 'foreign', text, arrow: undefined };
}

function foreignColumn(name: string, type: string): Error {
  return userError('batch.foreign-column', `column ${name} is of type ${type}, which has no place in this message`);
}
