import { beforeAll, describe, expect, it } from 'vitest';
import { showExpr } from '../../test/kit/expression-text.ts';
import { checkExpression, loadParser } from './check.ts';

beforeAll(loadParser);

const scope = {
  columns: [
    { name: 'a', index: 0, type: { kind: 'int32' }, nullable: true },
    { name: 'sure', index: 1, type: { kind: 'int32' }, nullable: false },
    { name: 'flag', index: 2, type: { kind: 'bool' }, nullable: true },
  ],
} as const;

function folded(text: string): string {
  const { expr, problems } = checkExpression(text, scope);
  return expr === undefined ? `${problems[0]?.message}` : showExpr(expr);
}

describe('constant folding', () => {
  it.each([
    ['1 + 2 * 3', '7:int32'],
    ["upper('a') || length('abc')", "'A3'"],
    ['a + (1 + 1)', 'add.int32(a, 2:int32)'],
    ['a > 1 and true', 'gt.int32(a, 1:int32)'],
    ['a > 1 and false', 'false:bool'],
    ['true or a / 0 = 1', 'true:bool'],
    ['not not flag', 'flag'],
    ['sure is null', 'false:bool'],
    ['case when false then a when true then 2 else 3 end', '2:int32'],
    ['(1 + 1) in (2, 3)', 'true:bool'],
    ['coalesce(1, a)', '1:int32'],
    ['a = null', 'null:bool'],
  ])('computes what is constant in %s', (text, shown) => {
    expect(folded(text)).toBe(shown);
  });

  it.each([
    ['1 / 0', 'div.int32(1:int32, 0:int32)'],
    ['2147483647 + 1', 'add.int32(2147483647:int32, 1:int32)'],
    ['a / 0 = 1 and false', '(eq.int32(div.int32(a, 0:int32), 1:int32) and false:bool)'],
    ['a / 0 = null', 'eq.int32(div.int32(a, 0:int32), null:int32)'],
    ['(sure + 1) is null', 'isNull(add.int32(sure, 1:int32))'],
    ['flag and null', '(flag and null:bool)'],
  ])('leaves errors and nulls of %s to the rows', (text, shown) => {
    expect(folded(text)).toBe(shown);
  });
});
