/** Working time by a clock turned by hand. */
import { describe, expect, it } from 'vitest';
import { Lasting, WorkClock } from './work-clock.ts';

describe('a work clock', () => {
  it('charges each node for its own time, not for what it calls', () => {
    let now = 0;
    const clock = new WorkClock(() => now);
    const outer = { busy: 0 };
    const inner = { busy: 0 };
    const before = clock.enter(outer);
    now = 3;
    const between = clock.enter(inner);
    now = 10;
    clock.leave(between);
    now = 12;
    clock.leave(before);
    now = 100;
    const again = clock.enter(inner);
    now = 101;
    clock.leave(again);
    expect([outer.busy, inner.busy]).toEqual([5, 8]);
  });
});

describe('what lasts', () => {
  it('is added up, the part under way included', () => {
    const lasting = new Lasting();
    lasting.set(false, 1);
    lasting.set(true, 2);
    lasting.set(true, 4);
    expect(lasting.total(5)).toBe(3);
    lasting.set(false, 7);
    lasting.set(true, 10);
    expect(lasting.total(11)).toBe(6);
  });
});
