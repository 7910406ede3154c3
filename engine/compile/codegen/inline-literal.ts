/**
 * Float comparisons with a constant other than NaN need no look at NaN in the constant, and one instruction or two do:
 * NaN, the greatest, is not less than c, and is greater than c, which is "not less or equal".
 */
import type { CallExpr, Expr } from '../../expression/ir.ts';

/** By relation, with the constant on the right: instructions that give PostgreSQL's answer. */
const CONSTANT_RIGHT: Readonly<Record<string, string>> = {
  eq: 'eq',
  ne: 'ne',
  lt: 'lt',
  le: 'le',
  gt: 'le not',
  ge: 'lt not',
};

const CONSTANT_LEFT: Readonly<Record<string, string>> = {
  eq: 'eq',
  ne: 'ne',
  lt: 'ge not',
  le: 'gt not',
  gt: 'gt',
  ge: 'ge',
};

/** The instructions for the call once its arguments are on the stack; undefined where it is no such comparison. */
export function inlineWithLiteral(expr: CallExpr): string | undefined {
  const [relation = '', kind] = expr.fn.split('.');
  if (kind !== 'float64' && kind !== 'float32') return undefined;
  const [left, right] = expr.args;
  const table = isNumber(right) ? CONSTANT_RIGHT : isNumber(left) ? CONSTANT_LEFT : undefined;
  const [operation, negated] = table?.[relation]?.split(' ') ?? [];
  if (operation === undefined) return undefined;
  return `${kind === 'float64' ? 'f64' : 'f32'}.${operation}${negated === undefined ? '' : ' i32.eqz'}`;
}

function isNumber(expr: Expr | undefined): boolean {
  return expr?.node === 'literal' && typeof expr.value === 'number' && !Number.isNaN(expr.value);
}
