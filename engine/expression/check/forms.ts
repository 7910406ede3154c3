/** Special forms of SQL in terms of the few nodes: BETWEEN, IN, IS DISTINCT FROM, CASE, COALESCE, NULLIF, GREATEST, LEAST, IS TRUE. */
import type { BooleanTest, CaseExpr as CaseNode, CoalesceExpr, MinMaxExpr, Node } from 'libpg-query';
import type { DataType } from '../../batch/types.ts';
import { BOOL, conditional, isNull, literal, logic, not, UTF8 } from '../build.ts';
import type { Expr, Span } from '../ir.ts';
import { type Checked, type Context, unwrap } from './context.ts';
import { cast, coerce, commonType, describe, typed } from './convert.ts';
import { binary } from './operators.ts';

/** Gives a literal without a type that of its counterparts, text if none has one; then binds it, to be used more than once. */
function bindChecked(
  context: Context,
  checked: Checked,
  others: readonly Checked[],
  body: (bound: Checked) => Expr | undefined,
): Expr | undefined {
  if (checked.node !== 'untyped') return context.bind(checked, body);
  const other = others.find((item) => item.node !== 'untyped');
  if (other === undefined) return body(checked);
  const converted = typed(context, checked, other.type);
  return converted && body(converted);
}

/** `x BETWEEN a AND b`, of which `symmetric` also takes b and a. */
export function between(
  context: Context,
  value: Checked,
  bounds: readonly Checked[],
  symmetric: boolean,
  span: Span,
): Expr | undefined {
  const [low, high] = bounds;
  if (low === undefined || high === undefined) return undefined;
  return bindChecked(context, value, bounds, (x) => {
    const within = (a: Checked, b: Checked): Expr | undefined => {
      const above = binary(context, '>=', x, a, span);
      const below = binary(context, '<=', x, b, span);
      return above && below && logic('and', [above, below], span);
    };
    if (!symmetric) return within(low, high);
    return bindChecked(context, low, [x], (a) =>
      bindChecked(context, high, [x], (b) => {
        const one = within(a, b);
        const two = within(b, a);
        return one && two && logic('or', [one, two], span);
      }),
    );
  });
}

/** `x IN (…)`. */
export function inList(context: Context, value: Checked, items: readonly Checked[], span: Span): Expr | undefined {
  return bindChecked(context, value, items, (x) => {
    const tests = items.map((item) => binary(context, '=', x, item, span));
    const good = tests.filter((test) => test !== undefined);
    if (good.length < tests.length) return undefined;
    const [only] = good;
    return good.length === 1 ? only : logic('or', good, span);
  });
}

/** `a IS DISTINCT FROM b`: not equal, where null equals null alone. */
export function distinct(context: Context, a: Checked, b: Checked, span: Span): Expr | undefined {
  return bindChecked(context, a, [b], (x) =>
    bindChecked(context, b, [x], (y) => {
      const differ = binary(context, '<>', x, y, span);
      if (differ === undefined) return undefined;
      const [left, right] = [asExpr(x), asExpr(y)];
      return conditional(
        [
          { when: isNull(left, span), then: not(isNull(right, span), span) },
          { when: isNull(right, span), then: literal(BOOL, true, span) },
        ],
        differ,
        span,
      );
    }),
  );
}

/** Whatever it is, as an expression; a literal without a type is text. */
function asExpr(checked: Checked): Expr {
  return checked.node === 'untyped' ? literal(UTF8, checked.value, checked.span) : checked;
}

/** All in their common type; a problem that names two types where they have none. */
function unify(context: Context, items: readonly Checked[], role: string): Expr[] | undefined {
  let common: DataType | undefined;
  for (const item of items) {
    if (item.node === 'untyped') continue;
    const next = common === undefined ? item.type : commonType(common, item.type);
    if (next === undefined) {
      const message = `${role} must have one type, and ${context.textOf(item.span)} is ${describe(item)}, not ${common?.kind}`;
      return context.problem('expression.type-mismatch', message, item.span);
    }
    common = next;
  }
  const type = common ?? UTF8;
  const converted = items.map((item) => coerceTo(context, item, type, role));
  const good = converted.filter((item) => item !== undefined);
  return good.length < converted.length ? undefined : good;
}

/** A timestamp literal may need a finer unit than the type: then it is rounded, as a value put into a column is. */
function coerceTo(context: Context, item: Checked, type: DataType, role: string): Expr | undefined {
  const converted = coerce(context, item, type, role);
  return converted && cast(converted, type);
}

export function checkCoalesce(context: Context, { args = [], location }: CoalesceExpr): Expr | undefined {
  const span = context.source.call(location);
  const checked = context.checkAll(args);
  const items = checked && unify(context, checked, 'the arguments of COALESCE');
  return items && firstOf(context, items, span);
}

