/** Interval literals to microseconds: `1 day 2 hours`, `-90 minutes`, `26:30:00.5`, `1.5 hours ago`, `P1DT2H30M`. */
import { rint } from '../functions/maths.ts';

/** Microseconds of a unit, by every name it has. */
const UNITS: ReadonlyMap<string, number> = new Map(
  (
    [
      [1, ['microsecond', 'microseconds', 'us', 'usec', 'usecs']],
      [1e3, ['millisecond', 'milliseconds', 'ms', 'msec', 'msecs']],
      [1e6, ['second', 'seconds', 's', 'sec', 'secs']],
      [6e7, ['minute', 'minutes', 'm', 'min', 'mins']],
      [3.6e9, ['hour', 'hours', 'h', 'hr', 'hrs']],
      [8.64e10, ['day', 'days', 'd']],
      [6.048e11, ['week', 'weeks', 'w']],
    ] as const
  ).flatMap(([size, names]) => names.map((name) => [name, size] as const)),
);

const CALENDAR = /^(mon|y|yr|year|dec|c$|cent|mil(l|$))/;
const PART = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)\s*([a-z]+)\s*/;
const CLOCK = /^([+-]?)(\d+):(\d{1,2})(?::(\d{1,2})(\.\d*)?)?\s*/;
const LONE = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)$/;

/**
 * Microseconds, or what is wrong. `loneUnit` is the unit of a number without one (`interval '5' hour`), else seconds.
 */
export function parseInterval(text: string, loneUnit = 'second'): bigint | string {
  const word = text.trim().toLowerCase();
  const lone = LONE.exec(word);
  if (lone !== null) return inRange(micros(lone[1] ?? '', UNITS.get(loneUnit) ?? 1e6));
  if (/^[+-]?p/.test(word)) return parseIso(word);
  const ago = word.endsWith(' ago');
  const total = parseParts(ago ? word.slice(0, -4) : word);
  if (typeof total === 'string') return total;
  return inRange(ago ? -total : total);
}

function parseParts(text: string): bigint | string {
  let rest = text.replace(/^@\s*/, '').trim();
  let total = 0n;
  let clocks = 0;
  if (rest === '') return 'an interval is empty';
  while (rest !== '') {
    const clock = CLOCK.exec(rest);
    const part = clock === null ? PART.exec(rest) : null;
    const matched = clock ?? part;
    if (matched === null) return `${shown(rest)} is not a part of an interval`;
    if (clock !== null) {
      clocks += 1;
      const time = clockMicros(clock);
      if (time === undefined || clocks > 1) return `${shown(rest)} is not a time`;
      total += time;
    } else {
      const unit = part?.[2] ?? '';
      const size = UNITS.get(unit);
      if (size === undefined) return unknownUnit(unit);
      total += micros(part?.[1] ?? '', size);
    }
    rest = rest.slice(matched[0].length);
  }
  return total;
}

function unknownUnit(unit: string): string {
  if (!CALENDAR.test(unit)) return `${shown(unit)} is not a unit of time`;
  return `an interval of ${unit} has no fixed length; say how many days`;
}

function shown(text: string): string {
  return `'${text.length > 30 ? `${text.slice(0, 27)}...` : text}'`;
}

/** A decimal number of units, rounded to a microsecond. */
function micros(decimal: string, size: number): bigint {
  const [whole = '', fraction = ''] = decimal.replace(/^[+-]/, '').split('.');
  const value = BigInt(whole === '' ? '0' : whole) * BigInt(size) + BigInt(rint(Number(`0.${fraction || '0'}`) * size));
  return decimal.startsWith('-') ? -value : value;
}

function clockMicros(match: RegExpExecArray): bigint | undefined {
  const [, sign, hours = '0', minutes = '0', seconds = '0', fraction = ''] = match;
  if (Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const value = BigInt(hours) * 3_600_000_000n + BigInt(minutes) * 60_000_000n + micros(`${seconds}${fraction}`, 1e6);
  return sign === '-' ? -value : value;
}

const ISO =
  /^([+-]?)p(?:([+-]?[\d.]+)w)?(?:([+-]?[\d.]+)d)?(?:t(?:([+-]?[\d.]+)h)?(?:([+-]?[\d.]+)m)?(?:([+-]?[\d.]+)s)?)?$/;
const ISO_SIZES = [6.048e11, 8.64e10, 3.6e9, 6e7, 1e6];

function parseIso(text: string): bigint | string {
  const match = ISO.exec(text);
  const parts = match?.slice(2) ?? [];
  if (parts.every((part) => part === undefined)) {
    return /\d[ym]/.test(text.split('t')[0] ?? '')
      ? unknownUnit('month')
      : `${shown(text)} is not an ISO 8601 duration`;
  }
  if (parts.some((part) => part !== undefined && !LONE.test(part))) return `${shown(text)} is not an ISO 8601 duration`;
  const total = parts.reduce((sum, part, at) => sum + (part === undefined ? 0n : micros(part, ISO_SIZES[at] ?? 1)), 0n);
  return inRange(match?.[1] === '-' ? -total : total);
}

function inRange(value: bigint): bigint | string {
  return value >= -(2n ** 63n) && value < 2n ** 63n ? value : 'an interval has at most 2^63 microseconds';
}
