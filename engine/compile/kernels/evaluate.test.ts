import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { argumentsOf } from '../../../test/kit/arguments.ts';
import { batchOf } from '../../../test/kit/expression-data.ts';
import type { Schema, Value } from '../../batch/types.ts';
import { call } from '../../expression/build.ts';
import { catalogueFunction } from '../../expression/catalogue.ts';
import { checkExpression, loadParser } from '../../expression/check.ts';
import { Failure, plainType } from '../../expression/define.ts';
import type { Expr } from '../../expression/ir.ts';
import { evaluateColumn } from './evaluate.ts';
import { LOOPS } from './loops.ts';
import { valueAt } from './vector.ts';

beforeAll(loadParser);

const schema: Schema = {
  fields: [
    { name: 'a', type: { kind: 'int32' }, nullable: true },
    { name: 'b', type: { kind: 'int32' }, nullable: true },
    { name: 'tiny', type: { kind: 'int8' }, nullable: true },
    { name: 'wide', type: { kind: 'uint32' }, nullable: true },
    { name: 'huge', type: { kind: 'uint64' }, nullable: true },
    { name: 's', type: { kind: 'utf8' }, nullable: true },
  ],
};
const scope = { columns: schema.fields.map((field, index) => ({ ...field, index })) };

type Row = readonly [a: Value, b: Value, tiny?: Value, wide?: Value, huge?: Value, s?: Value];

/** Values, or the code of the error, row by row. */
function results(text: string, rows: readonly Row[], selection?: Int32Array): unknown[] {
  const { expr, problems } = checkExpression(text, scope);
  if (expr === undefined) throw new Error(problems[0]?.message);
  return resultsOf(expr, rows, selection);
}

function resultsOf(expr: Expr, rows: readonly (readonly (Value | undefined)[])[], selection?: Int32Array): unknown[] {
  const batch = batchOf(
    rows.map((row) => schema.fields.map((_, index) => row[index] ?? null)),
    schema,
  );
  const { vector, errors } = evaluateColumn(expr, batch, selection);
  const failed = new Map(errors.list().map(({ row, code }) => [row, code]));
  return [...(selection ?? rows.keys())].map((row) => failed.get(row) ?? valueAt(vector, row));
}

describe('the kernels', () => {
  it('evaluate rows with and without nulls', () => {
    expect(
      results('a + b', [
        [1, 2],
        [null, 2],
        [3, null],
        [-5, 5],
      ]),
    ).toEqual([3, null, null, 0]);
    expect(results('a + 1', [])).toEqual([]);
  });

  it('evaluate the selected rows only', () => {
    expect(
      results(
        'a / b',
        [
          [1, 0],
          [6, 3],
          [1, 0],
          [8, 2],
        ],
        Int32Array.of(1, 3),
      ),
    ).toEqual([2, 4]);
  });

  it('read narrow integers as wide ones, and refuse a uint64 beyond int64', () => {
    const rows: Row[] = [
      [0, 0, -128, 4294967295, 2n ** 63n - 1n],
      [0, 0, null, null, 2n ** 63n],
    ];
    expect(results('tiny * 2', rows)).toEqual([-256, null]);
    expect(results('wide + 1', rows)).toEqual([4294967296n, null]);
    expect(results('huge', rows)).toEqual([2n ** 63n - 1n, 'outOfRange']);
    expect(results('huge is null', rows)).toEqual([false, 'outOfRange']);
  });

  it('evaluate all arguments of a call, even where one is null', () => {
    expect(
      results('a + 1 / b', [
        [null, 0],
        [null, 1],
        [1, 1],
      ]),
    ).toEqual(['divisionByZero', null, 2]);
  });

  it('keep the first error of a row', () => {
    expect(
      results('s::int + 1 / b', [
        [0, 0, 0, 0, 0n, 'x'],
        [0, 0, 0, 0, 0n, '1'],
      ]),
    ).toEqual(['invalidText', 'divisionByZero']);
  });

  it('stop at what decides AND, OR and CASE, but not at null', () => {
    const rows: Row[] = [
      [0, 0],
      [1, 0],
      [null, 0],
      [1, 1],
    ];
    expect(results('a = 1 and 1 / b = 1', rows)).toEqual([false, 'divisionByZero', 'divisionByZero', true]);
    expect(results('a = 0 or 1 / b = 1', rows)).toEqual([true, 'divisionByZero', 'divisionByZero', true]);
    expect(results('case when b = 0 then -1 else a / b end', rows)).toEqual([-1, -1, -1, 1]);
    expect(results('case when 1 / b = 1 then a end', rows)).toEqual([
      'divisionByZero',
      'divisionByZero',
      'divisionByZero',
      1,
    ]);
  });

  it('know three truth values', () => {
    const rows: Row[] = [
      [0, 1],
      [1, null],
      [null, null],
    ];
    expect(results('a = 1 and b = 1', rows)).toEqual([false, null, null]);
    expect(results('a = 1 or b = 1', rows)).toEqual([true, true, null]);
    expect(results('not (a = 1)', rows)).toEqual([true, false, null]);
    expect(results('a in (1, null)', rows)).toEqual([null, true, null]);
  });

  it('bind what is used twice once', () => {
    expect(
      results('a * 2 between 2 and b', [
        [1, 2],
        [2, 3],
        [null, 1],
      ]),
    ).toEqual([true, false, null]);
  });

  it('tell the place of an error in the expression', () => {
    const text = 'a + 10 / b';
    const { expr } = checkExpression(text, scope);
    const batch = batchOf([[1, 0, null, null, null, null]], schema);
    const [error] = expr === undefined ? [] : evaluateColumn(expr, batch).errors.list();
    expect(text.slice(error?.span.start, error?.span.end)).toBe('10 / b');
  });
});

describe('a loop over arrays means what the catalogue says', () => {
  it.each([...LOOPS.keys()])('%s', (id) => {
    const entry = catalogueFunction(id);
    const own: Schema = {
      fields: entry.args.map((kind, index) => ({ name: `c${index}`, type: plainType(kind), nullable: true })),
    };
    const span = { start: 0, end: 0 };
    const args = own.fields.map(
      ({ name, type }, index): Expr => ({ node: 'column', index, name, type, nullable: true, span }),
    );
    const expr = call(id, args, span);
    const property = fc.property(fc.array(argumentsOf(entry), { minLength: 1, maxLength: 20 }), (rows) => {
      const { vector, errors } = evaluateColumn(expr, batchOf(rows, own));
      const failed = new Map(errors.list().map(({ row, code }) => [row, code]));
      for (const [row, values] of rows.entries()) {
        expect(failed.get(row) ?? valueAt(vector, row)).toEqual(meaning(() => entry.evaluate(...values)));
      }
    });
    fc.assert(property, { numRuns: 200 });
  });
});

function meaning(evaluate: () => unknown): unknown {
  try {
    return evaluate();
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}
