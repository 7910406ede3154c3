/**
 * A comparison of computed floats with a constant, for SIMD: a test that only lets go of rows which certainly fail it. The computation may
 * overflow, which is an error of the row, so rows where it is infinite or NaN are kept, and the exact predicate is asked again of
 * all that are kept. Of the same sums, differences and products as in float-trees.ts.
 */
import type { CallExpr, Expr, LiteralExpr } from '../../expression/ir.ts';
import { keepsSize } from './float-trees.ts';
import { LANES, type LaneType, OPPOSITE, type PlainColumn, type Relation, SWAPPED } from './lanes.ts';

export type LaneTree =
  | { readonly node: 'column'; readonly column: number }
  | { readonly node: 'constant'; readonly constant: LiteralExpr }
  | { readonly node: 'call'; readonly operation: string; readonly args: readonly LaneTree[] };

/** Rows are let go where the tree is finite and `dropped` holds between it and the constant. */
export interface Prefilter {
  readonly node: 'prefilter';
  readonly type: LaneType;
  readonly tree: LaneTree;
  readonly dropped: Relation;
  readonly constant: LiteralExpr;
  readonly columns: readonly number[];
}

const OPERATIONS = new Set(['add', 'sub', 'mul', 'neg', 'abs']);

export function prefilterOf(
  expr: Expr,
  columnAt: (index: number) => PlainColumn | undefined,
  isNullable: (input: number) => boolean,
): Prefilter | undefined {
  if (expr.node !== 'call') return undefined;
  const [name = '', kind = ''] = expr.fn.split('.');
  const [left, right] = expr.args;
  if (!(name in OPPOSITE) || (kind !== 'float64' && kind !== 'float32') || !left || !right) return undefined;
  const columns: number[] = [];
  const swapped = left.node === 'literal';
  const [computed, constant] = swapped ? [right, left] : [left, right];
  if (constant.node !== 'literal' || constant.value === null || Number.isNaN(constant.value)) return undefined;
  const tree = treeOf(computed, kind, columnAt, columns);
  const type = LANES[kind];
  if (tree?.node !== 'call' || type === undefined) return undefined;
  // As in float-trees.ts: a null column must not hide what others make fail.
  if (new Set(columns).size > 1 && columns.some(isNullable)) return undefined;
  const relation = swapped ? SWAPPED[name as Relation] : (name as Relation);
  return { node: 'prefilter', type, tree, dropped: OPPOSITE[relation], constant, columns };
}

/** Notes the input columns that the tree reads in `columns`. */
function treeOf(
  expr: Expr,
  kind: string,
  columnAt: (index: number) => PlainColumn | undefined,
  columns: number[],
): LaneTree | undefined {
  if (expr.node === 'literal') return expr.value === null ? undefined : { node: 'constant', constant: expr };
  if (expr.node === 'column') {
    const column = columnAt(expr.index);
    if (column === undefined || column.type.kind !== kind) return undefined;
    columns.push(column.input);
    return { node: 'column', column: column.input };
  }
  return expr.node === 'call' ? callOf(expr, kind, columnAt, columns) : undefined;
}

function callOf(
  expr: CallExpr,
  kind: string,
  columnAt: (index: number) => PlainColumn | undefined,
  columns: number[],
): LaneTree | undefined {
  const [operation = '', own] = expr.fn.split('.');
  if (own !== kind || !OPERATIONS.has(operation) || (operation === 'mul' && !keepsSize(expr))) return undefined;
  const args = expr.args.map((arg) => treeOf(arg, kind, columnAt, columns));
  const good = args.filter((arg) => arg !== undefined);
  return good.length === args.length ? { node: 'call', operation, args: good } : undefined;
}
