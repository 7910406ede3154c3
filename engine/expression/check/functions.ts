/** Function calls: the catalogue's functions, and those that are put together of others or refused by name. */
import type { FuncCall } from 'libpg-query';
import { call, conditional, FLOAT64, INT32, isNull, literal, logic, UTF8 } from '../build.ts';
import type { CatalogueFunction } from '../define.ts';
import type { Expr, Span } from '../ir.ts';
import { type Checked, type Context, unwrap } from './context.ts';
import { cast, coerce, describe } from './convert.ts';
import { checkDateTrunc, checkExtract } from './fields.ts';
import { nearest } from './nearest.ts';
import { apply, asText, binary, choose, FUNCTIONS } from './operators.ts';

export const AGGREGATES: ReadonlySet<string> = new Set(['count', 'sum', 'avg', 'min', 'max']);

/** Called with checked arguments. */
type Special = (context: Context, args: readonly Checked[], span: Span) => Expr | undefined;

const SPECIALS: ReadonlyMap<string, { readonly least: number; readonly most: number; readonly make: Special }> =
  new Map([
    ['pi', { least: 0, most: 0, make: (_context, _args, span) => literal(FLOAT64, Math.PI, span) }],
    ['concat', { least: 1, most: 100, make: concat }],
    ['concat_ws', { least: 2, most: 100, make: concatWithSeparator }],
    ['position', { least: 2, most: 2, make: (context, args, span) => named(context, 'strpos', args, span) }],
    ['extract', { least: 2, most: 2, make: (context, args, span) => checkExtract(context, args, span, 'extract') }],
    ['date_part', { least: 2, most: 2, make: (context, args, span) => checkExtract(context, args, span, 'date_part') }],
    ['date_trunc', { least: 2, most: 2, make: checkDateTrunc }],
  ]);

/** Third or second arguments that may be left out. */
const DEFAULTS: ReadonlyMap<string, { readonly given: number; readonly value: string }> = new Map([
  ['btrim', { given: 1, value: ' ' }],
  ['ltrim', { given: 1, value: ' ' }],
  ['rtrim', { given: 1, value: ' ' }],
  ['lpad', { given: 2, value: ' ' }],
  ['rpad', { given: 2, value: ' ' }],
]);

const CLOCK = 'the clock is not a part of the data: results must not depend on when they are computed';
const CLOCK_HINT = 'use the time column of the rows';
const REFUSED: ReadonlyMap<string, readonly [message: string, hint: string]> = new Map<
  string,
  readonly [string, string]
>([
  ...['now', 'clock_timestamp', 'statement_timestamp', 'transaction_timestamp', 'timeofday', 'age'].map(
    (name) => [name, [CLOCK, CLOCK_HINT]] as const,
  ),
  ...['random', 'gen_random_uuid', 'uuidv4', 'uuidv7', 'setseed'].map(
    (name) =>
      [
        name,
        ['randomness is not a part of the data: results must be repeatable', 'compute with the columns of the rows'],
      ] as const,
  ),
]);
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ['timezone', 'times are computed with in UTC: add an interval instead of AT TIME ZONE'],
  ['to_char', 'cast to text: x::text'],
  ['regexp_replace', 'use replace or split_part'],
  ['regexp_match', 'use LIKE'],
  ['initcap', 'use upper and lower'],
]);

export function checkFunction(context: Context, node: FuncCall): Expr | undefined {
  const span = context.source.call(node.location);
  const names = (node.funcname ?? []).map((part) => (unwrap(part).body as { sval?: string }).sval ?? '');
  const name = names.at(-1) ?? '';
  const nameSpan = context.source.token(node.location);
  if (names.length > 2 || (names.length === 2 && names[0] !== 'pg_catalog')) {
    return context.problem('expression.unknown-function', `there is no function ${names.join('.')}`, nameSpan);
  }
  const refused = refusal(context, name, nameSpan) || modified(context, node, name, span);
  if (refused) return undefined;
  const args = context.checkAll(node.args ?? []);
  return args && named(context, name, args, span, nameSpan);
}

