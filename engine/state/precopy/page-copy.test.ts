/** Memories copied ahead over a way that keeps order: what arrives, at what price in bytes, and that a step is bounded. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE } from '../checkpoint/pages.ts';
import { type PageChange, PageCopy, type PageLink } from './page-copy.ts';
import { OwnRoom, PageTarget } from './page-target.ts';

const copied = (change: PageChange): PageChange => ({ ...change, bytes: new Uint8Array(change.bytes) });

interface Bench {
  readonly memories: Uint8Array[];
  readonly targets: readonly PageTarget[];
  readonly link: PageLink;
  arrive(): void;
}

function benchOf(pages: readonly number[], room: () => boolean): Bench {
  const memories = pages.map((count) => new Uint8Array(count * PAGE));
  const targets = memories.map(() => new PageTarget(new OwnRoom()));
  let now = 0;
  const way: PageChange[] = [];
  const link: PageLink = {
    clock: () => (now += 0.01),
    memoryOf: (cell) => ({ memory: memories[cell] ?? new Uint8Array(0) }),
    send: (change) => way.push(copied(change)) && change.bytes.length,
    hasRoom: room,
  };
  const arrive = (): void => {
    for (const change of way.splice(0)) targets[change.cell]?.put(change);
  };
  return { memories, targets, link, arrive };
}

describe('memories copied ahead', () => {
  it('arrive as they are at the cut, whenever that comes and whatever is written meanwhile', () => {
    const write = fc.record({ cell: fc.nat(2), page: fc.nat(39), value: fc.nat(3) });
    const steps = fc.array(fc.array(write, { maxLength: 6 }), { maxLength: 40 });
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(sizes, steps, fc.boolean(), (pages, all, grows) => {
        let room = 0;
        const { memories, targets, link, arrive } = benchOf(pages, () => room++ % 3 < 2);
        const copy = new PageCopy(pages.length, { budget: 0.001, framePages: 4, stepPages: 8 });
        for (const [index, writes] of all.entries()) {
          for (const { cell, page, value } of writes) {
            const memory = memories[cell];
            if (memory !== undefined && page * PAGE < memory.length) memory.fill(value, page * PAGE, page * PAGE + 9);
          }
          if (grows && index === 10) memories[0] = Buffer.concat([memories[0] ?? new Uint8Array(0)], 60 * PAGE);
          copy.step(link);
          if (index % 3 === 0) arrive();
          if (copy.looked) {
            arrive();
            copy.answered(link.clock(), 0);
          }
          copy.again();
        }
        copy.cut(link.clock());
        for (let left = 1000; copy.state !== 'done' && left > 0; left--) copy.step(link);
        arrive();
        expect(copy.state).toBe('done');
        for (const [cell, memory] of memories.entries()) {
          expect(Buffer.compare(targets[cell]?.memory ?? new Uint8Array(0), memory)).toBe(0);
          expect(targets[cell]?.digest).toEqual(copy.digest(cell));
        }
        const { bytes, imagePages, dirtiedPages } = copy.receipt;
        expect(bytes).toBeLessThanOrEqual(1.3 * (imagePages + dirtiedPages) * PAGE);
      }),
      { numRuns: 200 },
    );
  });

  it('are looked at a bounded while at a time, and are ready when little is left', () => {
    const { memories, link, arrive } = benchOf([4096], () => true);
    memories[0]?.fill(7);
    const copy = new PageCopy(1, { budget: 5 });
    let steps = 0;
    for (; copy.state === 'round'; steps++) {
      const before = copy.receipt.bytes;
      copy.step(link);
      expect(copy.receipt.bytes - before).toBeLessThanOrEqual(96 * PAGE);
      arrive();
      copy.answered(link.clock(), 0);
    }
    expect(steps).toBeGreaterThan(4096 / 96);
    expect(copy.receipt).toMatchObject({ verdict: 'fits', imagePages: 4096, dirtiedPages: 0 });
  });

  it('of no cells are done at the cut', () => {
    const copy = new PageCopy(0, { budget: 5 });
    copy.cut(1);
    expect(copy.state).toBe('done');
  });

  it('go into a memory that held something: what was never sent is zeros where it matters, and stays elsewhere', () => {
    const memory = new Uint8Array(4 * PAGE).fill(9);
    const target = new PageTarget({ room: () => memory });
    const bytes = new Uint8Array(PAGE).fill(1);
    target.put({ length: 4 * PAGE, zeros: [], pages: [1], bytes });
    target.finish([[0, 3 * PAGE]]);
    expect([0, 1, 2, 3].map((page) => memory[page * PAGE])).toEqual([0, 1, 0, 9]);
  });
});
