/**
 * Schemas to and from apache-arrow's. With `arrow.ts` the only engine file that imports apache-arrow: import either lazily, since it
 * takes some 50 ms.
 */
import * as arrow from 'apache-arrow';
import { internalError } from '../errors.ts';
import { TIME_KEY } from './ipc-schema.ts';
import type { DataType, Field, Schema, TimeUnit } from './types.ts';

export { TIME_KEY } from './ipc-schema.ts';

const UNITS: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns'];

/** Our schema of apache-arrow's. Types that CloudSkin has no name for become `foreign`. Schema-level metadata is left out. */
export function fromArrowSchema(schema: arrow.Schema): Schema {
  const fields = schema.fields.map(fromArrowField);
  const time = schema.fields.findIndex((field) => field.metadata.get(TIME_KEY) === 'true');
  return time < 0 ? { fields } : { fields, time };
}

/** The inverse; the time column carries `TIME_KEY`. */
export function toArrowSchema(schema: Schema): arrow.Schema {
  const fields = schema.fields.map((field, index) => {
    const metadata = new Map(field.metadata ?? []);
    if (schema.time === index) metadata.set(TIME_KEY, 'true');
    return new arrow.Field(field.name, toArrowType(field.type), field.nullable, metadata);
  });
  return new arrow.Schema(fields);
}

function fromArrowField(field: arrow.Field): Field {
  const type = fromArrowType(field.type);
  const metadata = new Map(field.metadata);
  metadata.delete(TIME_KEY);
  const plain = { name: field.name, type, nullable: field.nullable };
  return metadata.size === 0 ? plain : { ...plain, metadata };
}

export function fromArrowType(type: arrow.DataType): DataType {
  if (arrow.DataType.isNull(type)) return { kind: 'null' };
  if (arrow.DataType.isBool(type)) return { kind: 'bool' };
  if (arrow.DataType.isInt(type)) return integer(type);
  if (arrow.DataType.isFloat(type)) return { kind: (['float16', 'float32', 'float64'] as const)[type.precision] };
  if (arrow.DataType.isUtf8(type)) return { kind: 'utf8' };
  if (arrow.DataType.isBinary(type)) return { kind: 'binary' };
  if (arrow.DataType.isDate(type) && type.unit === arrow.DateUnit.DAY) return { kind: 'date32' };
  if (arrow.DataType.isDuration(type)) return { kind: 'duration', unit: unitOf(type.unit) };
  if (arrow.DataType.isTimestamp(type)) {
    const unit = unitOf(type.unit);
    const { timezone } = type;
    return timezone ? { kind: 'timestamp', unit, timezone } : { kind: 'timestamp', unit };
  }
  return { kind: 'foreign', text: typeText(type), arrow: type };
}

export function toArrowType(type: DataType): arrow.DataType {
  switch (type.kind) {
    case 'null':
      return new arrow.Null();
    case 'bool':
      return new arrow.Bool();
    case 'float16':
      return new arrow.Float16();
    case 'float32':
      return new arrow.Float32();
    case 'float64':
      return new arrow.Float64();
    case 'utf8':
      return new arrow.Utf8();
    case 'binary':
      return new arrow.Binary();
    case 'date32':
      return new arrow.DateDay();
    case 'timestamp':
      return new arrow.Timestamp(UNITS.indexOf(type.unit), type.timezone ?? null);
    case 'duration':
      return new arrow.Duration(UNITS.indexOf(type.unit));
    case 'foreign':
      if (arrow.isArrowDataType(type.arrow)) return type.arrow;
      throw internalError('batch.foreign-type', `foreign type ${type.text} has no apache-arrow type with it`);
    default:
      return toArrowInt(type.kind);
  }
}

function toArrowInt(kind: 'int8' | 'int16' | 'int32' | 'int64' | 'uint8' | 'uint16' | 'uint32' | 'uint64'): arrow.Int {
  const ints = {
    int8: arrow.Int8,
    int16: arrow.Int16,
    int32: arrow.Int32,
    int64: arrow.Int64,
    uint8: arrow.Uint8,
    uint16: arrow.Uint16,
    uint32: arrow.Uint32,
    uint64: arrow.Uint64,
  };
  return new ints[kind]();
}

function integer(type: arrow.Int): DataType {
  const kinds = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'] as const;
  const kind = kinds[Math.log2(type.bitWidth) - 3 + (type.isSigned ? 0 : 4)];
  if (kind === undefined) throw internalError('batch.foreign-type', `an integer of ${type.bitWidth} bits`);
  return { kind };
}

function unitOf(unit: arrow.TimeUnit): TimeUnit {
  return UNITS[unit] ?? 's';
}

/** A type's name for people; types that differ have names that differ. */
export function typeText(type: arrow.DataType): string {
  const is = arrow.DataType;
  if (is.isDecimal(type)) return `decimal${type.bitWidth}(${type.precision}, ${type.scale})`;
  if (is.isDate(type)) return type.unit === arrow.DateUnit.DAY ? 'date32' : 'date64';
  if (is.isTime(type)) return `time${type.bitWidth}[${unitOf(type.unit)}]`;
  if (is.isInterval(type)) {
    return `interval[${(['year-month', 'day-time', 'month-day-nano'] as const)[type.unit]}]`;
  }
  if (is.isFixedSizeBinary(type)) return `fixed_size_binary[${type.byteWidth}]`;
  if (is.isDictionary(type)) return `dictionary<${typeText(type.indices)}, ${typeText(type.dictionary)}>`;
  if (is.isLargeUtf8(type)) return 'large_utf8';
  if (is.isLargeBinary(type)) return 'large_binary';
  if (is.isUtf8View(type)) return 'utf8_view';
  if (is.isBinaryView(type)) return 'binary_view';
  if (is.isList(type)) return `list<${members(type.children)}>`;
  if (is.isLargeList(type)) return `large_list<${members(type.children)}>`;
  if (is.isFixedSizeList(type)) return `fixed_size_list[${type.listSize}]<${members(type.children)}>`;
  if (is.isStruct(type)) return `struct<${members(type.children)}>`;
  if (is.isMap(type)) return `map<${members(type.children)}>`;
  if (is.isUnion(type)) {
    const mode = type.mode === arrow.UnionMode.Dense ? 'dense' : 'sparse';
    return `${mode}_union[${type.typeIds.join(',')}]<${members(type.children)}>`;
  }
  const plain = fromArrowType(type);
  if (plain.kind === 'timestamp') return `timestamp[${plain.unit}${plain.timezone ? `, ${plain.timezone}` : ''}]`;
  return plain.kind === 'duration' ? `duration[${plain.unit}]` : plain.kind;
}

function members(fields: readonly arrow.Field[]): string {
  return fields.map((field) => `${field.name}: ${typeText(field.type)}${field.nullable ? '' : ' not null'}`).join(', ');
}
