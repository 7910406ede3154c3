import { expect, test } from 'vitest';
import { noCheckpoint } from './restore.ts';

test('a checkpoint that is gone is told with those there are', () => {
  const name = { namespace: 'test', app: 'shop', region: 'main' };
  const one = noCheckpoint(name, 4, [7, 8, 9]);
  expect([one.code, one.message]).toEqual(['state.no-checkpoint', 'region main of test/shop has no checkpoint 4']);
  expect(one.hint).toContain('there are 7, 8, 9; without --checkpoint the newest is taken');
  const many = Array.from({ length: 40 }, (_, index) => index + 1);
  expect(noCheckpoint(name, 99, many).hint).toContain('the last of 40 are 31, 32, 33, 34, 35, 36, 37, 38, 39, 40;');
  expect(noCheckpoint(name, 1, []).hint).toBe('there are none; nothing was changed');
});
