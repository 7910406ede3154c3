/** A source of the plan: its connector, its schema with what is attached, its event time, its order and pace. */

import { type Field, formatType, type Schema } from '../../batch/types.ts';
import { defined } from '../../defined.ts';
import { CloudskinError } from '../../errors.ts';
import type { SourceEntry } from '../document.ts';
import type { Entry } from '../parse.ts';
import type { SourceNode } from '../plan.ts';
import { OPERATOR_KEYS, SOURCE_KEYS } from '../schema.ts';
import { didYouMean } from '../suggest.ts';
import type { Path } from '../tree.ts';
import { checkCellColumns, widened } from './columns.ts';
import { type Chosen, chooseConnector } from './connector-key.ts';
import type { Build } from './context.ts';
import { checkSourcePolicy, eachOf, memoryOf, policyOf } from './policy.ts';
import { sourceStream, timePolicy } from './source-time.ts';
import { type Outputs, outputs } from './stream.ts';

export interface BuiltSource {
  /** Absent where the source has errors. */
  readonly node?: SourceNode;
  /** Known also where the errors leave the columns as they are, so that what reads them can be checked. */
  readonly outputs: Outputs;
}

const SIDE = { side: 'source' as const, known: SOURCE_KEYS, elsewhere: OPERATOR_KEYS };

export async function buildSource(entry: Entry<SourceEntry>, build: Build): Promise<BuiltSource> {
  const { value, path, dropped } = entry;
  if (value === undefined) return { outputs: undefined };
  const chosen = chooseConnector(path, Object.keys(value), SIDE, build);
  const data = dropped.has('schema') ? undefined : await dataSchema(entry, value, chosen, build);
  if (data === undefined) return { outputs: undefined };
  const attached = chosen === undefined ? [] : attachedFields(entry, value, data, chosen, build);
  const isSited = eachOf(entry.name, build) !== undefined;
  const untimed: Schema = {
    fields: [...data.fields, ...attached, ...(isSited ? siteField(entry, data, attached, build) : [])],
  };
  const time = value.time === undefined ? undefined : timePolicy(path, value.time, untimed, build);
  const schema = time === undefined ? untimed : { ...untimed, time: time.column };
  checkOrder(entry, value, schema, build);
  checkSourcePolicy(value, path, build);
  const known = outputs(sourceStream(entry, isSited ? widened(schema) : schema), value.onError);
  // Without the connector, or with a time column that is wrong, nothing more can be said of what reads it.
  const readable = chosen !== undefined || (value.attach ?? []).length === 0;
  const timeless = (value.time !== undefined || dropped.has('time')) && time === undefined;
  if (chosen === undefined || dropped.size > 0 || timeless)
    return { outputs: readable && !timeless ? known : undefined };
  const node: SourceNode = {
    name: entry.name,
    connector: chosen.connector.name,
    options: chosen.options,
    schema,
    paths: pathsOf(value),
    attach: attached.map(({ name }) => name),
    ...defined({ time }),
    onError: value.onError ?? 'fail',
    ...defined({ orderBy: value.orderBy }),
    ...(typeof value.speed === 'number' ? { speed: value.speed } : {}),
    ...replay(value, chosen, path, build),
    ...policyOf(value),
    ...memoryOf(value),
    ...(value.location === 'any' ? { location: 'any' as const } : {}),
    ...(isSited ? { site: true as const } : {}),
    place: build.place(path),
  };
  return { node, outputs: known };
}

/** The data's own columns: as given, else as the connector finds them. */
async function dataSchema(
  { name, path }: Entry<SourceEntry>,
  value: SourceEntry,
  chosen: Chosen | undefined,
  build: Build,
): Promise<Schema | undefined> {
  if (value.schema !== undefined) {
    const fields = Object.entries(value.schema).map(([column, { type }]) => ({ name: column, type, nullable: true }));
    if (fields.length > 0) return { fields };
    build.atKey([...path, 'schema'], 'graph.empty-map', 'the schema names no column');
    return undefined;
  }
  if (chosen === undefined) return undefined;
  if (chosen.connector.source?.infer === undefined) {
    const message = `"${name}" needs a schema: "${chosen.connector.name}" cannot tell its columns`;
    build.atKey(path, 'graph.no-schema', message, 'add schema: { column: type, ... }');
    return undefined;
  }
  try {
    return await build.context.inferSchema(name, chosen.connector, chosen.options);
  } catch (error) {
    if (!(error instanceof CloudskinError) || error.domain === 'internal') throw error;
    build.atKey(chosen.path, error.code, error.message, error.hint);
    return undefined;
  }
}

