/** What an expression means, as a text to be compared and kept: not how it was written. */
import type { Expr } from './ir.ts';

/** One text for expressions that mean the same: columns by their names, without places in the text. */
export function expressionText(expr: Expr): string {
  return JSON.stringify(expr, (name, value: unknown) => {
    if (name === 'span' || name === 'index') return undefined;
    if (typeof value === 'bigint') return `${value}n`;
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    return typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)) ? floatText(value) : value;
  });
}

/** JSON knows no NaN, infinities or -0. */
function floatText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
