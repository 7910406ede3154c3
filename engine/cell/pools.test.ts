/** The figures of what a thread keeps for the next cells. */
import { expect, test } from 'vitest';
import { acquireMemory, releaseMemory } from './memory-pool.ts';
import { poolFigures } from './pools.ts';

const of = (pool: string) => poolFigures().find((figures) => figures.pool === pool);

test('a memory that is given back is counted in its pool, and no more once it is taken', () => {
  const memory = acquireMemory(2, 91);
  const before = of('memories');
  releaseMemory(memory, 91);
  expect(of('memories')).toMatchObject({ held: (before?.held ?? 0) + 1, bytes: (before?.bytes ?? 0) + 131_072 });
  expect(acquireMemory(2, 91)).toBe(memory);
  expect(of('memories')).toEqual(before);
});

test('every pool has a bound', () => {
  for (const { held, bytes = 0, most, maxBytes } of poolFigures()) {
    expect(most ?? maxBytes).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(most ?? Number.POSITIVE_INFINITY);
    expect(bytes).toBeLessThanOrEqual(maxBytes ?? Number.POSITIVE_INFINITY);
  }
});
