/** Columns and rows for generated expressions: edge cases of every kind, and what lies between. */
import fc from 'fast-check';
import type { Batch } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import { type DataType, type Schema, UNITS_PER_SECOND, type Value } from '../../engine/batch/types.ts';
import { plainType, type ValueKind } from '../../engine/expression/define.ts';
import { formatFloat } from '../../engine/expression/functions/text-numbers.ts';
import { formatDate, formatTimestamp } from '../../engine/expression/functions/text-times.ts';

/** An expression in both spellings. */
export interface Sql {
  readonly ours: string;
  readonly pg: string;
}

/** `n` holds texts that are mostly numbers, `z` texts that are mostly times. */
export const COLUMN_KINDS: Readonly<Record<string, ValueKind>> = {
  i: 'int32',
  j: 'int32',
  b: 'int64',
  c: 'int64',
  r: 'float32',
  r2: 'float32',
  x: 'float64',
  y: 'float64',
  s: 'utf8',
  t: 'utf8',
  n: 'utf8',
  z: 'utf8',
  p: 'bool',
  q: 'bool',
  w: 'binary',
  d: 'date32',
  e: 'date32',
  at: 'timestamp',
  bt: 'timestamp',
  du: 'duration',
};

export const ROW_SCHEMA: Schema = {
  fields: Object.entries(COLUMN_KINDS).map(([name, kind]) => ({ name, type: plainType(kind), nullable: true })),
};

/** Fields of timestamps of which date_part and ours agree to the last bit. */
export const WHOLE_FIELDS: readonly string[] =
  'year isoyear quarter month week day doy dow isodow hour minute epoch'.split(' ');

const text: fc.Arbitrary<string> = fc
  .array(fc.constantFrom('a', 'b', 'A', ' ', '%', '_', '!', '-', 'é', 'Ω', '日', '😀', '0', "'", '\\', 'xyz'), {
    maxLength: 8,
  })
  .map((parts) => parts.join(''));

const numberText = fc.oneof(
  fc.constantFrom(
    '',
    ' 42 ',
    '-7',
    '+7',
    '1e5',
    '1.5',
    '.5',
    '5.',
    'abc',
    '0b101',
    '0o17',
    '1_000',
    '1__0',
    '_1',
    'NaN',
  ),
  fc.constantFrom(
    'Infinity',
    '-inf',
    '2147483648',
    '-2147483648',
    '9223372036854775808',
    '99999999999999999999x',
    '1e400',
    '1e-400',
  ),
  fc.constantFrom(
    'true',
    ' Yes',
    'off',
    'o',
    '1',
    'f',
    '0',
    '1e',
    '--1',
    '1 2',
    '3.4028236e38',
    '1e-46',
    '0.1',
    '16777217',
  ),
  fc.integer().map(String),
  fc.double().map(String),
);

const timeText = fc.oneof(
  fc.constantFrom(
    '2024-02-29',
    '2024-02-30',
    '2023-02-29',
    '0001-01-01',
    '0000-01-01',
    '2024-13-01',
    '99999-01-01',
    'x',
    '',
  ),
  fc.constantFrom(
    '2024-02-29 12:30:01.5',
    '2024-02-29T23:59:59.9999999',
    ' 2024-1-2 3:04 ',
    '2024-01-01 24:00:00',
    '2024-01-01 25:00',
  ),
  fc.constantFrom(
    '2024-01-01 12:00:60',
    '2024-01-01 12:00Z',
    '2024-01-01 12:00+02',
    '2024-01-01 12:00:00-05:30',
    '0044-03-15 BC',
  ),
  fc
    .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((date) => date.toISOString()),
);

const DAY = 86_400_000_000n;

