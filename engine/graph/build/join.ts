/**
 * The windowed inner join: two inputs told apart by alias, one condition, of which equalities between the sides become the key and everything else a filter
 * behind the join.
 */
import { type Field, sameType } from '../../batch/types.ts';
import { defined } from '../../defined.ts';
import type { Scope } from '../../expression/check.ts';
import type { Expr } from '../../expression/ir.ts';
import { mapColumns } from '../../expression/map-columns.ts';
import { expressionText } from '../../expression/meaning.ts';
import type { OperatorEntry } from '../document.ts';
import type { FilterStep, JoinSide, JoinStep } from '../plan.ts';
import type { Path } from '../tree.ts';
import { checkWindow, KEY_KINDS, RESERVED } from './aggregate.ts';
import { checkCellColumns, widened } from './columns.ts';
import { conjunctsOf, textOfSome } from './conjuncts.ts';
import type { Build } from './context.ts';
import { predicateAt } from './expressions.ts';
import type { Stream } from './stream.ts';
import type { Input } from './union.ts';

export interface Joined {
  readonly step: JoinStep;
  /** What the condition asks for besides equal keys. */
  readonly rest?: FilterStep;
  readonly stream: Stream;
  /** The columns of the result, as `alias.column`, and those of the window. */
  readonly scope: Scope;
}

interface Side {
  readonly alias: string;
  readonly stream: Stream;
}

/** Undefined after reporting what is wrong. */
export function join(entry: OperatorEntry, path: Path, inputs: readonly Input[], build: Build): Joined | undefined {
  const sides = sidesOf(entry, path, inputs, build);
  const size = entry.window?.tumbling;
  if (sides === undefined || size === undefined) return undefined;
  const [first, second] = sides;
  const time = checkWindow(size, path, first.stream, build);
  const other = time === undefined ? undefined : checkWindow(size, path, second.stream, build);
  const scope = scopeOfPair(sides, time?.type);
  const at = [...path, 'join', 'where'];
  const found = predicateAt(at, scope, build);
  if (time === undefined || other === undefined || found === undefined) return undefined;
  const { pairs, rest } = keysOf(found.expr, first.stream.schema.fields.length);
  if (pairs.length === 0) {
    const hint =
      'such as a.id = b.id, of integers, utf8, bool, dates or timestamps of one type; cast other types to one of them';
    build.atValue(at, 'graph.join-key', 'a join needs an equality between a column of each side', hint);
    return undefined;
  }
  const fields = fieldsOf(sides, scope, entry, path, build);
  if (fields === undefined) return undefined;
  const output = { fields, time: 1 };
  const step: JoinStep = {
    kind: 'join',
    window: { kind: 'tumbling', size },
    text: found.text,
    keyText: pairs.map((pair) => pair.map(expressionText).join(' = ')).join(' and '),
    sides: [
      sideOf(
        first,
        time.index,
        pairs.map(([key]) => key),
      ),
      sideOf(
        second,
        other.index,
        pairs.map(([, key]) => key),
      ),
    ],
    output,
    place: build.place([...path, 'join']),
  };
  const filter = filterOf(found, rest, at, build);
  return { step, ...defined({ rest: filter }), stream: { schema: output, grid: size }, scope };
}

/** Undefined after reporting inputs that are not two of different names, or that cells cannot take. */
function sidesOf(
  entry: OperatorEntry,
  path: Path,
  inputs: readonly Input[],
  build: Build,
): readonly [Side, Side] | undefined {
  const sides = inputs.flatMap(({ reference: { alias }, stream }) => (alias === undefined ? [] : [{ alias, stream }]));
  const [first, second] = sides;
  if (first === undefined || second === undefined || sides.length !== 2 || inputs.length !== 2) {
    const message = 'a join has two inputs, told apart by alias';
    build.atKey([...path, 'from'], 'graph.join-inputs', message, 'write from: { a: orders, b: payments }');
    return undefined;
  }
  if (entry.late === 'divert') {
    const message = 'late rows of a join would be of two schemas, so that they cannot come out of one output';
    build.atValue([...path, 'late'], 'graph.join-late', message, 'leave it out: they are dropped and counted');
    return undefined;
  }
  const name = String(path.at(-1));
  const fit = sides.map(({ stream }) => checkCellColumns(stream.schema, name, path, build));
  return fit.includes(false) ? undefined : [first, second];
}

