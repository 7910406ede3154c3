/** Whether a run whose plan changed gave what the undisturbed one did: nothing lost, nothing twice, nothing out of order of its key. */
import type { Ledger } from '../kit/ledger.ts';
import type { Row } from '../kit/memory-connector.ts';
import { SINKS } from './graph.ts';

export interface Verdict {
  readonly rows: number;
  readonly lost: number;
  readonly duplicated: number;
  /** Rows that stand where another of their key is due. */
  readonly misplaced: number;
  /** Some of them, for people. */
  readonly examples: readonly string[];
}

export function verdictOf(undisturbed: Ledger, moved: Ledger): Verdict {
  const all = SINKS.map(({ name, key }) => compared(name, key, undisturbed.rows(name), moved.rows(name)));
  const sum = (of: (one: Verdict) => number): number => all.reduce((total, one) => total + of(one), 0);
  return {
    rows: sum(({ rows }) => rows),
    lost: sum(({ lost }) => lost),
    duplicated: sum(({ duplicated }) => duplicated),
    misplaced: sum(({ misplaced }) => misplaced),
    examples: all.flatMap(({ examples }) => examples),
  };
}

function compared(sink: string, key: number | undefined, expected: readonly Row[], found: readonly Row[]): Verdict {
  const counts = new Map<string, number>();
  for (const row of expected) counts.set(String(row), (counts.get(String(row)) ?? 0) + 1);
  for (const row of found) counts.set(String(row), (counts.get(String(row)) ?? 0) - 1);
  const lost = [...counts].filter(([, count]) => count > 0);
  const surplus = [...counts].filter(([, count]) => count < 0);
  const misplaced = key === undefined || lost.length + surplus.length > 0 ? [] : outOfOrder(key, expected, found);
  const total = (some: readonly (readonly [string, number])[]): number =>
    some.reduce((sum, [, count]) => sum + Math.abs(count), 0);
  const some = [...lost, ...surplus].slice(0, 4).map(([row, count]) => `${sink}: ${-count} of ${row}`);
  return {
    rows: found.length,
    lost: total(lost),
    duplicated: total(surplus),
    misplaced: misplaced.length,
    examples: [...some, ...misplaced.slice(0, 4).map((row) => `${sink}: ${row} is not where it should be`)],
  };
}

function outOfOrder(key: number, expected: readonly Row[], found: readonly Row[]): readonly string[] {
  const due = byKey(key, expected);
  return [...byKey(key, found)].flatMap(([name, rows]) => rows.filter((row, index) => row !== due.get(name)?.[index]));
}

function byKey(key: number, rows: readonly Row[]): ReadonlyMap<string, readonly string[]> {
  const result = new Map<string, string[]>();
  for (const row of rows) {
    const name = String(row[key]);
    const own = result.get(name);
    if (own === undefined) result.set(name, [String(row)]);
    else own.push(String(row));
  }
  return result;
}
