/**
 * Arithmetic of dates, timestamps and durations, and what makes them of numbers. A duration is a number of ticks: a day is 24 hours,
 * and months have no length. Timestamps with a time zone are instants and are computed with in UTC, whatever the zone.
 */
import { type CatalogueFunction, define, fail } from '../define.ts';
import { checkedDays, ticks } from './calendar.ts';
import { rint } from './maths.ts';

const MICROS = 1_000_000;
const WIDER =
  'Dates may be any int32 of days and timestamps any int64 of ticks; PostgreSQL stops at 4713 BC and 294276 AD.';

/** int32 days, or the error `outOfRange`. */
function days(value: number): number {
  return value === (value | 0) ? value : fail('outOfRange');
}

/** The ticks nearest to `value`, halves to even, or `outOfRange`. */
function ticksOfFloat(value: number): bigint {
  const whole = rint(value);
  return whole >= -(2 ** 63) && whole < 2 ** 63 ? BigInt(whole) : fail('outOfRange');
}

/** PostgreSQL's make_timestamp, in microseconds since the epoch. */
function makeTimestamp(year: number, month: number, day: number, hour: number, minute: number, second: number): bigint {
  const date = makeDate(year, month, day);
  const micros = rint(second * MICROS);
  const inRange = hour >= 0 && minute >= 0 && minute < 60 && micros >= 0 && micros <= 60 * MICROS;
  const time = (hour * 60 + minute) * 60 * MICROS + micros;
  return inRange && time <= 86_400 * MICROS ? ticks(BigInt(date) * 86_400_000_000n + BigInt(time)) : fail('outOfRange');
}

function makeDate(year: number, month: number, day: number): number {
  if (year === 0) return fail('outOfRange');
  return days(checkedDays(year < 0 ? year + 1 : year, month, day));
}

/** Seconds between 1970 and 2000, where PostgreSQL begins to count; it rounds to microseconds from there. */
const POSTGRES_EPOCH = 946_684_800;

function toTimestamp(seconds: number): bigint {
  return ticks(ticksOfFloat((seconds - POSTGRES_EPOCH) * MICROS) + BigInt(POSTGRES_EPOCH * MICROS));
}

const dates: readonly CatalogueFunction[] = [
  define({
    id: 'add.date32.int32',
    operator: '+',
    args: ['date32', 'int32'],
    result: 'date32',
    errors: ['outOfRange'],
    summary: 'So many days later. Also int32 + date32.',
    example: "date '2024-02-28' + 2 → 2024-03-01",
    difference: WIDER,
    evaluate: (a, b) => days(a + b),
  }),
  define({
    id: 'sub.date32.int32',
    operator: '-',
    args: ['date32', 'int32'],
    result: 'date32',
    errors: ['outOfRange'],
    summary: 'So many days earlier.',
    example: "date '2024-03-01' - 1 → 2024-02-29",
    difference: WIDER,
    evaluate: (a, b) => days(a - b),
  }),
  define({
    id: 'sub.date32',
    operator: '-',
    args: ['date32', 'date32'],
    result: 'int32',
    errors: ['outOfRange'],
    summary: 'Days from the second to the first.',
    example: "date '2024-03-01' - date '2024-02-28' → 2",
    evaluate: (a, b) => days(a - b),
  }),
  define({
    id: 'make_date',
    sql: ['make_date'],
    args: ['int32', 'int32', 'int32'],
    result: 'date32',
    errors: ['outOfRange'],
    summary: 'The date of year (negative: BC), month and day.',
    example: 'make_date(2024, 2, 29) → 2024-02-29',
    evaluate: (year, month, day) => makeDate(year, month, day),
  }),
];

