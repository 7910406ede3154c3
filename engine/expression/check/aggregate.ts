/** Aggregates: count, sum, avg, min and max of a scalar expression. */
import type { FuncCall, Node } from 'libpg-query';
import { type DataType, formatType } from '../../batch/types.ts';
import { FLOAT64, INT64, UTF8 } from '../build.ts';
import type { Expr } from '../ir.ts';
import { type Context, unwrap } from './context.ts';
import { isNumber, typed } from './convert.ts';
import { AGGREGATES, modified } from './functions.ts';
import { nearest } from './nearest.ts';

export type AggregateFunction = 'count' | 'sum' | 'avg' | 'min' | 'max';

export interface CheckedAggregate {
  readonly fn: AggregateFunction;
  /** Absent for `count(*)`. */
  readonly arg?: Expr;
  readonly type: DataType;
  /** Of a group, which has at least one row. */
  readonly nullable: boolean;
}

export function checkAggregateCall(context: Context, node: Node): CheckedAggregate | undefined {
  const { kind, body } = unwrap(node);
  const call = body as FuncCall;
  const last = (call.funcname ?? []).at(-1);
  const name = kind === 'FuncCall' && last !== undefined ? ((unwrap(last).body as { sval?: string }).sval ?? '') : '';
  if (!AGGREGATES.has(name)) return notAnAggregate(context, kind, name);
  const span = context.source.call(call.location);
  if (modified(context, call, name, span)) return undefined;
  const fn = name as AggregateFunction;
  if (call.agg_star === true) {
    if (fn === 'count') return { fn, type: INT64, nullable: false };
    return context.problem('expression.wrong-arguments', `${fn} takes a value, not *`, span);
  }
  const [only, ...more] = call.args ?? [];
  if (only === undefined || more.length > 0) {
    return context.problem('expression.wrong-arguments', `${fn} takes 1 argument, not ${call.args?.length ?? 0}`, span);
  }
  const checked = context.check(only);
  const arg = checked?.node === 'untyped' ? typed(context, checked, UTF8) : checked;
  return arg && aggregateOf(context, fn, arg);
}

function notAnAggregate(context: Context, kind: string, name: string): undefined {
  const message = 'an aggregate is one call of count, sum, avg, min or max';
  const close = name === '' ? undefined : nearest(name, AGGREGATES);
  const hint =
    close !== undefined
      ? `did you mean ${close}?`
      : kind === 'A_Expr'
        ? 'compute with aggregates in a with: or select: behind it'
        : 'a column that is the same for the whole group belongs under groupBy:';
  return context.problem('expression.not-an-aggregate', message, context.source.whole(), hint);
}

function aggregateOf(context: Context, fn: AggregateFunction, arg: Expr): CheckedAggregate | undefined {
  if (fn === 'count') return { fn, arg, type: INT64, nullable: false };
  const { type, nullable } = arg;
  if (fn === 'min' || fn === 'max') {
    if (type.kind !== 'bool' && type.kind !== 'binary') return { fn, arg, type, nullable };
    const hint = type.kind === 'bool' ? `cast it: ${fn}(x::integer)` : undefined;
    return mismatch(context, fn, arg, hint);
  }
  if (!isNumber(type)) {
    const hint = type.kind === 'duration' ? `${fn}(extract(epoch from x)) counts seconds` : undefined;
    return mismatch(context, fn, arg, hint);
  }
  const integer = type.kind === 'int32' || type.kind === 'int64';
  return { fn, arg, type: fn === 'sum' && integer ? INT64 : FLOAT64, nullable };
}

function mismatch(context: Context, fn: AggregateFunction, arg: Expr, hint: string | undefined): undefined {
  const message = `${fn} cannot take ${context.textOf(arg.span)}, which is ${formatType(arg.type)}`;
  return context.problem('expression.type-mismatch', message, arg.span, hint);
}
