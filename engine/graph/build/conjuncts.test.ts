/** Parts of a condition as they were written: spans of expressions end with their last word, and may begin behind a parenthesis. */
import { beforeAll, describe, expect, it } from 'vitest';
import { checkExpression, loadParser } from '../../expression/check.ts';
import type { Expr } from '../../expression/ir.ts';
import { conjunctsOf, textAt, textOfSome } from './conjuncts.ts';

beforeAll(loadParser);

const columns = ['a', 'b', 'c'].map((name, index) => ({
  name,
  index,
  type: { kind: 'int64' as const },
  nullable: true,
}));

function conjuncts(text: string): readonly Expr[] {
  const { expr } = checkExpression(text, { columns });
  if (expr === undefined) throw new Error(`${text} is no expression`);
  return conjunctsOf(expr);
}

describe('the text of some conjuncts', () => {
  it.each([
    ['a = b AND c IS NULL AND (a > 1 OR b > 2)', [1, 2], 'c IS NULL AND (a > 1 OR b > 2)'],
    ['a = b AND c BETWEEN 1 AND 2 AND b > 2', [1], 'c BETWEEN 1 AND 2'],
    ["(a = b) and a::text <> 'x AND y'", [1], "a::text <> 'x AND y'"],
    [
      'a = b AND CASE WHEN a > 1 AND b > 1 THEN c > 1 ELSE c < 1 END',
      [1],
      'CASE WHEN a > 1 AND b > 1 THEN c > 1 ELSE c < 1 END',
    ],
    ['a = b AND (c > 1 AND NOT a > 3)', [1], '(c > 1 AND NOT a > 3)'],
  ])('%s', (text, kept, expected) => {
    const all = conjuncts(text);
    expect(
      textOfSome(
        text,
        all,
        all.filter((_, index) => kept.includes(index)),
      ),
    ).toBe(expected);
  });
});

describe('the text of an expression', () => {
  it.each([
    ['a / (a - 1) = b', 'a / (a - 1)'],
    ['abs((a + (b))) = c', 'abs((a + (b)))'],
    ['(a + b) = c', 'a + b'],
    ['a = (b)', 'a'],
  ])('has the parentheses that it opens closed: %s', (text, expected) => {
    const [equality] = conjuncts(text);
    const [first] = equality?.node === 'call' ? equality.args : [];
    expect(first && textAt(text, first.span)).toBe(expected);
  });
});
