/** `select` names all columns of the result, `with` adds some; and which of them is then the time column. */
import type { Field } from '../../batch/types.ts';
import type { Scope } from '../../expression/check.ts';
import type { ExpressionText } from '../document.ts';
import type { ProjectStep } from '../plan.ts';
import type { Path } from '../tree.ts';
import { carriedColumn } from './columns.ts';
import type { Build } from './context.ts';
import { type Column, columnAt } from './expressions.ts';
import type { NoWindow, Stream } from './stream.ts';

export interface Projected {
  readonly step: ProjectStep;
  readonly stream: Stream;
}

export interface ProjectInput {
  /** The name of the entry, for what a window behind it is told. */
  readonly operator: string;
  readonly stream: Stream;
  /** What the columns of the stream are called. */
  readonly scope: Scope;
}

type Entry = Readonly<Record<string, ExpressionText>>;

/** Undefined after reporting what is wrong with any column. */
export function select(entry: Entry, path: Path, input: ProjectInput, build: Build): Projected | undefined {
  const columns = columnsOf(entry, path, input, build);
  if (columns === undefined) return undefined;
  const fields = columns.map(fieldOf);
  const { schema, ...rest } = input.stream;
  const time = timeAfter(columns, input);
  const output = typeof time === 'number' ? { fields, time } : { fields };
  const stream = typeof time === 'object' ? { schema: output, noWindow: time } : { ...rest, schema: output };
  return { step: { kind: 'project', columns, output }, stream };
}

/** Undefined after reporting what is wrong with any column. */
export function addColumns(entry: Entry, path: Path, input: ProjectInput, build: Build): Projected | undefined {
  const { schema } = input.stream;
  const existing = new Set(schema.fields.map(({ name }) => name));
  const added = columnsOf(entry, path, input, build);
  let clash = false;
  for (const name of Object.keys(entry)) {
    if (!existing.has(name)) continue;
    const hint = 'with adds columns; select replaces them';
    build.atKey([...path, name], 'graph.duplicate-column', `there is a column "${name}" already`, hint);
    clash = true;
  }
  if (added === undefined || clash) return undefined;
  const place = build.place(path);
  const columns = [...schema.fields.map((field, index) => carriedColumn(field, index, place)), ...added];
  const output = { ...schema, fields: columns.map(fieldOf) };
  return { step: { kind: 'project', columns, output }, stream: { ...input.stream, schema: output } };
}

function columnsOf(entry: Entry, path: Path, { scope }: ProjectInput, build: Build): Column[] | undefined {
  const names = Object.keys(entry);
  if (names.length === 0) {
    build.atKey(path, 'graph.empty-map', `"${path.at(-1)}" names no column`);
    return undefined;
  }
  const columns = names.map((name) => columnAt(name, [...path, name], scope, build));
  const good = columns.filter((column) => column !== undefined);
  return good.length === columns.length ? good : undefined;
}

function fieldOf({ name, expr }: Column): Field {
  return { name, type: expr.type, nullable: expr.nullable };
}

/**
 * The time column's index in the result: the one column that is the input's time column itself, of several the one that keeps
 * its name. Else what a window is told; undefined where the input had none, so that its own reason stays.
 */
function timeAfter(
  columns: readonly Column[],
  { operator, stream: { schema } }: ProjectInput,
): number | NoWindow | undefined {
  if (schema.time === undefined) return undefined;
  const time = schema.fields[schema.time]?.name ?? '';
  const carriers = columns.filter(({ expr }) => expr.node === 'column' && expr.index === schema.time);
  const keeper = carriers.find(({ name }) => name === time) ?? (carriers.length === 1 ? carriers[0] : undefined);
  if (keeper !== undefined) return columns.indexOf(keeper);
  if (carriers.length === 0) {
    const message = `the select of "${operator}" leaves out the time column "${time}"`;
    return { code: 'graph.no-time', message, hint: `add ${time}: ${time} to that select` };
  }
  const names = carriers.map(({ name }) => name).join(' and ');
  const message = `the select of "${operator}" carries the time column "${time}" as ${names}`;
  return { code: 'graph.ambiguous-time', message, hint: `keep one of them, or name one "${time}"` };
}
