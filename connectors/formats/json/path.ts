/** Paths into a JSON value: `properties.mag`, `geometry.coordinates[2]`, `["a.b"].c`. */
import { userError } from '../../../engine/errors.ts';

const SEGMENT = /\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|(?:^|\.)([^.[\]]+)/y;

/** The keys and indices that the path goes through; throws `json.bad-path`. */
export function parsePath(path: string): string[] {
  const segments: string[] = [];
  SEGMENT.lastIndex = 0;
  while (SEGMENT.lastIndex < path.length) {
    const at = SEGMENT.lastIndex;
    const match = SEGMENT.exec(path);
    if (match === null) {
      throw userError('json.bad-path', `"${path}" is no path: it cannot be read from character ${at + 1} on`, {
        hint: 'paths look like `properties.mag` or `coordinates[0]`',
      });
    }
    segments.push(match[1] ?? (match[2] === undefined ? (match[3] ?? '') : String(JSON.parse(`"${match[2]}"`))));
  }
  if (segments.length === 0) throw userError('json.bad-path', 'a path must not be empty');
  return segments;
}

/** Writes a path that `parsePath` reads back. */
export function formatPath(segments: readonly string[]): string {
  return segments.reduce((path, segment, at) => {
    if (/^[^.[\]"\\]+$/.test(segment)) return at === 0 ? segment : `${path}.${segment}`;
    return `${path}[${JSON.stringify(segment)}]`;
  }, '');
}

export type Getter = (value: unknown) => unknown;

/** What lies at the path, or undefined. Never what a value inherits (`constructor`). */
export function getter(segments: readonly string[]): Getter {
  const [only, ...more] = segments;
  if (more.length === 0 && only !== undefined && !(only in {})) {
    return (value) => (value as Readonly<Record<string, unknown>>)[only];
  }
  return (value) => {
    let at = value;
    for (const segment of segments) {
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, segment)) return undefined;
      at = (at as Readonly<Record<string, unknown>>)[segment];
    }
    return at;
  };
}