const timestamps: readonly CatalogueFunction[] = [
  define({
    id: 'add.timestamp.duration',
    operator: '+',
    args: ['timestamp', 'duration'],
    result: 'timestamp',
    errors: ['outOfRange'],
    summary: 'Later by the duration. Also duration + timestamp, and date + duration, which is a timestamp.',
    example: "timestamp '2024-02-28 23:00:00' + interval '2 hours' → 2024-02-29 01:00:00",
    difference: WIDER,
    evaluate: (a, b) => ticks(a + b),
  }),
  define({
    id: 'sub.timestamp.duration',
    operator: '-',
    args: ['timestamp', 'duration'],
    result: 'timestamp',
    errors: ['outOfRange'],
    summary: 'Earlier by the duration.',
    example: "timestamp '2024-03-01 01:00:00' - interval '2 hours' → 2024-02-29 23:00:00",
    difference: WIDER,
    evaluate: (a, b) => ticks(a - b),
  }),
  define({
    id: 'sub.timestamp',
    operator: '-',
    args: ['timestamp', 'timestamp'],
    result: 'duration',
    errors: ['outOfRange'],
    summary: 'Time from the second to the first.',
    example: "timestamp '2024-03-01 01:00:00' - timestamp '2024-02-29 00:30:00' → 1 day 00:30:00",
    evaluate: (a, b) => ticks(a - b),
  }),
  define({
    id: 'make_timestamp',
    sql: ['make_timestamp'],
    args: ['int32', 'int32', 'int32', 'int32', 'int32', 'float64'],
    result: 'timestamp',
    errors: ['outOfRange'],
    summary: 'The timestamp[us] of year (negative: BC), month, day, hour, minute and seconds.',
    example: 'make_timestamp(2024, 2, 29, 12, 30, 1.5) → 2024-02-29 12:30:01.5',
    evaluate: (year, month, day, hour, minute, second) => makeTimestamp(year, month, day, hour, minute, second),
  }),
  define({
    id: 'to_timestamp',
    sql: ['to_timestamp'],
    args: ['float64'],
    result: { kind: 'timestamp', unit: 'us', timezone: 'UTC' },
    errors: ['outOfRange'],
    summary: 'The timestamp[us, UTC] of seconds since the epoch, rounded to microseconds.',
    example: 'to_timestamp(1709209801.5) → 2024-02-29 12:30:01.5+00',
    difference: 'Infinities are errors: there is no infinite timestamp.',
    evaluate: (seconds) => toTimestamp(seconds),
  }),
];

const durations: readonly CatalogueFunction[] = [
  define({
    id: 'add.duration',
    operator: '+',
    args: ['duration', 'duration'],
    result: 'duration',
    errors: ['outOfRange'],
    summary: 'Sum.',
    example: "interval '23 hours' + interval '90 minutes' → 1 day 00:30:00",
    evaluate: (a, b) => ticks(a + b),
  }),
  define({
    id: 'sub.duration',
    operator: '-',
    args: ['duration', 'duration'],
    result: 'duration',
    errors: ['outOfRange'],
    summary: 'Difference.',
    example: "interval '1 hour' - interval '90 minutes' → -00:30:00",
    evaluate: (a, b) => ticks(a - b),
  }),
  define({
    id: 'neg.duration',
    operator: '-',
    args: ['duration'],
    result: 'duration',
    errors: ['outOfRange'],
    summary: 'The duration with the opposite sign.',
    example: "- interval '1 hour' → -01:00:00",
    evaluate: (a) => ticks(-a),
  }),
  define({
    id: 'mul.duration.float64',
    operator: '*',
    args: ['duration', 'float64'],
    result: 'duration',
    errors: ['outOfRange'],
    summary: 'So many times as long, rounded to a tick, halves to even. Also number * duration.',
    example: "interval '1 hour' * 1.5 → 01:30:00",
    evaluate: (a, b) => ticksOfFloat(Number(a) * b),
  }),
  define({
    id: 'div.duration.float64',
    operator: '/',
    args: ['duration', 'float64'],
    result: 'duration',
    errors: ['divisionByZero', 'outOfRange'],
    summary: 'Divided by the number, rounded to a tick, halves to even.',
    example: "interval '1 hour' / 4 → 00:15:00",
    evaluate: (a, b) => (b === 0 ? fail('divisionByZero') : ticksOfFloat(Number(a) / b)),
  }),
];

export const TIME: readonly CatalogueFunction[] = [...dates, ...timestamps, ...durations];
