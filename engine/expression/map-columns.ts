/** The same expression over other columns. */
import type { ColumnExpr, Expr } from './ir.ts';

/** `expr` with what `change` makes of each of its columns, from left to right. */
export function mapColumns(expr: Expr, change: (column: ColumnExpr) => ColumnExpr): Expr {
  const inner = (child: Expr): Expr => mapColumns(child, change);
  switch (expr.node) {
    case 'column':
      return change(expr);
    case 'literal':
    case 'var':
      return expr;
    case 'call':
      return { ...expr, args: expr.args.map(inner) };
    case 'and':
    case 'or':
      return { ...expr, args: expr.args.map(inner) };
    case 'not':
    case 'isNull':
      return { ...expr, arg: inner(expr.arg) };
    case 'case': {
      const branches = expr.branches.map((branch) => ({ when: inner(branch.when), then: inner(branch.then) }));
      return { ...expr, branches, otherwise: inner(expr.otherwise) };
    }
    case 'let':
      return { ...expr, value: inner(expr.value), body: inner(expr.body) };
  }
}
