/** Watermarks over several inputs, and the hold on a source that runs ahead. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DriftGroup } from './drift.ts';
import { ProgressMinimum } from './minimum.ts';
import { earlier, later, TIME_MIN } from './time.ts';

describe('ProgressMinimum', () => {
  it('is the least of the active inputs and waits for every one of them', () => {
    const minimum = new ProgressMinimum(2);
    expect(minimum.update(0, 100n, false)).toBe(false);
    expect(minimum.watermark).toBe(TIME_MIN);
    expect(minimum.update(1, 40n, false)).toBe(true);
    expect(minimum.watermark).toBe(40n);
    expect(minimum.update(0, 200n, false)).toBe(false);
    expect(minimum.update(1, 300n, false)).toBe(true);
    expect(minimum.watermark).toBe(200n);
  });

  it('leaves idle inputs out, takes them back without falling, and is idle when all are', () => {
    const minimum = new ProgressMinimum(2);
    minimum.update(0, 100n, false);
    minimum.update(1, 50n, false);
    expect(minimum.update(1, 50n, true)).toBe(true);
    expect(minimum.watermark).toBe(100n);
    expect(minimum.update(1, 60n, false)).toBe(false);
    expect(minimum.watermark).toBe(100n);
    minimum.update(0, 100n, true);
    minimum.update(1, 150n, true);
    expect(minimum.idle).toBe(true);
    expect(minimum.watermark).toBe(150n);
  });

  it('does not depend on the order in which inputs fall idle', () => {
    const reach = (order: readonly [number, bigint][]): bigint => {
      const minimum = new ProgressMinimum(2);
      minimum.update(0, 100n, false);
      minimum.update(1, 50n, false);
      for (const [input, watermark] of order) minimum.update(input, watermark, true);
      return minimum.watermark;
    };
    expect(
      reach([
        [0, 100n],
        [1, 50n],
      ]),
    ).toBe(
      reach([
        [1, 50n],
        [0, 100n],
      ]),
    );
  });

  it('ends when the last input ends, and an ended input holds nothing back', () => {
    const minimum = new ProgressMinimum(2);
    minimum.update(0, 10n, false);
    minimum.update(1, 90n, false);
    expect(minimum.end(0)).toBe(true);
    expect(minimum.watermark).toBe(90n);
    expect(minimum.ended).toBe(false);
    expect(minimum.end(1)).toBe(true);
    expect(minimum.ended).toBe(true);
  });

  it('says that it changed exactly when it did, and agrees with counting all inputs anew', () => {
    const event = fc.record({
      input: fc.integer({ min: 0, max: 2 }),
      rise: fc.integer({ min: 0, max: 20 }),
      kind: fc.constantFrom('active', 'active', 'active', 'idle', 'end'),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const minimum = new ProgressMinimum(3);
        const model = [0, 1, 2].map(() => ({ watermark: TIME_MIN, idle: false, ended: false }));
        let before = { watermark: TIME_MIN, idle: false, ended: false };
        for (const { input, rise, kind } of events) {
          const entry = model[input];
          if (entry === undefined || entry.ended) continue;
          if (kind === 'end') entry.ended = true;
          else {
            entry.watermark = (entry.watermark === TIME_MIN ? 0n : entry.watermark) + BigInt(rise);
            entry.idle = kind === 'idle';
          }
          const changed = kind === 'end' ? minimum.end(input) : minimum.update(input, entry.watermark, entry.idle);
          const open = model.filter((one) => !one.ended);
          const active = open.filter((one) => !one.idle).map((one) => one.watermark);
          const least = active.length > 0 ? active.reduce(earlier) : undefined;
          const reached = least ?? open.reduce((a, one) => later(a, one.watermark), TIME_MIN);
          const now = {
            watermark: later(before.watermark, reached),
            idle: open.length > 0 && active.length === 0,
            ended: open.length === 0,
          };
          expect({ watermark: minimum.watermark, idle: minimum.idle, ended: minimum.ended }).toEqual(now);
          const differs = now.watermark !== before.watermark || now.idle !== before.idle || now.ended !== before.ended;
          expect(changed).toBe(differs);
          before = now;
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('DriftGroup', () => {
  it('holds whoever is too far ahead until the slowest follows, falls idle or ends', async () => {
    const group = new DriftGroup();
    const fast = group.join();
    const slow = group.join();
    expect(fast.hold(10n)).toBeUndefined();
    fast.update(100n, true);
    const first = fast.hold(10n);
    slow.update(80n, true);
    let released = false;
    void first?.promise.then(() => {
      released = true;
    });
    await Promise.resolve();
    expect(released).toBe(false);
    slow.update(90n, true);
    await first?.promise;
    fast.update(200n, true);
    const second = fast.hold(10n);
    slow.update(90n, false);
    await second?.promise;
    expect(slow.hold(0n)).toBeUndefined();
  });

  it('can be released early', async () => {
    const group = new DriftGroup();
    const fast = group.join();
    group.join();
    fast.update(100n, true);
    const hold = fast.hold(0n);
    hold?.release();
    await hold?.promise;
    expect(hold).toBeDefined();
  });
});
