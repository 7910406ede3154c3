/** What DuckDB makes of the tables of a campaign: the windows, the pairs and the windows over these, as sorted text. */
import { DuckDBInstance } from '@duckdb/node-api';
import type { Row } from '../kit/memory-connector.ts';

const MINUTE = 60_000;
/** The end of the window of `time`, both in milliseconds. */
const end = (time: string, minutes: number): string =>
  `((((${time}) // ${minutes * MINUTE}) + 1) * ${minutes * MINUTE})`;

const PAIRS = `SELECT a.series s, a."at" one_at, a.value v, b.series "with", b."at" beside, b.value other, ${end('a."at"', 2)} ends
  FROM one a JOIN other b
  ON floor(a.value / 4)::BIGINT = floor(b.value / 4)::BIGINT AND ${end('a."at"', 2)} = ${end('b."at"', 2)}`;

/** By sink; floats rounded, since DuckDB sums them in an order of its own. */
const QUERIES: Readonly<Record<string, string>> = {
  closed: `SELECT ${end('"at"', 5)} - ${5 * MINUTE}, ${end('"at"', 5)}, series, count(*), avg(value), min(value), max(value), max("at"),
    count(CASE WHEN value > 50 THEN 1 END) FROM (FROM one UNION ALL FROM other) GROUP BY ALL`,
  paired: PAIRS,
  met: `SELECT ${end('ends - 1', 10)} - ${10 * MINUTE}, ${end('ends - 1', 10)}, s, count(*), max(other), min(beside) FROM (${PAIRS}) GROUP BY ALL`,
};

export const ASKED: readonly string[] = Object.keys(QUERIES);

export async function duckDbRows(
  tables: readonly [readonly Row[], readonly Row[]],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    for (const [index, name] of ['one', 'other'].entries()) {
      await connection.run(`CREATE TABLE ${name} ("at" BIGINT, series VARCHAR, value DOUBLE)`);
      const appender = await connection.createAppender(name);
      for (const [at, series, value] of tables[index] ?? []) {
        appender.appendBigInt(at as bigint);
        appender.appendVarchar(series as string);
        appender.appendDouble(value as number);
        appender.endRow();
      }
      appender.closeSync();
    }
    const results = new Map<string, readonly string[]>();
    for (const [sink, query] of Object.entries(QUERIES)) {
      results.set(sink, asText((await connection.runAndReadAll(query)).getRows()));
    }
    return results;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Sorted. */
export function asText(rows: readonly (readonly unknown[])[]): readonly string[] {
  const value = (one: unknown): unknown => (typeof one === 'number' ? Number(one.toPrecision(12)) : one);
  return rows.map((row) => String(row.map(value))).sort();
}
