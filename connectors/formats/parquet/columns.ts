/** A parquet file's columns as fields of ours: which type each becomes, and why some cannot be read. */

import type { SchemaElement, SchemaTree } from 'hyparquet';
import type { DataType, Field, Schema, TimeUnit } from '../../../engine/batch/types.ts';
import { defined } from '../../../engine/defined.ts';

export interface ParquetColumn {
  readonly field: Field;
  /** Why the column cannot be read; the field's type is then a foreign one without a value. */
  readonly unreadable?: string;
  readonly element: SchemaElement;
  /** Root and column, as hyparquet's decoder wants them, without the annotations: we read physical values. */
  readonly path: readonly SchemaTree[];
  /** Number of the column among the chunks of a row group. */
  readonly leaf: number;
}

const UNITS: Readonly<Record<string, TimeUnit>> = { MILLIS: 'ms', MICROS: 'us', NANOS: 'ns' };

/** One entry a top-level column. `stored` is the schema that an Arrow writer left in the file, for what parquet cannot say. */
export function parquetColumns(root: SchemaTree, stored: Schema | undefined): readonly ParquetColumn[] {
  let leaf = 0;
  return root.children.map((tree, index) => {
    const { element } = tree;
    const first = leaf;
    leaf += leavesOf(tree);
    const nullable = element.repetition_type !== 'REQUIRED';
    const path = [root, { ...tree, element: physical(element) }];
    const made = typeOf(tree);
    if (typeof made === 'string') {
      const type: DataType = { kind: 'foreign', text: made, arrow: null };
      return { field: { name: element.name, type, nullable }, unreadable: made, element, path, leaf: first };
    }
    const type = refined(made, stored?.fields[index], element.name);
    return { field: { name: element.name, type, nullable }, element, path, leaf: first };
  });
}

/** The file's schema; the time column as an Arrow writer marked it. */
export function schemaOf(columns: readonly ParquetColumn[], stored: Schema | undefined): Schema {
  const fields = columns.map(({ field }) => field);
  const time = stored?.time;
  return time !== undefined && fields[time]?.type.kind === 'timestamp' ? { fields, time } : { fields };
}

function leavesOf(tree: SchemaTree): number {
  return tree.children.length === 0 ? 1 : tree.children.reduce((sum, child) => sum + leavesOf(child), 0);
}

/** What hyparquet needs to decode, and nothing that would make it convert. */
function physical({ type, type_length, repetition_type, name }: SchemaElement): SchemaElement {
  return {
    name,
    ...defined({ type, type_length, repetition_type }),
  };
}

/** A type, or the name of one that cannot be read. */
function typeOf(tree: SchemaTree): DataType | string {
  const { element } = tree;
  const { converted_type: converted, logical_type: logical } = element;
  if (tree.children.length > 0) {
    if (converted === 'LIST' || logical?.type === 'LIST') return 'list';
    return converted === 'MAP' || converted === 'MAP_KEY_VALUE' || logical?.type === 'MAP' ? 'map' : 'struct';
  }
  if (element.repetition_type === 'REPEATED') return 'list';
  if (logical?.type === 'NULL') return { kind: 'null' };
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') return decimal(element);
  switch (element.type) {
    case 'BOOLEAN':
      return { kind: 'bool' };
    case 'INT32':
      return int32(element);
    case 'INT64':
      return int64(element);
    case 'INT96':
      // Microseconds, as DuckDB and Spark take it: nanoseconds of an int64 end in 2262, and 9999-12-31 is a favourite "never".
      return { kind: 'timestamp', unit: 'us' };
    case 'FLOAT':
      return { kind: 'float32' };
    case 'DOUBLE':
      return { kind: 'float64' };
    case 'BYTE_ARRAY':
      return bytes(element);
    case 'FIXED_LEN_BYTE_ARRAY':
      if (converted === 'INTERVAL' || logical?.type === 'INTERVAL') return 'interval';
      if (logical?.type === 'FLOAT16') return element.type_length === 2 ? { kind: 'float16' } : 'float16';
      return logical?.type === 'UUID' && element.type_length === 16 ? { kind: 'utf8' } : { kind: 'binary' };
    default:
      return `unknown type ${element.type}`;
  }
}

