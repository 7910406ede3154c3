/** Graph text for a data file whose schema was inferred: the source block alone, or a whole working graph. */

import { stringify } from 'yaml';
import type { InferredFile } from '../../connectors/infer.ts';
import { type Field, formatType } from '../../engine/batch/types.ts';
import { defined } from '../../engine/defined.ts';
import { formatDuration } from '../../engine/graph/units.ts';

export interface DataFile {
  /** A DNS label. */
  readonly name: string;
  /** As the graph file shall name it. */
  readonly path: string;
  /** Microseconds that a row's time lies behind an earlier row's at most, as far as was looked; unknown when absent. */
  readonly disorder?: bigint | undefined;
}

/** Names that older YAML reads as booleans (`y`, `on`) are quoted, as graph files demand. */
const YAML_STYLE = { lineWidth: 120, compat: 'yaml-1.1' } as const;

const HOUR = 3_600_000_000n;

/** Key types that make sense as groups, and at most this many columns are shown in the first select. */
const GROUPS = new Set(['utf8', 'bool']);
const NUMBERS = new Set(['int32', 'int64', 'float64']);

export function sourceBlock(inferred: InferredFile, file: DataFile): string {
  return stringify({ [file.name]: sourceEntry(inferred, file) }, YAML_STYLE);
}

/**
 * A graph that runs as it is: by day where the data has a time column, counts and a mean by the first key; otherwise the
 * rows as they are.
 */
export function graphForData(inferred: InferredFile, file: DataFile): string {
  const { operators, from } = operatorsFor(inferred, file.name);
  const graph = {
    apiVersion: 'cloudskin.dev/v1',
    kind: 'Dataflow',
    metadata: { name: file.name },
    spec: {
      sources: { [file.name]: sourceEntry(inferred, file) },
      ...defined({ operators }),
      sinks: { table: { from, console: {} } },
    },
  };
  const about =
    '# Made for a data file by `cloudskin init --from`. Change it and run it again: cloudskin run graph.yaml\n';
  const header = '# yaml-language-server: $schema=./cloudskin.schema.json\n';
  return `${header}${about}${stringify(graph, YAML_STYLE)}`;
}

function sourceEntry({ options, schema, paths, time }: InferredFile, { path, disorder }: DataFile): object {
  const columns = schema.fields.map((field) => {
    const type = formatType(field.type);
    const from = paths.get(field.name);
    return [field.name, from === undefined || from === field.name ? type : { type, path: from }];
  });
  return {
    file: { path, ...options },
    schema: Object.fromEntries(columns),
    ...(time === undefined ? {} : timeEntry(time, disorder)),
  };
}

/** A file in wilder disorder than an hour is put in order; otherwise rows may be as late as they were seen to be. */
function timeEntry(column: string, disorder: bigint | undefined): object {
  if (disorder === undefined) return { time: { column, maxDelay: '1h' } };
  if (disorder > HOUR) return { time: { column }, orderBy: column };
  return { time: { column, ...(disorder === 0n ? {} : { maxDelay: formatDuration(disorder) }) } };
}

function operatorsFor({ schema, time }: InferredFile, source: string): { operators?: object; from: string } {
  if (time === undefined) return { from: source };
  const others = schema.fields.filter((field) => field.name !== time);
  const key = others.find((field) => GROUPS.has(field.type.kind));
  const value = others.find((field) => NUMBERS.has(field.type.kind));
  const mean = value === undefined ? {} : { mean: `avg(${identifier(value)})`, largest: `max(${identifier(value)})` };
  const days = {
    from: source,
    window: { tumbling: '1d' },
    ...(key === undefined ? {} : { groupBy: [identifier(key)] }),
    aggregate: { rows: 'count(*)', ...mean },
  };
  return { operators: { days }, from: 'days' };
}

/** A column's name as SQL reads it: quoted unless it is a plain lower-case word. */
function identifier({ name }: Field): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
