/** Holds the programs' results against each other: the same groups, counts and peaks, and means within rounding. */
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';

interface Row {
  readonly window_start: string;
  readonly machine: string;
  readonly readings: string;
  readonly mean: string;
  readonly peak: string;
}

function read(path: string): Map<string, Row> {
  const rows = parse(readFileSync(path, 'utf8'), { columns: true }) as Row[];
  return new Map(
    rows.map((row) => [
      `${Date.parse(`${row.window_start.replace(/Z$/, '').replace(' ', 'T')}Z`)} ${row.machine}`,
      row,
    ]),
  );
}

/** Throws where the files disagree. */
export function compareAnswers(expected: string, actual: string): void {
  const theirs = read(expected);
  const ours = read(actual);
  if (theirs.size !== ours.size || theirs.size === 0)
    throw new Error(`${ours.size} groups where ${theirs.size} are right`);
  for (const [key, row] of theirs) {
    const other = ours.get(key);
    const mean = Math.abs(Number(other?.mean) - Number(row.mean));
    const same = other?.readings === row.readings && Number(other?.peak) === Number(row.peak) && mean < 1e-9;
    if (!same) throw new Error(`${key}: ${JSON.stringify(other)} where ${JSON.stringify(row)} is right`);
  }
}
