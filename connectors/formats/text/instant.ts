/**
 * Points in time out of text: `2024-01-31`, `2024-01-31T10:00`, `2024-01-31 10:00:00.123456`, each with or without `Z` or an
 * offset (`+02`, `+0200`, `+02:00`). Without one, the wall clock of the column's timezone is meant, and UTC where it has none.
 * A fraction may have up to nine digits; those finer than the column's unit are cut off.
 */
import type { TimeUnit } from '../../../engine/batch/types.ts';
import { zoneOffset } from './zone.ts';

const ZERO = 48;
const DASH = 45;
const COLON = 58;
const NANOS: readonly number[] = [1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 10, 1];
const SECONDS_PER_DAY = 86_400;

/** The two digits at `i`, or a number below 0. */
function two(bytes: Buffer, i: number): number {
  const high = (bytes[i] as number) - ZERO;
  const low = (bytes[i + 1] as number) - ZERO;
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : -1_000_000;
}

const MONTH_DAYS: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysInMonth(year: number, month: number): number {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return leap ? 29 : (MONTH_DAYS[month - 1] ?? 0);
}

/**
 * Days from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
 * days_from_civil), for years 0 to 9999.
 */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

/** Parses into its own fields, so that the hot path allocates nothing. */
export class InstantParser {
  /** Whole seconds since the epoch, towards minus infinity, and the nanoseconds on top of them. */
  seconds = 0;
  nanos = 0;
  /** Days since the epoch of the date part alone. */
  days = 0;
  #zone: string | undefined;
  #lastDate = -1;

  /** `zone`: what a text without an offset is meant in; UTC unless given. */
  constructor(zone?: string) {
    this.#zone = zone === undefined || zone === 'UTC' || zone === 'Z' ? undefined : zone;
  }

  /** `YYYY-MM-DD` and nothing else, into `days`. */
  date(bytes: Buffer, start: number, end: number): boolean {
    return end - start === 10 && this.#date(bytes, start);
  }

  /** Any of the forms above, into `seconds` and `nanos`. */
  instant(bytes: Buffer, start: number, end: number): boolean {
    if (end - start < 10 || !this.#date(bytes, start)) return false;
    this.nanos = 0;
    let second = 0;
    let i = start + 10;
    if (end > i) {
      const separator = bytes[i];
      if ((separator !== 84 && separator !== 32 && separator !== 116) || end - i < 6 || bytes[i + 3] !== COLON)
        return false;
      const hour = two(bytes, i + 1);
      const minute = two(bytes, i + 4);
      if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return false;
      second = hour * 3600 + minute * 60;
      i += 6;
      if (i < end && bytes[i] === COLON) {
        const seconds = end - i < 3 ? -1 : two(bytes, i + 1);
        if (seconds < 0 || seconds > 59) return false;
        second += seconds;
        i = this.#fraction(bytes, i + 3, end);
        if (i < 0) return false;
      }
    }
    this.seconds = this.days * SECONDS_PER_DAY + second;
    return this.#offset(bytes, i, end);
  }

  #date(bytes: Buffer, i: number): boolean {
    if (bytes[i + 4] !== DASH || bytes[i + 7] !== DASH) return false;
    const year = two(bytes, i) * 100 + two(bytes, i + 2);
    const month = two(bytes, i + 5);
    const day = two(bytes, i + 8);
    const date = year * 10_000 + month * 100 + day;
    if (date === this.#lastDate) return true;
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return false;
    this.days = daysFromCivil(year, month, day);
    this.#lastDate = date;
    return true;
  }

  /** Takes `.123456` at `i` if there is one; where it ends, or -1. */
  #fraction(bytes: Buffer, i: number, end: number): number {
    if (i >= end || (bytes[i] !== 46 && bytes[i] !== 44)) return i;
    let value = 0;
    let at = i + 1;
    for (; at < end; at++) {
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = at - i - 1;
    if (digits < 1 || digits > 9) return -1;
    this.nanos = value * (NANOS[digits] as number);
    return at;
  }

  /** Takes what follows the time: nothing, `Z`, or an offset. */
  #offset(bytes: Buffer, i: number, end: number): boolean {
    const rest = end - i;
    if (rest === 0) {
      if (this.#zone !== undefined) this.seconds -= zoneOffset(this.#zone, this.seconds);
      return true;
    }
    const sign = bytes[i];
    if (rest === 1) return sign === 90 || sign === 122;
    if (sign !== 43 && sign !== DASH) return false;
    const hours = two(bytes, i + 1);
    const colon = rest === 6 && bytes[i + 3] === COLON;
    if (rest !== 3 && rest !== 5 && !colon) return false;
    const minutes = rest === 3 ? 0 : two(bytes, colon ? i + 4 : i + 3);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
    const offset = hours * 3600 + minutes * 60;
    this.seconds -= sign === DASH ? -offset : offset;
    return true;
  }
}

/** Seconds and nanoseconds in units, where a number holds that exactly; else `undefined` (see `toUnitsExact`). */
export function toUnits(seconds: number, nanos: number, unit: TimeUnit): number | undefined {
  if (unit === 's') return seconds;
  if (unit === 'ms') return seconds * 1e3 + Math.floor(nanos / 1e6);
  const value = unit === 'us' ? seconds * 1e6 + Math.floor(nanos / 1e3) : seconds * 1e9 + nanos;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** As `toUnits`, for any size; it may lie beyond an int64. */
export function toUnitsExact(seconds: number, nanos: number, unit: 'us' | 'ns'): bigint {
  const perSecond = unit === 'us' ? 1_000_000n : 1_000_000_000n;
  return BigInt(seconds) * perSecond + BigInt(unit === 'us' ? Math.floor(nanos / 1e3) : nanos);
}
