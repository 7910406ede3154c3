/**
 * The proleptic Gregorian calendar: days since 1970-01-01 to year, month and day, and back.
 * Algorithms: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days and days_from_civil. Years are
 * astronomical: 0 is 1 BC. Exact for all days whose magnitude is below 2^46.
 */
import { fail } from '../define.ts';

export interface Civil {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

const DAYS_PER_ERA = 146_097;

export function civilFromDays(days: number): Civil {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const march = month < 10 ? month + 3 : month - 9;
  return { year: yearOfEra + era * 400 + (march <= 2 ? 1 : 0), month: march, day };
}

export function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * DAYS_PER_ERA + dayOfEra - 719_468;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days of that date, or `outOfRange` where the calendar has no such date. `year` is astronomical. */
export function checkedDays(year: number, month: number, day: number): number {
  if (month < 1 || month > 12 || day < 1) return fail('outOfRange');
  const last = month === 2 && isLeap(year) ? 29 : (MONTH_DAYS[month - 1] ?? 0);
  return day > last ? fail('outOfRange') : daysFromCivil(year, month, day);
}

/** 0 (Sunday) to 6. */
export function dayOfWeek(days: number): number {
  return (((days + 4) % 7) + 7) % 7;
}

/** Year and week of ISO 8601: week 1 holds the year's first Thursday. */
export function isoWeek(days: number): { year: number; week: number } {
  const thursday = days - ((dayOfWeek(days) + 6) % 7) + 3;
  const { year } = civilFromDays(thursday);
  return { year, week: Math.floor((thursday - daysFromCivil(year, 1, 1)) / 7) + 1 };
}

/** Whole days since the epoch and the ticks within the last one, which are never negative. */
export function splitDay(ticks: bigint, perSecond: bigint): { days: number; rest: bigint } {
  const perDay = perSecond * 86_400n;
  const rest = ((ticks % perDay) + perDay) % perDay;
  return { days: Number((ticks - rest) / perDay), rest };
}

/** The greatest multiple of `size` that is not greater than `value`. */
export function floorTo(value: bigint, size: bigint): bigint {
  const rest = value % size;
  return rest < 0n ? value - rest - size : value - rest;
}

const INT64 = 2n ** 63n;

/** Ticks that fit into int64, or the error `outOfRange`. */
export function ticks(value: bigint): bigint {
  return value >= -INT64 && value < INT64 ? value : fail('outOfRange');
}

/** The year as people and PostgreSQL count it, without a year 0. */
export function commonYear(year: number): number {
  return year <= 0 ? year - 1 : year;
}
