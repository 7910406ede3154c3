/** Page transfers over links of all kinds: the memory that arrives, the bytes that it takes, and the pause that was foretold. */
import { randomFillSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { moveOver } from '../../../test/kit/slow-link.ts';
import { PAGE } from '../checkpoint/pages.ts';
import { decodeFrame, encodeFrame } from './frames.ts';
import { PreCopyReceiver } from './receiver.ts';
import { PreCopySender } from './sender.ts';

/** Bytes a millisecond. */
const GIGABIT = 125_000;
const HUNDRED = 12_500;

/** A sequence of its own, so that a failure can be seen again. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const within = (bytes: number, image: number, dirtied: number): boolean => bytes <= 1.3 * (image + dirtied) * PAGE + 64;

describe('a page transfer', () => {
  it('brings the receiver to what the sender has at the cut, whatever is written, lost or overtaken, within its bytes', () => {
    const links = fc.record({
      bandwidth: fc.constantFrom(800, HUNDRED, GIGABIT),
      delay: fc.constantFrom(0, 0.1, 20),
      loss: fc.constantFrom(0, 0, 0.02, 0.2),
    });
    fc.assert(
      fc.property(
        links,
        fc.nat(1e9),
        fc.integer({ min: 1, max: 120 }),
        fc.nat(40),
        fc.constantFrom(1, 20),
        fc.boolean(),
        (link, seed, pages, writes, budget, parts) => {
          const random = randomOf(seed);
          let memory = Buffer.alloc(pages * PAGE);
          for (let page = 0; page < pages; page++)
            if (random() < 0.7) memory.writeUInt32LE(1 + random() * 1e9, page * PAGE + 8);
          const write = (now: number): void => {
            if (random() < 0.01 && memory.length < 200 * PAGE)
              memory = Buffer.concat([memory, Buffer.alloc(16 * PAGE)]);
            const count = memory.length / PAGE;
            for (let write = 0; write < (writes * random()) / 4; write++) {
              const page = Math.floor(random() ** 3 * count);
              if (random() < 0.1) memory.fill(0, page * PAGE, (page + 1) * PAGE);
              else memory.writeUInt32LE(random() * 1e9, page * PAGE + 4 * Math.floor(now % 1000));
            }
          };
          const ranges = (): readonly (readonly [number, number])[] =>
            parts
              ? [
                  [0, PAGE],
                  [2 * PAGE + 5, memory.length],
                ]
              : [[0, memory.length]];
          const moved = moveOver(
            { ...link, random },
            { budget, framePages: 4, window: 100_000 },
            () => ({ memory, ranges: ranges() }),
            write,
          );
          const expected = Buffer.from(memory);
          if (parts) expected.fill(0, PAGE, Math.min(expected.length, 2 * PAGE));
          expect([moved.state, moved.isSame]).toEqual(['done', true]);
          expect(expected.equals(moved.received)).toBe(true);
          const { bytes, imagePages, dirtiedPages, rounds } = moved.receipt;
          // pages that have become zeros are told by their numbers, and counted nowhere
          const zeros = (rounds.length + 1) * (memory.length / PAGE) * 9;
          expect(within(bytes - zeros, imagePages, dirtiedPages)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  }, 20_000);

  it.each([
    ['1 Gbit/s', GIGABIT, 0.2],
    ['100 Mbit/s with 40 ms there and back', HUNDRED, 20],
  ])(
    'over %s stands still for about as long as was foretold, and much less than a copy takes',
    (_, bandwidth, delay) => {
      const memory = randomFillSync(Buffer.alloc(16 * 2 ** 20));
      const random = randomOf(1);
      // 10 % of the pages a second, evenly
      const write = (): void => {
        if (random() < 0.41) memory.writeUInt32LE(random() * 1e9, Math.floor(random() * 4096) * PAGE);
      };
      const { receipt, state } = moveOver({ bandwidth, delay }, { budget: 2 * delay + 20 }, () => ({ memory }), write);
      expect([state, receipt.verdict]).toEqual(['done', 'fits']);
      const { pause = 0, predicted } = receipt;
      expect(Math.abs(pause - (predicted?.pause ?? 0))).toBeLessThan(4 + 0.3 * pause);
      expect(pause).toBeLessThan(memory.length / bandwidth / 4);
      expect(within(receipt.bytes, receipt.imagePages, receipt.dirtiedPages)).toBe(true);
    },
  );

  it('ends within its rounds and bytes where the cell writes faster than the link carries', () => {
    const memory = randomFillSync(Buffer.alloc(2 * 2 ** 20));
    const write = (now: number): void => {
      for (let page = 0; page < 512; page++) memory.writeUInt32LE(now + 1, page * PAGE);
    };
    const { receipt, state, received } = moveOver(
      { bandwidth: HUNDRED, delay: 1 },
      { budget: 5 },
      () => ({ memory }),
      write,
    );
    expect([state, receipt.verdict]).toEqual(['done', 'bytes']);
    expect(memory.equals(received)).toBe(true);
    expect(within(receipt.bytes, receipt.imagePages, receipt.dirtiedPages)).toBe(true);
  });

  it('foretells what a round leaves that had to end for its bytes', () => {
    const memory = randomFillSync(Buffer.alloc(16 * 2 ** 20));
    const random = randomOf(2);
    // the whole of it every two seconds
    const write = (): void => {
      for (let page = 0; page < 2; page++) memory.writeUInt32LE(random() * 1e9, Math.floor(random() * 4096) * PAGE);
    };
    const { receipt } = moveOver({ bandwidth: HUNDRED, delay: 20 }, { budget: 60 }, () => ({ memory }), write);
    expect(receipt.verdict).toBe('bytes');
    const { pause = 0, predicted } = receipt;
    expect(predicted?.pause).toBeGreaterThan(pause / 2);
  });

  it('takes one round and a cut of nothing where nothing is written', () => {
    const memory = randomFillSync(Buffer.alloc(2 ** 20));
    const { receipt } = moveOver(
      { bandwidth: GIGABIT, delay: 0.1 },
      { budget: 5 },
      () => ({ memory }),
      () => undefined,
    );
    expect(receipt).toMatchObject({ imagePages: 256, dirtiedPages: 0, repeated: 0 });
    expect(receipt.bytes).toBeLessThan(1.01 * memory.length);
    expect(receipt.rounds).toHaveLength(2);
  });

  it('says that the memory is another where something has changed it', () => {
    const target = new Uint8Array(PAGE);
    const receiver = new PreCopyReceiver({ room: () => target });
    const sender = new PreCopySender({ budget: 1e9 });
    const source = { memory: new Uint8Array(PAGE).fill(3) };
    for (let turn = 0; turn < 20 && sender.state !== 'different'; turn++) {
      if (sender.state === 'ready') sender.cut(turn);
      for (const frame of sender.step(source, turn)) {
        const decoded = decodeFrame(frame);
        // a page that was changed in a way that its checksum does not tell
        const sent =
          decoded?.kind === 'pages' ? encodeFrame({ ...decoded, bytes: decoded.bytes.map((byte) => byte ^ 1) }) : frame;
        for (const reply of receiver.receive(sent)) sender.receive(reply, turn);
      }
    }
    expect([sender.state, receiver.isSame]).toEqual(['different', false]);
  });
});

describe('a frame', () => {
  it('comes back as it was, and is none with any bit flipped or byte missing', () => {
    const pages = { kind: 'pages', number: 7, zeros: [1, 9], pages: [3], bytes: Buffer.alloc(PAGE, 5) } as const;
    const hello = { kind: 'hello', number: 1, length: 65_536 } as const;
    const check = { kind: 'check', number: 9, last: 8, digest: Buffer.alloc(32, 7) } as const;
    for (const frame of [
      pages,
      hello,
      check,
      { kind: 'taken', number: 2 },
      { kind: 'checked', number: 9, same: true },
    ] as const) {
      const bytes = encodeFrame(frame);
      expect(decodeFrame(bytes)).toEqual(frame);
      for (let at = 0; at < bytes.length; at++) {
        const flipped = Uint8Array.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
        expect(decodeFrame(flipped)).toBeUndefined();
        if (at % 97 === 0) expect(decodeFrame(bytes.subarray(0, at))).toBeUndefined();
      }
    }
  });
});