/** Indices are those of the join's output. */
function scopeOfPair(sides: readonly [Side, Side], type: Field['type'] | undefined): Scope {
  const bounds = RESERVED.map(
    (name) => ({ name, type: type ?? { kind: 'timestamp', unit: 'us' }, nullable: false }) as const,
  );
  const columns = sides.flatMap(({ alias, stream }) =>
    stream.schema.fields.map((field) => ({ name: field.name, alias, type: field.type, nullable: field.nullable })),
  );
  return { columns: [...bounds, ...columns].map((column, index) => ({ ...column, index })) };
}

interface Keys {
  /** Over the columns of either side. */
  readonly pairs: readonly (readonly [first: Expr, second: Expr])[];
  /** Over the columns of the join's output. */
  readonly rest: readonly Expr[];
}

/** `width` is the number of columns of the first side. */
function keysOf(condition: Expr, width: number): Keys {
  const parts = conjunctsOf(condition);
  const pairs: [Expr, Expr][] = [];
  const rest: Expr[] = [];
  for (const part of parts) {
    const pair = pairOf(part, width);
    if (pair === undefined) rest.push(part);
    else pairs.push(pair);
  }
  return { pairs, rest };
}

/** The keys of an equality between the sides; undefined for anything else. */
function pairOf(part: Expr, width: number): [Expr, Expr] | undefined {
  if (part.node !== 'call' || !part.fn.startsWith('eq.')) return undefined;
  const [one, other] = part.args;
  if (one === undefined || other === undefined || !KEY_KINDS.has(one.type.kind) || !sameType(one.type, other.type)) {
    return undefined;
  }
  const [left, right] = [sideAt(one, width), sideAt(other, width)];
  if (left === 0 && right === 1) return [shifted(one, 0, width), shifted(other, 1, width)];
  if (left === 1 && right === 0) return [shifted(other, 0, width), shifted(one, 1, width)];
  return undefined;
}

/** The side whose columns alone an expression reads. */
function sideAt(expr: Expr, width: number): 0 | 1 | undefined {
  const indices: number[] = [];
  mapColumns(expr, (column) => {
    indices.push(column.index - RESERVED.length);
    return column;
  });
  if (indices.length === 0 || indices.some((index) => index < 0)) return undefined;
  if (indices.every((index) => index < width)) return 0;
  return indices.every((index) => index >= width) ? 1 : undefined;
}

/** The expression over the columns of the side alone. */
function shifted(expr: Expr, side: 0 | 1, width: number): Expr {
  const before = RESERVED.length + (side === 0 ? 0 : width);
  return mapColumns(expr, (column) => ({ ...column, index: column.index - before }));
}

/** Columns by their own names; undefined after reporting one that is there twice and that no `select` names anew. */
function fieldsOf(
  sides: readonly [Side, Side],
  { columns }: Scope,
  entry: OperatorEntry,
  path: Path,
  build: Build,
): Field[] | undefined {
  const counts = new Map<string, number>();
  for (const { name } of columns) counts.set(name, (counts.get(name) ?? 0) + 1);
  const [twice] = [...counts].flatMap(([name, count]) => (count > 1 ? [name] : []));
  if (twice !== undefined && entry.select === undefined) {
    const [alias] = sides.map((side) => side.alias);
    const message = `the result would have two columns "${twice}"`;
    const hint = `name the columns: select: { id: ${alias}.id, window_end: window_end }`;
    build.atKey([...path, 'join'], 'graph.duplicate-column', message, hint);
    return undefined;
  }
  const fields = columns.map(({ name, alias, type, nullable }) => {
    const isAlone = alias === undefined || counts.get(name) === 1;
    return { name: isAlone ? name : `${alias}.${name}`, type, nullable };
  });
  return [...widened({ fields }).fields];
}

function sideOf({ alias, stream: { schema, grid } }: Side, time: number, keys: readonly Expr[]): JoinSide {
  const end = grid === undefined ? {} : { timeIsEnd: true as const };
  return { alias, input: schema, columns: schema.fields.length, time, ...end, keys };
}

/** What a condition asks for besides equal keys; undefined where that is nothing. */
function filterOf(
  { expr, text }: { readonly expr: Expr; readonly text: string },
  rest: readonly Expr[],
  path: Path,
  build: Build,
): FilterStep | undefined {
  const [only] = rest;
  if (only === undefined) return undefined;
  const predicate = rest.length > 1 && expr.node === 'and' ? { ...expr, args: rest } : only;
  return { kind: 'filter', text: textOfSome(text, conjunctsOf(expr), rest), predicate, place: build.place(path) };
}
