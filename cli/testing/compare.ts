/** Compares what a graph yielded with what was expected, row by row, numbers within a tolerance. */
import papaparse from 'papaparse';
import type { Settings } from './cases.ts';

export interface Difference {
  /** Rows as they are written in the files, at most `SHOWN` of each. */
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  /** How many there are in all. */
  readonly counts: { readonly missing: number; readonly unexpected: number };
}

const SHOWN = 5;

interface Row {
  readonly text: string;
  readonly value: unknown;
}

/** Undefined when they agree. `format` says how both texts are read. */
export function compareRows(
  expected: string,
  actual: string,
  format: 'csv' | 'ndjson',
  settings: Settings,
): Difference | undefined {
  const wanted = rowsOf(expected, format);
  const got = rowsOf(actual, format);
  const { missing, unexpected } =
    settings.order === 'exact' ? inOrder(wanted, got, settings.tolerance) : asMultiset(wanted, got, settings.tolerance);
  if (missing.length + unexpected.length === 0) return undefined;
  const texts = (rows: readonly Row[]): string[] => rows.slice(0, SHOWN).map((row) => row.text);
  return {
    missing: texts(missing),
    unexpected: texts(unexpected),
    counts: { missing: missing.length, unexpected: unexpected.length },
  };
}

function rowsOf(text: string, format: 'csv' | 'ndjson'): Row[] {
  if (format === 'csv') {
    const { data } = papaparse.parse<string[]>(text.trimEnd(), { header: false });
    return data.filter((row) => row.length > 1 || row[0] !== '').map((row) => ({ text: row.join(','), value: row }));
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => ({ text: line, value: parseLine(line) }));
}

/** A line that is no JSON stands for itself, so that it is shown as a difference. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

interface Unmatched {
  readonly missing: Row[];
  readonly unexpected: Row[];
}

function inOrder(wanted: readonly Row[], got: readonly Row[], tolerance: number): Unmatched {
  const unequal = wanted.flatMap((row, index) => {
    const other = got[index];
    return other !== undefined && same(row.value, other.value, tolerance) ? [] : [index];
  });
  return {
    missing: unequal.flatMap((index) => wanted[index] ?? []),
    unexpected: [...unequal.flatMap((index) => got[index] ?? []), ...got.slice(wanted.length)],
  };
}

/** Exact matches by text first, so that only the few that differ in a last digit are compared with each other. */
function asMultiset(wanted: readonly Row[], got: readonly Row[], tolerance: number): Unmatched {
  const open = new Map<string, Row[]>();
  for (const row of got) {
    const key = JSON.stringify(row.value);
    const same = open.get(key);
    if (same === undefined) open.set(key, [row]);
    else same.push(row);
  }
  const notExact = wanted.filter((row) => open.get(JSON.stringify(row.value))?.pop() === undefined);
  const rest = [...open.values()].flat();
  const missing = notExact.filter((row) => {
    const at = rest.findIndex((other) => same(row.value, other.value, tolerance));
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
  return { missing, unexpected: rest };
}

function same(a: unknown, b: unknown, tolerance: number): boolean {
  if (Object.is(a, b)) return true;
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return Math.abs(x - y) <= tolerance * Math.max(Math.abs(x), Math.abs(y));
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return keys.every((key) => Object.hasOwn(right, key) && same(left[key], right[key], tolerance));
}

/** Numbers, and text that is one: CSV has no others. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || !/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(value)) return undefined;
  return Number(value);
}
