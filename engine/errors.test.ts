import { expect, test } from 'vitest';
import { userError } from './errors.ts';

test('what data says in a message, a hint or a problem cannot steer a terminal', () => {
  const said = 'its header names "\u001b[2J\u0007a\u202eb"';
  const problem = { severity: 'error', code: 'x.y', message: said, hint: said } as const;
  const error = userError('x.y', said, { hint: `two\nlines, ${said}`, problems: [problem] });
  const shown = 'its header names "?[2J?a?b"';
  expect(error.message).toBe(shown);
  expect(error.hint).toBe(`two\nlines, ${shown}`);
  expect(error.problems).toEqual([{ ...problem, message: shown, hint: shown }]);
});
