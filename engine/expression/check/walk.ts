/** The checker's walk over PostgreSQL's parse tree: one case a kind of node, everything else refused by name. */
import type {
  A_Const,
  A_Expr,
  BoolExpr,
  BooleanTest,
  CaseExpr,
  CoalesceExpr,
  ColumnRef,
  FuncCall,
  MinMaxExpr,
  Node,
  NullTest,
  TypeCast,
} from 'libpg-query';
import { BOOL, call, FLOAT64, INT32, INT64, isNull, literal, logic, not, UTF8 } from '../build.ts';
import type { Expr, Span } from '../ir.ts';
import { cover } from '../source.ts';
import { checkColumn } from './columns.ts';
import { type Checked, type Context, unwrap } from './context.ts';
import { cast, coerce, describe, literalIn, typed } from './convert.ts';
import { between, checkBooleanTest, checkCase, checkCoalesce, checkMinMax, distinct, inList, nullIf } from './forms.ts';
import { checkFunction, checkLike } from './functions.ts';
import { parseInterval } from './interval.ts';
import { binary, hasOperator, sqlName, unary } from './operators.ts';
import { resolveType } from './type-name.ts';

export function walk(context: Context, node: Node): Checked | undefined {
  const { kind, body } = unwrap(node);
  switch (kind) {
    case 'ColumnRef':
      return checkColumn(context, body as ColumnRef);
    case 'A_Const':
      return checkConstant(context, body as A_Const);
    case 'A_Expr':
      return checkOperator(context, body as A_Expr);
    case 'BoolExpr':
      return checkLogic(context, body as BoolExpr);
    case 'NullTest':
      return checkNullTest(context, body as NullTest);
    case 'BooleanTest':
      return checkTest(context, body as BooleanTest);
    case 'FuncCall':
      return checkFunction(context, body as FuncCall);
    case 'TypeCast':
      return checkCast(context, body as TypeCast);
    case 'CaseExpr':
      return checkCase(context, body as CaseExpr);
    case 'CoalesceExpr':
      return checkCoalesce(context, body as CoalesceExpr);
    case 'MinMaxExpr':
      return checkMinMax(context, body as MinMaxExpr);
    default:
      return refuse(context, kind, body as { location?: number; op?: string });
  }
}

const REFUSED: Readonly<Record<string, string>> = {
  SubLink: 'a subquery',
  ParamRef: 'a parameter such as $1',
  A_ArrayExpr: 'an array',
  A_Indirection: 'a subscript or a field of a value',
  RowExpr: 'a row of several values',
  CollateClause: 'COLLATE: text compares by its bytes',
  GroupingFunc: 'GROUPING',
  SetToDefault: 'DEFAULT',
  NamedArgExpr: 'a named argument',
  XmlExpr: 'XML',
};

function refuse(context: Context, kind: string, body: { location?: number; op?: string }): undefined {
  const span = context.source.token(body.location);
  if (kind === 'SQLValueFunction') return refuseValue(context, body.op ?? '', span);
  const what = REFUSED[kind] ?? (kind.startsWith('Json') ? 'a JSON function' : kind);
  const hint = kind === 'ParamRef' ? 'parameters of a graph are written $' + '{NAME}' : undefined;
  return context.problem('expression.unsupported', `${what} is not supported in an expression`, span, hint);
}

/** current_date and its like depend on the clock; user and its like on who runs it. */
function refuseValue(context: Context, op: string, span: Span): undefined {
  const name = context.textOf(span);
  if (/DATE|TIME/.test(op)) {
    const message = `${name}: the clock is not a part of the data: results must not depend on when they are computed`;
    return context.problem('expression.not-deterministic', message, span, 'use the time column of the rows');
  }
  const hint = `a column of that name is written in double quotes: "${name}"`;
  return context.problem('expression.unsupported', `${name} is a word of SQL with a meaning of its own`, span, hint);
}

function checkConstant(context: Context, node: A_Const): Checked | undefined {
  const span = context.source.constant(node.location);
  if (node.isnull === true) return { node: 'untyped', value: null, span };
  if (node.sval !== undefined) return { node: 'untyped', value: node.sval.sval ?? '', span };
  if (node.boolval !== undefined) return literal(BOOL, node.boolval.boolval ?? false, span);
  if (node.ival !== undefined) return literal(INT32, node.ival.ival ?? 0, span);
  if (node.fval !== undefined) return checkNumber(context, node.fval.fval ?? '0', span);
  return context.problem(
    'expression.unsupported',
    'bit strings are not supported',
    span,
    "write bytes as '\\x00ff'::bytea",
  );
}

