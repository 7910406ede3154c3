/** Windowed aggregates of compiled cells against DuckDB's, over generated tables in random order of time. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chainOf, drive } from '../../test/kit/chains.ts';
import { build } from '../../test/kit/tables.ts';
import type { Schema, Value } from '../batch/types.ts';
import { loadParser } from '../expression/check.ts';
import { openCompiledCell } from './compiled.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'ts', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
    { name: 'k', type: { kind: 'int64' }, nullable: true },
    { name: 's', type: { kind: 'utf8' }, nullable: true },
    { name: 'p', type: { kind: 'bool' }, nullable: true },
    { name: 'i', type: { kind: 'int32' }, nullable: true },
    { name: 'x', type: { kind: 'float64' }, nullable: true },
  ],
  time: 0,
};
const TYPES = 'ts BIGINT, k BIGINT, s VARCHAR, p BOOLEAN, i INTEGER, x DOUBLE';

const row = fc.tuple(
  fc.bigInt(-20_000_000n, 20_000_000n),
  fc.option(fc.oneof(fc.bigInt(-3n, 3n), fc.constantFrom(2n ** 62n, -(2n ** 63n)))),
  fc.option(fc.constantFrom('', 'a', 'b', 'ä', 'a longer name than eight bytes')),
  fc.option(fc.boolean()),
  fc.option(fc.integer({ min: -1000, max: 1000 })),
  fc.option(fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constantFrom(0, Number.NaN, Infinity))),
);

const CALLS = {
  n: 'count(*)',
  ni: 'count(i)',
  si: 'sum(i)',
  ai: 'avg(i)',
  sx: 'sum(x)',
  ax: 'avg(x)',
  mi: 'min(i)',
  mx: 'max(x)',
  lx: 'min(x)',
  ms: 'max(s)',
  ls: 'min(s)',
};

let instance: DuckDBInstance;
let connection: DuckDBConnection;

beforeAll(async () => {
  await loadParser();
  instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  connection = await instance.connect();
});

afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

function literal(value: Value): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'number' && !Number.isFinite(value)) return `'${value}'::DOUBLE`;
  return typeof value === 'number' ? `${value}::DOUBLE` : String(value);
}

/** Numbers as doubles and rounded, since sums of floats may be added up in another order. */
function comparable(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number' && Number.isFinite(value)) return Number(value.toPrecision(9));
  return value;
}

async function askDuckDb(rows: readonly (readonly Value[])[], keys: readonly string[], size: bigint) {
  await connection.run(`CREATE OR REPLACE TABLE t (${TYPES})`);
  if (rows.length > 0) {
    const values = rows.map((cells) => `(${cells.map(literal).join(', ')})`).join(', ');
    await connection.run(`INSERT INTO t VALUES ${values}`);
  }
  const start = `(ts - ((ts % ${size}) + ${size}) % ${size})`;
  const columns = [start, `${start} + ${size}`, ...keys, ...Object.values(CALLS)];
  const by = [start, ...keys].join(', ');
  const reader = await connection.runAndReadAll(`SELECT ${columns.join(', ')} FROM t GROUP BY ${by}`);
  return reader.getRows();
}

const sorted = (rows: readonly (readonly unknown[])[]): string[] =>
  rows
    .map((cells) =>
      JSON.stringify(cells.map(comparable).map((cell) => (typeof cell === 'number' ? String(cell) : cell))),
    )
    .sort();

describe('a windowed aggregate', () => {
  it('gives the groups that DuckDB gives', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 200 }),
        fc.subarray(['k', 's', 'p', 'i']),
        fc.constantFrom(1_000_000n, 7_000_000n, 60_000_000n),
        async (rows, keys, size) => {
          const groupBy = Object.fromEntries(keys.map((key) => [key, key]));
          const plan = chainOf(SCHEMA, [{ window: size, groupBy, aggregate: CALLS }]);
          const { rows: outputs } = drive(openCompiledCell(plan), [{ batch: build(SCHEMA, rows) }, 'end']);
          expect(sorted(outputs[0] ?? [])).toEqual(sorted(await askDuckDb(rows, keys, size)));
        },
      ),
      { numRuns: 40 },
    );
  });
});
