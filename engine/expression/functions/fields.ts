/**
 * Fields of timestamps and durations (`extract(field from x)`, `date_part('field', x)`) and `date_trunc`. One function a field, since
 * the field is always a constant. A date is cast to a timestamp first.
 */
import { type CatalogueFunction, define } from '../define.ts';
import { civilFromDays, commonYear, dayOfWeek, daysFromCivil, floorTo, isoWeek, splitDay, ticks } from './calendar.ts';

const FLOAT =
  "The result is float64 and exact up to its rounding; PostgreSQL's extract is numeric, and its date_part may be one unit in the last place off.";

interface Field {
  readonly name: string;
  readonly summary: string;
  readonly result: string;
  readonly evaluate: (value: bigint, perSecond: bigint) => number;
}

/** A field that depends on the day alone. */
function ofDay(name: string, summary: string, result: string, evaluate: (days: number) => number): Field {
  return { name, summary, result, evaluate: (value, perSecond) => evaluate(splitDay(value, perSecond).days) };
}

/** A field of the ticks since midnight. */
function ofTime(
  name: string,
  summary: string,
  result: string,
  evaluate: (rest: bigint, perSecond: bigint) => number,
): Field {
  return {
    name,
    summary,
    result,
    evaluate: (value, perSecond) => evaluate(splitDay(value, perSecond).rest, perSecond),
  };
}

/** Seconds of the minute with their fraction, in parts of which `scale` make a second, rounded once. */
function seconds(rest: bigint, perSecond: bigint, scale: bigint): number {
  const ticks = rest % (perSecond * 60n);
  return scale >= perSecond ? Number(ticks * (scale / perSecond)) : Number(ticks) / Number(perSecond / scale);
}

const hourOf = (rest: bigint, perSecond: bigint): number => Number(rest / (perSecond * 3600n));
const minuteOf = (rest: bigint, perSecond: bigint): number => Number((rest / (perSecond * 60n)) % 60n);
const secondOf = (rest: bigint, perSecond: bigint): number => seconds(rest, perSecond, 1n);
const milliOf = (rest: bigint, perSecond: bigint): number => seconds(rest, perSecond, 1_000n);
const microOf = (rest: bigint, perSecond: bigint): number => seconds(rest, perSecond, 1_000_000n);
const epochOf = (value: bigint, perSecond: bigint): number => Number(value) / Number(perSecond);

const TIMESTAMP_FIELDS: readonly Field[] = [
  ofDay('year', 'Year; negative before Christ, and never 0.', '2024.0', (days) => commonYear(civilFromDays(days).year)),
  ofDay('isoyear', 'Year to which the ISO week belongs.', '2024.0', (days) => commonYear(isoWeek(days).year)),
  ofDay('quarter', 'Quarter, 1 to 4.', '1.0', (days) => Math.floor((civilFromDays(days).month + 2) / 3)),
  ofDay('month', 'Month, 1 to 12.', '2.0', (days) => civilFromDays(days).month),
  ofDay('week', 'Week of ISO 8601, 1 to 53.', '9.0', (days) => isoWeek(days).week),
  ofDay('day', 'Day of the month, 1 to 31.', '29.0', (days) => civilFromDays(days).day),
  ofDay(
    'doy',
    'Day of the year, 1 to 366.',
    '60.0',
    (days) => days - daysFromCivil(civilFromDays(days).year, 1, 1) + 1,
  ),
  ofDay('dow', 'Day of the week, Sunday (0) to Saturday (6).', '4.0', dayOfWeek),
  ofDay('isodow', 'Day of the week, Monday (1) to Sunday (7).', '4.0', (days) => dayOfWeek(days) || 7),
  ofTime('hour', 'Hour, 0 to 23.', '12.0', hourOf),
  ofTime('minute', 'Minute, 0 to 59.', '30.0', minuteOf),
  ofTime('second', 'Seconds with their fraction.', '1.5', secondOf),
  ofTime('millisecond', 'Seconds with their fraction, times 1,000.', '1500.0', milliOf),
  ofTime('microsecond', 'Seconds with their fraction, times 1,000,000.', '1500000.0', microOf),
  { name: 'epoch', summary: 'Seconds since 1970-01-01 00:00.', result: '1709209801.5', evaluate: epochOf },
];

/** A field of the ticks behind the whole days; all fields of a negative duration are negative. */
function ofDuration(
  name: string,
  summary: string,
  result: string,
  evaluate: (rest: bigint, perSecond: bigint) => number,
): Field {
  return {
    name,
    summary,
    result,
    // `+ 0`: no field is -0
    evaluate: (value, perSecond) => evaluate(value % (perSecond * 86_400n), perSecond) + 0,
  };
}

