/** extract, date_part and date_trunc, whose field is a constant and picks the catalogue function. */
import { call } from '../build.ts';
import { hasCatalogueFunction } from '../catalogue.ts';
import type { Expr, Span } from '../ir.ts';
import type { Checked, Context } from './context.ts';
import { cast, describe } from './convert.ts';
import { nearest } from './nearest.ts';

const FIELDS: readonly (readonly [field: string, others: readonly string[]])[] = [
  ['year', ['years', 'y', 'yr', 'yrs']],
  ['isoyear', []],
  ['quarter', ['qtr']],
  ['month', ['months', 'mon', 'mons']],
  ['week', ['weeks', 'w']],
  ['day', ['days', 'd']],
  ['doy', []],
  ['dow', []],
  ['isodow', []],
  ['hour', ['hours', 'h', 'hr', 'hrs']],
  ['minute', ['minutes', 'm', 'min', 'mins']],
  ['second', ['seconds', 's', 'sec', 'secs']],
  ['millisecond', ['milliseconds', 'ms', 'msec', 'msecs']],
  ['microsecond', ['microseconds', 'us', 'usec', 'usecs']],
  ['epoch', []],
];
const NAMES: ReadonlyMap<string, string> = new Map(
  FIELDS.flatMap(([field, others]) => [field, ...others].map((name) => [name, field] as const)),
);
/** What `extract` may ask of a date. */
const OF_DATES = new Set(['year', 'isoyear', 'quarter', 'month', 'week', 'day', 'doy', 'dow', 'isodow', 'epoch']);

function fieldOf(context: Context, field: Checked, role: string): string | undefined {
  const value = field.node === 'untyped' || field.node === 'literal' ? field.value : undefined;
  if (typeof value !== 'string') {
    return context.problem('expression.unsupported', `the field of ${role} is a constant, as in 'hour'`, field.span);
  }
  const name = NAMES.get(value.toLowerCase());
  if (name !== undefined) return name;
  const close = nearest(value, NAMES.keys());
  const known = FIELDS.map(([one]) => one).join(', ');
  const hint = close === undefined ? `the fields are ${known}` : `did you mean ${close}?`;
  return context.problem('expression.wrong-arguments', `${role} has no field ${value}`, field.span, hint);
}

export function checkExtract(
  context: Context,
  args: readonly Checked[],
  span: Span,
  role: 'extract' | 'date_part',
): Expr | undefined {
  const [first, value] = args;
  const field = first && fieldOf(context, first, role);
  if (field === undefined || value === undefined) return undefined;
  const source = temporal(context, value, role);
  if (source === undefined) return undefined;
  if (role === 'extract' && value.node !== 'untyped' && value.type.kind === 'date32' && !OF_DATES.has(field)) {
    return context.problem('expression.type-mismatch', `a date has no ${field}`, span);
  }
  const fn = `extract_${field}.${source.type.kind}`;
  if (hasCatalogueFunction(fn)) return call(fn, [source], span);
  return context.problem('expression.type-mismatch', `a ${describe(source)} has no ${field}`, span);
}

export function checkDateTrunc(context: Context, args: readonly Checked[], span: Span): Expr | undefined {
  const [first, value] = args;
  const field = first && fieldOf(context, first, 'date_trunc');
  if (field === undefined || value === undefined) return undefined;
  const source = temporal(context, value, 'date_trunc');
  if (source === undefined) return undefined;
  const fn = `date_trunc_${field}.${source.type.kind}`;
  if (hasCatalogueFunction(fn)) return call(fn, [source], span);
  const message = `date_trunc cannot cut a ${describe(source)} to ${field}`;
  return context.problem('expression.type-mismatch', message, span);
}

/** A timestamp or duration; a date becomes a timestamp[us]. */
function temporal(context: Context, value: Checked, role: string): Expr | undefined {
  if (value.node !== 'untyped') {
    if (value.type.kind === 'timestamp' || value.type.kind === 'duration') return value;
    if (value.type.kind === 'date32') return cast(value, { kind: 'timestamp', unit: 'us' });
  }
  const hint = value.node === 'untyped' ? "say what it is, as in timestamp '2024-02-29 12:30:00'" : undefined;
  const message = `${role} takes a date, timestamp or interval, and ${context.textOf(value.span)} is ${describe(value)}`;
  return context.problem('expression.type-mismatch', message, value.span, hint);
}
