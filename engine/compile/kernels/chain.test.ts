import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { chainOf, drive, type Event, type OperatorText, type Outcome } from '../../../test/kit/chains.ts';
import { batchOf } from '../../../test/kit/expression-data.ts';
import type { Schema, TimeUnit, Value } from '../../batch/types.ts';
import { loadParser } from '../../expression/check.ts';
import { openKernelCell } from './chain.ts';

beforeAll(loadParser);

function schemaIn(unit: TimeUnit): Schema {
  return {
    fields: [
      { name: 'at', type: { kind: 'timestamp', unit }, nullable: true },
      { name: 'key', type: { kind: 'utf8' }, nullable: true },
      { name: 'n', type: { kind: 'int64' }, nullable: true },
      { name: 'x', type: { kind: 'float64' }, nullable: true },
    ],
    time: 0,
  };
}

const schema = schemaIn('ms');
type Row = readonly [at: bigint | null, key: string | null, n: bigint | null, x?: number | null];

function rows(...given: readonly Row[]): Event {
  return {
    batch: batchOf(
      given.map(([at, key, n, x = null]) => [at, key, n, x]),
      schema,
    ),
  };
}

function run(operators: readonly OperatorText[], events: readonly Event[], input: Schema = schema): Outcome {
  return drive(openKernelCell(chainOf(input, operators)), events);
}

const SECONDS = { window: 1_000_000n, groupBy: { key: 'key' } };

describe('a kernel cell', () => {
  it('filters and projects rows in the order of the input', () => {
    const { rows: out } = run(
      [{ filter: 'n > 1' }, { select: { twice: 'n * 2', key: 'upper(key)' } }],
      [rows([0n, 'a', 1n], [1n, 'b', 2n], [2n, null, 3n], [3n, 'd', null]), 'end'],
    );
    expect(out[0]).toEqual([
      [4n, 'B'],
      [6n, null],
    ]);
  });

  it('hands rows on as they are where nothing is selected', () => {
    const row: Row = [5n, 'a', null, Number.NaN];
    expect(run([{}], [rows(row)]).rows[0]).toEqual([row]);
  });

  it('aggregates windows in the order of their ends, groups in the order of their first rows', () => {
    const { rows: out } = run(
      [
        {
          ...SECONDS,
          aggregate: {
            rows: 'count(*)',
            some: 'count(n)',
            sum: 'sum(n)',
            mean: 'avg(n)',
            low: 'min(x)',
            high: 'max(x)',
          },
        },
      ],
      [
        rows(
          [1500n, 'b', 1n, 1],
          [200n, 'a', 5n, -0],
          [900n, null, null, null],
          [1999n, 'b', 2n, Number.NaN],
          [0n, 'a', 6n, 0],
        ),
        { watermark: 999_999n },
        { watermark: 1_000_000n },
        'end',
      ],
    );
    expect(out[0]).toEqual([
      [0n, 1000n, 'a', 2n, 2n, 11n, 5.5, -0, -0],
      [0n, 1000n, null, 1n, 0n, null, null, null, null],
      [1000n, 2000n, 'b', 2n, 2n, 3n, 1.5, 1, Number.NaN],
    ]);
  });

  it('aligns windows to the epoch on both sides of it', () => {
    const { rows: out } = run(
      [{ ...SECONDS, aggregate: { rows: 'count(*)' } }],
      [rows([-1n, 'a', 1n], [-1000n, 'a', 1n], [-1001n, 'a', 1n]), 'end'],
    );
    expect(out[0]).toEqual([
      [-2000n, -1000n, 'a', 1n],
      [-1000n, 0n, 'a', 2n],
    ]);
  });

  it.each([
    [
      's',
      [3n, 6n],
      [
        [0n, 5n, 1n],
        [5n, 10n, 1n],
      ],
    ],
    [
      'ns',
      [-1n, 4_999_999_999n],
      [
        [-5_000_000_000n, 0n, 1n],
        [0n, 5_000_000_000n, 1n],
      ],
    ],
  ] as const)('gives window bounds in the unit of the time column, %s', (unit, times, expected) => {
    const input = schemaIn(unit);
    const batch = batchOf(
      times.map((at) => [at, null, null, null]),
      input,
    );
    const { rows: out } = run([{ window: 5_000_000n, aggregate: { rows: 'count(*)' } }], [{ batch }, 'end'], input);
    expect(out[0]).toEqual(expected);
  });

  it('counts late rows and diverts them as the aggregate got them', () => {
    const events = [
      rows([0n, 'a', 1n]),
      { watermark: 1_000_000n },
      rows([999n, 'late', 7n], [1000n, 'a', 2n]),
      'end',
    ] as const;
    const dropped = run([{ ...SECONDS, aggregate: { sum: 'sum(n)' } }], events);
    expect(dropped.late).toBe(1);
    expect(dropped.rows).toEqual([
      [
        [0n, 1000n, 'a', 1n],
        [1000n, 2000n, 'a', 2n],
      ],
    ]);
    const diverted = run([{ ...SECONDS, aggregate: { sum: 'sum(n)' }, late: 'divert' }], events);
    expect(diverted.rows[1]).toEqual([[999n, 'late', 7n, null]]);
    expect(diverted.late).toBe(1);
  });

  it('does not evaluate keys and arguments of late rows', () => {
    const { late, errors, thrown } = run(
      [{ window: 1_000_000n, aggregate: { sum: 'sum(1 / n)' } }],
      [{ watermark: 1_000_000n }, rows([0n, 'a', 0n])],
    );
    expect({ late, errors, thrown }).toEqual({ late: 1, errors: 0, thrown: undefined });
  });

  it('filters groups and computes with them, in the next operator, too', () => {
    const { rows: out } = run(
      [
        { ...SECONDS, aggregate: { sum: 'sum(n)', rows: 'count(*)' }, having: 'rows > 1' },
        { select: { key: 'key', mean: 'sum * 1.0 / rows' } },
      ],
      [rows([0n, 'a', 1n], [1n, 'a', 2n], [2n, 'b', 9n]), 'end'],
    );
    expect(out[0]).toEqual([['a', 1.5]]);
  });

  it('sums beyond 64 bits for a mean, and gives the float that is nearest by halves', () => {
    const most = 2n ** 63n - 1n;
    const { rows: out } = run(
      [{ window: 1_000_000n, aggregate: { mean: 'avg(n)' } }],
      [rows([0n, '', most], [0n, '', most], [0n, '', -most]), 'end'],
    );
    expect(out[0]).toEqual([[0n, 1000n, Number(most) / 3]]);
  });
});

