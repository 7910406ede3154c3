/** Dates, timestamps and durations as text: ISO 8601 in, PostgreSQL's ISO style out. */
import { parseFraction } from './casts-float';
import {
  civilDay,
  civilMonth,
  civilYear,
  daysOf,
  fromCivil,
  isDate,
  midnight,
  ticksOfDay,
  toCivil,
} from './dates-calendar';
import { decimalDigits, writeDigits } from './format';
import { arenaAllocate } from './memory';
import { fail, INVALID_TEXT, isWord, OUT_OF_RANGE, packTrimmed, skipSpaces, trimSpaces } from './text';

/** Where reading stands, and where the text ends. */
let at: usize = 0;
let end: usize = 0;
/** What was read: the date, and -1 where there is no time or zone. */
let year: i64 = 0;
let month: i32 = 0;
let day: i32 = 0;
let hour: i32 = 0;
let minute: i32 = 0;
let second: i32 = 0;
let fraction: i64 = 0;
/** Seconds east of UTC, or NO_OFFSET where they are not in range. */
let offset: i64 = 0;

const NO_OFFSET: i64 = 1 << 40;

/** Whether the byte at `at` is that one. */
function here(byte: u32): bool {
  return at < end && <u32>load<u8>(at) === byte;
}

/** Reads at least `least` and at most `most` digits; -1, and nothing read, where there are fewer. */
function number(least: i32, most: i32): i32 {
  let value: i32 = 0;
  let count: i32 = 0;
  while (count < most && at + <usize>count < end) {
    const digit = <u32>load<u8>(at + <usize>count) - 0x30;
    if (digit > 9) break;
    value = value * 10 + <i32>digit;
    count += 1;
  }
  if (count < least) return -1;
  at += <usize>count;
  return value;
}

/** Reads `2024-02-29`. */
function readDate(): bool {
  year = number(4, 7);
  if (year < 0 || !here(0x2d)) return false;
  at += 1;
  month = number(1, 2);
  if (month < 0 || !here(0x2d)) return false;
  at += 1;
  day = number(1, 2);
  return day >= 0;
}

/** Reads ` 12:30[:01[.5]]` (or T for the blank) where it stands; false, and nothing read, where it does not. */
function readTime(perSecond: i64): bool {
  const before = at;
  hour = 0;
  minute = 0;
  second = 0;
  fraction = 0;
  const blanks = skipSpaces(at, end);
  at = here(0x54) || here(0x74) ? at + 1 : blanks;
  hour = at === before ? -1 : number(1, 2);
  if (hour >= 0 && here(0x3a)) {
    at += 1;
    minute = number(2, 2);
    if (minute >= 0) {
      readSeconds(perSecond);
      return true;
    }
  }
  at = before;
  hour = 0;
  minute = 0;
  return false;
}

function readSeconds(perSecond: i64): void {
  if (!here(0x3a)) return;
  const before = at;
  at += 1;
  second = number(2, 2);
  if (second < 0) {
    at = before;
    second = 0;
    return;
  }
  if (!here(0x2e)) return;
  const dot = at;
  at += 1;
  while (at < end && <u32>load<u8>(at) - 0x30 < 10) at += 1;
  fraction = <i64>nearest<f64>(parseFraction(dot, at) * <f64>perSecond);
}

/** Reads `Z`, `UTC`, `GMT` or `+hh[[:]mm[[:]ss]]`, blanks in front, where it stands. */
function readZone(): void {
  offset = 0;
  const before = at;
  at = skipSpaces(at, end);
  if (here(0x5a) || here(0x7a)) {
    at += 1;
    return;
  }
  if (at + 3 <= end && (isWord(at, at + 3, 0x637475, 3) || isWord(at, at + 3, 0x746d67, 3))) {
    at += 3;
    return;
  }
  const negative = here(0x2d);
  if (!negative && !here(0x2b)) {
    at = before;
    return;
  }
  at += 1;
  const hours = number(1, 2);
  if (hours < 0) {
    at = before;
    return;
  }
  const minutes = zonePart();
  const seconds = minutes < 0 ? -1 : zonePart();
  const size = <i64>((hours * 60 + max(minutes, 0)) * 60 + max(seconds, 0));
  offset = hours > 15 || minutes > 59 || seconds > 59 ? NO_OFFSET : negative ? -size : size;
}

/** Reads `[:]dd`; -1, and nothing read, where it does not stand there. */
function zonePart(): i32 {
  const before = at;
  if (here(0x3a)) at += 1;
  const value = number(2, 2);
  if (value < 0) at = before;
  return value;
}

/** Reads ` BC` or ` AD`, which must be all that is left, if anything is. */
function readEra(): bool {
  if (at === end) return true;
  const word = skipSpaces(at, end);
  if (word === at) return false;
  const before = isWord(word, end, 0x6362, 2);
  if (!before && !isWord(word, end, 0x6461, 2)) return false;
  if (before) year = 1 - year;
  return true;
}

