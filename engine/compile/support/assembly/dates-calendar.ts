/**
 * The proleptic Gregorian calendar. Algorithms: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days and
 * days_from_civil. Days count from 1970-01-01, years are astronomical (0 is 1 BC).
 */
import { fail, OUT_OF_RANGE } from './text';

const DAYS_PER_ERA: i64 = 146097;
const SECONDS_PER_DAY: i64 = 86400;

/** What `toCivil` found. */
export let civilYear: i64 = 0;
export let civilMonth: i32 = 0;
export let civilDay: i32 = 0;

/** Quotient rounded down; `b` is positive. */
export function floorDiv(a: i64, b: i64): i64 {
  const quotient = a / b;
  return quotient - <i64>(quotient * b > a);
}

export function toCivil(days: i64): void {
  const shifted = days + 719468;
  const era = floorDiv(shifted, DAYS_PER_ERA);
  const dayOfEra = <u32>(shifted - era * DAYS_PER_ERA);
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const month = (5 * dayOfYear + 2) / 153;
  civilDay = <i32>(dayOfYear - (153 * month + 2) / 5 + 1);
  civilMonth = <i32>(month < 10 ? month + 3 : month - 9);
  civilYear = <i64>yearOfEra + era * 400 + <i64>(civilMonth <= 2);
}

export function fromCivil(year: i64, month: i32, day: i32): i64 {
  const shifted = year - <i64>(month <= 2);
  const era = floorDiv(shifted, 400);
  const yearOfEra = <i32>(shifted - era * 400);
  const dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
  return era * DAYS_PER_ERA + <i64>dayOfEra - 719468;
}

function daysInMonth(year: i64, month: i32): i32 {
  if (month !== 2) return 30 + ((month + (month >> 3)) & 1);
  return (year & 3) === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** True where the calendar has such a date. */
export function isDate(year: i64, month: i32, day: i32): bool {
  return month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
}

/** 0 (Sunday) to 6. */
export function dayOfWeek(days: i64): i32 {
  return <i32>((((days + 4) % 7) + 7) % 7);
}

export function mondayOf(days: i64): i64 {
  return days - <i64>((dayOfWeek(days) + 6) % 7);
}

export function daysOf(ticks: i64, perSecond: i64): i64 {
  return floorDiv(ticks, perSecond * SECONDS_PER_DAY);
}

/** Ticks since midnight. */
export function ticksOfDay(ticks: i64, perSecond: i64): i64 {
  const perDay = perSecond * SECONDS_PER_DAY;
  const rest = ticks % perDay;
  return rest < 0 ? rest + perDay : rest;
}

/** value * factor (positive), or the error `outOfRange`. */
export function scaled(value: i64, factor: i64): i64 {
  if (value > i64.MAX_VALUE / factor || value < i64.MIN_VALUE / factor) return fail(OUT_OF_RANGE);
  return value * factor;
}

/** Midnight of the day. */
export function midnight(days: i64, perSecond: i64): i64 {
  return scaled(days, perSecond * SECONDS_PER_DAY);
}