/** True where the name alone is reason to refuse it. */
function refusal(context: Context, name: string, span: Span): boolean {
  const refused = REFUSED.get(name);
  const instead = UNSUPPORTED.get(name);
  if (refused !== undefined)
    context.problem('expression.not-deterministic', `${name}: ${refused[0]}`, span, refused[1]);
  else if (AGGREGATES.has(name)) {
    const message = `${name} is an aggregate, and this expression is evaluated row by row`;
    context.problem('expression.misplaced-aggregate', message, span, 'it belongs under aggregate:');
  } else if (instead !== undefined) {
    context.problem('expression.unsupported', `${name} is not supported`, span, instead);
  } else return false;
  return true;
}

/** True where the call has clauses that a scalar function has not. */
export function modified(context: Context, node: FuncCall, name: string, span: Span): boolean {
  const clause =
    (node.over !== undefined && 'OVER') ||
    (node.agg_filter !== undefined && 'FILTER') ||
    (node.agg_order !== undefined && 'ORDER BY') ||
    (node.agg_within_group === true && 'WITHIN GROUP') ||
    (node.agg_distinct === true && 'DISTINCT') ||
    (node.func_variadic === true && 'VARIADIC');
  if (clause !== false) {
    context.problem('expression.unsupported', `${clause} is not supported with ${name}`, span);
    return true;
  }
  return false;
}

/** The call of a function by its name. */
function named(
  context: Context,
  name: string,
  args: readonly Checked[],
  span: Span,
  nameSpan: Span = span,
): Expr | undefined {
  const special = SPECIALS.get(name);
  if (special !== undefined) {
    const { least, most, make } = special;
    if (args.length >= least && args.length <= most) return make(context, args, span);
    const range = least === most ? `${least}` : `${least} to ${most}`;
    return context.problem('expression.wrong-arguments', `${name} takes ${range} arguments, not ${args.length}`, span);
  }
  if (name === 'log' && args.length === 2) return logarithm(context, args, span);
  const overloads = FUNCTIONS.get(name);
  if (overloads === undefined) return unknown(context, name, nameSpan);
  const all = withDefaults(name, args, span);
  const chosen = choose(overloads, promoted(overloads, all));
  return chosen === undefined ? unfitting(context, name, overloads, args, span) : apply(context, chosen, all, span);
}

function withDefaults(name: string, args: readonly Checked[], span: Span): readonly Checked[] {
  const standard = DEFAULTS.get(name);
  if (standard === undefined || args.length !== standard.given) return args;
  return [...args, literal(UTF8, standard.value, span)];
}

/** mod(float32, int32) and the like: of two numbers one of which is a float, both count as float64. */
function promoted(overloads: readonly CatalogueFunction[], args: readonly Checked[]): readonly Checked[] {
  const [a, b] = args;
  if (a === undefined || b === undefined || a.node === 'untyped' || b.node === 'untyped') return args;
  const exact = overloads.some((entry) => entry.args[0] === a.type.kind && entry.args[1] === b.type.kind);
  const float = [a, b].some(({ type }) => type.kind === 'float32' || type.kind === 'float64');
  return exact || !float || a.type.kind === b.type.kind ? args : [cast(a, FLOAT64) ?? a, b, ...args.slice(2)];
}

function unknown(context: Context, name: string, span: Span): undefined {
  const names = [...FUNCTIONS.keys(), ...SPECIALS.keys(), 'coalesce', 'nullif', 'greatest', 'least'];
  const close = nearest(name, names);
  const hint = close === undefined ? undefined : `did you mean ${close}?`;
  return context.problem('expression.unknown-function', `there is no function ${name}`, span, hint);
}

