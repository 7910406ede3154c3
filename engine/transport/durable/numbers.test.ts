/** Items and the records that hold them, through restarts that take items back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Numbers } from './numbers.ts';

describe('the numbers of a durable channel', () => {
  it('name the record of every item, whatever was taken back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant('add'), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 60 }),
        (steps) => {
          let numbers = new Numbers(7, 0);
          const records = new Map<number, number>();
          let next = 1;
          for (const step of steps) {
            if (typeof step === 'string') records.set(numbers.add(next), next++);
            else {
              // a restart from a checkpoint that had so many of them
              const last = Math.floor(step * numbers.last);
              numbers = Numbers.from(JSON.parse(JSON.stringify(numbers.upTo(last))));
              for (const item of [...records.keys()]) if (item > last) records.delete(item);
            }
          }
          expect(numbers.last).toBe(records.size);
          for (const [item, record] of records) expect(numbers.recordOf(item)).toBe(record);
          for (let record = 1; record <= next; record++) {
            const first = [...records].find(([, of]) => of >= record)?.[0] ?? numbers.last + 1;
            expect(numbers.itemFrom(record)).toBe(first);
          }
        },
      ),
    );
  });

  it('forget what is no longer needed, and nothing else', () => {
    const numbers = Numbers.from({
      born: 1,
      last: 10,
      runs: [
        [1, 1],
        [4, 6],
        [8, 20],
      ],
    });
    numbers.forget(7);
    expect(numbers.upTo(10)).toEqual({ born: 1, last: 10, runs: [[8, 20]] });
    expect(numbers.recordOf(8)).toBe(20);
    expect(numbers.recordOf(7)).toBeUndefined();
  });

  it('refuse what is no state of theirs', () => {
    expect(() => Numbers.from({ last: 1 })).toThrow(TypeError);
    expect(() => Numbers.from({ born: 1, last: 1, runs: [[1]] })).toThrow(TypeError);
  });
});
