/** Which barriers a fragment is cut at, and which channels wait for it. */
import { describe, expect, it } from 'vitest';
import { Alignment } from './alignment.ts';

function aligned(channels: number): { readonly alignment: Alignment; readonly cuts: number[] } {
  const cuts: number[] = [];
  return { alignment: new Alignment(channels, (id) => cuts.push(id)), cuts };
}

const held = (alignment: Alignment, channels: number): number[] =>
  Array.from({ length: channels }, (_, channel) => channel).filter((channel) => alignment.hold(channel) !== undefined);

describe('alignment', () => {
  it('holds channels that have delivered until the last one has', () => {
    const { alignment, cuts } = aligned(3);
    alignment.barrier(0, 1);
    alignment.barrier(2, 1);
    expect(cuts).toEqual([]);
    expect(held(alignment, 3)).toEqual([0, 2]);
    alignment.barrier(1, 1);
    expect(cuts).toEqual([1]);
    expect(held(alignment, 3)).toEqual([]);
  });

  it('that does not hold cuts at the last barrier all the same, and lets all channels go on', () => {
    const cuts: number[] = [];
    const alignment = new Alignment(3, (id) => cuts.push(id), false);
    alignment.barrier(0, 1);
    alignment.barrier(2, 1);
    expect([held(alignment, 3), cuts]).toEqual([[], []]);
    alignment.barrier(1, 1);
    expect(cuts).toEqual([1]);
  });

  it('wakes who waited', async () => {
    const { alignment } = aligned(2);
    alignment.barrier(0, 1);
    const hold = alignment.hold(0);
    alignment.barrier(1, 1);
    await expect(hold).resolves.toBeUndefined();
  });

  it('counts a channel that has ended as having delivered', () => {
    const { alignment, cuts } = aligned(3);
    alignment.ended(0);
    alignment.barrier(1, 4);
    expect(held(alignment, 3)).toEqual([1]);
    alignment.ended(2);
    expect(cuts).toEqual([4]);
  });

  it('gives up a barrier that a later one overtakes, and lets its channels go on', async () => {
    const { alignment, cuts } = aligned(2);
    alignment.barrier(0, 1);
    const hold = alignment.hold(0);
    alignment.barrier(1, 2);
    await expect(hold).resolves.toBeUndefined();
    expect(held(alignment, 2)).toEqual([1]);
    alignment.barrier(0, 2);
    expect(cuts).toEqual([2]);
  });

  it('passes over a barrier that came after a later one', () => {
    const { alignment, cuts } = aligned(2);
    alignment.barrier(0, 2);
    alignment.barrier(1, 1);
    expect(held(alignment, 2)).toEqual([0]);
    alignment.barrier(1, 2);
    expect(cuts).toEqual([2]);
    alignment.barrier(0, 2);
    expect(held(alignment, 2)).toEqual([]);
    expect(cuts).toEqual([2]);
  });

  it('cuts at once when asked where no channel is open, and when the last one ends later', () => {
    const none = aligned(0);
    none.alignment.request(3);
    none.alignment.request(3);
    none.alignment.request(4);
    expect(none.cuts).toEqual([3, 4]);
    const { alignment, cuts } = aligned(2);
    alignment.request(5);
    alignment.ended(0);
    expect(cuts).toEqual([]);
    alignment.ended(1);
    expect(cuts).toEqual([5]);
    alignment.request(6);
    expect(cuts).toEqual([5, 6]);
  });

  it('takes a barrier on the channels although another is asked for that not all have heard of', () => {
    const { alignment, cuts } = aligned(2);
    alignment.request(7);
    alignment.barrier(0, 6);
    alignment.barrier(1, 6);
    expect(cuts).toEqual([6]);
    alignment.barrier(0, 7);
    alignment.ended(1);
    expect(cuts).toEqual([6, 7]);
  });
});
