/**
 * Conversions between types: what is implicit, what only a cast does, the common type of several, and how a text literal takes
 * the type that its surroundings want. PostgreSQL's rules over our types.
 */
import { type DataType, formatType, sameType, type TimeUnit, UNITS_PER_SECOND } from '../../batch/types.ts';
import { call, literal, UTF8 } from '../build.ts';
import { catalogueFunction, hasCatalogueFunction } from '../catalogue.ts';
import { Failure, type Value } from '../define.ts';
import type { Expr, LiteralExpr, Span } from '../ir.ts';
import type { Checked, Context, Untyped } from './context.ts';
import { parseInterval } from './interval.ts';

/** Numbers from narrow to wide; a number converts implicitly to any that stands behind it. */
const NUMBERS: readonly string[] = ['int32', 'int64', 'float32', 'float64'];

export function isNumber(type: DataType): boolean {
  return NUMBERS.includes(type.kind);
}

export function isTemporal(type: DataType): type is DataType & { readonly kind: 'timestamp' | 'duration' } {
  return type.kind === 'timestamp' || type.kind === 'duration';
}

export function isImplicit(from: DataType, to: DataType): boolean {
  if (from.kind === to.kind) return true;
  if (from.kind === 'date32') return to.kind === 'timestamp';
  return NUMBERS.includes(from.kind) && NUMBERS.indexOf(to.kind) > NUMBERS.indexOf(from.kind);
}

/** How a type is named in messages. */
export function describe(checked: Checked): string {
  if (checked.node !== 'untyped') return formatType(checked.type);
  return checked.value === null ? 'NULL' : 'text';
}

const ORDER: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns'];

export function finer(a: TimeUnit, b: TimeUnit): TimeUnit {
  return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b;
}

/** The type that both convert to implicitly; undefined where there is none. */
export function commonType(a: DataType, b: DataType): DataType | undefined {
  if (a.kind === 'timestamp' && (b.kind === 'timestamp' || b.kind === 'date32')) return commonTimestamp(a, b);
  if (b.kind === 'timestamp' && a.kind === 'date32') return b;
  if (a.kind === 'duration' && b.kind === 'duration') return { kind: 'duration', unit: finer(a.unit, b.unit) };
  if (isImplicit(a, b)) return b;
  return isImplicit(b, a) ? a : undefined;
}

function commonTimestamp(a: DataType & { readonly kind: 'timestamp' }, b: DataType): DataType {
  if (b.kind !== 'timestamp') return a;
  const unit = finer(a.unit, b.unit);
  const timezone = a.timezone ?? b.timezone;
  return timezone === undefined ? { kind: 'timestamp', unit } : { kind: 'timestamp', unit, timezone };
}

/**
 * A timestamp or duration literal in another unit, where that is exact; else undefined. So `at + interval '1 hour'` keeps the
 * unit of `at`.
 */
export function literalIn(expr: Expr, unit: TimeUnit): LiteralExpr | undefined {
  if (expr.node !== 'literal' || !isTemporal(expr.type)) return undefined;
  const type = { ...expr.type, unit };
  if (expr.value === null) return { ...expr, type };
  const scaled = BigInt(expr.value as bigint) * UNITS_PER_SECOND[unit];
  const per = UNITS_PER_SECOND[expr.type.unit];
  const fits = scaled % per === 0n && scaled / per < 2n ** 63n && scaled / per >= -(2n ** 63n);
  return fits ? { ...expr, type, value: scaled / per } : undefined;
}

