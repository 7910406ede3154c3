/** A graph given as a JavaScript object, as a tree without places. */
import { messageOf, type Problem } from '../errors.ts';
import { MAX_DEPTH, MAX_NODES } from './limits.ts';
import { formatPath, type MapEntry, type Path, type Tree } from './tree.ts';
import type { TreeResult } from './yaml-tree.ts';

class Refused extends Error {
  readonly problem: Problem;

  constructor(code: string, message: string, file: string, path: Path) {
    super(message);
    const place = { file, line: 0, column: 0, ...(path.length === 0 ? {} : { path: formatPath(path) }) };
    this.problem = { severity: 'error', code, message, place };
  }
}

/** Plain objects and arrays become maps and lists; anything else is a value, which the schema judges. Never throws. */
export function objectTree(value: unknown, file: string): TreeResult {
  let nodes = 0;
  const build = (item: unknown, path: Path): Tree => {
    nodes += 1;
    if (nodes > MAX_NODES) throw new Refused('graph.too-large', `more than ${MAX_NODES} values`, file, path);
    if (path.length > MAX_DEPTH) throw new Refused('graph.too-deep', `nested more than ${MAX_DEPTH} deep`, file, path);
    if (Array.isArray(item)) {
      return { kind: 'list', at: undefined, items: Array.from(item, (each, index) => build(each, [...path, index])) };
    }
    if (isPlain(item)) return { kind: 'map', at: undefined, entries: entriesOf(item, path, build) };
    return { kind: 'scalar', at: undefined, value: item, style: 'double', text: textOf(item), substituted: false };
  };
  try {
    return { root: build(value, []), problems: [] };
  } catch (error) {
    if (error instanceof Refused) return { problems: [error.problem] };
    // A getter or proxy of the caller's threw.
    const message = `the graph object cannot be read: ${messageOf(error)}`;
    return { problems: [{ severity: 'error', code: 'graph.unreadable', message }] };
  }
}

function entriesOf(
  item: Record<string, unknown>,
  path: Path,
  build: (item: unknown, path: Path) => Tree,
): ReadonlyMap<string, MapEntry> {
  const entries = new Map<string, MapEntry>();
  for (const [key, value] of Object.entries(item)) {
    if (value === undefined || key === '__proto__') continue;
    entries.set(key, { key, at: undefined, value: build(value, [...path, key]) });
  }
  return entries;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'boolean' ||
    typeof value === 'bigint'
    ? String(value)
    : '';
}