/** An integer that is no int32, or a decimal number. */
function checkNumber(context: Context, written: string, span: Span): Expr | undefined {
  const text = written.replaceAll('_', '');
  const whole = /^(-?)((?:0[xob])?[0-9a-f]+)$/i.exec(text);
  if (whole !== null && !/^-?\d+e\d+$/i.test(text)) {
    const size = BigInt(whole[2] ?? '0');
    const value = whole[1] === '-' ? -size : size;
    if (value >= -2147483648n && value <= 2147483647n) return literal(INT32, Number(value), span);
    if (value >= -(2n ** 63n) && value < 2n ** 63n) return literal(INT64, value, span);
    const message = `${written} is outside the 64-bit integers`;
    return context.problem(
      'expression.bad-literal',
      message,
      span,
      'write it with an exponent, as 1e20, for a float64',
    );
  }
  const value = Number(text);
  if (Number.isFinite(value) && (value !== 0 || !/[1-9]/.test(text.split(/e/i)[0] ?? '')))
    return literal(FLOAT64, value, span);
  return context.problem('expression.bad-literal', `${written} is outside the 64-bit floats`, span);
}

function checkLogic(context: Context, { boolop, args = [], location }: BoolExpr): Expr | undefined {
  const checked = context.checkAll(args);
  const word = boolop === 'AND_EXPR' ? 'AND' : boolop === 'OR_EXPR' ? 'OR' : 'NOT';
  const sides = checked?.map((arg) => coerce(context, arg, BOOL, `what ${word} takes`));
  const good = sides?.filter((side) => side !== undefined) ?? [];
  const [first] = good;
  if (sides === undefined || first === undefined || good.length < sides.length) return undefined;
  const span = good.reduce((all, side) => cover(all, side.span), first.span);
  if (word === 'NOT') return not(first, cover(context.source.token(location), span));
  return logic(word === 'AND' ? 'and' : 'or', good, span);
}

function checkNullTest(context: Context, { arg, nulltesttype, location }: NullTest): Expr | undefined {
  const checked = context.check(arg);
  if (checked === undefined) return undefined;
  const span = cover(checked.span, context.source.token(location));
  const value = checked.node === 'untyped' ? literal(UTF8, checked.value, checked.span) : checked;
  const test = isNull(value, span);
  return nulltesttype === 'IS_NOT_NULL' ? not(test, span) : test;
}

function checkTest(context: Context, node: BooleanTest): Expr | undefined {
  return checkBooleanTest(context, node, context.source.token(node.location));
}

function symbolOf(node: A_Expr): string {
  const last = (node.name ?? []).at(-1);
  return last === undefined ? '' : ((unwrap(last).body as { sval?: string }).sval ?? '');
}

function checkOperator(context: Context, node: A_Expr): Expr | undefined {
  const own = context.source.token(node.location);
  switch (node.kind) {
    case 'AEXPR_OP':
      return checkPlainOperator(context, node, own);
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return checkLikeOperator(context, node, own);
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
    case 'AEXPR_NULLIF':
      return checkPair(context, node, own);
    case 'AEXPR_IN':
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      return checkSet(context, node, own);
    case 'AEXPR_SIMILAR':
      return context.problem('expression.unsupported', 'SIMILAR TO is not supported', own, 'use LIKE');
    default:
      return context.problem('expression.unsupported', 'ANY and ALL are not supported', own, 'use IN');
  }
}

const INSTEAD: Readonly<Record<string, string>> = {
  '==': 'write =',
  '&&': 'write AND',
  '!': 'write NOT',
  '**': 'write ^',
  '~*': 'use ILIKE',
  '!~': 'use NOT LIKE',
  '!~*': 'use NOT ILIKE',
};

function checkPlainOperator(context: Context, node: A_Expr, own: Span): Expr | undefined {
  const symbol = symbolOf(node);
  const sides = context.checkAll(node.lexpr === undefined ? [node.rexpr] : [node.lexpr, node.rexpr]);
  if (!hasOperator(symbol) && symbol !== '||') {
    return context.problem('expression.unsupported', `there is no operator ${symbol}`, own, INSTEAD[symbol]);
  }
  const [a, b] = sides ?? [];
  if (a === undefined) return undefined;
  return b === undefined
    ? unary(context, symbol, a, cover(own, a.span))
    : binary(context, symbol, a, b, cover(a.span, b.span));
}

