/** Samples, and counts that only rise. */
import { describe, expect, it } from 'vitest';
import { Rising, samplesOf } from './samples.ts';

describe('samples', () => {
  it('leave out what is not known, and tell truth as 1 and 0', () => {
    const samples = samplesOf('channel', { channel: 'c' }, { connected: true, rows: 5, roundTrip: undefined });
    expect(samples.map(({ metric, value }) => [metric.name, value])).toEqual([
      ['rows', 5],
      ['connected', 1],
    ]);
  });
});

describe('a count that only rises', () => {
  function totals(...raw: readonly (readonly [count: number, restored: boolean])[]): number[] {
    const rising = new Rising();
    return raw.map(([count, restored]) => {
      const total = rising.total('a', count, restored);
      rising.turn();
      return total;
    });
  }

  it('counts what it is told', () => {
    expect(totals([10, false], [10, false], [25, false])).toEqual([10, 10, 25]);
  });

  it('begins at zero where a checkpoint of another process is gone on from', () => {
    expect(totals([1_000_000, true], [1_000_010, true])).toEqual([0, 10]);
  });

  it('does not fall where it is set back to a checkpoint, and counts on from there', () => {
    expect(totals([100, false], [60, true], [90, true])).toEqual([100, 100, 130]);
  });

  it('adds all that comes after a start from nothing', () => {
    expect(totals([100, false], [20, false])).toEqual([100, 120]);
  });

  it('forgets series that are there no more', () => {
    const rising = new Rising();
    rising.total('a', 5, false);
    rising.turn();
    rising.turn();
    expect(rising.total('a', 7, true)).toBe(0);
  });
});