function attachedFields(
  { path }: Entry<SourceEntry>,
  value: SourceEntry,
  data: Schema,
  { connector }: Chosen,
  build: Build,
): Field[] {
  const attachable = connector.source?.attachable ?? [];
  const taken = new Set(data.fields.map(({ name }) => name));
  const fields: Field[] = [];
  for (const [index, name] of (value.attach ?? []).entries()) {
    const at = [...path, 'attach', index];
    const field = attachable.find((each) => each.name === name);
    if (field === undefined) {
      const hint =
        didYouMean(
          name,
          attachable.map((each) => each.name),
        ) ?? `"${connector.name}" can attach nothing`;
      build.atValue(at, 'graph.unknown-attachment', `"${connector.name}" cannot attach "${name}"`, hint);
    } else if (taken.has(name)) {
      build.atValue(at, 'graph.duplicate-column', `there is a column "${name}" already`);
    } else {
      taken.add(name);
      fields.push(field);
    }
  }
  return fields;
}

/** The column that says on which site a row was read, behind all others. */
function siteField(
  { path, name }: Entry<SourceEntry>,
  data: Schema,
  attached: readonly Field[],
  build: Build,
): Field[] {
  const all = [...data.fields, ...attached];
  if (all.some((field) => field.name === 'site')) {
    const message = `"${name}" runs on each site and its rows carry the column "site", which there is already`;
    build.atKey(path, 'graph.duplicate-column', message, 'name the column otherwise in schema');
    return [];
  }
  checkCellColumns({ fields: all }, name, path, build);
  return [{ name: 'site', type: { kind: 'utf8' }, nullable: false }];
}

/** Whether the source can be read again, or is to be written down instead, and whether it ends. */
function replay(
  { journal }: SourceEntry,
  { connector, options }: Chosen,
  path: Path,
  build: Build,
): Pick<SourceNode, 'replayable' | 'journal' | 'journaled' | 'bounded'> {
  const replayable = connector.source?.replayable?.(options) ?? false;
  const bounded = connector.source?.bounded?.(options) ?? false;
  const isJournaled = journal === true && !replayable;
  const journaled = isJournaled ? connector.source?.journaled?.(options) : undefined;
  if (journal === true && replayable) {
    const message = `"${connector.name}" can be read again from where it was, so that a journal is of no use`;
    build.warnAtKey([...path, 'journal'], 'graph.needless-journal', message);
  }
  return {
    ...(replayable ? { replayable } : {}),
    ...(bounded ? { bounded } : {}),
    ...(isJournaled ? { journal: true as const } : {}),
    ...defined({ journaled }),
  };
}

/** `orderBy` must name a column that has an order; `speed` needs a time to pace by. */
function checkOrder({ path, dropped }: Entry<SourceEntry>, value: SourceEntry, schema: Schema, build: Build): void {
  const column = value.orderBy;
  const field = schema.fields.find(({ name }) => name === column);
  if (column !== undefined && field === undefined) {
    const hint = didYouMean(
      column,
      schema.fields.map(({ name }) => name),
    );
    build.atValue([...path, 'orderBy'], 'graph.unknown-column', `there is no column "${column}"`, hint);
    return;
  }
  if (field !== undefined && (field.type.kind === 'foreign' || field.type.kind === 'null')) {
    const message = `rows cannot be put in order of "${field.name}", which is ${formatType(field.type)}`;
    build.atValue([...path, 'orderBy'], 'graph.order-type', message);
    return;
  }
  if (typeof value.speed !== 'number' || dropped.has('orderBy') || dropped.has('time')) return;
  const paced = field ?? (schema.time === undefined ? undefined : schema.fields[schema.time]);
  if (paced?.type.kind === 'timestamp' || (value.time !== undefined && column === undefined)) return;
  const what = paced === undefined ? 'there is no time column' : `"${paced.name}" is ${formatType(paced.type)}`;
  const hint = 'name a timestamp column in orderBy or time';
  build.atValue([...path, 'speed'], 'graph.speed-without-time', `speed paces rows by a timestamp, and ${what}`, hint);
}

function pathsOf(value: SourceEntry): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const [column, { path }] of Object.entries(value.schema ?? {})) if (path !== undefined) paths.set(column, path);
  return paths;
}