const DURATION_FIELDS: readonly Field[] = [
  {
    name: 'day',
    summary: 'Whole days of 24 hours.',
    result: '1.0',
    evaluate: (value, perSecond) => Number(value / (perSecond * 86_400n)),
  },
  ofDuration('hour', 'Hours behind the whole days.', '2.0', hourOf),
  ofDuration('minute', 'Minutes behind the whole hours.', '3.0', minuteOf),
  ofDuration('second', 'Seconds behind the whole minutes, with their fraction.', '4.5', secondOf),
  ofDuration('millisecond', 'Seconds behind the whole minutes, times 1,000.', '4500.0', milliOf),
  ofDuration('microsecond', 'Seconds behind the whole minutes, times 1,000,000.', '4500000.0', microOf),
  { name: 'epoch', summary: 'The whole duration in seconds.', result: '93784.5', evaluate: epochOf },
];

const SAMPLE = { timestamp: "timestamp '2024-02-29 12:30:01.5'", duration: "interval '1 day 2:03:04.5'" } as const;

function extract(kind: 'timestamp' | 'duration', { name, summary, result, evaluate }: Field): CatalogueFunction {
  return define({
    id: `extract_${name}.${kind}`,
    args: [kind],
    result: 'float64',
    units: 'argument',
    summary,
    example: `extract(${name} from ${SAMPLE[kind]}) → ${result}`,
    difference: FLOAT,
    evaluate: (value: bigint, perSecond: bigint) => evaluate(value, perSecond),
  });
}

interface Truncation {
  readonly name: string;
  readonly result: string;
  readonly evaluate: (value: bigint, perSecond: bigint) => bigint;
}

/** To a multiple of so many seconds. */
function toSeconds(name: string, size: bigint, result: string): Truncation {
  return { name, result, evaluate: (value, perSecond) => floorTo(value, size * perSecond) };
}

/** To a fraction of a second; finer ticks than that there may be none. */
function toFraction(name: string, parts: bigint, result: string): Truncation {
  return {
    name,
    result,
    evaluate: (value, perSecond) => (perSecond <= parts ? value : floorTo(value, perSecond / parts)),
  };
}

function toDay(name: string, result: string, firstDay: (days: number) => number): Truncation {
  return {
    name,
    result,
    evaluate: (value, perSecond) => BigInt(firstDay(splitDay(value, perSecond).days)) * 86_400n * perSecond,
  };
}

/** The first day of the group of so many months that holds the day. */
function firstOfMonths(days: number, size: number): number {
  const { year, month } = civilFromDays(days);
  return daysFromCivil(year, month - ((month - 1) % size), 1);
}

const TRUNCATIONS: readonly Truncation[] = [
  toFraction('microsecond', 1_000_000n, '2024-02-29 12:30:01.5'),
  toFraction('millisecond', 1000n, '2024-02-29 12:30:01.5'),
  toSeconds('second', 1n, '2024-02-29 12:30:01'),
  toSeconds('minute', 60n, '2024-02-29 12:30:00'),
  toSeconds('hour', 3600n, '2024-02-29 12:00:00'),
  toSeconds('day', 86_400n, '2024-02-29 00:00:00'),
  toDay('week', '2024-02-26 00:00:00', (days) => days - ((dayOfWeek(days) + 6) % 7)),
  toDay('month', '2024-02-01 00:00:00', (days) => firstOfMonths(days, 1)),
  toDay('quarter', '2024-01-01 00:00:00', (days) => firstOfMonths(days, 3)),
  toDay('year', '2024-01-01 00:00:00', (days) => firstOfMonths(days, 12)),
];

function truncate({ name, result, evaluate }: Truncation): CatalogueFunction {
  return define({
    id: `date_trunc_${name}.timestamp`,
    args: ['timestamp'],
    result: 'timestamp',
    units: 'argument',
    errors: ['outOfRange'],
    summary: `The beginning of the ${name}${name === 'week' ? ', a Monday' : ''}.`,
    example: `date_trunc('${name}', ${SAMPLE.timestamp}) → ${result}`,
    evaluate: (value: bigint, perSecond: bigint) => ticks(evaluate(value, perSecond)),
  });
}

export const FIELDS: readonly CatalogueFunction[] = [
  ...TIMESTAMP_FIELDS.map((field) => extract('timestamp', field)),
  ...DURATION_FIELDS.map((field) => extract('duration', field)),
  ...TRUNCATIONS.map(truncate),
];
