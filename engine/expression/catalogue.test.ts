import { beforeAll, describe, expect, it } from 'vitest';
import { UNITS_PER_SECOND } from '../batch/types.ts';
import { CATALOGUE, catalogueFunction } from './catalogue.ts';
import { checkExpression, loadParser } from './check.ts';
import type { Expr } from './ir.ts';

beforeAll(loadParser);

/** The constant that an example folds to, as its cast to text reads; a float with a point, to tell it from an integer. */
function shown(expr: Expr | undefined): string {
  if (expr?.node !== 'literal' || expr.value === null) return `not a constant: ${expr?.node}`;
  const { value, type } = expr;
  if (type.kind === 'utf8') return String(value);
  const units = type.kind === 'timestamp' || type.kind === 'duration' ? [UNITS_PER_SECOND[type.unit]] : [];
  const text = String(catalogueFunction(`cast.${type.kind}.utf8`).evaluate(value, ...units));
  if (type.kind === 'timestamp' && type.timezone !== undefined) return `${text}+00`;
  return type.kind.startsWith('float') && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

describe('the function catalogue', () => {
  it('names every function once, after its name and the kinds of its arguments', () => {
    expect(new Set(CATALOGUE.map(({ id }) => id)).size).toBe(CATALOGUE.length);
    for (const { id, name } of CATALOGUE) expect(id.split('.')[0]).toBe(name);
  });

  it.each(CATALOGUE.map((entry) => [entry.id, entry] as const))('shows %s by an example that is true', (_id, entry) => {
    const [text = '', result] = entry.example.split(' → ');
    const { expr, problems } = checkExpression(text, { columns: [] });
    expect(problems).toEqual([]);
    expect(shown(expr)).toBe(result);
  });
});
