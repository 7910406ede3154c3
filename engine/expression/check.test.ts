import process from 'node:process';
import { beforeAll, describe, expect, it } from 'vitest';
import { showExpr, showType } from '../../test/kit/expression-text.ts';
import type { DataType } from '../batch/types.ts';
import { defined } from '../defined.ts';
import { checkAggregate, checkExpression, checkPredicate, loadParser, type Scope } from './check.ts';

beforeAll(loadParser);

const column = (name: string, type: DataType, index: number, nullable = true, alias?: string) => ({
  name,
  type,
  index,
  nullable,
  ...defined({ alias }),
});

const scope: Scope = {
  columns: [
    column('a', { kind: 'int32' }, 0),
    column('b', { kind: 'int64' }, 1),
    column('x', { kind: 'float64' }, 2),
    column('r', { kind: 'float32' }, 3),
    column('s', { kind: 'utf8' }, 4),
    column('flag', { kind: 'bool' }, 5),
    column('d', { kind: 'date32' }, 6),
    column('raw', { kind: 'binary' }, 7),
    column('at', { kind: 'timestamp', unit: 'ms' }, 8, false),
    column('zoned', { kind: 'timestamp', unit: 'us', timezone: 'UTC' }, 9),
    column('took', { kind: 'duration', unit: 'ms' }, 10),
    column('Temp', { kind: 'float64' }, 11),
    column('tiny', { kind: 'int8' }, 12),
    column('big', { kind: 'uint64' }, 13),
    column('shape', { kind: 'foreign', text: 'List<Int32>', arrow: undefined }, 14),
    column('air temp', { kind: 'float64' }, 15),
  ],
};

/** The tree and its type, `?` where it may be null. */
function tree(text: string): string {
  const { expr, problems } = checkExpression(text, scope);
  if (expr === undefined) return problems.map(({ code, message }) => `${code}: ${message}`).join('\n');
  return `${showExpr(expr)} : ${showType(expr.type)}${expr.nullable ? '?' : ''}`;
}

/** code, the text that is underlined, and the hint. */
function problemsOf(text: string, within: Scope = scope): string[] {
  const { expr, problems } = checkExpression(text, within);
  expect(expr === undefined).toBe(problems.length > 0);
  return problems.map(({ code, span, hint }) => `${code} <${text.slice(span.start, span.end)}> ${hint ?? ''}`.trim());
}

