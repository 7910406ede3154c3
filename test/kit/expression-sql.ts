/**
 * Generates typed SQL expressions over a fixed set of columns, and rows for these, for tests that compare two ways to evaluate them.
 * Every expression comes in two spellings: ours, and one for PostgreSQL in which constants pass through a volatile function `v`,
 * so that its planner does not compute what no row would.
 */
import fc from 'fast-check';
import type { ValueKind } from '../../engine/expression/define.ts';
import { COLUMN_KINDS, literalOf, type Sql, WHOLE_FIELDS } from './expression-data.ts';

export type { Sql } from './expression-data.ts';

type AnySql = fc.Arbitrary<Sql>;

/** `sql` of parts: every `{0}` of the pattern is the part with that number, in both spellings. */
function fill(pattern: string, parts: readonly Sql[]): Sql {
  const spell = (side: keyof Sql): string =>
    pattern.replace(/\{(\d)\}/g, (_, index: string) => parts[Number(index)]?.[side] ?? '');
  return { ours: spell('ours'), pg: spell('pg') };
}

/** An expression of `pattern` whose parts are of those kinds, one level further down. */
type Part = ValueKind | AnySql;

function same(text: string): Sql {
  return { ours: text, pg: text };
}

/** Signed small constants, for places where PostgreSQL's ranges are narrower than ours or results would be huge. */
function small(min: number, max: number): AnySql {
  return fc.integer({ min, max }).map((n) => ({ ours: `(${n})`, pg: `v(${n})` }));
}

function oneOf(...texts: readonly string[]): AnySql {
  return fc.constantFrom(...texts).map(same);
}

const NUMBERS: readonly ValueKind[] = ['int32', 'int64', 'float32', 'float64'];

/** What yields a kind: a pattern and its parts. `b` stands for the number of the pattern. */
type Production = readonly [pattern: string, ...parts: Part[]];

const PATTERN: AnySql = fc
  .array(fc.constantFrom('%', '_', 'a', 'b', 'A', 'é', '!%', '!_', '!!'), { maxLength: 5 })
  .map((parts) => `'${parts.join('')}'`)
  .map((text) => ({ ours: text, pg: `v(${text}::text)` }));

function comparisons(): Production[] {
  const relations = oneOf('=', '<>', '<', '<=', '>', '>=');
  const kinds: ValueKind[] = [
    'bool',
    'int32',
    'int64',
    'float32',
    'float64',
    'utf8',
    'binary',
    'date32',
    'timestamp',
    'duration',
  ];
  return [
    ...kinds.map((kind): Production => ['({0} {1} {2})', kind, relations, kind]),
    ...kinds.map((kind): Production => ['({0} is distinct from {1})', kind, kind]),
    ...kinds.map((kind): Production => ['({0} is null)', kind]),
    ['({0} {1} {2})', 'int32', relations, 'int64'],
    ['({0} {1} {2})', 'int64', relations, 'float64'],
    ['({0} {1} {2})', 'float32', relations, 'float64'],
    ['({0} {1} {2})', 'date32', relations, 'timestamp'],
    ...(['int32', 'float64', 'utf8', 'timestamp'] as const).flatMap((kind): Production[] => [
      ['({0} between {1} and {2})', kind, kind, kind],
      ['({0} not between symmetric {1} and {2})', kind, kind, kind],
      ['({0} in ({1}, {2}))', kind, leafOf(kind), leafOf(kind)],
      ['({0} not in ({1}, {2}, {3}))', kind, leafOf(kind), leafOf(kind), leafOf(kind)],
    ]),
  ];
}

function arithmetic(kind: ValueKind, symbols: readonly string[]): Production[] {
  return symbols.map((symbol): Production => [`({0} ${symbol} {1})`, kind, kind]);
}

