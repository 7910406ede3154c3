/** Numbers and names among the flags of `task`. */
import { userError } from '../../engine/errors.ts';
import { parseSize } from '../../engine/graph/units.ts';
import { milliseconds } from '../output/durations.ts';

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export function durationOf(flag: string, text: string): number {
  return milliseconds(`--${flag}`, text);
}

/** Throws `cli.bad-flag`. */
export function wholeOf(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= 1_000_000) return value;
  throw userError('cli.bad-flag', `--${flag} ${text}: expected a whole number, at least ${least}`);
}

/** Bytes of `64MiB`. Throws `cli.bad-flag`. */
export function sizeOf(flag: string, text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw userError('cli.bad-flag', `--${flag} ${text}: expected a size`, { hint: '64MiB, 200MB' });
}

/** Throws `cli.bad-name`. */
export function nameOf(name: string): string {
  if (LABEL.test(name)) return name;
  throw userError('cli.bad-name', `${JSON.stringify(name)} is no name of a task`, {
    hint: 'lower-case letters, digits and hyphens, at most 63, no hyphen at either end',
  });
}
