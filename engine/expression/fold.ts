/**
 * Constant folding. It never changes a value, a null or an error: what would fail is left for the row that evaluates it, and nothing
 * that may fail is dropped.
 */
import { type DataType, type TimeUnit, UNITS_PER_SECOND } from '../batch/types.ts';
import { catalogueFunction } from './catalogue.ts';
import { type CatalogueFunction, Failure, type Value } from './define.ts';
import type { CallExpr, CaseExpr, Expr, LetExpr, LiteralExpr, LogicExpr } from './ir.ts';

/** Whether evaluating it may be an error. A column of int64 may be one of uint64, whose values may not fit. */
export function canFail(expr: Expr): boolean {
  switch (expr.node) {
    case 'literal':
    case 'var':
      return false;
    case 'column':
      return expr.type.kind === 'int64';
    case 'call':
      return catalogueFunction(expr.fn).canFail || expr.args.some(canFail);
    case 'and':
    case 'or':
      return expr.args.some(canFail);
    case 'not':
    case 'isNull':
      return canFail(expr.arg);
    case 'case':
      return canFail(expr.otherwise) || expr.branches.some(({ when, then }) => canFail(when) || canFail(then));
    case 'let':
      return canFail(expr.value) || canFail(expr.body);
  }
}

/** The same expression with its constant parts computed. */
export function fold(expr: Expr): Expr {
  return foldIn(expr, new Map());
}

/** `bound` has the literals that variables stand for. */
function foldIn(expr: Expr, bound: ReadonlyMap<number, LiteralExpr>): Expr {
  switch (expr.node) {
    case 'column':
    case 'literal':
      return expr;
    case 'var': {
      const value = bound.get(expr.id);
      return value === undefined ? expr : { ...value, span: expr.span };
    }
    case 'call':
      return foldCall({ ...expr, args: expr.args.map((arg) => foldIn(arg, bound)) });
    case 'and':
    case 'or':
      return foldLogic({ ...expr, args: expr.args.map((arg) => foldIn(arg, bound)) });
    case 'not': {
      const arg = foldIn(expr.arg, bound);
      if (arg.node === 'literal') return constant(expr, arg.value === null ? null : !arg.value);
      return arg.node === 'not' ? arg.arg : { ...expr, arg };
    }
    case 'isNull': {
      const arg = foldIn(expr.arg, bound);
      if (arg.node === 'literal') return constant(expr, arg.value === null);
      return arg.nullable || canFail(arg) ? { ...expr, arg } : constant(expr, false);
    }
    case 'case':
      return foldCase(expr, bound);
    case 'let':
      return foldLet(expr, bound);
  }
}

function constant(expr: Expr, value: LiteralExpr['value']): LiteralExpr {
  return { node: 'literal', value, type: expr.type, nullable: value === null, span: expr.span };
}

function foldCall(expr: CallExpr): Expr {
  const isNullLiteral = (arg: Expr): boolean => arg.node === 'literal' && arg.value === null;
  if (expr.args.some(isNullLiteral)) return expr.args.some(canFail) ? expr : constant(expr, null);
  const values: Value[] = [];
  for (const arg of expr.args) {
    if (arg.node !== 'literal' || arg.value === null) return expr;
    values.push(arg.value);
  }
  const entry = catalogueFunction(expr.fn);
  try {
    return constant(expr, entry.evaluate(...values, ...unitsOf(entry, expr)));
  } catch (error) {
    if (error instanceof Failure) return expr;
    throw error;
  }
}

function perSecond(type: DataType | undefined): bigint {
  const unit: TimeUnit = type?.kind === 'timestamp' || type?.kind === 'duration' ? type.unit : 'us';
  return UNITS_PER_SECOND[unit];
}

/** The ticks per second that the function gets behind its arguments. */
export function unitsOf({ units }: CatalogueFunction, expr: CallExpr): readonly bigint[] {
  if (units === undefined) return [];
  const argument = expr.args.find(({ type }) => type.kind === 'timestamp' || type.kind === 'duration')?.type;
  if (units === 'argument') return [perSecond(argument)];
  return units === 'result' ? [perSecond(expr.type)] : [perSecond(argument), perSecond(expr.type)];
}

/** Drops what does not decide, and what stands behind what decides. */
function foldLogic(expr: LogicExpr): Expr {
  const decisive = expr.node === 'or';
  const kept: Expr[] = [];
  for (const arg of expr.args) {
    if (arg.node !== 'literal' || arg.value === null) kept.push(arg);
    else if (arg.value === decisive) {
      if (!kept.some(canFail)) return constant(expr, decisive);
      kept.push(arg);
      break;
    }
  }
  const [only] = kept;
  if (only === undefined) return constant(expr, !decisive);
  return kept.length === 1 ? only : { ...expr, args: kept, nullable: kept.some((arg) => arg.nullable) };
}

function foldCase(expr: CaseExpr, bound: ReadonlyMap<number, LiteralExpr>): Expr {
  const branches: { when: Expr; then: Expr }[] = [];
  let otherwise = foldIn(expr.otherwise, bound);
  for (const branch of expr.branches) {
    const when = foldIn(branch.when, bound);
    const then = foldIn(branch.then, bound);
    if (when.node !== 'literal') branches.push({ when, then });
    else if (when.value === true) {
      otherwise = then;
      break;
    }
  }
  return branches.length === 0 ? otherwise : { ...expr, branches, otherwise };
}

function foldLet(expr: LetExpr, bound: ReadonlyMap<number, LiteralExpr>): Expr {
  const value = foldIn(expr.value, bound);
  if (value.node === 'literal') return foldIn(expr.body, new Map([...bound, [expr.id, value]]));
  const body = foldIn(expr.body, bound);
  return { ...expr, value, body, nullable: body.nullable };
}
