/**
 * What the rows of an aggregate's logical state mean. One row a group:
 *
 *     key_group | position | window_start | keys ... | rows | accumulators of each call ...
 *
 *     position       of the group among those of its window, by their first rows: groups come out in this order
 *     rows           rows that the group has taken in
 *     count(x)       <name>            int64, values that were not null
 *     sum(x)         <name>            int64 or float64 so far, null where nothing was added
 *     min(x), max(x) <name>            of x's type, null where there was no value
 *     avg(integer)   <name>.high, <name>.low, <name>.count    the sum is high * 2^64 + low, low being signed
 *     avg(float)     <name>.sum, <name>.count                 sum as float64, null where count is 0
 *
 * Field metadata says what windows, keys and calls are computed of, so that state never goes to an aggregate that means something else.
 */
import { type DataType, type Field, formatType, type Schema } from '../../batch/types.ts';
import { expressionText } from '../../expression/meaning.ts';
import type { AggregateStep } from '../../graph/plan.ts';
import { formatDuration } from '../../graph/units.ts';

export const AGGREGATE_STATE = 'aggregate/1';

/** Columns in front of the keys. */
export const KEY_GROUP = 0;
export const POSITION = 1;
export const WINDOW_START = 2;
export const FIRST_KEY = 3;

type Call = AggregateStep['aggregates'][number];

/** Field metadata: what a column is computed of. */
const MEANING = 'cloudskin.state';
const INT64: DataType = { kind: 'int64' };
const FLOAT64: DataType = { kind: 'float64' };

export function isIntegerType(type: DataType | undefined): boolean {
  return type?.kind === 'int32' || type?.kind === 'int64';
}

/** What a partial yields (pre-aggregate.ts): window_start, keys, rows, accumulators. */
export function partialSchema(step: AggregateStep): Schema {
  const plain = stateSchema(step).fields.slice(WINDOW_START);
  return { fields: plain.map(({ name, type, nullable }) => ({ name, type, nullable })), time: 0 };
}

/** Of either half of an aggregate that of the whole. */
export function stateSchema(half: AggregateStep): Schema {
  const step = half.whole ?? half;
  const int32: DataType = { kind: 'int32' };
  const start = step.output.fields[0]?.type ?? { kind: 'timestamp', unit: 'us' };
  const fields: Field[] = [
    { name: 'key_group', type: int32, nullable: false },
    { name: 'position', type: int32, nullable: false },
    { name: 'window_start', type: start, nullable: false, metadata: meaning(windowText(step)) },
    ...step.keys.map(({ name, expr }) => {
      return { name, type: expr.type, nullable: expr.nullable, metadata: meaning(expressionText(expr)) };
    }),
    { name: 'rows', type: INT64, nullable: false },
    ...step.aggregates.flatMap(callFields),
  ];
  return { fields };
}

/** The columns of each call: where they begin, and how many there are. */
export function callColumns(half: AggregateStep): { readonly first: number; readonly count: number }[] {
  const step = half.whole ?? half;
  let first = FIRST_KEY + step.keys.length + 1;
  return step.aggregates.map((call) => {
    const { length } = callFields(call);
    first += length;
    return { first: first - length, count: length };
  });
}

/** The accumulators of one call, as fields. */
function callFields({ name, fn, arg }: Call): Field[] {
  const metadata = meaning(`${fn} ${arg === undefined ? '*' : expressionText(arg)}`);
  const field = (suffix: string, type: DataType, nullable: boolean): Field => {
    return { name: `${name}${suffix}`, type, nullable, metadata };
  };
  switch (fn) {
    case 'count':
      return [field('', INT64, false)];
    case 'sum':
      return [field('', isIntegerType(arg?.type) ? INT64 : FLOAT64, true)];
    case 'avg':
      if (!isIntegerType(arg?.type)) return [field('.sum', FLOAT64, true), field('.count', INT64, false)];
      return [field('.high', INT64, false), field('.low', INT64, false), field('.count', INT64, false)];
    case 'min':
    case 'max':
      return [field('', arg?.type ?? INT64, true)];
  }
}

/** Why rows of a state do not fit the aggregate, as the end of a sentence; undefined where they do. */
export function stateMismatch(half: AggregateStep, found: Schema): string | undefined {
  const step = half.whole ?? half;
  const wanted = stateSchema(step).fields;
  for (const [index, field] of wanted.entries()) {
    const other = found.fields[index];
    if (other === undefined) return `it has no ${field.name}`;
    if (index === WINDOW_START) {
      const window = other.metadata?.get(MEANING);
      if (window !== windowText(step)) return `its windows are ${window ?? 'unknown'}, not ${windowText(step)}`;
    }
    const role = roleOf(step, index);
    if (field.name !== other.name) return `where ${role} ${field.name} should be it has ${other.name}`;
    if (formatType(field.type) !== formatType(other.type)) {
      return `its ${role} ${field.name} is ${formatType(other.type)}, not ${formatType(field.type)}`;
    }
    if (field.metadata?.get(MEANING) !== other.metadata?.get(MEANING)) {
      return `its ${role} ${field.name} is computed otherwise`;
    }
  }
  const more = found.fields[wanted.length];
  return more === undefined ? undefined : `it has ${more.name}, too, which is not asked for any more`;
}

function roleOf({ keys }: AggregateStep, index: number): string {
  if (index < FIRST_KEY) return 'column';
  return index < FIRST_KEY + keys.length ? 'key' : 'aggregate';
}

function windowText({ window, timeIsEnd }: AggregateStep): string {
  const text = `${window.kind} of ${formatDuration(window.size)}`;
  return timeIsEnd === true ? `${text} over ends of windows` : text;
}

function meaning(text: string): ReadonlyMap<string, string> {
  return new Map([[MEANING, text]]);
}