function firstOf(context: Context, items: readonly Expr[], span: Span): Expr | undefined {
  const [first, ...rest] = items;
  if (first === undefined || rest.length === 0 || !first.nullable) return first;
  return context.bind(first, (x) => {
    const otherwise = firstOf(context, rest, span);
    return (
      otherwise && conditional([{ when: not(isNull(x, span), span), then: { ...x, nullable: false } }], otherwise, span)
    );
  });
}

/**
 * What comes out is the first argument as it is compared: PostgreSQL compares integers with floats as float64, and other types that differ
 * as they are.
 */
export function nullIf(context: Context, a: Checked, b: Checked, span: Span): Expr | undefined {
  return bindChecked(context, a, [b], (bound) => {
    const same = binary(context, '=', bound, b, span);
    const [compared] = same?.node === 'call' ? same.args : [];
    const own = asExpr(bound);
    const widened = compared?.type.kind === 'float64' && (own.type.kind === 'int32' || own.type.kind === 'int64');
    const x = widened ? compared : own;
    return same && conditional([{ when: same, then: literal(x.type, null, span) }], x, span);
  });
}

/** GREATEST and LEAST: nulls do not count. */
export function checkMinMax(context: Context, { args = [], op, location }: MinMaxExpr): Expr | undefined {
  const span = context.source.call(location);
  const name = op === 'IS_GREATEST' ? 'GREATEST' : 'LEAST';
  const checked = context.checkAll(args);
  const items = checked && unify(context, checked, `the arguments of ${name}`);
  const [first, ...rest] = items ?? [];
  if (first === undefined) return undefined;
  const symbol = op === 'IS_GREATEST' ? '>' : '<';
  return rest.reduce<Expr | undefined>((best, next) => best && better(context, best, next, symbol, span), first);
}

function better(context: Context, a: Expr, b: Expr, symbol: string, span: Span): Expr | undefined {
  return context.bind(a, (x) =>
    context.bind(b, (y) => {
      const wins = binary(context, symbol, y, x, span);
      if (wins === undefined) return undefined;
      const branches = [
        { when: isNull(x, span), then: y },
        { when: isNull(y, span), then: x },
        { when: wins, then: y },
      ];
      const result = conditional(branches, x, span);
      return { ...result, nullable: x.nullable && y.nullable };
    }),
  );
}

/** `x IS [NOT] TRUE`, `FALSE`, `UNKNOWN`: never null. */
export function checkBooleanTest(context: Context, { arg, booltesttype }: BooleanTest, span: Span): Expr | undefined {
  const checked = context.check(arg);
  const value = checked && coerce(context, checked, BOOL, 'what IS TRUE, IS FALSE and IS UNKNOWN test');
  if (value === undefined) return undefined;
  const test = booltesttype ?? 'IS_TRUE';
  const negated = test.startsWith('IS_NOT');
  if (test.endsWith('UNKNOWN')) return negated ? not(isNull(value, span), span) : isNull(value, span);
  const when = test.endsWith('TRUE') ? value : not(value, span);
  const result = conditional([{ when, then: literal(BOOL, true, span) }], literal(BOOL, false, span), span);
  return negated ? not(result, span) : result;
}

/** Both forms of CASE. */
export function checkCase(context: Context, { arg, args = [], defresult, location }: CaseNode): Expr | undefined {
  const span = context.source.caseEnd(location);
  const whens = args.map((node) => unwrap(node).body as { expr?: Node; result?: Node });
  const subject = arg === undefined ? undefined : context.check(arg);
  const conditions = context.checkAll(whens.map((when) => when.expr));
  const results = context.checkAll(whens.map((when) => when.result));
  const last: Checked | undefined =
    defresult === undefined ? { node: 'untyped', value: null, span } : context.check(defresult);
  if (conditions === undefined || results === undefined || last === undefined) return undefined;
  if (arg !== undefined && subject === undefined) return undefined;
  const thens = unify(context, [...results, last], 'the results of CASE');
  const otherwise = thens?.at(-1);
  if (thens === undefined || otherwise === undefined) return undefined;
  const build = (test: (condition: Checked) => Expr | undefined): Expr | undefined => {
    const tests = conditions.map(test);
    const branches = tests.flatMap((when, at) => {
      const then = thens[at];
      return when === undefined || then === undefined ? [] : [{ when, then }];
    });
    return branches.length < tests.length ? undefined : conditional(branches, otherwise, span);
  };
  if (subject === undefined) return build((condition) => coerce(context, condition, BOOL, 'a condition of CASE'));
  return bindChecked(context, subject, conditions, (x) => build((item) => binary(context, '=', x, item, item.span)));
}
