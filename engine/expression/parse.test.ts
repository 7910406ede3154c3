import { beforeAll, describe, expect, it } from 'vitest';
import { loadParser, MAX_DEPTH, MAX_LENGTH, parseExpression } from './parse.ts';

beforeAll(loadParser);

function refused(text: string): string[] {
  const { node, problems } = parseExpression(text);
  expect(node === undefined).toBe(problems.length > 0);
  return problems.map(({ code, span }) => `${code} <${text.slice(span.start, span.end)}>`);
}

describe('the parser', () => {
  it.each([
    ['1; drop table x', 'expression.unsupported <;>'],
    ['1;', 'expression.unsupported <;>'],
    ['a -- b', 'expression.unsupported <-- b>'],
    ['a /* b */', 'expression.unsupported </* b */>'],
    ['a, b', 'expression.unsupported <,>'],
    ['a as b', 'expression.syntax <b>'],
    ['a from t', 'expression.unsupported <from>'],
    ['a where b', 'expression.unsupported <where>'],
    ['a union select b', 'expression.unsupported <union>'],
    ['a order by b', 'expression.unsupported <order>'],
    ['a limit 1', 'expression.unsupported <limit>'],
    ['distinct a', 'expression.unsupported <distinct>'],
    ['all a', 'expression.unsupported <all>'],
    ['a into t', 'expression.unsupported <into>'],
    ['', 'expression.syntax <>'],
    ['  \n', 'expression.syntax <  \n>'],
    ['a +', 'expression.syntax <>'],
    ['a + * 2', 'expression.syntax <*>'],
    ['a + 2)', 'expression.syntax <)>'],
    ["'abc", "expression.syntax <'abc>"],
    ["'é😀' )", 'expression.syntax <)>'],
    ['1e', 'expression.syntax <1e>'],
    ['$$a', 'expression.syntax <$$a>'],
    ['a\0b', 'expression.syntax <\0>'],
    ['\ud800', 'expression.syntax <\ud800>'],
  ])('refuses %j as more than one expression, or none', (text, problem) => {
    expect(refused(text)).toEqual([problem]);
  });

  it('takes what looks like a comment or a semicolon inside of text', () => {
    expect(refused("'a;b -- c /* d'")).toEqual([]);
    expect(refused('"a;b"')).toEqual([]);
  });

  it('says how a column is written whose name is a word of SQL', () => {
    expect(parseExpression('order + 1').problems[0]?.hint).toContain('"order"');
  });

  it.each([
    ['not', `${'not '.repeat(5000)}a`],
    ['brackets', `${'('.repeat(5000)}a${')'.repeat(5000)}`],
    ['calls', `${'f('.repeat(5000)}a${')'.repeat(5000)}`],
    ['operators', `${'a+'.repeat(5000)}a`],
    ['cases', `${'case when a then '.repeat(2000)}1${' end'.repeat(2000)}`],
    ['casts', `a${'::int'.repeat(5000)}`],
    ['tests', `a${' is null'.repeat(5000)}`],
  ])('refuses endless %s before they run out of stack', (_what, text) => {
    expect(parseExpression(text).problems.map(({ code }) => code)).toEqual(['expression.too-large']);
    expect(parseExpression('a').problems).toEqual([]);
  });

  it('takes expressions as deep and as wide as it promises', () => {
    expect(parseExpression(`${'a+'.repeat(MAX_DEPTH - 1)}a`).problems).toEqual([]);
    expect(parseExpression(`${'not '.repeat(MAX_DEPTH - 1)}a`).problems).toEqual([]);
    expect(parseExpression(`a in (${Array.from({ length: 8000 }, (_, i) => i).join(', ')})`).problems).toEqual([]);
    expect(parseExpression(`a = 1${' or a = 2'.repeat(3000)}`).problems).toEqual([]);
  });

  it('refuses text that is too long', () => {
    expect(parseExpression('a'.repeat(MAX_LENGTH + 1)).problems.map(({ code }) => code)).toEqual([
      'expression.too-large',
    ]);
  });
});
