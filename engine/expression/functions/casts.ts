/** Casts between numbers and booleans, and between dates, timestamps and durations of several units. `casts-text.ts` has those of text. */
import { type CatalogueFunction, define, fail } from '../define.ts';
import { splitDay, ticks } from './calendar.ts';
import { rint } from './maths.ts';

const HALF_EVEN = 'Rounded to the nearest whole number, halves to even; an error where it does not fit, NaN included.';

function toInt32(x: number): number {
  const whole = rint(x);
  return whole >= -2147483648 && whole <= 2147483647 ? whole + 0 : fail('outOfRange');
}

function toInt64(x: number): bigint {
  const whole = rint(x);
  return whole >= -(2 ** 63) && whole < 2 ** 63 ? BigInt(whole) : fail('outOfRange');
}

function toFloat32(x: number): number {
  const result = Math.fround(x);
  if (!Number.isFinite(result) && Number.isFinite(x)) return fail('overflow');
  return result === 0 && x !== 0 ? fail('underflow') : result;
}

/** The nearest float32, rounded once: through float64 alone it would be rounded twice. */
function int64ToFloat32(x: bigint): number {
  const size = x < 0n ? -x : x;
  if (size < 2n ** 53n) return Math.fround(Number(x));
  const shift = 24n; // leaves at most 40 bits; the lowest stands for all that were shifted out
  const sticky = size & ((1n << shift) - 1n) ? 1n : 0n;
  const rounded = Math.fround(Number((size >> shift) | sticky)) * 2 ** 24;
  return x < 0n ? -rounded : rounded;
}

const numbers: readonly CatalogueFunction[] = [
  define({
    id: 'cast.bool.int32',
    args: ['bool'],
    result: 'int32',
    summary: '1 of true, 0 of false.',
    example: 'true::int → 1',
    evaluate: (a) => (a ? 1 : 0),
  }),
  define({
    id: 'cast.int32.bool',
    args: ['int32'],
    result: 'bool',
    summary: 'False of 0, else true.',
    example: '7::boolean → true',
    evaluate: (a) => a !== 0,
  }),
  define({
    id: 'cast.int32.int64',
    args: ['int32'],
    result: 'int64',
    summary: 'The same number.',
    example: '7::bigint → 7',
    evaluate: (a) => BigInt(a),
  }),
  define({
    id: 'cast.int32.float32',
    args: ['int32'],
    result: 'float32',
    summary: 'The nearest float32.',
    example: '16777217::real → 1.6777216e+07',
    evaluate: (a) => Math.fround(a),
  }),
  define({
    id: 'cast.int32.float64',
    args: ['int32'],
    result: 'float64',
    summary: 'The same number.',
    example: '7::float8 → 7.0',
    evaluate: (a) => a,
  }),
  define({
    id: 'cast.int64.int32',
    args: ['int64'],
    result: 'int32',
    errors: ['outOfRange'],
    summary: 'The same number; an error where it does not fit.',
    example: '7::bigint::int → 7',
    evaluate: (a) => (a >= -2147483648n && a <= 2147483647n ? Number(a) : fail('outOfRange')),
  }),
  define({
    id: 'cast.int64.float32',
    args: ['int64'],
    result: 'float32',
    summary: 'The nearest float32.',
    example: '16777217::bigint::real → 1.6777216e+07',
    evaluate: (a) => int64ToFloat32(a),
  }),
  define({
    id: 'cast.int64.float64',
    args: ['int64'],
    result: 'float64',
    summary: 'The nearest float64.',
    example: '9007199254740993::bigint::float8 → 9.007199254740992e+15',
    evaluate: (a) => Number(a),
  }),
  define({
    id: 'cast.float32.int32',
    args: ['float32'],
    result: 'int32',
    errors: ['outOfRange'],
    summary: HALF_EVEN,
    example: '2.5::real::int → 2',
    evaluate: (a) => toInt32(a),
  }),
  define({
    id: 'cast.float32.int64',
    args: ['float32'],
    result: 'int64',
    errors: ['outOfRange'],
    summary: HALF_EVEN,
    example: '3.5::real::bigint → 4',
    evaluate: (a) => toInt64(a),
  }),
  define({
    id: 'cast.float32.float64',
    args: ['float32'],
    result: 'float64',
    summary: 'The same number.',
    example: '0.1::real::float8 → 0.10000000149011612',
    evaluate: (a) => a,
  }),
  define({
    id: 'cast.float64.int32',
    args: ['float64'],
    result: 'int32',
    errors: ['outOfRange'],
    summary: HALF_EVEN,
    example: '2.5::int → 2',
    difference:
      'A literal such as 2.5 is float64 here, so that 2.5::int is 2; PostgreSQL takes it for numeric and says 3.',
    evaluate: (a) => toInt32(a),
  }),
  define({
    id: 'cast.float64.int64',
    args: ['float64'],
    result: 'int64',
    errors: ['outOfRange'],
    summary: HALF_EVEN,
    example: '3.5::bigint → 4',
    evaluate: (a) => toInt64(a),
  }),
  define({
    id: 'cast.float64.float32',
    args: ['float64'],
    result: 'float32',
    errors: ['overflow', 'underflow'],
    summary: 'The nearest float32; an error where a finite number would become infinite, or another number 0.',
    example: '0.1::real → 0.1',
    evaluate: (a) => toFloat32(a),
  }),
];

