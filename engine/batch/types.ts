/**
 * Arrow's logical types as plain data, and schemas of them. Types that compiled cells compute with are in
 * `CELL_KINDS`; the others pass through sources and sinks unchanged and are refused by name where a cell would need them.
 */

export type TimeUnit = 's' | 'ms' | 'us' | 'ns';

export type DataType =
  | { readonly kind: 'null' }
  | { readonly kind: 'bool' }
  | { readonly kind: 'int8' | 'int16' | 'int32' | 'int64' | 'uint8' | 'uint16' | 'uint32' | 'uint64' }
  | { readonly kind: 'float16' | 'float32' | 'float64' }
  | { readonly kind: 'utf8' | 'binary' }
  | { readonly kind: 'date32' }
  | { readonly kind: 'timestamp'; readonly unit: TimeUnit; readonly timezone?: string }
  | { readonly kind: 'duration'; readonly unit: TimeUnit }
  /** Any other Arrow type: carried, never computed with. `text` names it as Arrow does, `arrow` is apache-arrow's type. */
  | { readonly kind: 'foreign'; readonly text: string; readonly arrow: unknown };

export type Kind = DataType['kind'];

export interface Field {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
  /** Arrow's field metadata as a file carried it, such as an extension type's name; handed on, never interpreted. */
  readonly metadata?: ReadonlyMap<string, string>;
}

export interface Schema {
  readonly fields: readonly Field[];
  /** Index of the event-time column in `fields`, a timestamp; absent where rows carry no event time. */
  readonly time?: number;
}

/** The kinds that compiled cells take; all others are `foreign` to them. */
export const CELL_KINDS: ReadonlySet<Kind> = new Set<Kind>([
  'bool',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'float32',
  'float64',
  'utf8',
  'binary',
  'date32',
  'timestamp',
  'duration',
]);

const PLAIN = new Set<string>([
  'null',
  'bool',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'float16',
  'float32',
  'float64',
  'utf8',
  'binary',
  'date32',
]);

/** Every type name that a graph file may write, for messages and suggestions. */
export const TYPE_NAMES: readonly string[] = [...PLAIN, 'timestamp[ms]', 'timestamp[us, UTC]', 'duration[ms]'];

/** Parses `float64`, `timestamp[ms]`, `timestamp[us, Europe/Madrid]`, `duration[ms]`; undefined when it is none of them. */
export function parseType(text: string): DataType | undefined {
  const name = text.trim();
  if (PLAIN.has(name)) return { kind: name } as DataType;
  const match = /^(timestamp|duration)\[\s*(s|ms|us|ns)\s*(?:,\s*([A-Za-z0-9_+\-/:]+)\s*)?\]$/.exec(name);
  if (match === null) return undefined;
  const unit = match[2] as TimeUnit;
  const timezone = match[3];
  if (match[1] === 'duration') return timezone === undefined ? { kind: 'duration', unit } : undefined;
  return timezone === undefined ? { kind: 'timestamp', unit } : { kind: 'timestamp', unit, timezone };
}

/** The inverse of `parseType`. */
export function formatType(type: DataType): string {
  switch (type.kind) {
    case 'timestamp':
      return type.timezone === undefined ? `timestamp[${type.unit}]` : `timestamp[${type.unit}, ${type.timezone}]`;
    case 'duration':
      return `duration[${type.unit}]`;
    case 'foreign':
      return type.text;
    default:
      return type.kind;
  }
}

export function sameType(a: DataType, b: DataType): boolean {
  return formatType(a) === formatType(b);
}

/** Bytes a value takes in its Arrow values buffer; 0 for bool (a bit), and for utf8 and binary (offsets of 4 bytes). */
export function byteWidth(type: DataType): number {
  switch (type.kind) {
    case 'int8':
    case 'uint8':
      return 1;
    case 'int16':
    case 'uint16':
    case 'float16':
      return 2;
    case 'int32':
    case 'uint32':
    case 'float32':
    case 'date32':
      return 4;
    case 'int64':
    case 'uint64':
    case 'float64':
    case 'timestamp':
    case 'duration':
      return 8;
    default:
      return 0;
  }
}

/** True for utf8 and binary, whose values lie in a third buffer behind 32-bit offsets. */
export function isVariable(type: DataType): boolean {
  return type.kind === 'utf8' || type.kind === 'binary';
}

/** Units of a second: 1, 1e3, 1e6, 1e9. */
export const UNITS_PER_SECOND: Readonly<Record<TimeUnit, bigint>> = {
  s: 1n,
  ms: 1_000n,
  us: 1_000_000n,
  ns: 1_000_000_000n,
};

/**
 * One value. bool: boolean; integers up to 32 bits, floats, date32 (days): number; int64, uint64, timestamp, duration:
 * bigint; utf8: string; binary: Uint8Array. The expressions' `LiteralValue` is the same.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array;