/** `expr` as `type`, by a cast where the types differ; undefined where the catalogue has no such cast. */
export function cast(expr: Expr, type: DataType, span: Span = expr.span): Expr | undefined {
  if (sameType(expr.type, type)) return expr;
  if (expr.node === 'literal' && expr.value === null) return { ...expr, type };
  if (isTemporal(type)) {
    const exact = expr.type.kind === type.kind ? literalIn(expr, type.unit) : undefined;
    if (exact !== undefined) return { ...exact, type };
    const zoned = expr.type.kind === 'utf8' && type.kind === 'timestamp' && type.timezone !== undefined;
    const fn = `cast.${expr.type.kind}.${zoned ? 'timestamptz' : type.kind}`;
    return hasCatalogueFunction(fn) ? call(fn, [expr], span, type) : undefined;
  }
  const fn = `cast.${expr.type.kind}.${type.kind}`;
  if (!hasCatalogueFunction(fn)) return undefined;
  const result = call(fn, [expr], span);
  const zoned = type.kind === 'utf8' && expr.type.kind === 'timestamp' && expr.type.timezone !== undefined;
  return zoned ? call('concat.utf8', [result, literal(UTF8, '+00', span)], span) : result;
}

/** `checked` as `type`, implicitly; a problem where that cannot be. */
export function coerce(context: Context, checked: Checked, type: DataType, role: string): Expr | undefined {
  if (checked.node === 'untyped') return typed(context, checked, type);
  if (isImplicit(checked.type, type)) {
    const converted = cast(checked, type);
    if (converted !== undefined) return converted;
  }
  const message = `${role} must be ${formatType(type)}, and ${context.textOf(checked.span)} is ${formatType(checked.type)}`;
  return context.problem('expression.type-mismatch', message, checked.span);
}

/** A literal of text or NULL as a literal of that type; a problem where its text is not one. */
export function typed(context: Context, { value, span }: Untyped, type: DataType): LiteralExpr | undefined {
  if (value === null) return literal(type, null, span);
  if (type.kind === 'utf8') return literal(type, value, span);
  if (type.kind === 'duration') return durationLiteral(context, value, type.unit, span);
  if (type.kind === 'timestamp') return timestampLiteral(context, value, type, span);
  const fn = `cast.utf8.${type.kind}`;
  if (!hasCatalogueFunction(fn)) return mismatch(context, value, type, span);
  const result = attempt(fn, value, []);
  return result === undefined ? mismatch(context, value, type, span) : literal(type, result, span);
}

function mismatch(context: Context, value: string, type: DataType, span: Span): undefined {
  const shown = value.length > 40 ? `${value.slice(0, 37)}...` : value;
  return context.problem(
    'expression.bad-literal',
    `'${shown}' cannot be read as ${formatType(type)}`,
    span,
    EXPECTED[type.kind],
  );
}

const EXPECTED: Readonly<Record<string, string>> = {
  timestamp: "write it as '2024-02-29 12:30:01.5'",
  date32: "write it as '2024-02-29'",
  duration: "write it as '1 day 2 hours 30 minutes' or '26:30:00'",
  bool: 'write true or false, without quotes',
  binary: "write it as '\\x00ff'",
};

/** The value of a cast of text; undefined where it fails. */
function attempt(fn: string, value: string, units: readonly bigint[]): Value | undefined {
  try {
    return catalogueFunction(fn).evaluate(value, ...units);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** In the unit wanted where that is exact, else in the one that is fine enough, microseconds or nanoseconds. */
function timestampLiteral(
  context: Context,
  value: string,
  type: DataType & { readonly kind: 'timestamp' },
  span: Span,
): LiteralExpr | undefined {
  const fine: TimeUnit = /\.\d{7}/.test(value) ? 'ns' : 'us';
  const fn = type.timezone === undefined ? 'cast.utf8.timestamp' : 'cast.utf8.timestamptz';
  const ticks = attempt(fn, value, [UNITS_PER_SECOND[fine]]);
  if (ticks === undefined) return mismatch(context, value, type, span);
  const result = literal({ ...type, unit: fine }, ticks, span);
  return literalIn(result, type.unit) ?? result;
}

function durationLiteral(context: Context, value: string, unit: TimeUnit, span: Span): LiteralExpr | undefined {
  const parsed = parseInterval(value);
  if (typeof parsed === 'string') return context.problem('expression.bad-literal', parsed, span, EXPECTED.duration);
  const result = literal({ kind: 'duration', unit: 'us' }, parsed, span);
  return literalIn(result, unit) ?? result;
}
