/** Windowed joins of whole graphs against DuckDB's, over generated tables in random order of time and cut into batches anyhow. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Schema, Value } from '../../engine/batch/types.ts';
import { openCell } from '../../engine/cell/open.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import { planOrThrow, prepareText } from '../../engine/runtime/prepare.ts';
import { Deployment } from '../../engine/runtime/run/deployment.ts';
import { Ledger } from '../kit/ledger.ts';
import { build } from '../kit/tables.ts';

const LEFT: Schema = {
  fields: [
    { name: 'k', type: { kind: 'int32' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
    { name: 's', type: { kind: 'utf8' }, nullable: true },
    { name: 'x', type: { kind: 'float64' }, nullable: true },
    { name: 'p', type: { kind: 'bool' }, nullable: true },
  ],
  time: 1,
};
const RIGHT: Schema = {
  fields: [
    { name: 'k', type: { kind: 'int64' }, nullable: true },
    { name: 's', type: { kind: 'utf8' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
    { name: 'x', type: { kind: 'float64' }, nullable: true },
  ],
  time: 2,
};
const SCHEMAS = [
  '{ k: int32, at: "timestamp[ms]", s: utf8, x: float64, p: bool }',
  '{ k: int64, s: utf8, at: "timestamp[us]", x: float64 }',
];

/** As the graph says them and as DuckDB does; `at` is milliseconds in the one table and microseconds in the other. */
const CONDITIONS = [
  'a.k = b.k',
  'a.k = b.k AND a.s = b.s',
  'a.k = b.k AND a.x > b.x',
  'lower(a.s) = b.s AND (a.p OR b.x > 0)',
  'b.k + 1 = a.k AND a.x IS NOT NULL',
];

const text = fc.option(fc.constantFrom('', 'a', 'b', 'ä', 'a longer name than eight bytes'));
/** Numbers that every reader of literals reads alike. */
const float = fc.option(fc.integer({ min: -80, max: 80 }).map((eighths) => eighths / 8));
const left = fc.tuple(
  fc.option(fc.integer({ min: -2, max: 2 })),
  fc.bigInt(-20_000n, 20_000n),
  text,
  float,
  fc.option(fc.boolean()),
);
const right = fc.tuple(fc.option(fc.bigInt(-2n, 2n)), text, fc.bigInt(-20_000_000n, 20_000_000n), float);

let instance: DuckDBInstance;
let connection: DuckDBConnection;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  connection = await instance.connect();
});

afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

type Table = readonly (readonly Value[])[];

function literal(value: Value): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return `'${value}'`;
  return typeof value === 'number' ? `${value}::DOUBLE` : String(value);
}

async function fill(name: string, columns: string, rows: Table): Promise<void> {
  await connection.run(`CREATE OR REPLACE TABLE ${name} (${columns})`);
  if (rows.length === 0) return;
  const values = rows.map((cells) => `(${cells.map(literal).join(', ')})`);
  await connection.run(`INSERT INTO ${name} VALUES ${values.join(', ')}`);
}

async function askDuckDb(a: Table, b: Table, where: string, size: bigint): Promise<string[]> {
  await fill('l', 'k INTEGER, "at" BIGINT, s VARCHAR, x DOUBLE, p BOOLEAN', a);
  await fill('r', 'k BIGINT, s VARCHAR, "at" BIGINT, x DOUBLE', b);
  const window = (time: string): string => `(${time} - ((${time} % ${size}) + ${size}) % ${size})`;
  const [one, other] = [window('a."at" * 1000'), window('b."at"')];
  const columns = ['a.k', 'a."at"', 'a.s', 'a.x', 'a.p', 'b.k', 'b.s', 'b."at"', 'b.x'];
  const end = `(${one} + ${size}) // 1000`;
  const query = `SELECT ${columns.join(', ')}, ${end} FROM l a, r b WHERE ${one} = ${other} AND ${where}`;
  return (await connection.runAndReadAll(query)).getRows().map(String).sort();
}

async function ask(a: Table, b: Table, where: string, size: bigint, rows: number): Promise<string[]> {
  const columns =
    'k: a.k, at: a.at, s: a.s, x: a.x, p: a.p, k2: b.k, s2: b.s, at2: b.at, x2: b.x, window_end: window_end';
  const graph = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: joined }
spec:
  sources:
    l: { ledger: {}, schema: ${SCHEMAS[0]}, time: { column: at, maxDelay: 1h } }
    r: { ledger: {}, schema: ${SCHEMAS[1]}, time: { column: at, maxDelay: 1h } }
  operators:
    pairs:
      from: { a: l, b: r }
      join: { where: ${JSON.stringify(where)} }
      window: { tumbling: ${size / 1000n}ms }
      select: { ${columns} }
  sinks:
    out: { from: pairs, ledger: {} }
`;
  const ledger = new Ledger({
    l: { partitions: [build(LEFT, a)], rows },
    r: { partitions: [build(RIGHT, b)], rows },
  });
  const options = { connectors: [ledger.connector], openCell };
  const plan = planOrThrow(await prepareText(graph, 'graph.yaml', { ...options, environment: {} }));
  await new Deployment(fuse(plan), options).run();
  return ledger.rows('out').map(String).sort();
}

describe('a windowed join', () => {
  it('gives the pairs that DuckDB gives', async () => {
    let pairs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(left, { maxLength: 60, size: 'max' }),
        fc.array(right, { maxLength: 60, size: 'max' }),
        fc.constantFrom(...CONDITIONS),
        fc.constantFrom(1_000_000n, 7_000_000n, 60_000_000n),
        fc.integer({ min: 1, max: 50 }),
        async (a, b, where, size, rows) => {
          const expected = await askDuckDb(a, b, where, size);
          pairs += expected.length;
          expect(await ask(a, b, where, size, rows)).toEqual(expected);
        },
      ),
      { numRuns: 60, interruptAfterTimeLimit: 30_000 },
    );
    expect(pairs).toBeGreaterThan(100);
  });
});