/** PostgreSQL rounds times from 2000-01-01 on, halves away from it. */
const POSTGRES_EPOCH = 946_684_800n;

function rescale(value: bigint, from: bigint, to: bigint, origin: bigint): bigint {
  if (to >= from) return ticks(value * (to / from));
  const size = from / to;
  const own = value - origin * from;
  const rounded = own >= 0n ? (own + size / 2n) / size : -((-own + size / 2n) / size);
  return ticks(rounded + origin * to);
}

const times: readonly CatalogueFunction[] = [
  define({
    id: 'cast.date32.timestamp',
    args: ['date32'],
    result: 'timestamp',
    units: 'result',
    errors: ['outOfRange'],
    summary: 'Midnight (UTC) of the day.',
    example: "date '2024-02-29'::timestamp → 2024-02-29 00:00:00",
    evaluate: (a, perSecond) => ticks(BigInt(a) * 86_400n * perSecond),
  }),
  define({
    id: 'cast.timestamp.date32',
    args: ['timestamp'],
    result: 'date32',
    units: 'argument',
    errors: ['outOfRange'],
    summary: 'The day (UTC) that holds it.',
    example: "timestamp '2024-02-29 12:30:00'::date → 2024-02-29",
    evaluate: (a, perSecond) => {
      const { days } = splitDay(a, perSecond);
      return days === (days | 0) ? days : fail('outOfRange');
    },
  }),
  define({
    id: 'cast.timestamp.timestamp',
    args: ['timestamp'],
    result: 'timestamp',
    units: 'both',
    errors: ['outOfRange'],
    summary:
      'In another unit: to a coarser one rounded, halves away from 2000-01-01 as in PostgreSQL; to a finer one exact.',
    example: "timestamp '2024-02-29 12:30:01.5'::timestamp(0) → 2024-02-29 12:30:02",
    evaluate: (a, from, to) => rescale(a, from, to, POSTGRES_EPOCH),
  }),
  define({
    id: 'cast.duration.duration',
    args: ['duration'],
    result: 'duration',
    units: 'both',
    errors: ['outOfRange'],
    summary: 'In another unit: to a coarser one rounded, halves away from zero; to a finer one exact.',
    example: "interval '1.5 seconds'::interval(0) → 00:00:02",
    evaluate: (a, from, to) => rescale(a, from, to, 0n),
  }),
];

export const CASTS: readonly CatalogueFunction[] = [...numbers, ...times];
