/** Durations on the command line, as graphs write them. */
import { userError } from '../../engine/errors.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `10s`. Throws `cli.bad-duration`. */
export function milliseconds(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim());
  const unit = UNITS[match?.[2] ?? ''];
  if (match === null || unit === undefined) {
    throw userError('cli.bad-duration', `${flag} ${text}: expected a duration such as 30s`, { hint: '500ms, 30s, 2m' });
  }
  return Number(match[1]) * unit;
}
