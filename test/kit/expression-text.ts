/** Checked expressions as short text, so that a test shows what the checker made of SQL. */
import type { DataType } from '../../engine/batch/types.ts';
import type { Expr, LiteralExpr } from '../../engine/expression/ir.ts';

/** As `add.int32(a, 1)`; literals with their kind where it is not plain, casts in full. */
export function showExpr(expr: Expr): string {
  switch (expr.node) {
    case 'column':
      return expr.name;
    case 'literal':
      return showLiteral(expr);
    case 'call':
      return `${expr.fn}(${expr.args.map(showExpr).join(', ')})`;
    case 'and':
    case 'or':
      return `(${expr.args.map(showExpr).join(` ${expr.node} `)})`;
    case 'not':
      return `not ${showExpr(expr.arg)}`;
    case 'isNull':
      return `isNull(${showExpr(expr.arg)})`;
    case 'case': {
      const branches = expr.branches.map(({ when, then }) => `${showExpr(when)} -> ${showExpr(then)}`);
      return `case(${[...branches, `else ${showExpr(expr.otherwise)}`].join('; ')})`;
    }
    case 'let':
      return `let v${expr.id} = ${showExpr(expr.value)} in ${showExpr(expr.body)}`;
    case 'var':
      return `v${expr.id}`;
  }
}

function showLiteral({ value, type }: LiteralExpr): string {
  if (typeof value === 'string') return `'${value}'`;
  const text = value instanceof Uint8Array ? `x${Buffer.from(value).toString('hex')}` : String(value);
  return `${text}:${showType(type)}`;
}

export function showType(type: DataType): string {
  return type.kind === 'timestamp' || type.kind === 'duration' ? `${type.kind}[${type.unit}]` : type.kind;
}