function unfitting(
  context: Context,
  name: string,
  overloads: readonly CatalogueFunction[],
  args: readonly Checked[],
  span: Span,
): undefined {
  const counts = new Set(overloads.map((entry) => entry.args.length));
  const standard = DEFAULTS.get(name);
  if (standard !== undefined) counts.add(standard.given);
  const signatures = overloads.map((entry) => `${name}(${entry.args.join(', ')})`).join(', ');
  if (!counts.has(args.length)) {
    const message = `${name} takes ${[...counts].sort().join(' or ')} arguments, not ${args.length}`;
    return context.problem('expression.wrong-arguments', message, span, `there is ${signatures}`);
  }
  const message = `there is no function ${name}(${args.map(describe).join(', ')})`;
  return context.problem('expression.type-mismatch', message, span, `there is ${signatures}`);
}

/** log(b, x), which PostgreSQL has for numeric. */
function logarithm(context: Context, args: readonly Checked[], span: Span): Expr | undefined {
  const converted = args.map((arg, at) => coerce(context, arg, FLOAT64, `argument ${at + 1} of log`));
  const [base, x] = converted;
  return base && x && call('div.float64', [call('ln', [x], span), call('ln', [base], span)], span);
}

/** Text of anything, empty where it is null. */
function textOrEmpty(context: Context, arg: Checked, prefix: Expr | undefined, span: Span): Expr | undefined {
  const text = asText(context, arg);
  if (text === undefined) return undefined;
  return context.bind(text, (bound) => {
    const shown = prefix === undefined ? bound : call('concat.utf8', [prefix, bound], span);
    const tests = [prefix, bound].flatMap((part) => (part?.nullable === true ? [isNull(part, span)] : []));
    const [first] = tests;
    if (first === undefined) return shown;
    const when = tests.length === 1 ? first : logic('or', tests, span);
    return conditional([{ when, then: literal(UTF8, '', span) }], { ...shown, nullable: false }, span);
  });
}

function joined(context: Context, args: readonly Checked[], prefix: Expr | undefined, span: Span): Expr | undefined {
  let result: Expr | undefined;
  for (const arg of args) {
    const next = textOrEmpty(context, arg, prefix, span);
    if (next === undefined) return undefined;
    result = result === undefined ? next : call('concat.utf8', [result, next], span);
  }
  return result;
}

function concat(context: Context, args: readonly Checked[], span: Span): Expr | undefined {
  return joined(context, args, undefined, span);
}

/** The separator in front of each that is not null, and the first separator cut off again. */
function concatWithSeparator(context: Context, args: readonly Checked[], span: Span): Expr | undefined {
  const [first, ...rest] = args;
  const separator = first && coerce(context, first, UTF8, 'the separator of concat_ws');
  if (separator === undefined) return undefined;
  return context.bind(separator, (bound) => {
    const all = joined(context, rest, bound, span);
    const length = call('char_length', [bound], span);
    const start = call('add.int32', [length, literal(INT32, 1, span)], span);
    return all && call('substring.utf8.int32', [all, start], span);
  });
}

/** LIKE and ILIKE. `escapeChar` is what stands behind ESCAPE. */
export function checkLike(
  context: Context,
  sides: readonly [Checked, Checked],
  escapeChar: Checked | undefined,
  ignoreCase: boolean,
  span: Span,
): Expr | undefined {
  const text = coerce(context, sides[0], UTF8, 'the left side of LIKE');
  const pattern = coerce(context, sides[1], UTF8, 'the pattern of LIKE');
  const mark =
    escapeChar === undefined ? literal(UTF8, '\\', span) : coerce(context, escapeChar, UTF8, 'the escape character');
  if (text === undefined || pattern === undefined || mark === undefined) return undefined;
  if (!ignoreCase) return call('like', [text, pattern, mark], span);
  if (
    mark.node !== 'literal' ||
    (typeof mark.value === 'string' && mark.value.toLowerCase() !== mark.value.toUpperCase())
  ) {
    return context.problem(
      'expression.unsupported',
      'the escape character of ILIKE is a constant that is no letter',
      mark.span,
    );
  }
  return call('like', [call('lower', [text], text.span), call('lower', [pattern], pattern.span), mark], span);
}

/** The comparison behind NULLIF, IN and their like. */
export const equal = (context: Context, a: Checked, b: Checked, span: Span): Expr | undefined =>
  binary(context, '=', a, b, span);
