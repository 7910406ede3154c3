/** The windowed aggregate: keys, aggregate calls, the window and the time it goes by. */
import { type DataType, type Field, formatType, type Kind, UNITS_PER_SECOND } from '../../batch/types.ts';
import type { Expr } from '../../expression/ir.ts';
import type { OperatorEntry } from '../document.ts';
import type { AggregateStep } from '../plan.ts';
import type { Path } from '../tree.ts';
import { formatDuration } from '../units.ts';
import type { Build } from './context.ts';
import { aggregateAt, columnAt, scopeOf } from './expressions.ts';
import type { Stream } from './stream.ts';

export interface Aggregated {
  readonly step: AggregateStep;
  readonly stream: Stream;
}

export const RESERVED: readonly string[] = ['window_start', 'window_end'];
export const KEY_KINDS: ReadonlySet<Kind> = new Set<Kind>([
  'bool',
  'int32',
  'int64',
  'utf8',
  'date32',
  'timestamp',
  'duration',
]);

type Scope = ReturnType<typeof scopeOf>;
interface Key {
  readonly name: string;
  readonly text: string;
  readonly expr: Expr;
  readonly path: Path;
}
type Call = AggregateStep['aggregates'][number] & { readonly field: Field };

/** Undefined after reporting what is wrong. `window` is undefined where it is missing or wrong, which has been reported. */
export function aggregate(
  entry: OperatorEntry,
  path: Path,
  input: Stream,
  alias: string | undefined,
  build: Build,
): Aggregated | undefined {
  const scope = scopeOf(input.schema, alias);
  const keys = keysOf(entry, [...path, 'groupBy'], scope, build);
  const calls = callsOf(entry, [...path, 'aggregate'], scope, build);
  const distinct = checkNames(keys ?? [], entry, path, build);
  const time = entry.window === undefined ? undefined : checkWindow(entry.window.tumbling, path, input, build);
  if (keys === undefined || calls === undefined || time === undefined || entry.window === undefined || !distinct)
    return undefined;
  const size = entry.window.tumbling;
  const bound = (name: string): Field => ({ name, type: time.type, nullable: false });
  const fields = [...RESERVED.map(bound), ...keys.map(keyField), ...calls.map(({ field }) => field)];
  const output = { fields, time: 1 };
  const step: AggregateStep = {
    kind: 'aggregate',
    window: { kind: 'tumbling', size },
    time: time.index,
    ...(input.grid === undefined ? {} : { timeIsEnd: true as const }),
    keys: keys.map(({ name, text, expr }) => ({ name, text, expr })),
    aggregates: calls.map(({ field: _, ...call }) => call),
    late: entry.late ?? 'drop',
    input: input.schema,
    output,
    place: build.place([...path, 'aggregate']),
  };
  return { step, stream: { schema: output, grid: size } };
}

/** `groupBy`: a list of columns, or a map of names to expressions. */
export function keysOf(entry: OperatorEntry, path: Path, scope: Scope, build: Build): Key[] | undefined {
  const { groupBy = [] } = entry;
  const named = Array.isArray(groupBy)
    ? groupBy.map((_, index) => ({ at: [...path, index] as Path, name: undefined }))
    : Object.keys(groupBy).map((name) => ({ at: [...path, name] as Path, name }));
  const keys = named.map(({ at, name }) => keyAt(name, at, scope, build));
  const good = keys.filter((key) => key !== undefined);
  return good.length === keys.length ? good : undefined;
}

function keyAt(given: string | undefined, path: Path, scope: Scope, build: Build): Key | undefined {
  const column = columnAt(given ?? 'key', path, scope, build);
  if (column === undefined) return undefined;
  const { expr, text } = column;
  const name = given ?? (expr.node === 'column' ? expr.name : undefined);
  if (name === undefined) {
    const hint = `name it: groupBy: { name: "${text}" }`;
    build.atValue(path, 'graph.unnamed-key', `the key "${text}" is no column, so its result has no name`, hint);
    return undefined;
  }
  if (KEY_KINDS.has(expr.type.kind)) return { name, text, expr, path };
  const hint = 'keys are integers, utf8, bool, dates and timestamps; cast it to one of them';
  build.atValue(path, 'graph.key-type', `"${name}" is ${formatType(expr.type)} and cannot be a key`, hint);
  return undefined;
}

