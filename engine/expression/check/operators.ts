/** Finds the overload that an operator or function means for its arguments, converts them, and makes the call. */
import type { TimeUnit } from '../../batch/types.ts';
import { call, FLOAT64, UTF8 } from '../build.ts';
import { CATALOGUE } from '../catalogue.ts';
import { type CatalogueFunction, plainType, type ValueKind } from '../define.ts';
import type { Expr, Span } from '../ir.ts';
import type { Checked, Context } from './context.ts';
import { cast, coerce, describe, finer, isImplicit, isNumber, isTemporal, literalIn, typed } from './convert.ts';

function groupBy(
  keys: (entry: CatalogueFunction) => readonly string[],
): ReadonlyMap<string, readonly CatalogueFunction[]> {
  const groups = new Map<string, CatalogueFunction[]>();
  for (const entry of CATALOGUE) {
    for (const key of keys(entry)) groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return groups;
}

/** Overloads by operator and number of arguments: `-/2`. */
const OPERATORS = groupBy(({ operator, args }) => (operator === undefined ? [] : [`${operator}/${args.length}`]));

/** Overloads by the name that SQL calls them by. */
export const FUNCTIONS: ReadonlyMap<string, readonly CatalogueFunction[]> = groupBy((entry) => entry.sql);

/** Operators whose arguments may stand in either order. */
const COMMUTATIVE = new Set(['+', '*']);

export function hasOperator(symbol: string): boolean {
  return OPERATORS.has(`${symbol}/1`) || OPERATORS.has(`${symbol}/2`);
}

/** `a symbol b`; a problem that names both types where there is no such operator for them. */
export function binary(context: Context, symbol: string, a: Checked, b: Checked, span: Span): Expr | undefined {
  if (symbol === '||') return concatenate(context, a, b, span);
  const overloads = OPERATORS.get(`${symbol}/2`) ?? [];
  const [left, right] = widened(a, b);
  const forward = choose(overloads, [left, right]);
  if (a.node === 'untyped' && b.node === 'untyped' && forward?.args[0] !== 'utf8')
    return undecided(context, symbol, span);
  if (forward !== undefined) return apply(context, forward, [left, right], span);
  const backward = COMMUTATIVE.has(symbol) ? choose(overloads, [right, left]) : undefined;
  if (backward !== undefined) return apply(context, backward, [right, left], span);
  const message = `there is no operator ${describe(a)} ${symbol} ${describe(b)}`;
  return context.problem('expression.type-mismatch', message, span, hintFor(a, b));
}

function undecided(context: Context, symbol: string, span: Span): undefined {
  const message = `the types of both sides of ${symbol} are open`;
  return context.problem('expression.type-mismatch', message, span, "cast one of them, as in '1'::integer");
}

export function unary(context: Context, symbol: string, a: Checked, span: Span): Expr | undefined {
  if (symbol === '+' && a.node !== 'untyped' && isNumber(a.type)) return a;
  const chosen = choose(OPERATORS.get(`${symbol}/1`) ?? [], [a]);
  if (chosen !== undefined && a.node !== 'untyped') return apply(context, chosen, [a], span);
  return context.problem('expression.type-mismatch', `there is no operator ${symbol} for ${describe(a)}`, span);
}

/** A float with a number of another type: both become float64, as PostgreSQL's operators have it. */
function widened(a: Checked, b: Checked): readonly [Checked, Checked] {
  if (a.node === 'untyped' || b.node === 'untyped' || a.type.kind === b.type.kind) return [a, b];
  const floats = [a, b].some(({ type }) => type.kind === 'float32' || type.kind === 'float64');
  if (!floats || !isNumber(a.type) || !isNumber(b.type)) return [a, b];
  return [cast(a, FLOAT64) ?? a, cast(b, FLOAT64) ?? b];
}

/** Text with anything: the other side becomes text. */
function concatenate(context: Context, a: Checked, b: Checked, span: Span): Expr | undefined {
  const kinds = [a, b].map((side) => (side.node === 'untyped' ? 'untyped' : side.type.kind));
  if (kinds.includes('binary')) {
    if (!kinds.includes('utf8') && kinds.every((kind) => kind === 'binary' || kind === 'untyped')) {
      const left = coerce(context, a, { kind: 'binary' }, 'the left side of ||');
      const right = coerce(context, b, { kind: 'binary' }, 'the right side of ||');
      return left && right && call('concat.binary', [left, right], span);
    }
  } else if (kinds.includes('utf8') || kinds.includes('untyped')) {
    const left = asText(context, a);
    const right = asText(context, b);
    return left && right && call('concat.utf8', [left, right], span);
  }
  const message = `there is no operator ${describe(a)} || ${describe(b)}`;
  return context.problem('expression.type-mismatch', message, span, 'cast one of them: x::text');
}

/** Anything in its text form. */
export function asText(context: Context, checked: Checked): Expr | undefined {
  if (checked.node === 'untyped') return typed(context, checked, UTF8);
  return (
    cast(checked, UTF8) ??
    context.problem('expression.type-mismatch', `${describe(checked)} has no text form`, checked.span)
  );
}

function hintFor(a: Checked, b: Checked): string | undefined {
  const text = [a, b].find((side) => side.node !== 'untyped' && side.type.kind === 'utf8');
  const other = text === a ? b : a;
  if (text === undefined || other.node === 'untyped') return undefined;
  return `cast one of them, for example ${sqlName(other.type.kind)}: x::${sqlName(other.type.kind)}`;
}

const SQL_NAMES: Readonly<Record<string, string>> = {
  bool: 'boolean',
  int32: 'integer',
  int64: 'bigint',
  float32: 'real',
  float64: 'float8',
  utf8: 'text',
  binary: 'bytea',
  date32: 'date',
  timestamp: 'timestamp',
  duration: 'interval',
};

/** What SQL calls a type of that kind. */
export function sqlName(kind: string): string {
  return SQL_NAMES[kind] ?? kind;
}

/** The overload that fits best: most arguments of its very kinds, then most conversions to float64, then text for literals. */
export function choose(
  overloads: readonly CatalogueFunction[],
  args: readonly Checked[],
): CatalogueFunction | undefined {
  let best: CatalogueFunction | undefined;
  let bestScore = -1;
  for (const entry of overloads) {
    const score = entry.args.length === args.length ? rate(entry.args, args) : -1;
    if (score > bestScore) {
      best = entry;
      bestScore = score;
    }
  }
  return best;
}

/** -1 where the arguments do not fit. */
function rate(kinds: readonly ValueKind[], args: readonly Checked[]): number {
  let score = 0;
  for (const [at, arg] of args.entries()) {
    const kind = kinds[at] ?? 'bool';
    if (arg.node === 'untyped') score += untypedScore(kinds, kind, args);
    else if (arg.type.kind === kind) score += 100;
    else if (!isImplicit(arg.type, plainType(kind))) return -1;
    else if (kind === 'float64' || kind === 'timestamp') score += 1;
  }
  return score;
}

/** A literal takes the other argument's type where it can, as PostgreSQL assumes; else it would be text. */
function untypedScore(kinds: readonly ValueKind[], kind: ValueKind, args: readonly Checked[]): number {
  const other = args.find((arg) => arg.node !== 'untyped');
  if (kinds.length === 2 && other?.type.kind === kind) return 50;
  return kind === 'utf8' ? 10 : kind === 'float64' ? 5 : 0;
}

/** Converts the arguments to what the overload takes, timestamps and durations to one unit, and calls it. */
export function apply(
  context: Context,
  entry: CatalogueFunction,
  args: readonly Checked[],
  span: Span,
): Expr | undefined {
  const unit = finestUnit(args) ?? 'us';
  const converted = args.map((arg, at) => {
    const kind = entry.args[at] ?? 'bool';
    if (arg.node !== 'untyped' && arg.type.kind === kind) return arg;
    return coerce(context, arg, plainType(kind, unit), `argument ${at + 1} of ${entry.name}`);
  });
  const good = converted.filter((arg) => arg !== undefined);
  return good.length < converted.length ? undefined : call(entry.id, inOneUnit(good), span);
}

/** The finest unit among the timestamps and durations that are no literals; where there are only literals, among those. */
function finestUnit(args: readonly Checked[]): TimeUnit | undefined {
  const temporal = args.flatMap((arg) => (arg.node !== 'untyped' && isTemporal(arg.type) ? [arg] : []));
  const fixed = temporal.filter((arg) => arg.node !== 'literal');
  const units = (fixed.length > 0 ? fixed : temporal).map(({ type }) => (isTemporal(type) ? type.unit : 's'));
  return units.length === 0 ? undefined : units.reduce(finer);
}

/** All timestamps and durations in the finest unit; a literal only counts where it cannot be said in a coarser one. */
function inOneUnit(args: readonly Expr[]): readonly Expr[] {
  const base = finestUnit(args);
  if (base === undefined) return args;
  const needed = args.map((arg) => (isTemporal(arg.type) && literalIn(arg, base) === undefined ? arg.type.unit : base));
  const unit = needed.reduce(finer, base);
  return args.map((arg) => (isTemporal(arg.type) ? (cast(arg, { ...arg.type, unit }) ?? arg) : arg));
}