describe('a row that fails', () => {
  it('ends the cell under fail, told with operator, text, number and values', () => {
    const { thrown, rows: out } = run(
      [{ filter: '10 / n > 1' }],
      [rows([0n, 'a', 1n]), rows([1n, 'b', 2n], [2n, 'c', 0n, 1.5])],
    );
    expect(thrown).toBe(
      'expression.division-by-zero: operator op0: division by zero in "10 / n > 1" at row 3 ' +
        '(at="1970-01-01 00:00:00.002", key="c", n=0, x=1.5)',
    );
    expect(out[0]).toHaveLength(1);
  });

  it('is left out and counted under skip', () => {
    const { rows: out, errors } = run(
      [{ select: { q: '10 / n' }, onError: 'skip' }],
      [rows([0n, 'a', 1n], [1n, 'b', 0n], [2n, 'c', 5n])],
    );
    expect(out[0]).toEqual([[10n], [2n]]);
    expect(errors).toBe(1);
  });

  it('becomes a row of the errors output under divert', () => {
    const { rows: out, errors } = run(
      [{ select: { at: 'at', n: 'n + 1', key: 'key' } }, { filter: 'key::int > 0 and 1 / n > 0', onError: 'divert' }],
      [rows([1500n, '7', 0n], [2500n, 'no', 1n], [3500n, '8', -1n])],
    );
    expect(out[0]).toEqual([[1500n, 1n, '7']]);
    expect(errors).toBe(2);
    expect(out[1]).toEqual([
      [
        2_500_000n,
        'op1',
        'expression.invalid-text',
        'a text cannot be read in "key::int > 0 and 1 / n > 0"',
        null,
        '{"at":"1970-01-01 00:00:02.5","n":2,"key":"no"}',
      ],
      [
        3_500_000n,
        'op1',
        'expression.division-by-zero',
        'division by zero in "key::int > 0 and 1 / n > 0"',
        null,
        '{"at":"1970-01-01 00:00:03.5","n":0,"key":"8"}',
      ],
    ]);
  });

  it('is the first one of the batch, whichever step it fails in', () => {
    const { thrown } = run(
      [{ filter: '1 / n > -5' }, { filter: 'key::int > 0' }],
      [rows([0n, 'x', 1n], [1n, '1', 0n])],
    );
    expect(thrown).toMatch(/^expression\.invalid-text: operator op1: .* at row 1 /);
  });

  it('fails without a time, or at a time whose window cannot be told', () => {
    const { rows: out, errors } = run(
      [{ window: 1_000_000n, aggregate: { rows: 'count(*)' }, onError: 'divert' }],
      [rows([null, 'a', 1n], [2n ** 63n - 1n, 'b', 1n], [0n, 'c', 1n]), 'end'],
    );
    expect(errors).toBe(2);
    expect(out[0]).toEqual([[0n, 1000n, 1n]]);
    expect(out[1]?.map((row) => [row[2], row[3]])).toEqual([
      ['expression.time-null', 'the time column is null: at'],
      ['expression.out-of-range', 'a value is out of range in "at"'],
    ]);
  });

  it('adds to none of its group’s aggregates where one sum overflows', () => {
    const most = 2n ** 63n - 1n;
    const { rows: out, errors } = run(
      [{ window: 1_000_000n, aggregate: { rows: 'count(*)', high: 'max(x)', sum: 'sum(n)' }, onError: 'skip' }],
      [rows([0n, '', most, 1], [1n, '', 1n, 99], [2n, '', -1n, 2]), 'end'],
    );
    expect(out[0]).toEqual([[0n, 1000n, 2n, 2, most - 1n]]);
    expect(errors).toBe(1);
  });

  it('fails where a sum of floats becomes infinite, unless a value is', () => {
    const sum = [{ window: 1_000_000n, aggregate: { sum: 'sum(x)' } }];
    expect(run(sum, [rows([0n, '', 0n, 1e308], [0n, '', 0n, 1e308])]).thrown).toMatch(
      /^expression\.overflow: .*"sum\(x\)"/,
    );
    expect(run(sum, [rows([0n, '', 0n, 1e308], [0n, '', 0n, Infinity]), 'end']).rows[0]).toEqual([
      [0n, 1000n, Infinity],
    ]);
  });

  it('has no row of the input behind an aggregate', () => {
    const { rows: out } = run(
      [{ window: 1_000_000n, aggregate: { sum: 'sum(n)' }, having: '1 / sum > 0', onError: 'divert' }],
      [rows([0n, '', 0n]), { watermark: 2_000_000n }],
    );
    expect(out[1]).toEqual([
      [2_000_000n, 'op0', 'expression.division-by-zero', 'division by zero in "1 / sum > 0"', null, null],
    ]);
  });
});