function int32({ converted_type: converted, logical_type: logical }: SchemaElement): DataType | string {
  if (converted === 'DATE' || logical?.type === 'DATE') return { kind: 'date32' };
  if (converted === 'TIME_MILLIS' || logical?.type === 'TIME') return foreign('time32[ms]');
  return integer(converted, logical, { kind: 'int32' });
}

function int64({ converted_type: converted, logical_type: logical }: SchemaElement): DataType | string {
  if (logical?.type === 'TIMESTAMP') return timestamp(UNITS[logical.unit] ?? 'us', logical.isAdjustedToUTC);
  if (converted === 'TIMESTAMP_MILLIS') return timestamp('ms', true);
  if (converted === 'TIMESTAMP_MICROS') return timestamp('us', true);
  if (logical?.type === 'TIME') return foreign(logical.unit === 'NANOS' ? 'time64[ns]' : 'time64[us]');
  if (converted === 'TIME_MICROS') return foreign('time64[us]');
  return integer(converted, logical, { kind: 'int64' });
}

function timestamp(unit: TimeUnit, utc: boolean): DataType {
  return utc ? { kind: 'timestamp', unit, timezone: 'UTC' } : { kind: 'timestamp', unit };
}

function integer(
  converted: SchemaElement['converted_type'],
  logical: SchemaElement['logical_type'],
  plain: DataType,
): DataType {
  const old = /^(U?)INT_(8|16|32|64)$/.exec(converted ?? '');
  const width = logical?.type === 'INTEGER' ? logical.bitWidth : Number(old?.[2] ?? 0);
  if (![8, 16, 32, 64].includes(width)) return plain;
  const signed = logical?.type === 'INTEGER' ? logical.isSigned : old?.[1] === '';
  return { kind: `${signed ? '' : 'u'}int${width}` as 'int8' };
}

function bytes({ converted_type: converted, logical_type: logical }: SchemaElement): DataType | string {
  if (logical?.type === 'VARIANT' || logical?.type === 'GEOMETRY' || logical?.type === 'GEOGRAPHY') {
    return logical.type.toLowerCase();
  }
  const text =
    ['UTF8', 'ENUM', 'JSON'].includes(converted ?? '') || ['STRING', 'ENUM', 'JSON'].includes(logical?.type ?? '');
  return { kind: text ? 'utf8' : 'binary' };
}

function decimal(element: SchemaElement): DataType | string {
  const { logical_type: logical } = element;
  const precision = (logical?.type === 'DECIMAL' ? logical.precision : element.precision) ?? 0;
  const scale = (logical?.type === 'DECIMAL' ? logical.scale : element.scale) ?? 0;
  if (precision < 1 || precision > 76 || scale < 0 || scale > precision) return `decimal(${precision}, ${scale})`;
  return foreign(`decimal${precision > 38 ? 256 : 128}(${precision}, ${scale})`);
}

/** apache-arrow's type is added by `foreign.ts`, once it is known that it is needed. */
function foreign(text: string): DataType {
  return { kind: 'foreign', text, arrow: undefined };
}

/** Durations and time zones, which parquet has no words for. */
function refined(type: DataType, stored: Field | undefined, name: string): DataType {
  if (stored === undefined || stored.name !== name) return type;
  if (type.kind === 'int64' && stored.type.kind === 'duration') return stored.type;
  const zoned = type.kind === 'timestamp' && stored.type.kind === 'timestamp' && type.timezone !== undefined;
  if (!zoned || stored.type.kind !== 'timestamp' || stored.type.timezone === undefined) return type;
  return { ...type, timezone: stored.type.timezone };
}
