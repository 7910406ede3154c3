/** What the generator must know of an expression before it writes code for it. */
import { catalogueFunction } from '../../expression/catalogue.ts';
import type { Expr } from '../../expression/ir.ts';
import type { Held, Readable } from './scope.ts';

/** What an expression may name. */
export interface Names {
  readonly columns: readonly Readable[];
  readonly variables: ReadonlyMap<number, Held>;
}

/** The expressions directly inside. */
export function children(expr: Expr): readonly Expr[] {
  switch (expr.node) {
    case 'column':
    case 'literal':
    case 'var':
      return [];
    case 'call':
    case 'and':
    case 'or':
      return expr.args;
    case 'not':
    case 'isNull':
      return [expr.arg];
    case 'case':
      return [...expr.branches.flatMap(({ when, then }) => [when, then]), expr.otherwise];
    case 'let':
      return [expr.value, expr.body];
  }
}

/** Every node of the tree, the root first. */
export function* walk(expr: Expr): Generator<Expr> {
  yield expr;
  for (const child of children(expr)) yield* walk(child);
}

/** Whether evaluating it may be an error on some row. */
export function canFail(names: Names, expr: Expr): boolean {
  for (const node of walk(expr)) {
    if (node.node === 'call' && catalogueFunction(node.fn).canFail) return true;
    if (node.node === 'column' && names.columns[node.index]?.canFail === true) return true;
  }
  return false;
}

/**
 * Whether it may be null given the columns as they are here: in the code for batches without nulls fewer are than the
 * checker promised.
 */
export function mayBeNull(names: Names, expr: Expr): boolean {
  if (!expr.nullable) return false;
  switch (expr.node) {
    case 'column':
      return names.columns[expr.index]?.nullable ?? true;
    case 'var':
      return names.variables.get(expr.id)?.nullable ?? true;
    case 'literal':
      return expr.value === null;
    case 'isNull':
      return false;
    case 'case':
      return [...expr.branches.map(({ then }) => then), expr.otherwise].some((arm) => mayBeNull(names, arm));
    case 'let':
      // Its body's variable is not bound yet: what the checker said of it stands.
      return mayBeNull(names, expr.body);
    default:
      return children(expr).some((child) => mayBeNull(names, child));
  }
}

/** The input columns that it names. */
export function columnsOf(expr: Expr): number[] {
  const found: number[] = [];
  for (const node of walk(expr)) if (node.node === 'column') found.push(node.index);
  return found;
}

/** The catalogue functions that it calls. */
export function functionsOf(expr: Expr): string[] {
  const found: string[] = [];
  for (const node of walk(expr)) if (node.node === 'call') found.push(node.fn);
  return found;
}
