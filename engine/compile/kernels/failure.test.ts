/** What users are told of rows that failed. */
import { expect, it } from 'vitest';
import { failureError } from './failure.ts';

it('names the entry of the graph where a part of it failed', () => {
  const failure = { operator: 'pairs/keys-1', text: 'a / b', code: 'divisionByZero', at: 0n } as const;
  expect(failureError(failure)).toMatchObject({
    message: 'operator pairs: division by zero in "a / b"',
    hint: "give pairs 'onError: skip' or 'onError: divert' to go on without such rows",
  });
});
