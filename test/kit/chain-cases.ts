/**
 * Generated chains of operators with rows and watermarks to run them on. Rows have the columns of `ROW_SCHEMA`, a time `ts` and the integer
 * types that widen; a select keeps all names, so that any expression can follow.
 */
import fc from 'fast-check';
import type { Schema, TimeUnit, Value } from '../../engine/batch/types.ts';
import { UNITS_PER_SECOND } from '../../engine/batch/types.ts';
import type { ValueKind } from '../../engine/expression/define.ts';
import type { OnError } from '../../engine/graph/plan.ts';
import type { Event, OperatorText } from './chains.ts';
import { anyRow, COLUMN_KINDS, ROW_SCHEMA } from './expression-data.ts';
import { expressionOf } from './expression-sql.ts';
import { build } from './tables.ts';

export interface ChainCase {
  readonly schema: Schema;
  readonly operators: readonly OperatorText[];
  readonly rows: readonly (readonly Value[])[];
  /** Row numbers in front of which a watermark (microseconds) comes, rising in both. */
  readonly watermarks: readonly { readonly before: number; readonly time: bigint }[];
}

/** The columns besides `ts`. */
const NARROW: Schema['fields'] = [
  { name: 'i8', type: { kind: 'int8' }, nullable: true },
  { name: 'u8', type: { kind: 'uint8' }, nullable: false },
  { name: 'i16', type: { kind: 'int16' }, nullable: true },
  { name: 'u16', type: { kind: 'uint16' }, nullable: true },
  { name: 'u32', type: { kind: 'uint32' }, nullable: true },
  { name: 'u64', type: { kind: 'uint64' }, nullable: true },
];

const narrowRow: fc.Arbitrary<readonly Value[]> = fc.tuple<Value[]>(
  fc.option(fc.integer({ min: -128, max: 127 })),
  fc.nat(255),
  fc.option(fc.integer({ min: -32768, max: 32767 })),
  fc.option(fc.nat(65535)),
  fc.option(fc.nat(4294967295)),
  fc.option(fc.oneof(fc.bigInt(0n, 100n), fc.constantFrom(2n ** 63n, 2n ** 64n - 1n), fc.bigInt(0n, 2n ** 63n - 1n))),
);

function schemaWith(unit: TimeUnit, timeNullable: boolean, required: boolean): Schema {
  const fields = ROW_SCHEMA.fields.map((field) => ({ ...field, nullable: !required }));
  const time = { name: 'ts', type: { kind: 'timestamp', unit }, nullable: timeNullable } as const;
  return { fields: [time, ...fields, ...NARROW], time: 0 };
}

const text = (kind: ValueKind, depth: number) => expressionOf(kind, depth).map(({ ours }) => ours);

const RELATION = fc.constantFrom('=', '<>', '<', '<=', '>', '>=');
const LANE_COLUMNS: readonly (readonly [string, string, fc.Arbitrary<string>])[] = [
  ['x', 'y', fc.constantFrom('0.5', "'-1'::float8", "'NaN'::float8", '100.25', "'Infinity'::float8")],
  ['r', 'r2', fc.constantFrom("'0.5'::real", "'-1'::real", "'NaN'::real")],
  ['i', 'j', fc.constantFrom('0', '3', '-7', '2147483647')],
  ['b', 'c', fc.constantFrom('0::bigint', '7::bigint', '(-9223372036854775807)::bigint')],
  ['at', 'bt', fc.constantFrom("timestamp '2024-02-29 12:30:01.5'", "timestamp '1969-12-31'")],
  ['d', 'e', fc.constantFrom("date '2024-02-29'", "date '1969-12-31'")],
];

/** Comparisons of plain columns, tests for null, booleans: what SIMD decides. */
const laneLeaf: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...LANE_COLUMNS).chain(([left, right, constant]) =>
    fc.tuple(RELATION, fc.oneof(constant, fc.constant(right)), fc.boolean()).map(([relation, other, swap]) => {
      return swap ? `${other} ${relation} ${left}` : `${left} ${relation} ${other}`;
    }),
  ),
  fc.constantFrom('x * 2 > 3', 'x + y <= 1', '1 < abs(x - 1e308) - y', 'r * 2::real > 1::real', '-x * 1.5 + 3 <> y'),
  fc.constantFrom('p', 'q', 'x IS NULL', 'i IS NOT NULL', 's IS NULL', 'x BETWEEN -1.5 AND 50', 'b IN (1, 2, 7)'),
);

