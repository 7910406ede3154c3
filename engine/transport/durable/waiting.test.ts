import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Waiting } from './waiting.ts';

describe('what of a log waits', () => {
  it('is exact at checkpoints, and nothing where all is covered, whatever else the log still keeps', () => {
    const waiting = new Waiting(0, 0, 0);
    for (let item = 1; item <= 10; item += 1) {
      waiting.add(item, 100);
      if (item === 4) waiting.mark();
    }
    expect(waiting.behind(0)).toBe(1_000);
    expect(waiting.behind(4)).toBe(600);
    expect(waiting.behind(10)).toBe(0);
    waiting.add(11, 50);
    expect(waiting.behind(11)).toBe(0);
  });

  it('is what the log had where it was opened again', () => {
    const waiting = new Waiting(3, 8, 5_000);
    waiting.add(9, 100);
    expect(waiting.behind(3)).toBe(5_100);
    expect(waiting.behind(8)).toBe(100);
  });

  it('is never too little, and too much by less than a step and an item', () => {
    const size = fc.integer({ min: 1, max: 30_000 });
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 200 }), fc.array(fc.nat(199)), (sizes, covers) => {
        const waiting = new Waiting(0, 0, 0);
        for (const [index, bytes] of sizes.entries()) waiting.add(index + 1, bytes);
        for (const covered of covers.filter((one) => one <= sizes.length).sort((a, b) => a - b)) {
          const exact = sizes.slice(covered).reduce((sum, one) => sum + one, 0);
          const told = waiting.behind(covered);
          expect(told).toBeGreaterThanOrEqual(exact);
          expect(told).toBeLessThan(exact + 65_536 + 30_000);
        }
      }),
    );
  });
});
