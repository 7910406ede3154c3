import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_TIMERS, Timers } from './timers.ts';

test('timers come out as from a sorted set, whatever is set and taken back', () => {
  const step = fc.oneof(
    fc.record({ set: fc.integer({ min: 0, max: 40 }) }),
    fc.record({ clear: fc.integer({ min: 0, max: 40 }) }),
    fc.record({ take: fc.integer({ min: 0, max: 40 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const timers = new Timers();
      const model = new Set<number>();
      for (const one of steps) {
        if ('set' in one) {
          timers.set(BigInt(one.set));
          model.add(one.set);
        } else if ('clear' in one) {
          timers.clear(BigInt(one.clear));
          model.delete(one.clear);
        } else {
          const due = [...model].filter((time) => time <= one.take).sort((a, b) => a - b)[0];
          expect(timers.take(BigInt(one.take))).toBe(due === undefined ? undefined : BigInt(due));
          if (due !== undefined) model.delete(due);
        }
        expect(timers.size).toBe(model.size);
      }
    }),
  );
});

test('timers are bounded, also when the same ones are set and taken back for ever', () => {
  const timers = new Timers();
  let refused = 0;
  for (let time = 0; time < MAX_TIMERS; time++) if (!timers.set(BigInt(time))) refused += 1;
  expect(refused).toBe(0);
  expect(timers.set(-1n)).toBe(false);
  for (let round = 0; round < 4; round++) {
    for (let time = 0; time < MAX_TIMERS; time++) {
      timers.clear(BigInt(time));
      if (!timers.set(BigInt(time))) refused += 1;
    }
  }
  expect(refused).toBe(0);
  expect(timers.size).toBe(MAX_TIMERS);
  expect(timers.take(BigInt(MAX_TIMERS))).toBe(0n);
  expect(timers.take(BigInt(MAX_TIMERS))).toBe(1n);
});
