/**
 * Checks SQL expressions against the columns they may name, and makes typed trees of them (`ir.ts`), folded. `await loadParser()`
 * must have run once; everything else is synchronous. All problems of an expression are found at once, each with its place.
 */
import { formatType } from '../batch/types.ts';
import { BOOL, UTF8 } from './build.ts';
import { type CheckedAggregate, checkAggregateCall } from './check/aggregate.ts';
import { Context, type Scope } from './check/context.ts';
import { coerce, typed } from './check/convert.ts';
import type { ExpressionProblem } from './check/problem.ts';
import { walk } from './check/walk.ts';
import { fold } from './fold.ts';
import type { Expr } from './ir.ts';
import { parseExpression } from './parse.ts';

export type { AggregateFunction, CheckedAggregate } from './check/aggregate.ts';
export type { Scope, ScopeColumn } from './check/context.ts';
export type { ExpressionCode, ExpressionProblem } from './check/problem.ts';
export { loadParser } from './parse.ts';

export interface CheckedExpression {
  /** There where `problems` is empty. */
  readonly expr?: Expr;
  readonly problems: readonly ExpressionProblem[];
}

/** A scalar expression of any type. */
export function checkExpression(text: string, scope: Scope): CheckedExpression {
  return checkWith(text, scope, (context, checked) =>
    checked.node === 'untyped' ? typed(context, checked, UTF8) : checked,
  );
}

/** An expression that must be bool. */
export function checkPredicate(text: string, scope: Scope): CheckedExpression {
  return checkWith(text, scope, (context, checked) => {
    if (checked.node === 'untyped' || checked.type.kind === 'bool')
      return coerce(context, checked, BOOL, 'a condition');
    const message = `a condition must be bool, and this is ${formatType(checked.type)}`;
    return context.problem('expression.type-mismatch', message, checked.span);
  });
}

type Finish = (context: Context, checked: NonNullable<ReturnType<typeof walk>>) => Expr | undefined;

function checkWith(text: string, scope: Scope, finish: Finish): CheckedExpression {
  const { node, source, problems } = parseExpression(text);
  if (node === undefined) return { problems };
  const context = new Context(source, scope, walk);
  const checked = context.check(node);
  const expr = checked && finish(context, checked);
  return expr === undefined || context.problems.length > 0
    ? { problems: context.problems }
    : { expr: fold(expr), problems: [] };
}

/** What can be said of an expression without knowing any column. */
export function checkSyntax(text: string): readonly ExpressionProblem[] {
  return parseExpression(text).problems;
}

/** One aggregate: `count(*)`, or count, sum, avg, min or max of a scalar expression. */
export function checkAggregate(
  text: string,
  scope: Scope,
): { readonly aggregate?: CheckedAggregate; readonly problems: readonly ExpressionProblem[] } {
  const { node, source, problems } = parseExpression(text);
  if (node === undefined) return { problems };
  const context = new Context(source, scope, walk);
  const aggregate = checkAggregateCall(context, node);
  if (aggregate === undefined || context.problems.length > 0) return { problems: context.problems };
  const { arg } = aggregate;
  return { aggregate: arg === undefined ? aggregate : { ...aggregate, arg: fold(arg) }, problems: [] };
}
