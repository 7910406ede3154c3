/** Offsets of IANA timezones from UTC, out of the platform's own tables (Intl). */

const formats: Map<string, Intl.DateTimeFormat | undefined> = new Map();
/** One lookup costs microseconds: kept by zone and hour, since offsets change on the quarter hour at the finest. */
const cache: Map<string, number> = new Map();
const CACHE_LIMIT = 10_000;
const GRAIN = 900;

function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  if (formats.has(zone)) return formats.get(zone);
  let format: Intl.DateTimeFormat | undefined;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset', year: 'numeric' });
  } catch {
    format = undefined;
  }
  formats.set(zone, format);
  return format;
}

/** Seconds east of UTC that `zone` has at the instant `seconds`. */
function offsetAt(zone: string, seconds: number): number {
  const slot = Math.floor(seconds / GRAIN) * GRAIN;
  const key = `${zone}/${slot}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const part = formatOf(zone)
    ?.formatToParts(slot * 1000)
    .find((candidate) => candidate.type === 'timeZoneName');
  const match = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(part?.value ?? 'GMT');
  const size = Number(match?.[2] ?? 0) * 3600 + Number(match?.[3] ?? 0) * 60 + Number(match?.[4] ?? 0);
  const offset = match?.[1] === '-' ? -size : size;
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(key, offset);
  return offset;
}

/**
 * Seconds to take from a wall clock (as if it were UTC) to have the instant. A time that a clock shows twice is the first
 * one; a time that it skips is read with the offset from before the gap. 0 for an unknown zone.
 */
export function zoneOffset(zone: string, wallClock: number): number {
  const before = offsetAt(zone, wallClock - SECONDS_PER_DAY);
  if (offsetAt(zone, wallClock - before) === before) return before;
  const after = offsetAt(zone, wallClock + SECONDS_PER_DAY);
  return offsetAt(zone, wallClock - after) === after ? after : before;
}

const SECONDS_PER_DAY = 86_400;
