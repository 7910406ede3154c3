/** The scanner against the definition, row by row, over ordered, jittery, absurd and null times of every unit. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../batch/batch.ts';
import { BatchBuilder } from '../batch/builder.ts';
import type { Schema, TimeUnit } from '../batch/types.ts';
import { EventTimeScanner } from './event-time.ts';
import { fromMicros, TIME_MIN, toMicros } from './time.ts';

const UNITS: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns'];

function schemaOf(unit: TimeUnit): Schema {
  return { fields: [{ name: 'at', type: { kind: 'timestamp', unit }, nullable: true }], time: 0 };
}

function batchOf(times: readonly (bigint | null)[], unit: TimeUnit): Batch {
  const builder = new BatchBuilder(schemaOf(unit));
  for (const time of times) {
    if (time === null) builder.columns[0]?.appendNull();
    else builder.columns[0]?.appendBigInt(time);
    builder.endRow();
  }
  return builder.finish();
}

const floor = (value: bigint, by: bigint): bigint => (value - (((value % by) + by) % by)) / by;

/** For each row whether a tumbling window of `size` has closed over it: the definition of late. */
function lateByDefinition(
  times: readonly (bigint | null)[],
  unit: TimeUnit,
  maxDelay: bigint,
  size: bigint,
): boolean[] {
  let greatest: bigint | undefined;
  return times.map((time) => {
    if (time === null) return false;
    const micros = toMicros(time, unit);
    const late = greatest !== undefined && (floor(micros, size) + 1n) * size <= greatest - maxDelay;
    if (greatest === undefined || micros > greatest) greatest = micros;
    return late;
  });
}

/** The same by scanning batches of `rows` rows, with the watermark handed on in between. */
function lateByScanning(
  times: readonly (bigint | null)[],
  rows: number,
  options: { readonly unit: TimeUnit; readonly maxDelay: bigint; readonly size: bigint; readonly step: bigint },
): boolean[] {
  const scanner = new EventTimeScanner({ column: 0, ...options });
  const late: boolean[] = [];
  let watermark = TIME_MIN;
  for (let start = 0; start < times.length; start += rows) {
    const part = times.slice(start, start + rows);
    const batch = batchOf(part, options.unit);
    for (let from = 0; from < batch.rows; ) {
      const to = scanner.scan(batch, from);
      expect(to).toBeGreaterThan(from);
      for (const time of part.slice(from, to)) {
        late.push(
          time !== null && (floor(toMicros(time, options.unit), options.size) + 1n) * options.size <= watermark,
        );
      }
      watermark = scanner.watermark;
      from = to;
    }
  }
  return late;
}

const steady = fc.array(fc.tuple(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 40_000 })), {
  maxLength: 400,
});

describe('EventTimeScanner', () => {
  it('makes a row late or not whatever the batch size, step and unit', () => {
    fc.assert(
      fc.property(
        steady,
        fc.constantFrom(...UNITS),
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom(0n, 5_000_000n, 20_000_000n),
        fc.boolean(),
        fc.constantFrom(0n, -2_000_000_000_000n, 1_700_000_000_000_000n),
        (moves, unit, rows, maxDelay, coarse, base) => {
          const size = 10_000_000n;
          let now = base;
          const times = moves.map(([forward, back]) => {
            now += BigInt(forward) * 1_000n;
            return back % 17 === 0 ? null : fromMicros(now - BigInt(back) * 1_000n, unit) + (unit === 'ns' ? 999n : 0n);
          });
          const options = { unit, maxDelay, size, step: coarse ? size : 1n };
          expect(lateByScanning(times, rows, options)).toEqual(lateByDefinition(times, unit, maxDelay, size));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is exact for every int64, extremes included', () => {
    const extreme = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.constantFrom(
        0n,
        -1n,
        1n,
        -(2n ** 63n),
        2n ** 63n - 1n,
        0x7ff0_0000_0000_0000n,
        0x7ff0_0000_0000_0001n,
        -0x10_0000_0000_0000n,
      ),
    );
    fc.assert(
      fc.property(fc.array(extreme, { maxLength: 60 }), fc.constantFrom(...UNITS), (times, unit) => {
        const options = { unit, maxDelay: 7n, size: 1_000n, step: 1n };
        const clamped = times.map((time) => (unit === 's' || unit === 'ms' ? time / 1_000_000n : time));
        expect(lateByScanning(clamped, 7, options)).toEqual(lateByDefinition(clamped, unit, 7n, 1_000n));
      }),
      { numRuns: 1_000 },
    );
  });

  it('cuts in front of the row behind the watermark, and not where the step forgives it', () => {
    const batch = batchOf([0n, 10_000_000n, 4_000_000n, 11_000_000n, 2_000_000n], 'us');
    const fine = new EventTimeScanner({ column: 0, unit: 'us', maxDelay: 5_000_000n, step: 1n });
    expect(fine.scan(batch, 0)).toBe(2);
    expect(fine.watermark).toBe(5_000_000n);
    expect(fine.scan(batch, 2)).toBe(4);
    expect(fine.watermark).toBe(6_000_000n);
    expect(fine.scan(batch, 4)).toBe(5);
    const minutes = new EventTimeScanner({ column: 0, unit: 'us', maxDelay: 5_000_000n, step: 60_000_000n });
    expect(minutes.scan(batch, 0)).toBe(5);
    const never = new EventTimeScanner({ column: 0, unit: 'us', maxDelay: 0n, step: 0n });
    expect(never.scan(batch, 0)).toBe(5);
    expect(never.watermark).toBe(11_000_000n);
  });

  it('cuts within and between blocks of a large batch', () => {
    const times = Array.from({ length: 10_000 }, (_, row) => 1_700_000_000_000_000n + BigInt(row) * 1_000n);
    times[7_001] = 1_700_000_000_000_000n;
    const scanner = new EventTimeScanner({ column: 0, unit: 'us', maxDelay: 500_000n, step: 1_000_000n });
    const batch = batchOf(times, 'us');
    expect(scanner.scan(batch, 0)).toBe(7_001);
    expect(scanner.watermark).toBe(1_700_000_007_000_000n - 500_000n);
    expect(scanner.scan(batch, 7_001)).toBe(10_000);
    expect(scanner.greatest).toBe(1_700_000_009_999_000n);
  });

  it('passes null times on and knows no watermark until a time has come', () => {
    const scanner = new EventTimeScanner({ column: 0, unit: 'ms', maxDelay: 0n, step: 1n });
    expect(scanner.scan(batchOf([null, null], 'ms'), 0)).toBe(2);
    expect(scanner.watermark).toBe(TIME_MIN);
    expect(scanner.greatest).toBeUndefined();
  });
});