function checkLikeOperator(context: Context, node: A_Expr, own: Span): Expr | undefined {
  const { kind, body } = unwrap(node.rexpr ?? { Integer: {} });
  const fn = body as FuncCall;
  const escaped = kind === 'FuncCall' && fn.location === node.location && (fn.args?.length ?? 0) === 2;
  const parts = context.checkAll(escaped ? [node.lexpr, ...(fn.args ?? [])] : [node.lexpr, node.rexpr]);
  const [text, pattern, escapeChar] = parts ?? [];
  if (text === undefined || pattern === undefined) return undefined;
  const span = cover(cover(text.span, own), pattern.span);
  const result = checkLike(context, [text, pattern], escapeChar, node.kind === 'AEXPR_ILIKE', span);
  return result && (symbolOf(node).startsWith('!') ? not(result, span) : result);
}

function checkPair(context: Context, node: A_Expr, own: Span): Expr | undefined {
  const [a, b] = context.checkAll([node.lexpr, node.rexpr]) ?? [];
  if (a === undefined || b === undefined) return undefined;
  if (node.kind === 'AEXPR_NULLIF') return nullIf(context, a, b, context.source.call(node.location));
  const span = cover(cover(a.span, own), b.span);
  const result = distinct(context, a, b, span);
  return result && (node.kind === 'AEXPR_DISTINCT' ? result : not(result, span));
}

/** IN and BETWEEN. */
function checkSet(context: Context, node: A_Expr, own: Span): Expr | undefined {
  const list = unwrap(node.rexpr ?? { Integer: {} });
  if (list.kind !== 'List') return refuse(context, list.kind, list.body as { location?: number });
  const { items = [] } = list.body as { items?: Node[] };
  const [value, ...others] = context.checkAll([node.lexpr, ...items]) ?? [];
  if (value === undefined) return undefined;
  const span = others.reduce((all, other) => cover(all, other.span), cover(value.span, own));
  const kind = node.kind ?? '';
  if (kind === 'AEXPR_IN') {
    const result = inList(context, value, others, span);
    return result && (symbolOf(node) === '<>' ? not(result, span) : result);
  }
  const result = between(context, value, others, kind.endsWith('SYM'), span);
  return result && (kind.includes('NOT') ? not(result, span) : result);
}

function checkCast(context: Context, node: TypeCast): Expr | undefined {
  const named = resolveType(context, node.typeName);
  const checked = context.check(node.arg);
  if (named === undefined || checked === undefined) return undefined;
  const { type, cut, loneUnit } = named;
  const span = castSpan(context, node, checked);
  const result = castTo(context, checked, type, loneUnit, span);
  if (result === undefined || cut === undefined) return result;
  return call('left', [result, literal(INT32, cut, span)], span);
}

/** CAST(…) up to its bracket; else what is cast together with the name of the type. */
function castSpan(context: Context, node: TypeCast, checked: Checked): Span {
  const token = context.source.tokens[context.source.tokenIndex(node.location)];
  if (token?.text.toLowerCase() === 'cast') return context.source.call(node.location);
  return cover(checked.span, context.source.token(node.typeName?.location));
}

function castTo(
  context: Context,
  checked: Checked,
  type: Expr['type'],
  loneUnit: string | undefined,
  span: Span,
): Expr | undefined {
  if (checked.node === 'untyped') {
    if (loneUnit !== undefined && checked.value !== null) return interval(context, checked.value, type, loneUnit, span);
    const value = typed(context, checked, type);
    return value && { ...(cast(value, type, span) ?? value), span };
  }
  const result = cast(checked, type, span);
  if (result !== undefined) return result;
  const message = `${describe(checked)} cannot be cast to ${sqlName(type.kind)}`;
  return context.problem('expression.type-mismatch', message, span, castHint(checked, type));
}

function castHint(checked: Expr, type: Expr['type']): string | undefined {
  if (type.kind === 'duration') return "only a literal makes an interval, as in interval '1 hour'";
  if (type.kind === 'bool' || checked.type.kind === 'bool') return 'booleans convert to and from integer and text only';
  if (type.kind === 'timestamp') return 'to_timestamp(seconds) makes a timestamp of a number';
  return undefined;
}

function interval(context: Context, value: string, type: Expr['type'], loneUnit: string, span: Span): Expr | undefined {
  const parsed = parseInterval(value, loneUnit);
  if (typeof parsed === 'string') return context.problem('expression.bad-literal', parsed, span);
  const micros = literal({ kind: 'duration', unit: 'us' }, parsed, span);
  return type.kind === 'duration' ? (literalIn(micros, type.unit) ?? micros) : micros;
}
