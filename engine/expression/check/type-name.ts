/** The types that a cast may name: PostgreSQL's names for the types that expressions have, and our own where they cannot be confused. */
import type { Node, TypeName } from 'libpg-query';
import type { DataType, TimeUnit } from '../../batch/types.ts';
import { BOOL, DATE32, FLOAT32, FLOAT64, INT32, INT64, UTF8 } from '../build.ts';
import type { Span } from '../ir.ts';
import { type Context, unwrap } from './context.ts';
import { nearest } from './nearest.ts';

const PLAIN: ReadonlyMap<string, DataType> = new Map<string, DataType>([
  ['bool', BOOL],
  ['boolean', BOOL],
  ['int4', INT32],
  ['int32', INT32],
  ['int64', INT64],
  ['bigint', INT64],
  ['float4', FLOAT32],
  ['float32', FLOAT32],
  ['float8', FLOAT64],
  ['float64', FLOAT64],
  ['text', UTF8],
  ['utf8', UTF8],
  ['varchar', UTF8],
  ['bytea', { kind: 'binary' }],
  ['binary', { kind: 'binary' }],
  ['date', DATE32],
  ['date32', DATE32],
]);

const INSTEAD: ReadonlyMap<string, string> = new Map([
  ['int2', 'write integer'],
  ['numeric', 'write double precision, or bigint for whole numbers'],
  ['bpchar', 'write text'],
  ['char', 'write text'],
  ['time', 'write interval for a length of time, or timestamp'],
  ['timetz', 'write timestamptz'],
]);

const SUGGESTED = [
  'boolean',
  'integer',
  'bigint',
  'real',
  'double precision',
  'text',
  'bytea',
  'date',
  'timestamp',
  'timestamptz',
  'interval',
];
const UNIT_OF_PRECISION: readonly (TimeUnit | undefined)[] = [
  's',
  undefined,
  undefined,
  'ms',
  undefined,
  undefined,
  'us',
];

export interface NamedType {
  readonly type: DataType;
  /** `varchar(n)` cuts text off behind so many characters. */
  readonly cut?: number;
  /** `interval '5' hour`: the unit of a number without one. */
  readonly loneUnit?: string;
}

/** What PostgreSQL's parser makes of `interval … hour` and its like: a bit a field. */
const FIELD_MASKS: ReadonlyMap<number, string> = new Map([
  [1 << 3, 'day'],
  [1 << 10, 'hour'],
  [1 << 11, 'minute'],
  [1 << 12, 'second'],
]);
const FULL_RANGE = 0x7fff;

export function resolveType(context: Context, node: TypeName | undefined): NamedType | undefined {
  const names = (node?.names ?? []).map((name) => (unwrap(name).body as { sval?: string }).sval ?? '');
  const span = context.source.token(node?.location);
  const fromGrammar = names.length === 2 && names[0] === 'pg_catalog';
  const name = names.at(-1) ?? '';
  if (node?.arrayBounds !== undefined || node?.setof === true || (names.length > 1 && !fromGrammar)) {
    return context.problem('expression.unknown-type', 'a cast names one of the simple types', span);
  }
  const numbers = modifiers(node?.typmods ?? []);
  if (name === 'int8') return int8(context, fromGrammar, span);
  if (name === 'timestamp' || name === 'timestamptz') return timestampType(context, name, numbers, span);
  if (name === 'interval') return intervalType(context, numbers, span);
  const type = PLAIN.get(name);
  if (type === undefined) return unknown(context, name, span);
  if (numbers.length === 0) return { type };
  const [cut] = numbers;
  if (name === 'varchar' && cut !== undefined && cut > 0) return { type, cut };
  return context.problem('expression.unknown-type', `${name} takes no modifier`, span);
}

function modifiers(nodes: readonly Node[]): readonly number[] {
  return nodes.map((node) => (unwrap(node).body as { ival?: { ival?: number } }).ival?.ival ?? 0);
}

/** The grammar turns bigint into int8; written out, int8 would be a byte in a schema and eight bytes in SQL. */
function int8(context: Context, fromGrammar: boolean, span: Span): NamedType | undefined {
  if (fromGrammar) return { type: INT64 };
  const message = 'int8 is 8 bytes in SQL and 8 bits in a schema';
  return context.problem('expression.unknown-type', message, span, 'write bigint or integer');
}

function unknown(context: Context, name: string, span: Span): undefined {
  const instead = INSTEAD.get(name);
  if (instead !== undefined) {
    return context.problem('expression.unknown-type', `there is no type ${name} in expressions`, span, instead);
  }
  const close = nearest(name, SUGGESTED);
  const hint = close === undefined ? `the types are ${SUGGESTED.join(', ')}` : `did you mean ${close}?`;
  return context.problem('expression.unknown-type', `there is no type ${name}`, span, hint);
}

function timestampType(context: Context, name: string, numbers: readonly number[], span: Span): NamedType | undefined {
  const unit = UNIT_OF_PRECISION[numbers[0] ?? 6];
  if (unit === undefined) return badPrecision(context, name, span);
  return { type: name === 'timestamp' ? { kind: 'timestamp', unit } : { kind: 'timestamp', unit, timezone: 'UTC' } };
}

function intervalType(context: Context, numbers: readonly number[], span: Span): NamedType | undefined {
  const [range = FULL_RANGE, precision = 6] = numbers;
  const unit = UNIT_OF_PRECISION[precision];
  if (unit === undefined) return badPrecision(context, 'interval', span);
  const type: DataType = { kind: 'duration', unit };
  if (range === FULL_RANGE) return { type };
  const loneUnit = FIELD_MASKS.get(range);
  if (loneUnit !== undefined) return { type, loneUnit };
  const message = 'of the fields of an interval only day, hour, minute or second may be named';
  return context.problem('expression.unsupported', message, span, "write interval '1 day 2 hours'");
}

function badPrecision(context: Context, name: string, span: Span): undefined {
  const message = `the precision of ${name} is 0, 3 or 6: seconds, milliseconds or microseconds`;
  return context.problem('expression.unknown-type', message, span);
}
