/** Page differences: what was taken, put together, is the memory; and no page is taken that has not changed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CopyBudget, PAGE, PageBuffers, PageTracker, TakenBytes, type TakenPages } from './pages.ts';

/** A store of pages, as the tables of a saver are one. */
class Kept {
  readonly pages = new Map<number, Buffer>();

  note({ numbers, zeros, place, isFirst }: TakenPages, bytes: TakenBytes): void {
    if (isFirst) this.pages.clear();
    for (const number of zeros) this.pages.delete(number);
    for (const [index, number] of numbers.entries()) {
      const at = place + index;
      this.pages.set(
        number,
        Buffer.from(bytes.view(Math.floor(at / 1024)).subarray((at % 1024) * PAGE, (at % 1024) * PAGE + PAGE)),
      );
    }
  }

  memory(length: number): Buffer {
    const memory = Buffer.alloc(length);
    for (const [number, page] of this.pages) page.copy(memory, number * PAGE);
    return memory;
  }
}

const STEP = fc.record({
  at: fc.nat(300 * PAGE),
  length: fc.nat(70 * PAGE),
  value: fc.constantFrom(0, 0, 1, 2),
  size: fc.option(fc.integer({ min: 1, max: 600 * PAGE }), { freq: 6 }),
  from: fc.constantFrom(0, 0, 0, 3 * PAGE, 100 * PAGE + 5),
  fails: fc.boolean(),
});

describe('page differences', () => {
  it.each([
    ['with a copy of everything', 2 ** 30],
    ['with a copy of one MiB', 2 ** 20],
    ['without a copy', 0],
  ])('give the memory back, %s', (_, budget) => {
    const property = fc.property(fc.array(STEP, { minLength: 1, maxLength: 12 }), (steps) => {
      const tracker = new PageTracker(new CopyBudget(budget));
      const buffers = new PageBuffers();
      const kept = new Kept();
      let memory = Buffer.alloc(520 * PAGE + 17);
      for (const { at, length, value, size, from, fails } of steps) {
        if (size !== null) {
          const other = Buffer.alloc(size);
          memory.copy(other);
          memory = other;
        }
        new Uint8Array(memory.buffer, memory.byteOffset, memory.length).fill(value, at, at + length);
        const bytes = new TakenBytes(buffers);
        const taken = tracker.take(memory, [[from, memory.length]], bytes);
        if (fails && !taken.isFirst) {
          tracker.retake(taken.numbers);
          tracker.retake(taken.zeros);
        } else {
          kept.note(taken, bytes);
          const expected = Buffer.from(memory);
          expected.fill(0, 0, Math.min(memory.length, Math.floor(from / PAGE) * PAGE));
          expect(kept.memory(memory.length).equals(expected)).toBe(true);
        }
        bytes.release();
      }
    });
    fc.assert(property, { numRuns: 60 });
  });

  it('take only what has changed, and nothing of zeros', () => {
    const budget = new CopyBudget(2 ** 30);
    const tracker = new PageTracker(budget);
    const buffers = new PageBuffers();
    const memory = new Uint8Array(1000 * PAGE);
    const take = (): TakenPages => {
      const bytes = new TakenBytes(buffers);
      const taken = tracker.take(memory, [[0, memory.length]], bytes);
      bytes.release();
      return taken;
    };
    memory.fill(7, 10 * PAGE, 12 * PAGE + 1);
    expect(take()).toMatchObject({ numbers: [10, 11, 12], zeros: [] });
    expect(take()).toMatchObject({ numbers: [], zeros: [] });
    memory[999 * PAGE] = 1;
    memory[11 * PAGE + 4095] = 1;
    expect(take()).toMatchObject({ numbers: [11, 999], zeros: [] });
    memory.fill(0, 12 * PAGE, 12 * PAGE + 1);
    expect(take()).toMatchObject({ numbers: [], zeros: [12] });
    expect(take()).toMatchObject({ numbers: [], zeros: [] });
  });

  it('look only at the pages that ranges touch', () => {
    const tracker = new PageTracker(new CopyBudget(2 ** 30));
    const bytes = new TakenBytes(new PageBuffers());
    const memory = new Uint8Array(100 * PAGE).fill(1);
    const ranges = [
      [0, 10],
      [5 * PAGE - 1, 5 * PAGE + 1],
      [5 * PAGE + 2, 6 * PAGE],
      [90 * PAGE, 500 * PAGE],
    ] as const;
    const { numbers } = tracker.take(memory, ranges, bytes);
    expect(numbers).toEqual([0, 4, 5, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99]);
  });
});