/** Values of a kind, never null. */
export const VALUES: Readonly<Record<ValueKind, fc.Arbitrary<Exclude<Value, null>>>> = {
  bool: fc.boolean(),
  int32: fc.oneof(
    fc.constantFrom(0, 1, -1, 2, 3, 7, 2147483647, -2147483648),
    fc.integer({ min: -50, max: 50 }),
    fc.integer(),
  ),
  int64: fc.oneof(
    fc.constantFrom(0n, 1n, -1n, 2n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 16777217n, 2147483648n),
    fc.bigInt({ min: -50n, max: 50n }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  ),
  float32: fc.oneof(
    fc.constantFrom(0, -0, 1, -1.5, 0.5, 2.5, NaN, Infinity, -Infinity, 3.4028234663852886e38, 1.401298464324817e-45),
    fc.float(),
    fc.float({ min: -100, max: 100, noNaN: true }),
  ),
  float64: fc.oneof(
    fc.constantFrom(
      0,
      -0,
      1,
      -1,
      0.5,
      1.5,
      2.5,
      -2.5,
      NaN,
      Infinity,
      -Infinity,
      1e308,
      -1e308,
      5e-324,
      1e-300,
      2 ** 53,
      2 ** 63,
      2147483647.5,
    ),
    fc.double(),
    fc.double({ min: -100, max: 100, noNaN: true }),
    fc.integer({ min: -100, max: 100 }),
  ),
  utf8: text,
  binary: fc.uint8Array({ maxLength: 4 }),
  date32: fc.oneof(fc.constantFrom(0, -1, 19782, 11016, -719162), fc.integer({ min: -800_000, max: 2_900_000 })),
  timestamp: fc.oneof(
    fc.constantFrom(0n, -1n, 1n, 1_709_209_801_500_000n, 946_684_800_500_000n, 946_684_799_500_000n),
    fc.bigInt({ min: -60_000_000_000_000_000n, max: 200_000_000_000_000_000n }),
    fc.bigInt({ min: -20_000n, max: 40_000n }).map((days) => days * DAY),
  ),
  duration: fc.oneof(
    fc.constantFrom(0n, 1n, -1n, 3_600_000_000n, DAY),
    fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
  ),
};

const SPECIAL: Readonly<Record<string, fc.Arbitrary<string>>> = { n: numberText, z: timeText };

/** One row, about one value in eight null. */
export const anyRow: fc.Arbitrary<readonly Value[]> = fc.tuple(
  ...Object.entries(COLUMN_KINDS).map(([name, kind]) =>
    fc.option<Value, null>(SPECIAL[name] ?? VALUES[kind], { freq: 7, nil: null }),
  ),
);

export function batchOf(rows: readonly (readonly Value[])[], schema: Schema = ROW_SCHEMA): Batch {
  const builder = new BatchBuilder(schema);
  for (const row of rows) {
    for (const [index, column] of builder.columns.entries()) column.append(row[index] ?? null);
    builder.endRow();
  }
  return builder.finish();
}

const PG_TYPES: Readonly<Record<ValueKind, string>> = {
  bool: 'boolean',
  int32: 'int4',
  int64: 'int8',
  float32: 'real',
  float64: 'float8',
  utf8: 'text',
  binary: 'bytea',
  date32: 'date',
  timestamp: 'timestamp',
  duration: 'interval',
};

export function pgTypeOf(kind: ValueKind): string {
  return PG_TYPES[kind];
}

/** A value as a text that PostgreSQL casts to the kind's type. */
export function pgText(value: Exclude<Value, null>, type: DataType): string {
  switch (type.kind) {
    case 'float32':
    case 'float64':
      return formatFloat(Number(value), type.kind);
    case 'date32':
      return formatDate(Number(value));
    case 'timestamp':
      return formatTimestamp(BigInt(value as bigint), UNITS_PER_SECOND[type.unit]);
    case 'duration':
      return `${value} microseconds`;
    case 'binary':
      return `\\x${Buffer.from(value as Uint8Array).toString('hex')}`;
    default:
      return String(value);
  }
}

/** A constant of the kind, sometimes null. */
export function literalOf(kind: ValueKind): fc.Arbitrary<Sql> {
  const name = PG_TYPES[kind];
  return fc.option(VALUES[kind], { freq: 12, nil: null }).map((value) => {
    const quoted = value === null ? 'null' : `'${pgText(value, plainType(kind)).replaceAll("'", "''")}'`;
    return { ours: `${quoted}::${name === 'int8' ? 'bigint' : name}`, pg: `v(${quoted}::${name})` };
  });
}
