/**
 * Event times as the runtime counts them: microseconds since the epoch in an int64, whatever a column's unit. Exact: bigint,
 * once a batch, never once a row.
 */
import type { TimeUnit } from '../batch/types.ts';

/** Before the first row: nothing is known yet. */
export const TIME_MIN: bigint = -(2n ** 63n);
/** The end of time: no row will come any more. */
export const TIME_MAX: bigint = 2n ** 63n - 1n;

/** Division that rounds towards minus infinity; `divisor` is positive. */
export function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value < 0n && quotient * divisor !== value ? quotient - 1n : quotient;
}

export function later(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

export function earlier(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

/** Keeps a time within int64, as cells count it. */
export function clampTime(micros: bigint): bigint {
  return later(TIME_MIN, earlier(TIME_MAX, micros));
}

/** A column's value in microseconds, rounded down for nanoseconds; not clamped. */
export function toMicros(value: bigint, unit: TimeUnit): bigint {
  switch (unit) {
    case 's':
      return value * 1_000_000n;
    case 'ms':
      return value * 1_000n;
    case 'us':
      return value;
    case 'ns':
      return floorDivide(value, 1_000n);
  }
}

/** The smallest value of a column in `unit` whose time is `micros` or later; not clamped. */
export function fromMicros(micros: bigint, unit: TimeUnit): bigint {
  switch (unit) {
    case 's':
      return -floorDivide(-micros, 1_000_000n);
    case 'ms':
      return -floorDivide(-micros, 1_000n);
    case 'us':
      return micros;
    case 'ns':
      return micros * 1_000n;
  }
}
