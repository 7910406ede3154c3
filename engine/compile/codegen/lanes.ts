/**
 * Predicates that SIMD can decide for sixteen rows at a time: comparisons of plain columns with constants or columns of the same kind, tests
 * for null, boolean columns, and AND, OR and NOT of these. A null counts as false, which is all a filter asks.
 */
import type { DataType } from '../../batch/types.ts';
import type { CallExpr, Expr, LiteralExpr } from '../../expression/ir.ts';

export type LaneType = 'f64x2' | 'f32x4' | 'i64x2' | 'i32x4';
export type Relation = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';

export type Operand = { readonly column: number } | { readonly constant: LiteralExpr };

export type Lanes =
  | {
      readonly node: 'compare';
      readonly relation: Relation;
      readonly type: LaneType;
      readonly left: number;
      readonly right: Operand;
    }
  | { readonly node: 'valid' | 'null' | 'true' | 'false'; readonly column: number }
  | { readonly node: 'and' | 'or'; readonly args: readonly Lanes[] };

/** A column that expressions name, as the input has it: its index and stored type. */
export interface PlainColumn {
  readonly input: number;
  readonly type: DataType;
}

export const LANES: Readonly<Partial<Record<DataType['kind'], LaneType>>> = {
  float64: 'f64x2',
  float32: 'f32x4',
  int64: 'i64x2',
  timestamp: 'i64x2',
  duration: 'i64x2',
  int32: 'i32x4',
  date32: 'i32x4',
};

export const OPPOSITE: Readonly<Record<Relation, Relation>> = {
  eq: 'ne',
  ne: 'eq',
  lt: 'ge',
  ge: 'lt',
  gt: 'le',
  le: 'gt',
};
export const SWAPPED: Readonly<Record<Relation, Relation>> = {
  eq: 'eq',
  ne: 'ne',
  lt: 'gt',
  gt: 'lt',
  le: 'ge',
  ge: 'le',
};

/** The predicate (or its opposite) for SIMD; undefined where it takes more than that. */
export function lanesOf(
  expr: Expr,
  columnAt: (index: number) => PlainColumn | undefined,
  negated = false,
): Lanes | undefined {
  switch (expr.node) {
    case 'and':
    case 'or': {
      const args = expr.args.map((arg) => lanesOf(arg, columnAt, negated));
      const good = args.filter((arg) => arg !== undefined);
      const node = (expr.node === 'and') === negated ? 'or' : 'and';
      return good.length === args.length ? { node, args: good } : undefined;
    }
    case 'not':
      return lanesOf(expr.arg, columnAt, !negated);
    case 'isNull': {
      const column = expr.arg.node === 'column' ? columnAt(expr.arg.index) : undefined;
      return column && { node: negated ? 'valid' : 'null', column: column.input };
    }
    case 'column': {
      const column = columnAt(expr.index);
      if (column === undefined || column.type.kind !== 'bool') return undefined;
      return { node: negated ? 'false' : 'true', column: column.input };
    }
    case 'call':
      return compareOf(expr, columnAt, negated);
    default:
      return undefined;
  }
}

function compareOf(
  { fn, args }: CallExpr,
  columnAt: (index: number) => PlainColumn | undefined,
  negated: boolean,
): Lanes | undefined {
  const [name = '', kind] = fn.split('.');
  const [first, second] = args;
  if (!(name in OPPOSITE) || first === undefined || second === undefined) return undefined;
  const type = LANES[kind as DataType['kind']];
  const left = operandOf(first, columnAt, kind);
  const right = operandOf(second, columnAt, kind);
  if (type === undefined || left === undefined || right === undefined) return undefined;
  const relation = negated ? OPPOSITE[name as Relation] : (name as Relation);
  if ('column' in left) return { node: 'compare', relation, type, left: left.column, right };
  if (!('column' in right)) return undefined;
  return { node: 'compare', relation: SWAPPED[relation], type, left: right.column, right: left };
}

function operandOf(
  expr: Expr,
  columnAt: (index: number) => PlainColumn | undefined,
  kind: string | undefined,
): Operand | undefined {
  if (expr.node === 'column') {
    const column = columnAt(expr.index);
    return column !== undefined && column.type.kind === kind ? { column: column.input } : undefined;
  }
  const isPlain = expr.node === 'literal' && expr.value !== null && !Number.isNaN(expr.value);
  return isPlain ? { constant: expr } : undefined;
}