const PRODUCTIONS: Readonly<Record<ValueKind, () => readonly Production[]>> = {
  bool: () => [
    ...comparisons(),
    ['({0} and {1})', 'bool', 'bool'],
    ['({0} or {1})', 'bool', 'bool'],
    ['(not {0})', 'bool'],
    ['({0} {1})', 'bool', oneOf('is true', 'is not true', 'is false', 'is not false', 'is unknown', 'is not unknown')],
    ['({0} like {1} escape {2})', 'utf8', PATTERN, oneOf("'!'")],
    ['({0} not like {1} escape {2})', 'utf8', PATTERN, oneOf("'!'")],
    ['({0} ilike {1} escape {2})', 'utf8', PATTERN, oneOf("'!'")],
    ['starts_with({0}, {1})', 'utf8', 'utf8'],
    ['({0}::boolean)', 'int32'],
    ['({0}::boolean)', oneOf('n')],
  ],
  int32: () => [
    ...arithmetic('int32', ['+', '-', '*', '/', '%', '&', '|', '#']),
    ['({0} {1} {2})', 'int32', oneOf('<<', '>>'), small(0, 31)],
    ['(- {0})', 'int32'],
    ['(~ {0})', 'int32'],
    ['abs({0})', 'int32'],
    ['mod({0}, {1})', 'int32', 'int32'],
    ['{0}({1})', oneOf('length', 'octet_length', 'ascii'), 'utf8'],
    ['octet_length({0})', 'binary'],
    ['position({0} in {1})', 'utf8', 'utf8'],
    ['({0} - {1})', 'date32', 'date32'],
    ['({0}::int)', 'bool'],
    ['({0}::int)', 'int64'],
    ['({0}::int)', 'float64'],
    ['cast({0} as integer)', 'float32'],
    ['({0}::int)', oneOf('n')],
  ],
  int64: () => [
    ...arithmetic('int64', ['+', '-', '*', '/', '%', '&', '|', '#']),
    ['({0} + {1})', 'int32', 'int64'],
    ['({0} * {1})', 'int64', 'int32'],
    ['({0} {1} {2})', 'int64', oneOf('<<', '>>'), small(0, 63)],
    ['(- {0})', 'int64'],
    ['(~ {0})', 'int64'],
    ['abs({0})', 'int64'],
    ['({0}::bigint)', 'int32'],
    ['({0}::bigint)', 'float64'],
    ['({0}::bigint)', 'float32'],
    ['({0}::bigint)', oneOf('n')],
  ],
  float32: () => [
    ...arithmetic('float32', ['+', '-', '*', '/']),
    ['(- {0})', 'float32'],
    ['abs({0})', 'float32'],
    ['({0}::real)', 'int32'],
    ['({0}::real)', 'int64'],
    ['({0}::real)', 'float64'],
    ['({0}::real)', oneOf('n')],
  ],
  float64: () => [
    ...arithmetic('float64', ['+', '-', '*', '/']),
    ['({0} {1} {2})', 'float64', oneOf('+', '-', '*', '/'), 'int32'],
    ['({0} {1} {2})', 'int64', oneOf('+', '-', '*', '/'), 'float32'],
    ['({0} {1} {2})', 'float32', oneOf('+', '-', '*', '/'), 'float64'],
    ['(- {0})', 'float64'],
    ['{0}({1})', oneOf('abs', 'sign', 'ceil', 'floor', 'round', 'trunc', 'sqrt', 'degrees', 'radians'), 'float64'],
    ['{0}({1})', oneOf('sign', 'ceiling', 'floor', 'sqrt'), 'int32'],
    ["date_part('{0}', {1})", oneOf(...WHOLE_FIELDS), 'timestamp'],
    [
      "date_part('{0}', {1})",
      oneOf('year', 'month', 'day', 'dow', 'isodow', 'doy', 'week', 'isoyear', 'epoch'),
      'date32',
    ],
    [
      '(extract({0} from ({1} - {2}))::float8)',
      oneOf('day', 'hour', 'minute', 'second'),
      leafOf('timestamp'),
      leafOf('timestamp'),
    ],
    [
      '(extract({0} from {1})::float8)',
      oneOf('year', 'quarter', 'hour', 'second', 'milliseconds', 'microseconds'),
      'timestamp',
    ],
    // Beyond 2^53 microseconds ours is date_part's float64, PostgreSQL's extract exact.
    ['(extract(epoch from {0})::float8)', leafOf('duration')],
    ['({0}::float8)', 'int32'],
    ['({0}::float8)', 'int64'],
    ['({0}::double precision)', 'float32'],
    ['({0}::float8)', oneOf('n')],
  ],
  utf8: () => [
    ['({0} || {1})', 'utf8', 'utf8'],
    ['({0} || {1})', 'utf8', 'int32'],
    ['{0}({1})', oneOf('lower', 'upper', 'btrim', 'ltrim', 'rtrim', 'reverse'), 'utf8'],
    ['trim({0} {1} from {2})', oneOf('both', 'leading', 'trailing'), 'utf8', 'utf8'],
    ['substring({0} from {1})', 'utf8', small(-3, 8)],
    ['substring({0} from {1} for {2})', 'utf8', small(-3, 8), small(-1, 8)],
    ['substr({0}, {1}, {2})', 'utf8', 'int32', small(-1, 9)],
    ['{0}({1}, {2})', oneOf('left', 'right'), 'utf8', small(-6, 6)],
    ['{0}({1}, {2}, {3})', oneOf('lpad', 'rpad'), 'utf8', small(-2, 12), 'utf8'],
    ['lpad({0}, {1})', 'utf8', small(-2, 12)],
    ['repeat({0}, {1})', 'utf8', small(-1, 4)],
    ['replace({0}, {1}, {2})', 'utf8', 'utf8', 'utf8'],
    ['split_part({0}, {1}, {2})', 'utf8', 'utf8', small(-3, 3)],
    ['chr({0})', 'int32'],
    ['chr({0})', small(0, 0x2ff)],
    ['concat({0}, {1}, {2})', 'utf8', 'int64', 'utf8'],
    ['concat_ws({0}, {1}, {2}, {3})', 'utf8', 'utf8', 'date32', 'utf8'],
    ['({0}::varchar(3))', 'utf8'],
    ...(['bool', 'int32', 'int64', 'float32', 'float64', 'binary', 'date32', 'timestamp'] as const).map(
      (kind): Production => ['({0}::text)', kind],
    ),
  ],
  binary: () => [['({0} || {1})', 'binary', 'binary']],
  date32: () => [
    ['({0} + {1})', 'date32', small(-5000, 5000)],
    ['({1} + {0})', 'date32', small(-5000, 5000)],
    ['({0} - {1})', 'date32', small(-5000, 5000)],
    ['({0}::date)', 'timestamp'],
    ['({0}::date)', oneOf('z')],
    ['make_date({0}, {1}, {2})', small(-3, 2030), small(0, 13), small(0, 32)],
  ],
  timestamp: () => [
    ['({0} {1} {2})', 'timestamp', oneOf('+', '-'), leafOf('duration')],
    ['({0} + {1})', leafOf('duration'), leafOf('timestamp')],
    ['({0} + {1})', 'date32', leafOf('duration')],
    ['({0}::timestamp)', 'date32'],
    ['({0}::timestamp(0))', 'timestamp'],
    ['({0}::timestamp)', oneOf('z')],
    [
      "date_trunc('{0}', {1})",
      oneOf('year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'milliseconds'),
      'timestamp',
    ],
    [
      'make_timestamp({0}, {1}, {2}, {3}, {4}, {5})',
      small(-3, 2030),
      small(1, 12),
      small(1, 28),
      small(-1, 24),
      small(0, 60),
      leafOf('float64'),
    ],
  ],
  duration: () => [
    ['({0} - {1})', leafOf('timestamp'), leafOf('timestamp')],
    ['({0} {1} {2})', 'duration', oneOf('+', '-'), leafOf('duration')],
    ['(- {0})', 'duration'],
    ['({0} * {1})', leafOf('duration'), small(-9, 9)],
    ["({0} / '0.7'::float8)", leafOf('duration')],
  ],
};

/** Forms that any kind may take. */
function forms(kind: ValueKind): Production[] {
  const comparable: Production[] = [
    ['nullif({0}, {1})', kind, kind],
    ['greatest({0}, {1}, {2})', kind, kind, kind],
    ['least({0}, {1})', kind, kind],
  ];
  return [
    ['(case when {0} then {1} else {2} end)', 'bool', kind, kind],
    ['(case {0} when {1} then {2} when {3} then {4} end)', 'int32', leafOf('int32'), kind, leafOf('int32'), kind],
    ['coalesce({0}, {1})', kind, kind],
    ...(kind === 'bool' ? comparable.slice(0, 1) : comparable),
  ];
}

/** A column or a constant. */
export function leafOf(kind: ValueKind): AnySql {
  const names = Object.entries(COLUMN_KINDS).flatMap(([name, own]) => (own === kind ? [name] : []));
  const columns = fc.constantFrom(...names).map(same);
  return fc.oneof({ weight: 3, arbitrary: columns }, { weight: 1, arbitrary: literalOf(kind) });
}

const memo = new Map<string, AnySql>();

/** An expression of the kind, at most `depth` levels over its leaves. */
export function expressionOf(kind: ValueKind, depth: number): AnySql {
  const key = `${kind}/${depth}`;
  const known = memo.get(key);
  if (known !== undefined) return known;
  const made = depth === 0 ? leafOf(kind) : fc.oneof(leafOf(kind), ...nodes(kind, depth));
  memo.set(key, made);
  return made;
}

function nodes(kind: ValueKind, depth: number): AnySql[] {
  return [...PRODUCTIONS[kind](), ...forms(kind)].map(([pattern, ...parts]) => {
    const arbitraries = parts.map((part) => (typeof part === 'string' ? expressionOf(part, depth - 1) : part));
    return fc.tuple(...arbitraries).map((made) => fill(pattern, made));
  });
}

/** Functions whose last bit is the C library's: alone, over leaves. */
export function approximateExpression(): AnySql {
  const one = oneOf('exp', 'ln', 'log', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'cbrt');
  const wide = fc.tuple(one, leafOf('float64')).map((parts) => fill('{0}({1})', parts));
  const near = fc
    .tuple(one, fc.double({ min: -3, max: 3, noNaN: true }).map(float))
    .map((parts) => fill('{0}({1})', parts));
  const two = fc
    .tuple(oneOf('power', 'atan2'), leafOf('float64'), leafOf('float64'))
    .map((parts) => fill('{0}({1}, {2})', parts));
  const whole = fc.tuple(leafOf('float64'), small(-5, 5)).map((parts) => fill('power({0}, {1})', parts));
  return fc.oneof(wide, near, two, whole);
}

function float(value: number): Sql {
  const text = `'${Object.is(value, -0) ? '-0' : value}'::float8`;
  return { ours: text, pg: `v(${text})` };
}

export const RESULT_KINDS: readonly ValueKind[] = [
  ...NUMBERS,
  'bool',
  'utf8',
  'binary',
  'date32',
  'timestamp',
  'duration',
];
