/** Arithmetic of dates, timestamps and durations, their casts among each other, and what makes them of numbers. */
import { daysOf, floorDiv, fromCivil, isDate, midnight, scaled } from './dates-calendar';
import { DIVISION_BY_ZERO, fail, OUT_OF_RANGE } from './text';

export * from './dates-fields';
export * from './dates-text';

const MICROS: i64 = 1000000;
const MICROS_PER_DAY: i64 = 86400000000;

/** int32 days, or the error `outOfRange`. */
function day32(days: i64): i32 {
  return days === <i64>(<i32>days) ? <i32>days : fail(OUT_OF_RANGE);
}

export function add_date32_int32(a: i32, b: i32): i32 {
  return day32(<i64>a + <i64>b);
}

export function sub_date32_int32(a: i32, b: i32): i32 {
  return day32(<i64>a - <i64>b);
}

export function sub_date32(a: i32, b: i32): i32 {
  return day32(<i64>a - <i64>b);
}

/** Sum and difference of ticks, or the error `outOfRange`. */
function plus(a: i64, b: i64): i64 {
  const sum = a + b;
  return ((a ^ sum) & (b ^ sum)) < 0 ? fail(OUT_OF_RANGE) : sum;
}

function minus(a: i64, b: i64): i64 {
  const difference = a - b;
  return ((a ^ b) & (a ^ difference)) < 0 ? fail(OUT_OF_RANGE) : difference;
}

export function add_timestamp_duration(a: i64, b: i64): i64 {
  return plus(a, b);
}

export function sub_timestamp_duration(a: i64, b: i64): i64 {
  return minus(a, b);
}

export function sub_timestamp(a: i64, b: i64): i64 {
  return minus(a, b);
}

export function add_duration(a: i64, b: i64): i64 {
  return plus(a, b);
}

export function sub_duration(a: i64, b: i64): i64 {
  return minus(a, b);
}

export function neg_duration(a: i64): i64 {
  return minus(0, a);
}

/** The ticks nearest to a float, halves to even, or the error `outOfRange`. */
function ticksOf(value: f64): i64 {
  const whole = nearest<f64>(value);
  return whole >= -9223372036854775808.0 && whole < 9223372036854775808.0 ? <i64>whole : fail(OUT_OF_RANGE);
}

export function mul_duration_float64(a: i64, b: f64): i64 {
  return ticksOf(<f64>a * b);
}

export function div_duration_float64(a: i64, b: f64): i64 {
  return b === 0 ? fail(DIVISION_BY_ZERO) : ticksOf(<f64>a / b);
}

/** Days of a date whose years have no 0 (-1 is 1 BC); false, and the error, where there is no such date. */
function checkDate(year: i32, month: i32, day: i32): bool {
  const astronomical = <i64>year + <i64>(year < 0);
  if (year !== 0 && isDate(astronomical, month, day)) return true;
  fail(OUT_OF_RANGE);
  return false;
}

export function make_date(year: i32, month: i32, day: i32): i32 {
  if (!checkDate(year, month, day)) return 0;
  return day32(fromCivil(<i64>year + <i64>(year < 0), month, day));
}

export function make_timestamp(year: i32, month: i32, day: i32, hour: i32, minute: i32, second: f64): i64 {
  if (!checkDate(year, month, day)) return 0;
  const days = fromCivil(<i64>year + <i64>(year < 0), month, day);
  if (days !== <i64>day32(days)) return 0;
  const micros = nearest<f64>(second * 1e6);
  if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || !(micros >= 0 && micros <= 60e6)) return fail(OUT_OF_RANGE);
  const time = (<i64>hour * 60 + <i64>minute) * 60 * MICROS + <i64>micros;
  if (time > MICROS_PER_DAY) return fail(OUT_OF_RANGE);
  if (days < -106751992 || days > 106751991) return fail(OUT_OF_RANGE);
  // The first day in range begins before the first microsecond in range.
  return days < 0 ? plus((days + 1) * MICROS_PER_DAY, time - MICROS_PER_DAY) : plus(days * MICROS_PER_DAY, time);
}

/** Seconds from 1970 to 2000, where PostgreSQL begins to count and from where it rounds. */
const POSTGRES_EPOCH: i64 = 946684800;

export function to_timestamp(seconds: f64): i64 {
  const whole = nearest<f64>((seconds - 946684800.0) * 1e6);
  if (!(whole >= -9223372036854775808.0 && whole < 9223372036854775808.0)) return fail(OUT_OF_RANGE);
  return plus(<i64>whole, POSTGRES_EPOCH * MICROS);
}

export function cast_date32_timestamp(days: i32, perSecond: i64): i64 {
  return midnight(days, perSecond);
}

export function cast_timestamp_date32(value: i64, perSecond: i64): i32 {
  return day32(daysOf(value, perSecond));
}

/** Ticks in another unit; to a coarser one rounded, halves away from `origin` (in seconds). */
function rescale(value: i64, from: i64, to: i64, origin: i64): i64 {
  if (to >= from) return scaled(value, to / from);
  const size = from / to;
  const below = floorDiv(value, size);
  const rest = value - below * size;
  const half = size >> 1;
  return below + <i64>(below >= origin * to ? rest >= half : rest > half);
}

export function cast_timestamp_timestamp(value: i64, from: i64, to: i64): i64 {
  return rescale(value, from, to, POSTGRES_EPOCH);
}

export function cast_duration_duration(value: i64, from: i64, to: i64): i64 {
  return rescale(value, from, to, 0);
}