describe('the checker', () => {
  it.each([
    ['a + b * 2', 'add.int64(cast.int32.int64(a), mul.int64(b, 2:int64)) : int64?'],
    ['r + a', 'add.float64(cast.float32.float64(r), cast.int32.float64(a)) : float64?'],
    ['r + 1.5', 'add.float64(cast.float32.float64(r), 1.5:float64) : float64?'],
    ['-r', 'neg.float32(r) : float32?'],
    ['+a', 'a : int32?'],
    ['tiny + 1', 'add.int32(tiny, 1:int32) : int32?'],
    ['big', 'big : int64?'],
    ['1 + d', 'add.date32.int32(d, 1:int32) : date32?'],
    ['d - d', 'sub.date32(d, d) : int32?'],
    ['took / 2', 'div.duration.float64(took, 2:float64) : duration[ms]?'],
    ['2 * took', 'mul.duration.float64(took, 2:float64) : duration[ms]?'],
    ['raw || raw', 'concat.binary(raw, raw) : binary?'],
    ['s || a', 'concat.utf8(s, cast.int32.utf8(a)) : utf8?'],
    ['round(x, 2)', 'round.float64.int32(x, 2:int32) : float64?'],
    ['mod(r, 2)', 'mod.float64(cast.float32.float64(r), 2:float64) : float64?'],
    ['length(raw)', 'octet_length.binary(raw) : int32?'],
    ['zoned::text', "concat.utf8(cast.timestamp.utf8(zoned), '+00') : utf8?"],
    ['s::varchar(3)', 'left(s, 3:int32) : utf8?'],
  ])('finds the overload that %s means', (text, shown) => {
    expect(tree(text)).toBe(shown);
  });

  it.each([
    ["at + interval '1 hour'", 'add.timestamp.duration(at, 3600000:duration[ms]) : timestamp[ms]'],
    ["at > '2024-01-01'", 'gt.timestamp(at, 1704067200000:timestamp[ms]) : bool'],
    [
      "at > '2024-01-01 00:00:00.0005'",
      'gt.timestamp(cast.timestamp.timestamp(at), 1704067200000500:timestamp[us]) : bool',
    ],
    ['zoned - at', 'sub.timestamp(zoned, cast.timestamp.timestamp(at)) : duration[us]?'],
    ['at = d', 'eq.timestamp(at, cast.date32.timestamp(d)) : bool?'],
    ["d - '2024-01-01'", 'sub.date32(d, 19723:date32) : int32?'],
    ["flag = 'yes'", 'eq.bool(flag, true:bool) : bool?'],
    ["a + '7'", 'add.int32(a, 7:int32) : int32?'],
    ["x = 'NaN'", 'eq.float64(x, NaN:float64) : bool?'],
    ['null', 'null:utf8 : utf8?'],
    ['a + null', 'null:int32 : int32?'],
    ['5000000000', '5000000000:int64 : int64'],
    ['-2147483648', '-2147483648:int32 : int32'],
    ['-9223372036854775808', '-9223372036854775808:int64 : int64'],
    ['1e20', '100000000000000000000:float64 : float64'],
    ["interval '1 day 2:30' * 2", '190800000000:duration[us] : duration[us]'],
    ["interval '90' minute", '5400000000:duration[us] : duration[us]'],
    ["interval 'P1DT2H'", '93600000000:duration[us] : duration[us]'],
    ["'é' || 'b'", "'éb' : utf8"],
  ])('gives literals the type that %s wants', (text, shown) => {
    expect(tree(text)).toBe(shown);
  });

  it.each([
    ['x between 1 and 2', '(ge.float64(x, 1:float64) and le.float64(x, 2:float64)) : bool?'],
    ['a + 1 in (1, 2)', 'let v1 = add.int32(a, 1:int32) in (eq.int32(v1, 1:int32) or eq.int32(v1, 2:int32)) : bool?'],
    ['a not in (1)', 'not eq.int32(a, 1:int32) : bool?'],
    [
      'a is distinct from b',
      'case(isNull(a) -> not isNull(b); isNull(b) -> true:bool; else ne.int64(cast.int32.int64(a), b)) : bool?',
    ],
    ["case a when 1 then 'p' end", "case(eq.int32(a, 1:int32) -> 'p'; else null:utf8) : utf8?"],
    ['coalesce(a, 0)', 'case(not isNull(a) -> a; else 0:int32) : int32'],
    ["nullif(s, '')", "case(eq.utf8(s, '') -> null:utf8; else s) : utf8?"],
    ['greatest(a, 1)', 'case(isNull(a) -> 1:int32; gt.int32(1:int32, a) -> 1:int32; else a) : int32'],
    ['flag is not true', 'not case(flag -> true:bool; else false:bool) : bool'],
    ["s like 'a%'", "like(s, 'a%', '\\') : bool?"],
    ["s not ilike 'A!%' escape '!'", "not like(lower(s), 'a!%', '!') : bool?"],
    ["trim(both 'x' from s)", "btrim(s, 'x') : utf8?"],
    ["position('a' in s)", "strpos(s, 'a') : int32?"],
    ['extract(hour from at)', 'extract_hour.timestamp(at) : float64'],
    ["date_trunc('day', d)", 'date_trunc_day.timestamp(cast.date32.timestamp(d)) : timestamp[us]?'],
    [
      "concat_ws('-', s, a)",
      "substring.utf8.int32(concat.utf8(case(isNull(s) -> ''; else concat.utf8('-', s)), let v1 = cast.int32.utf8(a) in case(isNull(v1) -> ''; else concat.utf8('-', v1))), 2:int32) : utf8",
    ],
    ['log(2, x)', 'div.float64(ln(x), 0.6931471805599453:float64) : float64?'],
  ])('turns %s into the few nodes', (text, shown) => {
    expect(tree(text)).toBe(shown);
  });

  it('takes column names as they are spelled, else in lower case as SQL does', () => {
    expect(tree('Temp')).toBe('Temp : float64?');
    expect(tree('"Temp" + "air temp"')).toBe('add.float64(Temp, air temp) : float64?');
    expect(tree('X')).toBe('x : float64?');
    expect(problemsOf('temp')).toEqual(['expression.unknown-column <temp> did you mean Temp?']);
    expect(problemsOf('air_temp')).toEqual(['expression.unknown-column <air_temp> did you mean "air temp"?']);
  });

  it('tells columns of several inputs apart by their alias', () => {
    const two: Scope = {
      columns: [column('id', { kind: 'int32' }, 0, false, 'l'), column('id', { kind: 'int64' }, 1, false, 'r')],
    };
    expect(checkExpression('r.id', two).expr).toMatchObject({ node: 'column', index: 1 });
    expect(problemsOf('id', two)).toEqual(['expression.ambiguous-column <id> write l.id or r.id']);
    expect(problemsOf('q.id', two)).toEqual(['expression.unknown-column <q.id> did you mean l?']);
    expect(problemsOf('l.nothing', two)).toEqual(['expression.unknown-column <l.nothing> the columns are id']);
  });

  it.each([
    ["a = 'abc'", "expression.bad-literal <'abc'>"],
    ["date '2024-02-30'", "expression.bad-literal <'2024-02-30'> write it as '2024-02-29'"],
    ["interval '1 month'", "expression.bad-literal <'1 month'> write it as '1 day 2 hours 30 minutes' or '26:30:00'"],
    [
      '99999999999999999999',
      'expression.bad-literal <99999999999999999999> write it with an exponent, as 1e20, for a float64',
    ],
    ['1e999', 'expression.bad-literal <1e999>'],
    ['flag = 1', 'expression.type-mismatch <flag = 1>'],
    ['s < 5', 'expression.type-mismatch <s < 5> cast one of them, for example integer: x::integer'],
    ['upper(a)', 'expression.type-mismatch <upper(a)> there is upper(utf8)'],
    ['uper(s)', 'expression.unknown-function <uper> did you mean upper?'],
    ['left(s)', 'expression.wrong-arguments <left(s)> there is left(utf8, int32)'],
    [
      'extract(hours_of from at)',
      'expression.wrong-arguments <hours_of> the fields are year, isoyear, quarter, month, week, day, doy, dow, isodow, hour, minute, second, millisecond, microsecond, epoch',
    ],
    ['extract(hour from d)', 'expression.type-mismatch <extract(hour from d)>'],
    ['case when a then 1 end', 'expression.type-mismatch <a>'],
    ['coalesce(a, s)', 'expression.type-mismatch <s>'],
    ['b::boolean', 'expression.type-mismatch <b::boolean> booleans convert to and from integer and text only'],
    ['x::numeric', 'expression.unknown-type <numeric> write double precision, or bigint for whole numbers'],
    ['x::int8', 'expression.unknown-type <int8> write bigint or integer'],
    [
      'x::flot',
      'expression.unknown-type <flot> the types are boolean, integer, bigint, real, double precision, text, bytea, date, timestamp, timestamptz, interval',
    ],
    ['sum(a)', 'expression.misplaced-aggregate <sum> it belongs under aggregate:'],
    ['now()', 'expression.not-deterministic <now> use the time column of the rows'],
    ['current_timestamp', 'expression.not-deterministic <current_timestamp> use the time column of the rows'],
    ['random()', 'expression.not-deterministic <random> compute with the columns of the rows'],
    ['shape', 'expression.unsupported-column <shape>'],
    ['"abc"', 'expression.unknown-column <"abc"> text is written in single quotes: \'abc\''],
    ['a == 1', 'expression.unsupported <==> write ='],
    ['flag && flag', 'expression.unsupported <&&> write AND'],
    [
      "x at time zone 'UTC'",
      'expression.unsupported <at> times are computed with in UTC: add an interval instead of AT TIME ZONE',
    ],
    ['(select 1)', 'expression.unsupported <(>'],
    ['exists (select 1)', 'expression.unsupported <exists>'],
    ['sum(a) over ()', 'expression.misplaced-aggregate <sum> it belongs under aggregate:'],
    ['upper(s) over ()', 'expression.unsupported <upper(s)>'],
    ['$1 + 1', `expression.unsupported <$1> parameters of a graph are written $${'{NAME}'}`],
    ['array[1]', 'expression.unsupported <array>'],
    ['(1, 2)', 'expression.unsupported <(>'],
    ['a = any(array[1])', 'expression.unsupported <=> use IN'],
    ["s similar to 'a'", 'expression.unsupported <similar> use LIKE'],
    ['user', 'expression.unsupported <user> a column of that name is written in double quotes: "user"'],
    ['*', 'expression.unsupported <*>'],
    ["s = 'é😀' and tok = 1", 'expression.unknown-column <tok> did you mean took?'],
  ])('refuses %s at its place', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it('finds all problems of an expression at once, both types named', () => {
    const { problems } = checkExpression('upper(a) = nothing and s < 5', scope);
    expect(problems.map(({ message }) => message)).toEqual([
      'there is no function upper(int32)',
      'there is no column nothing',
      'there is no operator utf8 < int32',
    ]);
  });

  it('demands a bool of a predicate', () => {
    expect(checkPredicate('x > 1', scope).problems).toEqual([]);
    expect(checkPredicate("'true'", scope).expr).toMatchObject({ node: 'literal', value: true });
    expect(checkPredicate('a + 1', scope).problems).toMatchObject([
      {
        code: 'expression.type-mismatch',
        message: 'a condition must be bool, and this is int32',
        span: { start: 0, end: 5 },
      },
    ]);
  });

  it.each([
    ['count(*)', 'count * : int64'],
    ['count(s)', 'count s : int64'],
    ['sum(tiny)', 'sum tiny : int64?'],
    ['sum(r)', 'sum r : float64?'],
    ['avg(a + 1)', 'avg add.int32(a, 1:int32) : float64?'],
    ['min(s)', 'min s : utf8?'],
    ['max(at)', 'max at : timestamp[ms]'],
  ])('types the aggregate %s', (text, shown) => {
    const { aggregate } = checkAggregate(text, scope);
    const arg = aggregate?.arg === undefined ? '*' : showExpr(aggregate.arg);
    const type = aggregate === undefined ? 'none' : showType(aggregate.type);
    expect(`${aggregate?.fn} ${arg} : ${type}${aggregate?.nullable === true ? '?' : ''}`).toBe(shown);
  });

  it.each([
    ['sum(s)', 'expression.type-mismatch'],
    ['max(flag)', 'expression.type-mismatch'],
    ['avg(took)', 'expression.type-mismatch'],
    ['sum(*)', 'expression.wrong-arguments'],
    ['sum(a, b)', 'expression.wrong-arguments'],
    ['sum(distinct a)', 'expression.unsupported'],
    ['sum(a) filter (where flag)', 'expression.unsupported'],
    ['sum(a) + 1', 'expression.not-an-aggregate'],
    ['a', 'expression.not-an-aggregate'],
    ['averag(a)', 'expression.not-an-aggregate'],
    ['sum(max(a))', 'expression.misplaced-aggregate'],
    ['sum(nothing)', 'expression.unknown-column'],
  ])('refuses the aggregate %s', (text, code) => {
    const { aggregate, problems } = checkAggregate(text, scope);
    expect(aggregate).toBeUndefined();
    expect(problems.map((problem) => problem.code)).toEqual([code]);
  });

  it('checks an expression in less than a millisecond of the processor', () => {
    const text = "temp_ok(a) or case a when 1 then x between -50 and 150 else s like 'a%' end".replace(
      'temp_ok(a)',
      'flag',
    );
    for (let i = 0; i < 200; i += 1) checkExpression(text, scope);
    const before = process.threadCpuUsage();
    for (let i = 0; i < 200; i += 1) checkExpression(text, scope);
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1_000 / 200).toBeLessThan(1);
  });
});
