import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  durationType,
  formatDuration,
  parseDuration,
  parseSize,
  parseSpeed,
  positiveDurationType,
  rateType,
} from './units.ts';

describe('a duration', () => {
  it.each([
    ['10us', 10n],
    ['10ms', 10_000n],
    ['5s', 5_000_000n],
    ['1m', 60_000_000n],
    ['2h', 7_200_000_000n],
    ['1d', 86_400_000_000n],
    ['0s', 0n],
    ['36525d', 3_155_760_000_000_000n],
  ])('%s is %s microseconds', (text, value) => {
    expect(parseDuration(text)).toBe(value);
  });

  it.each(['', '10', 's', '1 s', '-1s', '1.5s', '1S', '1min', '36526d', '999999999999999d', '1s1m', ' 1s'])(
    'is not %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('is read back as what it was written from', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 3_155_760_000_000_000n }), (value) => {
        expect(parseDuration(formatDuration(value))).toBe(value);
      }),
    );
  });

  it('is written in its largest unit', () => {
    expect([90_000_000n, 60_000_000n, 1n, 0n, 86_400_000_000n].map(formatDuration)).toEqual([
      '90s',
      '1m',
      '1us',
      '0s',
      '1d',
    ]);
  });

  it('may be demanded to be above zero', () => {
    expect(durationType.safeParse('0s').success).toBe(true);
    expect(positiveDurationType.safeParse('0s').success).toBe(false);
    expect(positiveDurationType.safeParse('1us').data).toBe(1n);
  });
});

describe('a size', () => {
  it.each([
    ['512B', 512],
    ['64KiB', 65_536],
    ['2MB', 2_000_000],
    ['1.5GiB', 1_610_612_736],
    ['1kB', 1_000],
    ['0B', 0],
  ])('%s is %i bytes', (text, value) => {
    expect(parseSize(text)).toBe(value);
  });

  it.each(['', '64', 'KiB', '1 MB', '-1B', '1e3B', '1mb', '999999999999TiB'])('is not %j', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  it('per second is a rate', () => {
    expect(rateType.safeParse('2MB/s').data).toBe(2_000_000);
    expect(rateType.safeParse('2MB').success).toBe(false);
    expect(rateType.safeParse('2MB/m').success).toBe(false);
  });
});

describe('a speed', () => {
  it('is a multiple of event time, or max', () => {
    expect(['60x', '0.5x', 'max'].map(parseSpeed)).toEqual([60, 0.5, 'max']);
    expect(['', 'x', '0x', '60', '-1x', 'MAX', '1e3x'].map(parseSpeed)).toEqual(Array(7).fill(undefined));
  });
});