const laneFilter: fc.Arbitrary<string> = fc
  .array(fc.tuple(laneLeaf, fc.boolean(), fc.constantFrom('AND', 'AND', 'OR')), { minLength: 1, maxLength: 4 })
  .map((parts) =>
    parts.map(([leaf, not, join], index) => `${index > 0 ? `${join} ` : ''}${not ? `NOT (${leaf})` : leaf}`).join(' '),
  );

const filter = fc.oneof(
  { weight: 4, arbitrary: laneFilter },
  { weight: 3, arbitrary: text('bool', 2) },
  { weight: 2, arbitrary: fc.tuple(laneLeaf, text('bool', 1)).map(([a, b]) => `${a} AND (${b})`) },
  { weight: 1, arbitrary: fc.tuple(text('bool', 1), laneLeaf).map(([a, b]) => `(${a}) AND ${b}`) },
);

/** Half of the filters let most rows go on, so that something reaches the steps behind. */
const mildFilter = fc
  .tuple(filter, fc.boolean())
  .map(([text, mild]) => (mild ? `(${text}) OR x IS NOT NULL OR q OR i < 5` : text));

const onError: fc.Arbitrary<OnError> = fc.constantFrom('divert', 'divert', 'divert', 'skip', 'skip', 'skip', 'fail');

/** All columns, some of them computed anew from the others. */
const select: fc.Arbitrary<Readonly<Record<string, string>>> = fc
  .array(
    fc
      .constantFrom(...Object.entries(COLUMN_KINDS))
      .chain(([name, kind]) => fc.tuple(fc.constant(name), text(kind, 2))),
    { maxLength: 4 },
  )
  .map((computed) => {
    const names = ['ts', ...Object.keys(COLUMN_KINDS), ...NARROW.map(({ name }) => name)];
    return { ...Object.fromEntries(names.map((name) => [name, name])), ...Object.fromEntries(computed) };
  });

const stateless: fc.Arbitrary<OperatorText> = fc.oneof(
  fc.record({ filter: mildFilter, onError }),
  fc.record({ select, onError }),
  fc.record({ filter: mildFilter, select, onError }),
);

const KEYS = ['i % 3', 'b % 4::bigint', 's', 'p', 'd', 'at', 'du', 'i8', 'u64', 'n', 'length(s)', 'x > 0', 'j / i'];
const SUMMABLE = ['i', 'b', 'x', 'r', 'i8', 'u32', 'u64', 'x * 2', 'i / j', 'case when p then x end'];
const ORDERED = [...SUMMABLE, 's', 'at', 'd', 'du', 's || t', 'n'];

const call: fc.Arbitrary<string> = fc.oneof(
  fc.constant('count(*)'),
  fc.constantFrom(...ORDERED, 'p').map((arg) => `count(${arg})`),
  fc.tuple(fc.constantFrom('sum', 'avg'), fc.constantFrom(...SUMMABLE)).map(([fn, arg]) => `${fn}(${arg})`),
  fc.tuple(fc.constantFrom('min', 'max'), fc.constantFrom(...ORDERED)).map(([fn, arg]) => `${fn}(${arg})`),
);

const AFTER: readonly OperatorText[] = [
  { having: 'n > 1' },
  { filter: 'n % 2 = 0', select: { window_end: 'window_end', n: 'n', z: '10 / (n - 2)' }, onError: 'divert' },
  { select: { n: 'n * 2', start: 'window_start' } },
  {},
];

const aggregate: fc.Arbitrary<readonly OperatorText[]> = fc
  .record({
    window: fc.constantFrom(1_000_000n, 5_000_000n, 60_000_000n),
    keys: fc.subarray(KEYS, { maxLength: 3 }),
    calls: fc.array(call, { maxLength: 5 }),
    late: fc.constantFrom('drop' as const, 'divert' as const),
    onError,
    after: fc.constantFrom(...AFTER),
  })
  .map(({ keys, calls, after, ...rest }) => {
    const groupBy = Object.fromEntries(keys.map((key, index) => [`k${index}`, key]));
    const named = Object.fromEntries(calls.map((text, index) => [`a${index}`, text]));
    return [{ ...rest, groupBy, aggregate: { n: 'count(*)', ...named } }, after];
  });

