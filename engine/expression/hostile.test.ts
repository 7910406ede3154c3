import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkAggregate, checkExpression, checkPredicate, loadParser } from './check.ts';

beforeAll(loadParser);

const scope = {
  columns: [
    { name: 'a', index: 0, type: { kind: 'int32' }, nullable: true },
    { name: 's', index: 1, type: { kind: 'utf8' }, nullable: true },
    { name: 'at', index: 2, type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
  ],
} as const;

const WORDS =
  "a s at x 1 1.5 'x' 'é😀' null true ( ) [ ] , . ; :: + - * / % || = <> < ~ ! @ # & | ^ not and or is in like ilike escape between symmetric " +
  'distinct from case when then else end cast as int text timestamp interval date extract hour year coalesce nullif greatest substring ' +
  'for position trim both at time zone collate any all array row exists select union order by limit over filter where within group ' +
  "count sum $1 -- /* */ \"q\" u&'x' e'\\n' b'1' x'f' $$t$$ :: operator( default grouping variadic => := ?";

const soup = fc
  .array(fc.constantFrom(...WORDS.split(' ')), { minLength: 1, maxLength: 14 })
  .chain((words) => fc.constantFrom(' ', '  ', '\n', '').map((blank) => words.join(blank)));

const anyText = fc.oneof(
  { weight: 3, arbitrary: soup },
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ maxLength: 60 }),
);

describe('whatever text is given', () => {
  it('is checked, or refused with problems inside of it, and nothing is thrown', () => {
    const property = fc.property(anyText, (text) => {
      for (const check of [checkExpression, checkPredicate, checkAggregate]) {
        const result = check(text, scope);
        const found = 'expr' in result || 'aggregate' in result;
        expect(found).toBe(result.problems.length === 0);
        for (const { code, message, span } of result.problems) {
          expect(code).toMatch(/^expression\.[a-z-]+$/);
          expect(message).not.toBe('');
          expect(span.start).toBeGreaterThanOrEqual(0);
          expect(span.end).toBeGreaterThanOrEqual(span.start);
          expect(span.end).toBeLessThanOrEqual(text.length);
        }
      }
    });
    fc.assert(property, { numRuns: 3000 });
  });
});