function keyField({ name, expr }: Key): Field {
  return { name, type: expr.type, nullable: expr.nullable };
}

function callsOf(entry: OperatorEntry, path: Path, scope: Scope, build: Build): Call[] | undefined {
  const names = Object.keys(entry.aggregate ?? {});
  if (names.length === 0 && entry.aggregate !== undefined) {
    build.atKey(path, 'graph.empty-map', '"aggregate" names no column');
    return undefined;
  }
  const calls = names.map((name): Call | undefined => {
    const found = aggregateAt([...path, name], scope, build);
    if (found === undefined) return undefined;
    const { fn, arg, type, nullable } = found.call;
    const call = { name, fn, text: found.text, field: { name, type, nullable } };
    return arg === undefined ? call : { ...call, arg };
  });
  const good = calls.filter((call) => call !== undefined);
  return good.length === calls.length ? good : undefined;
}

/** Names of keys and aggregates must differ from each other and from the window's own columns. */
function checkNames(keys: readonly Key[], entry: OperatorEntry, path: Path, build: Build): boolean {
  const named = [
    ...keys.map(({ name, path: at }) => ({ name, at })),
    ...Object.keys(entry.aggregate ?? {}).map((name) => ({ name, at: [...path, 'aggregate', name] as Path })),
  ];
  const seen = new Set<string>();
  let distinct = true;
  for (const { name, at } of named) {
    if (RESERVED.includes(name)) {
      const hint = 'a windowed aggregate gives window_start and window_end itself; choose another name, in a map';
      build.atKey(at, 'graph.reserved-column', `"${name}" is the name of a column of the window`, hint);
    } else if (seen.has(name)) {
      const twice = keys.some(
        (key, index) => key.path === at && keys.slice(0, index).some((other) => other.text === key.text),
      );
      const message = twice ? `"${name}" is a key already` : `there is a column "${name}" already`;
      build.atKey(at, 'graph.duplicate-column', message, twice ? 'remove one of the two' : 'give it another name');
    }
    distinct &&= !RESERVED.includes(name) && !seen.has(name);
    seen.add(name);
  }
  return distinct;
}

/** The time column that the window goes by; undefined after reporting why it cannot. */
export function checkWindow(
  size: bigint,
  path: Path,
  { schema, grid, noWindow }: Stream,
  build: Build,
): { index: number; type: DataType } | undefined {
  const at = [...path, 'window'];
  if (noWindow !== undefined) {
    build.atKey(at, noWindow.code, `a window needs event time: ${noWindow.message}`, noWindow.hint);
    return undefined;
  }
  const index = schema.time;
  const type = index === undefined ? undefined : schema.fields[index]?.type;
  if (index === undefined || type?.kind !== 'timestamp') {
    build.atKey(at, 'graph.no-time', 'a window needs event time, and this stream has no time column');
    return undefined;
  }
  const inSize = [...at, 'tumbling'];
  const tick = 1_000_000n / UNITS_PER_SECOND[type.unit];
  if (tick > 1n && size % tick !== 0n) {
    const message = `windows of ${formatDuration(size)} do not begin and end at times that ${formatType(type)} can hold`;
    build.atValue(inSize, 'graph.window-unit', message, `use a multiple of ${formatDuration(tick)}`);
    return undefined;
  }
  if (grid !== undefined && size % grid !== 0n) {
    const message = `windows of ${formatDuration(grid)} do not fit into windows of ${formatDuration(size)}`;
    build.atValue(inSize, 'graph.window-misfit', message, `use a multiple of ${formatDuration(grid)}`);
    return undefined;
  }
  return { index, type };
}