const operators: fc.Arbitrary<readonly OperatorText[]> = fc
  .tuple(
    fc.oneof(fc.array(stateless, { maxLength: 1 }), fc.array(stateless, { minLength: 1, maxLength: 3 })),
    fc.option(aggregate, { nil: [] as readonly OperatorText[], freq: 2 }),
  )
  .map(([before, after]) => [...before, ...after])
  .filter((chain) => chain.length > 0);

/** Offsets from a rising time, in microseconds: mostly small, sometimes far. */
const disorder = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -3_000_000, max: 3_000_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: -200_000_000, max: 200_000_000 }) },
);

interface Times {
  readonly unit: TimeUnit;
  readonly start: bigint;
  readonly step: number;
  readonly offsets: readonly number[];
  /** Ticks as they are, or null, at some places of the cycle. */
  readonly odd: readonly (bigint | null)[];
}

const LIMITS = [2n ** 63n - 1n, -(2n ** 63n), 9_223_372_036_854n, -9_223_372_036_855n, null];

const times: fc.Arbitrary<Times> = fc.record({
  unit: fc.constantFrom('s', 'ms', 'us', 'ns'),
  start: fc.constantFrom(0n, 1_700_000_000_000_000n, -5_000_000n),
  step: fc.constantFrom(0, 1000, 500_000),
  offsets: fc.array(disorder, { minLength: 1, maxLength: 30 }),
  odd: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.subarray(LIMITS) }),
});

function timeOf({ unit, start, step, offsets, odd }: Times, row: number): bigint | null {
  const strange = row % 97 < odd.length && row % 3 === 0 ? odd[row % 97] : undefined;
  if (strange !== undefined) return strange;
  const micros = start + BigInt(row * step + (offsets[row % offsets.length] ?? 0));
  const units = UNITS_PER_SECOND[unit];
  return units >= 1_000_000n ? micros * (units / 1_000_000n) : micros / (1_000_000n / units);
}

/** Up to 3,000 rows, which repeat a few generated ones; times go on. */
export const chainCase: fc.Arbitrary<ChainCase> = fc
  .record({
    times,
    operators,
    required: fc.boolean(),
    pool: fc.array(fc.tuple(anyRow, narrowRow), { minLength: 1, maxLength: 25 }),
    count: fc.oneof(fc.nat(30), fc.nat(3000)),
    cuts: fc.array(fc.tuple(fc.nat(3000), fc.nat(15_000_000)), { maxLength: 6 }),
  })
  .map(({ times: clock, operators: chain, required, pool, count, cuts }) => {
    const schema = schemaWith(clock.unit, clock.odd.includes(null), required);
    const rows = Array.from({ length: count }, (_, row) => {
      const [plain = [], narrow = []] = pool[(row * 7) % pool.length] ?? [];
      return [timeOf(clock, row), ...(required ? withoutNulls(plain) : plain), ...narrow];
    });
    let time = clock.start - 2_000_000n;
    const watermarks = cuts
      .toSorted(([a], [b]) => a - b)
      .map(([before, step]) => {
        time += BigInt(step + 1);
        return { before, time };
      });
    return { schema, operators: chain, rows, watermarks };
  });

const INSTEAD: Readonly<Record<ValueKind, Value>> = {
  bool: false,
  int32: 5,
  int64: 6n,
  float32: 0.25,
  float64: -7.5,
  utf8: 'none',
  binary: Uint8Array.of(7),
  date32: 12,
  timestamp: 13n,
  duration: 14n,
};

function withoutNulls(row: readonly Value[]): Value[] {
  const kinds = Object.values(COLUMN_KINDS);
  return row.map((value, index) => value ?? INSTEAD[kinds[index] ?? 'bool']);
}

/** The case as calls of a cell, its rows in batches of at most `size`. */
export function eventsOf({ schema, rows, watermarks }: ChainCase, size: number): Event[] {
  const events: Event[] = [];
  let from = 0;
  const take = (to: number) => {
    for (; from < to; from = Math.min(to, from + size)) {
      events.push({ batch: build(schema, rows.slice(from, Math.min(to, from + size))) });
    }
  };
  for (const { before, time } of watermarks) {
    take(Math.min(before, rows.length));
    events.push({ watermark: time });
  }
  take(rows.length);
  return [...events, 'end'];
}
