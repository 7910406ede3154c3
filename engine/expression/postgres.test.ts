/**
 * Generated expressions on generated rows, as the kernels and as PostgreSQL evaluate them: same values, same nulls, same kind of error.
 * `CLOUDSKIN_CASES` sets how many (300), `CLOUDSKIN_SEED` where generation begins.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anyRow, batchOf, pgText, ROW_SCHEMA } from '../../test/kit/expression-data.ts';
import { approximateExpression, expressionOf, RESULT_KINDS, type Sql } from '../../test/kit/expression-sql.ts';
import { type Answer, Postgres } from '../../test/kit/postgres.ts';
import type { DataType, Value } from '../batch/types.ts';
import { evaluateColumn } from '../compile/kernels/evaluate.ts';
import { valueAt } from '../compile/kernels/vector.ts';
import { checkExpression, loadParser } from './check.ts';
import type { ValueKind } from './define.ts';
import type { EvaluationError } from './ir.ts';

const CASES = Number(process.env.CLOUDSKIN_CASES ?? 300);
const seed = Number(process.env.CLOUDSKIN_SEED ?? 20_260);
const ROWS = 24;

const scope = { columns: ROW_SCHEMA.fields.map((field, index) => ({ ...field, index })) };
const rows = fc.sample(anyRow, { numRuns: ROWS, seed });
const batch = batchOf(rows);
let postgres: Postgres;

beforeAll(async () => {
  await loadParser();
  postgres = await Postgres.start();
  await postgres.fill(ROW_SCHEMA, rows);
}, 60_000);

afterAll(() => postgres?.stop());

/** What PostgreSQL's SQLSTATE may be called here. */
const ERRORS: Readonly<Record<string, readonly EvaluationError[]>> = {
  '22012': ['divisionByZero'],
  '22003': ['overflow', 'underflow', 'outOfRange'],
  '22008': ['outOfRange'],
  '22009': ['outOfRange'],
  '22P02': ['invalidText'],
  '22007': ['invalidText'],
  '22011': ['invalidArgument'],
  '22019': ['invalidArgument'],
  '22023': ['invalidArgument'],
  '22025': ['invalidArgument'],
  '2201E': ['invalidArgument'],
  '2201F': ['invalidArgument'],
  '54000': ['invalidArgument', 'tooLong'],
};

type Own = { readonly value: Value } | { readonly error: EvaluationError };

function evaluate(text: string): { readonly type: DataType; readonly values: readonly Own[] } {
  const { expr, problems } = checkExpression(text, scope);
  if (expr === undefined) throw new Error(`${text}: ${problems[0]?.code} ${problems[0]?.message}`);
  const { vector, errors } = evaluateColumn(expr, batch);
  const failed = new Map(errors.list().map(({ row, code }) => [row, code]));
  const values = rows.map((_, row): Own => {
    const error = failed.get(row);
    return error === undefined ? { value: valueAt(vector, row) } : { error };
  });
  return { type: expr.type, values };
}

/** Undefined where both agree, else what each says. */
function disagreement(own: Own | undefined, answer: Answer, type: DataType, ulps: number): string | undefined {
  const said = `PostgreSQL says ${JSON.stringify(answer)}`;
  if (own === undefined) return said;
  if ('error' in own) {
    return 'state' in answer && (ERRORS[answer.state] ?? []).includes(own.error)
      ? undefined
      : `the error ${own.error}; ${said}`;
  }
  if ('state' in answer) return `${String(own.value)}; ${said}`;
  return agree(own.value, answer.value, type, ulps) ? undefined : `${String(own.value)}; ${said}`;
}

function agree(own: Value, text: string | null, type: DataType, ulps: number): boolean {
  if (own === null || text === null) return own === null && text === null;
  if (type.kind === 'duration') return String(own) === text;
  if (type.kind !== 'float64' && type.kind !== 'float32') return pgText(own, type) === text;
  const theirs = type.kind === 'float32' ? Math.fround(Number(text)) : Number(text);
  return Object.is(own, theirs) || (ulps > 0 && distance(Number(own), theirs) <= ulps);
}

/** Floats between two of the same sign. */
function distance(a: number, b: number): number {
  const bits = (x: number): bigint => new BigInt64Array(Float64Array.of(x).buffer)[0] ?? 0n;
  return Number.isNaN(a) || Number.isNaN(b) || a < 0 !== b < 0 ? Infinity : Math.abs(Number(bits(a) - bits(b)));
}

