/**
 * Values as text, the inverse of `cells.ts`: what a text format writes, it reads back as the same value.
 *
 *   timestamp   2024-01-31T10:00:00.123456, with Z where the type has a timezone; no fraction where it is zero; outside the
 *               years 0 to 9999 the epoch as an integer
 *   floats      the shortest decimal that reads back as the same value; NaN, inf, -inf
 */
import type { ColumnView } from '../../../engine/batch/reader.ts';
import { type DataType, type TimeUnit, UNITS_PER_SECOND } from '../../../engine/batch/types.ts';

const TWO_32 = 4_294_967_296;
const FRACTION_DIGITS: Readonly<Record<TimeUnit, number>> = { s: 0, ms: 3, us: 6, ns: 9 };
const SECONDS_PER_DAY = 86_400;
/** Seconds of 0000-01-01 and 10000-01-01. */
const FIRST_SECOND = -62_167_219_200;
const BEYOND_SECOND = 253_402_300_800;

/** A column's value in `row` (not null) as ASCII text; for all kinds but utf8, binary, null and foreign. */
export type ValueText = (row: number) => string;

export function valueText(view: ColumnView): ValueText {
  const { type, values } = view;
  switch (type.kind) {
    case 'bool':
      return (row) => (((values[row >> 3] as number) >> (row & 7)) & 1 ? 'true' : 'false');
    case 'float64':
      return (row) => floatText(values[row] as number);
    case 'float32':
      return (row) => float32Text(values[row] as number);
    case 'float16':
      return halfText(view);
    case 'date32':
      return (row) => dateText(values[row] as number);
    case 'timestamp':
      return timestampText(view, type);
    case 'int64':
    case 'duration':
      return wideText(view, true);
    case 'uint64':
      return wideText(view, false);
    default:
      return (row) => String(values[row]);
  }
}

export function floatText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'inf' : '-inf';
}

/** The shortest decimal that rounds to the same float32. */
function float32Text(value: number): string {
  if (!Number.isFinite(value) || value === 0) return floatText(value);
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

function halfText({ values }: ColumnView): ValueText {
  const one = new Float32Array(1);
  const bits = new Int32Array(one.buffer);
  return (row) => {
    const half = values[row] as number;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    const sign = (half & 0x8000) === 0 ? 1 : -1;
    if (exponent === 0) return floatText((sign * fraction) / 16_777_216);
    bits[0] = ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
    return floatText(sign * (one[0] as number));
  };
}

/** Integers of 64 bits without a bigint where a number holds them. */
function wideText(view: ColumnView, signed: boolean): ValueText {
  const wide = view.values as BigInt64Array;
  const words = new Int32Array(wide.buffer, wide.byteOffset, wide.length * 2);
  return (row) => {
    const value =
      (signed ? (words[row * 2 + 1] as number) : (words[row * 2 + 1] as number) >>> 0) * TWO_32 +
      ((words[row * 2] as number) >>> 0);
    return Number.isSafeInteger(value) ? String(value) : String(view.values[row]);
  };
}

function timestampText(view: ColumnView, type: DataType & { kind: 'timestamp' }): ValueText {
  const { unit } = type;
  const perSecond = Number(UNITS_PER_SECOND[unit]);
  const suffix = type.timezone === undefined ? '' : 'Z';
  const format = instantText(FRACTION_DIGITS[unit], suffix);
  const wide = view.values as BigInt64Array;
  const words = new Int32Array(wide.buffer, wide.byteOffset, wide.length * 2);
  return (row) => {
    const value = (words[row * 2 + 1] as number) * TWO_32 + ((words[row * 2] as number) >>> 0);
    if (Number.isSafeInteger(value)) {
      const seconds = Math.floor(value / perSecond);
      return format(seconds, value - seconds * perSecond) ?? String(value);
    }
    const exact = wide[row] as bigint;
    const fraction = Number(((exact % UNITS_PER_SECOND[unit]) + UNITS_PER_SECOND[unit]) % UNITS_PER_SECOND[unit]);
    const seconds = Number((exact - BigInt(fraction)) / UNITS_PER_SECOND[unit]);
    return format(seconds, fraction) ?? String(exact);
  };
}

/** Formats seconds since the epoch and a fraction in units of `10^-digits`; undefined outside the years 0 to 9999. */
function instantText(digits: number, suffix: string): (seconds: number, fraction: number) => string | undefined {
  let lastDay = Number.NaN;
  let date = '';
  return (seconds, fraction) => {
    if (seconds < FIRST_SECOND || seconds >= BEYOND_SECOND) return undefined;
    const day = Math.floor(seconds / SECONDS_PER_DAY);
    if (day !== lastDay) {
      date = dateText(day);
      lastDay = day;
    }
    const second = seconds - day * SECONDS_PER_DAY;
    const hour = Math.floor(second / 3600);
    const minute = Math.floor(second / 60) % 60;
    const clock = `${date}T${pad2(hour)}:${pad2(minute)}:${pad2(second % 60)}`;
    if (fraction === 0) return clock + suffix;
    return `${clock}.${String(fraction).padStart(digits, '0')}${suffix}`;
  };
}

function pad2(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** Days since the epoch as YYYY-MM-DD; as an integer outside the years 0 to 9999. */
function dateText(days: number): string {
  const seconds = days * SECONDS_PER_DAY;
  if (seconds < FIRST_SECOND || seconds >= BEYOND_SECOND) return String(days);
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
