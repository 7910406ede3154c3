/**
 * What DESIGN names and this version does not have: known by name, so that it is refused as such and not taken for a typing
 * error. An entry goes when its feature comes.
 */
import type { Path } from './tree.ts';

/** Kinds and options by the section of the graph they stand in. */
const OPERATOR_KINDS = ['top', 'dedupe', 'over', 'route', 'command', 'model', 'kernel', 'sql'];
const OPERATOR_OPTIONS = ['emit', 'ttl', 'until', 'within'];
const WINDOW_KINDS = ['hopping', 'session', 'count'];
const WINDOW_OPTIONS = ['every', 'timezone'];
const JOIN_OPTIONS = ['within', 'ttl'];

export interface Later {
  readonly what: string;
  /** An option of a kind: not worth a report of its own where the kind is reported too. */
  readonly option: boolean;
}

/** What `key` would be in the map at `path`, if it is something that later versions have. */
export function laterKey(path: Path, key: string): Later | undefined {
  const [top, section, , sub] = path;
  if (top !== 'spec') return undefined;
  if (section === 'operators' && path.length === 3) {
    if (OPERATOR_KINDS.includes(key)) return { what: `the operator kind "${key}"`, option: false };
    if (OPERATOR_OPTIONS.includes(key)) return { what: `"${key}"`, option: true };
  }
  if (section === 'operators' && path.length === 4 && sub === 'window') {
    if (WINDOW_KINDS.includes(key)) return { what: `a ${key} window`, option: false };
    if (WINDOW_OPTIONS.includes(key)) return { what: `"${key}" of a window`, option: true };
  }
  if (section === 'operators' && path.length === 4 && sub === 'join' && JOIN_OPTIONS.includes(key)) {
    return { what: `"${key}" of a join`, option: true };
  }
  return undefined;
}

/** The same for a value, such as `late: update`. */
export function laterValue(path: Path, value: unknown): string | undefined {
  return path[1] === 'operators' && path.length === 4 && path[3] === 'late' && value === 'update'
    ? '"late: update"'
    : undefined;
}