/** Reads a whole timestamp; false, and the error, where the text is none or no calendar has it. */
function read(ptr: usize, len: i32, perSecond: i64): bool {
  at = skipSpaces(ptr, ptr + <usize>len);
  end = trimSpaces(at, ptr + <usize>len);
  offset = 0;
  let valid = readDate();
  if (valid && readTime(perSecond)) readZone();
  const written = year;
  valid = valid && readEra();
  if (!valid) {
    fail(INVALID_TEXT);
    return false;
  }
  if (written === 0 || !isDate(year, month, day) || !isTime() || offset === NO_OFFSET) {
    fail(OUT_OF_RANGE);
    return false;
  }
  return true;
}

/** Up to 24:00:00, and a second 60 is taken for the next minute's first. */
function isTime(): bool {
  if (hour > 24 || minute > 59 || second > 60 || (second === 60 && fraction > 0)) return false;
  return hour < 24 || (minute === 0 && second === 0 && fraction === 0);
}

/** Ticks of the time read, in UTC where `zoned`; both must be in range. */
function ticksRead(perSecond: i64, zoned: bool): i64 {
  const days = fromCivil(year, month, day);
  const time = <i64>((hour * 60 + minute) * 60 + second) * perSecond + fraction;
  const perDay = perSecond * 86400;
  // The first day in range begins before the first tick in range.
  const start = midnight(days < 0 ? days + 1 : days, perSecond);
  const local = plus(start, days < 0 ? time - perDay : time);
  const instant = plus(local, -offset * perSecond);
  return zoned ? instant : local;
}

function plus(a: i64, b: i64): i64 {
  const sum = a + b;
  return ((a ^ sum) & (b ^ sum)) < 0 ? fail(OUT_OF_RANGE) : sum;
}

export function cast_utf8_date32(ptr: usize, len: i32): i32 {
  if (!read(ptr, len, 1)) return 0;
  const days = fromCivil(year, month, day);
  return days === <i64>(<i32>days) ? <i32>days : fail(OUT_OF_RANGE);
}

export function cast_utf8_timestamp(ptr: usize, len: i32, perSecond: i64): i64 {
  return read(ptr, len, perSecond) ? ticksRead(perSecond, false) : 0;
}

export function cast_utf8_timestamptz(ptr: usize, len: i32, perSecond: i64): i64 {
  return read(ptr, len, perSecond) ? ticksRead(perSecond, true) : 0;
}

/** Writes `2024-02-29`; returns the byte behind it. The year is that of the civil date set last. */
function writeDate(to: usize): usize {
  const shown = <u64>(civilYear > 0 ? civilYear : 1 - civilYear);
  const width = max(decimalDigits(shown), 4);
  writeDigits(to, shown, width);
  const rest = to + <usize>width;
  store<u8>(rest, 0x2d);
  writeDigits(rest + 1, civilMonth, 2);
  store<u8>(rest, 0x2d, 3);
  writeDigits(rest + 4, civilDay, 2);
  return rest + 6;
}

function writeEra(to: usize): usize {
  if (civilYear > 0) return to;
  store<u32>(to, 0x00434220); // ' BC'
  return to + 3;
}

/** Writes `12:30:01.5`. */
function writeClock(to: usize, rest: u64, perSecond: u64): usize {
  const whole = <u32>(rest / perSecond);
  writeDigits(to, whole / 3600, 2);
  store<u8>(to, 0x3a, 2);
  writeDigits(to + 3, (whole / 60) % 60, 2);
  store<u8>(to, 0x3a, 5);
  writeDigits(to + 6, whole % 60, 2);
  let part = rest % perSecond;
  if (part === 0) return to + 8;
  let digits = decimalDigits(perSecond) - 1;
  while (part % 10 === 0) {
    part /= 10;
    digits -= 1;
  }
  store<u8>(to, 0x2e, 8);
  writeDigits(to + 9, part, digits);
  return to + 9 + <usize>digits;
}

export function cast_date32_utf8(days: i32): i64 {
  const start = <usize>arenaAllocate(32);
  toCivil(days);
  return packTrimmed(start, writeEra(writeDate(start)));
}

export function cast_timestamp_utf8(value: i64, perSecond: i64): i64 {
  const start = <usize>arenaAllocate(48);
  toCivil(daysOf(value, perSecond));
  const clock = writeDate(start);
  store<u8>(clock, 0x20);
  const behind = writeClock(clock + 1, <u64>ticksOfDay(value, perSecond), perSecond);
  return packTrimmed(start, writeEra(behind));
}

/** As `1 day 02:03:04.5`, both parts negative where the duration is. */
export function cast_duration_utf8(value: i64, perSecond: i64): i64 {
  const negative = value < 0;
  const size = <u64>(negative ? -value : value);
  const perDay = <u64>perSecond * 86400;
  const days = size / perDay;
  const rest = size % perDay;
  const start = <usize>arenaAllocate(64);
  let to = start;
  if (days > 0) {
    to = writeSign(to, negative);
    const count = decimalDigits(days);
    writeDigits(to, days, count);
    to += <usize>count;
    store<u32>(to, 0x79616420); // ' day'
    store<u8>(to, 0x73, 4);
    to += days === 1 && !negative ? 4 : 5;
  }
  if (days === 0 || rest > 0) {
    if (days > 0) {
      store<u8>(to, 0x20);
      to += 1;
    }
    to = writeClock(writeSign(to, negative), rest, perSecond);
  }
  return packTrimmed(start, to);
}

function writeSign(to: usize, negative: bool): usize {
  store<u8>(to, 0x2d);
  return to + <usize>negative;
}
