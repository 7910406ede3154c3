/**
 * Sums, differences and products with a constant of at least one, over each other: where one of them becomes infinite, so (or NaN)
 * does the whole, and none can vanish. So the whole is computed without checks and looked at once; only where it is infinite or NaN is it
 * computed again, check by check.
 */
import type { CallExpr, Expr } from '../../expression/ir.ts';
import type { Local } from '../emit/function.ts';
import { mayBeNull, walk } from './analysis.ts';
import { suspicious } from './inline-float.ts';
import type { RowScope } from './scope.ts';

const OPERATIONS: Readonly<Record<string, string>> = { add: 'add', sub: 'sub', mul: 'mul', neg: 'neg', abs: 'abs' };

type Float = 'f32' | 'f64';

function floatType(kind: string | undefined): Float | undefined {
  if (kind === 'float64') return 'f64';
  return kind === 'float32' ? 'f32' : undefined;
}

/** How many operations of the tree can overflow; undefined where it is not of the sort described above. */
function checksOf(scope: RowScope, expr: Expr): number | undefined {
  if (expr.node === 'literal') return expr.value === null ? undefined : 0;
  if (expr.node === 'var') return 0;
  if (expr.node === 'column') return scope.columns[expr.index]?.canFail === true ? undefined : 0;
  if (expr.node !== 'call') return undefined;
  const [name = '', kind] = expr.fn.split('.');
  if (floatType(kind) === undefined || !(name in OPERATIONS) || (name === 'mul' && !keepsSize(expr))) return undefined;
  let checks = name === 'neg' || name === 'abs' ? 0 : 1;
  for (const arg of expr.args) {
    const inner = checksOf(scope, arg);
    if (inner === undefined) return undefined;
    checks += inner;
  }
  return checks;
}

/** A product with a finite constant of at least one (or at most minus one) is zero only of zero. */
export function keepsSize({ args }: CallExpr): boolean {
  return args.some((arg) => {
    return arg.node === 'literal' && Math.abs(Number(arg.value)) >= 1 && Number.isFinite(Number(arg.value));
  });
}

/** Whether the expression is such a tree, and null only where nothing in it can fail. */
export function isFloatTree(scope: RowScope, expr: Expr): expr is CallExpr {
  return expr.node === 'call' && (checksOf(scope, expr) ?? 0) > 0 && nullsAreHarmless(scope, expr);
}

/**
 * A null leaf makes the whole null, but what other leaves make may still have failed: so where one may be null all leaves must be
 * the same column or variable, or constants.
 */
function nullsAreHarmless(scope: RowScope, expr: Expr): boolean {
  const leaves = [...walk(expr)].filter(({ node }) => node === 'column' || node === 'var');
  const names = new Set(
    leaves.map((leaf) => (leaf.node === 'column' ? leaf.index : leaf.node === 'var' ? -1 - leaf.id : 0)),
  );
  return names.size <= 1 || !leaves.some((leaf) => mayBeNull(scope, leaf));
}

/** Leaves the tree's value without any check; `leaf` writes the code of a column, variable or constant in it. */
export function uncheckedTree(scope: RowScope, expr: CallExpr, leaf: (expr: Expr) => void): void {
  const type = floatType(expr.fn.split('.')[1]);
  if (type !== undefined) unchecked(scope, type, expr, leaf);
}

/** Looks at a tree's value in `result`: where it is infinite or NaN, `checked` computes it again and leaves it. */
export function checkTree(scope: RowScope, result: Local, checked: () => void): void {
  const { f } = scope;
  suspicious(scope, result.type === 'f32' ? 'f32' : 'f64', result, false);
  f.if(() => {
    scope.checksFloats = true;
    checked();
    scope.checksFloats = false;
    f.set(result);
  });
}

function unchecked(scope: RowScope, type: Float, expr: Expr, leaf: (expr: Expr) => void): void {
  if (expr.node !== 'call') {
    leaf(expr);
    return;
  }
  for (const arg of expr.args) unchecked(scope, type, arg, leaf);
  scope.f.op(`${type}.${OPERATIONS[expr.fn.split('.')[0] ?? '']}`);
}