async function compare({ ours, pg }: Sql, kind: ValueKind, ulps = 0): Promise<void> {
  const { type, values: own } = evaluate(ours);
  const answers = await postgres.evaluate(kind === 'duration' ? `(extract(epoch from ${pg}) * 1000000)::bigint` : pg);
  for (const [row, answer] of answers.entries()) {
    const said = disagreement(own[row], answer, type, ulps);
    if (said === undefined) continue;
    const cells = ROW_SCHEMA.fields.map(({ name }, index) => `${name}=${String(rows[row]?.[index])}`).join(' ');
    expect.fail(`${ours}\n  row ${row}: ${said}\n  ${cells}\n  ${pg}`);
  }
}

/** Kinds by PostgreSQL's names. */
const KINDS: Readonly<Record<string, ValueKind>> = {
  boolean: 'bool',
  integer: 'int32',
  bigint: 'int64',
  real: 'float32',
  'double precision': 'float64',
  text: 'utf8',
  bytea: 'binary',
  date: 'date32',
  'timestamp without time zone': 'timestamp',
  interval: 'duration',
};

describe('the type of an expression is that of PostgreSQL', () => {
  const numbers = ['i', 'b', 'r', 'x'];
  const pairs = numbers.flatMap((left) => numbers.map((right) => [left, right] as const));
  const mixed = pairs.flatMap(([left, right]) => [
    `${left} + ${right}`,
    `coalesce(${left}, ${right})`,
    `case when p then ${left} else ${right} end`,
    `greatest(${left}, ${right})`,
    `nullif(${left}, ${right})`,
  ]);
  const temporal = [
    'd + i',
    'i + d',
    'd - i',
    'd - e',
    'd + du',
    'at - d',
    'at - bt',
    'at + du',
    'du + du',
    'du * x',
    'i * du',
  ];
  const calls = numbers.flatMap((name) => [
    `abs(${name})`,
    `sign(${name})`,
    `ceil(${name})`,
    `sqrt(abs(${name}))`,
    `-${name}`,
    `power(${name}, i)`,
  ]);
  const literals = [
    "i + '1'",
    "x * '2'",
    "'a' || i",
    "at - '2024-01-01'",
    'coalesce(null, d)',
    "case when p then '1' else b end",
    'b << i',
    'i % b',
  ];

  it.each([...mixed, ...temporal, ...calls, ...literals])('%s', async (text) => {
    const { expr, problems } = checkExpression(text, scope);
    expect(problems).toEqual([]);
    const answers = await postgres.evaluate(`pg_typeof(${text})`);
    const types = answers.flatMap((answer) => ('value' in answer ? [KINDS[answer.value ?? '']] : []));
    expect(new Set(types)).toEqual(new Set([expr?.type.kind]));
  });
});

describe('expressions mean what PostgreSQL says', () => {
  const each = Math.ceil(CASES / (RESULT_KINDS.length + 1));

  it.each(RESULT_KINDS)(
    'of type %s',
    async (kind) => {
      const property = fc.asyncProperty(expressionOf(kind, 3), (sql) => compare(sql, kind));
      await fc.assert(property, { numRuns: each, seed });
    },
    120_000,
  );

  it('and has a value in enough rows for that to mean something', () => {
    for (const kind of RESULT_KINDS) {
      const own = fc.sample(expressionOf(kind, 3), { numRuns: 40, seed }).flatMap(({ ours }) => evaluate(ours).values);
      const valued = own.filter((one) => 'value' in one && one.value !== null);
      expect(valued.length / own.length, kind).toBeGreaterThan(0.3);
    }
  });

  it('rounded and cut to decimals, as numeric does it', async () => {
    const digits = fc.integer({ min: -5, max: 12 });
    const number = fc.oneof(
      fc.double({ noDefaultInfinity: true, noNaN: true, min: -1e15, max: 1e15 }),
      fc.integer({ min: -1_000_000, max: 1_000_000 }).map((n) => n / 1000),
    );
    const property = fc.asyncProperty(fc.constantFrom('round', 'trunc'), number, digits, async (fn, x, places) => {
      const ours = `${fn}('${x}'::float8, ${places})`;
      await compare({ ours, pg: `${fn}('${x}'::numeric, ${places})::float8` }, 'float64');
    });
    await fc.assert(property, { numRuns: each, seed });
  });

  it('within one unit in the last place where the C library decides', async () => {
    const property = fc.asyncProperty(approximateExpression(), (sql) => compare(sql, 'float64', 1));
    await fc.assert(property, { numRuns: each, seed });
  }, 120_000);
});
