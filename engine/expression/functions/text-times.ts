/** Text of dates, timestamps and durations: PostgreSQL's ISO style out, ISO 8601 in. */
import { fail } from '../define.ts';
import { checkedDays, civilFromDays, splitDay, ticks } from './calendar.ts';
import { rint } from './maths.ts';
import { stripBlanks } from './text-numbers.ts';

const DATE = /^(\d{4,7})-(\d{1,2})-(\d{1,2})/;
const TIME = /^(?:[Tt]|[ \t\n\v\f\r]+)(\d{1,2}):(\d{2})(?::(\d{2})(\.\d*)?)?/;
const ZONE = /^[ \t\n\v\f\r]*(?:(z|utc|gmt)|([+-])(\d{1,2})(?::?(\d{2})(?::?(\d{2}))?)?)/i;
const ERA = /^[ \t\n\v\f\r]+(bc|ad)$/i;

export interface ParsedTimestamp {
  /** Of the date as written; `local` and `instant` may fall on the following day (24:00:00). */
  readonly days: number;
  /** Ticks since the epoch without regard to the zone. */
  readonly local: bigint;
  /** Ticks since the epoch in UTC. */
  readonly instant: bigint;
}

/** Reads ISO 8601. `invalidText` where it is something else, `outOfRange` where the calendar or the clock has no such time. */
export function parseTimestamp(text: string, perSecond: bigint): ParsedTimestamp {
  let rest = stripBlanks(text);
  const date = take(DATE, rest) ?? fail('invalidText');
  rest = rest.slice(date[0].length);
  const time = take(TIME, rest);
  rest = rest.slice(time?.[0].length ?? 0);
  const zone = time === undefined ? undefined : take(ZONE, rest);
  rest = rest.slice(zone?.[0].length ?? 0);
  const era = take(ERA, rest);
  if (rest.length !== (era?.[0].length ?? 0)) return fail('invalidText');
  const written = Number(date[1]);
  if (written === 0) return fail('outOfRange');
  const year = era?.[1]?.toLowerCase() === 'bc' ? 1 - written : written;
  const days = checkedDays(year, Number(date[2]), Number(date[3]));
  const local = BigInt(days) * 86_400n * perSecond + timeOfDay(time, perSecond);
  return { days, local: ticks(local), instant: ticks(local - offset(zone) * perSecond) };
}

function take(pattern: RegExp, text: string): RegExpExecArray | undefined {
  return pattern.exec(text) ?? undefined;
}

/** Ticks since midnight; up to 24:00:00, and a second 60 is taken for the next minute's first. */
function timeOfDay(time: RegExpExecArray | undefined, perSecond: bigint): bigint {
  if (time === undefined) return 0n;
  const hour = Number(time[1]);
  const minute = Number(time[2]);
  const second = Number(time[3] ?? 0);
  const fraction = time[4] === undefined || time[4] === '.' ? 0 : rint(Number(`0${time[4]}`) * Number(perSecond));
  const past24 = hour === 24 && (minute > 0 || second > 0 || fraction > 0);
  if (hour > 24 || minute > 59 || second > 60 || past24 || (second === 60 && fraction > 0)) return fail('outOfRange');
  return BigInt((hour * 60 + minute) * 60 + second) * perSecond + BigInt(fraction);
}

/** Seconds east of UTC. */
function offset(zone: RegExpExecArray | undefined): bigint {
  if (zone === undefined || zone[1] !== undefined) return 0n;
  const hours = Number(zone[3]);
  const minutes = Number(zone[4] ?? 0);
  const seconds = Number(zone[5] ?? 0);
  if (hours > 15 || minutes > 59 || seconds > 59) return fail('outOfRange');
  const size = BigInt((hours * 60 + minutes) * 60 + seconds);
  return zone[2] === '-' ? -size : size;
}

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

/** As 2024-02-29, the year with at least four digits; `era` is ` BC` for years before 1. */
function dateParts(days: number): { date: string; era: string } {
  const { year, month, day } = civilFromDays(days);
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0');
  return { date: `${shown}-${two(month)}-${two(day)}`, era: year > 0 ? '' : ' BC' };
}

export function formatDate(days: number): string {
  const { date, era } = dateParts(days);
  return date + era;
}

/** `rest` is not negative. */
function clock(rest: bigint, perSecond: bigint): string {
  const whole = Number(rest / perSecond);
  const time = `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  const fraction = rest % perSecond;
  if (fraction === 0n) return time;
  const digits = String(perSecond).length - 1;
  return `${time}.${String(fraction).padStart(digits, '0').replace(/0+$/, '')}`;
}

export function formatTimestamp(value: bigint, perSecond: bigint): string {
  const { days, rest } = splitDay(value, perSecond);
  const { date, era } = dateParts(days);
  return `${date} ${clock(rest, perSecond)}${era}`;
}

/** PostgreSQL's text of an interval without months whose hours are below 24. */
export function formatDuration(value: bigint, perSecond: bigint): string {
  const perDay = perSecond * 86_400n;
  const size = value < 0n ? -value : value;
  const sign = value < 0n ? '-' : '';
  const days = size / perDay;
  const rest = size % perDay;
  if (days === 0n) return sign + clock(rest, perSecond);
  const dayText = `${sign}${days} day${days === 1n && sign === '' ? '' : 's'}`;
  return rest === 0n ? dayText : `${dayText} ${sign}${clock(rest, perSecond)}`;
}