describe('results do not depend', () => {
  const anyRow = fc.tuple(
    fc.bigInt(-3000n, 6000n),
    fc.constantFrom('a', 'b', null),
    fc.option(fc.bigInt(-9n, 9n)),
    fc.option(fc.double({ noNaN: true, min: -1e6, max: 1e6 })),
  );
  const operators: OperatorText[] = [
    { filter: 'n is null or n <> 3' },
    {
      ...SECONDS,
      aggregate: { sum: 'sum(x)', q: 'sum(6 / n)', low: 'min(key)', mean: 'avg(n)' },
      late: 'divert',
      onError: 'divert',
    },
    { select: { key: 'key', sum: 'sum', q: 'q', mean: 'mean' } },
  ];

  it('on where batches are cut', () => {
    const property = fc.property(fc.array(anyRow, { maxLength: 30 }), fc.integer({ min: 1, max: 7 }), (all, size) => {
      const events = (step: number): Event[] => {
        const list: Event[] = [];
        for (let from = 0; from < all.length; from += step) list.push(rows(...(all.slice(from, from + step) as Row[])));
        return [...list, { watermark: 1_000_000n }, ...list, 'end'];
      };
      expect(run(operators, events(size))).toEqual(run(operators, events(Math.max(all.length, 1))));
    });
    fc.assert(property, { numRuns: 100 });
  });

  it('on empty batches', () => {
    const none: Value[][] = [];
    expect(run(operators, [rows(...(none as unknown as Row[])), 'end']).rows).toEqual([[], [], []]);
  });
});
