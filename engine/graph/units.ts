/**
 * Durations, sizes, rates and speeds as graph files write them (`10s`, `64KiB`, `2MB/s`, `60x`), as text and as zod types
 * that the document's schema and the connectors share.
 */
import { z } from 'zod';

const MICROSECONDS: Readonly<Record<string, bigint>> = {
  us: 1n,
  ms: 1_000n,
  s: 1_000_000n,
  m: 60_000_000n,
  h: 3_600_000_000n,
  d: 86_400_000_000n,
};

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

const DURATION = /^(\d{1,16})(us|ms|s|m|h|d)$/;
const SIZE = /^(\d{1,12}(?:\.\d{1,6})?)(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/;
const SPEED = /^(\d{1,9}(?:\.\d{1,6})?)x$/;

/** A century: longer durations are mistakes, and sums of times with them stay far inside int64. */
const LONGEST = 36_525n * 86_400_000_000n;

/** `10ms 5s 1m 2h 1d` in microseconds; undefined when it is no duration or longer than a century. */
export function parseDuration(text: string): bigint | undefined {
  const match = DURATION.exec(text);
  const unit = MICROSECONDS[match?.[2] ?? ''];
  if (match?.[1] === undefined || unit === undefined) return undefined;
  const value = BigInt(match[1]) * unit;
  return value > LONGEST ? undefined : value;
}

/** The shortest text that `parseDuration` reads back as the same: `90s`, `1m`, `2h`. */
export function formatDuration(microseconds: bigint): string {
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const size = MICROSECONDS[unit] ?? 1n;
    if (microseconds !== 0n && microseconds % size === 0n) return `${microseconds / size}${unit}`;
  }
  return microseconds === 0n ? '0s' : `${microseconds}us`;
}

/** `512B 64KiB 2MB 1.5GiB` in whole bytes; undefined when it is no size or not exactly representable. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  const unit = BYTES[match?.[2] ?? ''];
  if (match?.[1] === undefined || unit === undefined) return undefined;
  const value = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The shortest text that `parseSize` reads back as the same: `64KiB`, `2MB`, `1234B`. */
export function formatSize(bytes: number): string {
  for (const unit of ['TiB', 'TB', 'GiB', 'GB', 'MiB', 'MB', 'KiB', 'kB']) {
    const size = BYTES[unit] ?? 1;
    if (bytes !== 0 && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}

/** `60x` as 60, `max` as `'max'`; undefined when it is neither or not above zero. */
export function parseSpeed(text: string): number | 'max' | undefined {
  if (text === 'max') return 'max';
  const match = SPEED.exec(text);
  const value = Number(match?.[1] ?? 0);
  return value > 0 ? value : undefined;
}

interface UnitText<T> {
  readonly pattern: string;
  readonly what: string;
  readonly code: string;
  readonly parse: (text: string) => T | undefined;
}

function unitType<T>({ pattern, what, code, parse }: UnitText<T>): z.ZodType<T, string> {
  return z
    .string({ error: `expected ${what}` })
    .meta({ pattern })
    .transform((text, context): T => {
      const value = parse(text);
      if (value !== undefined) return value;
      context.addIssue({ code: 'custom', message: `"${text}" is not ${what}`, params: { code } });
      return z.NEVER;
    });
}

const DURATION_PATTERN = '^[0-9]+(us|ms|s|m|h|d)$';

/** Microseconds, zero included. */
export const durationType: z.ZodType<bigint, string> = unitType({
  pattern: DURATION_PATTERN,
  what: 'a duration such as 10ms, 5s, 1m, 2h or 1d',
  code: 'graph.bad-duration',
  parse: parseDuration,
});

/** Microseconds, at least one. */
export const positiveDurationType: z.ZodType<bigint, string> = unitType({
  pattern: DURATION_PATTERN,
  what: 'a duration above zero such as 10ms, 5s, 1m, 2h or 1d',
  code: 'graph.bad-duration',
  parse: (text) => parseDuration(text) || undefined,
});

/** Bytes. */
export const sizeType: z.ZodType<number, string> = unitType({
  pattern: '^[0-9]+(\\.[0-9]+)?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$',
  what: 'a size such as 512B, 64KiB or 2MB',
  code: 'graph.bad-size',
  parse: parseSize,
});

/** Bytes per second, written `2MB/s`. */
export const rateType: z.ZodType<number, string> = unitType({
  pattern: '^[0-9]+(\\.[0-9]+)?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)/s$',
  what: 'bytes per second such as 64KiB/s or 2MB/s',
  code: 'graph.bad-rate',
  parse: (text) => (text.endsWith('/s') ? parseSize(text.slice(0, -2)) : undefined),
});

/** A multiple of event time, or `'max'`. */
export const speedType: z.ZodType<number | 'max', string> = unitType({
  pattern: '^([0-9]+(\\.[0-9]+)?x|max)$',
  what: 'a speed such as 60x, or max',
  code: 'graph.bad-speed',
  parse: parseSpeed,
});
