/** `file`: files of csv, ndjson, json, arrow and parquet, compressed or not, as sources and sinks. */
import type { Field, Schema } from '../../engine/batch/types.ts';
import type {
  Claim,
  Connector,
  ConnectorContext,
  Delivery,
  Sink,
  SinkContext,
  SinkSpec,
  Source,
  SourceContext,
  SourceSpec,
} from '../../engine/graph/connector.ts';
import type { Inferred } from '../formats/format.ts';
import { partsOfName } from '../formats/formats.ts';
import { parsePath } from '../formats/json/path.ts';
import { headerOf } from './header.ts';
import { type FileSinkOptions, type FileSourceOptions, fileSinkOptions, fileSourceOptions } from './options.ts';

const source: SourceSpec<FileSourceOptions> = {
  options: fileSourceOptions,
  attachable: [
    { name: 'file', type: { kind: 'utf8' }, nullable: false },
    { name: 'line', type: { kind: 'int64' }, nullable: false },
  ],
  async infer(options: FileSourceOptions, context: ConnectorContext): Promise<Schema> {
    const { inferFrom } = await import('./source.ts');
    return topLevel(await inferFrom(options, context));
  },
  replayable: ({ path }: FileSourceOptions): boolean => path !== '-',
  bounded: ({ follow }: FileSourceOptions): boolean => !follow,
  async reads(options: FileSourceOptions, directory: string, claim: Claim): Promise<boolean> {
    const { readsClaim } = await import('./claims.ts');
    return readsClaim(options, directory, claim);
  },
  async open(options: FileSourceOptions, schema: Schema, context: SourceContext): Promise<Source> {
    const { openFileSource } = await import('./source.ts');
    return openFileSource(options, schema, context);
  },
};

/**
 * Without a `schema` there are no paths: what lies deeper in a record is the JSON text of the key at the top. (`cloudskin infer`
 * prints a schema with paths.)
 */
function topLevel({ schema, paths }: Inferred): Schema {
  const fields = new Map<string, Field>();
  for (const field of schema.fields) {
    const path = paths.get(field.name);
    const name = path === undefined ? field.name : (parsePath(path)[0] ?? field.name);
    if (path === undefined) fields.set(name, field);
    else fields.set(name, { name, type: { kind: 'utf8' }, nullable: true });
  }
  return { fields: [...fields.values()] };
}

const sink: SinkSpec<FileSinkOptions> = {
  options: fileSinkOptions,
  delivery: ({ path }: FileSinkOptions): Delivery => (path === '-' ? 'at-least-once' : 'exactly-once'),
  holds({ path, format, compression, roll }: FileSinkOptions, bounded: boolean): string | undefined {
    if (path === '-') return undefined;
    const named = partsOfName(path);
    const [as, by] = [format ?? named.format?.name, compression ?? named.compression];
    const form = as === named.format?.name && by === named.compression ? '' : ` as ${as} (${by})`;
    return `${path}${form}${roll === undefined && bounded ? '' : ', in numbered files'}`;
  },
  header({ path, format, roll }: FileSinkOptions, schema: Schema, bounded: boolean): string | undefined {
    const as = format ?? partsOfName(path).format?.name;
    return path === '-' || roll !== undefined || !bounded || as === undefined ? undefined : headerOf(as, schema);
  },
  async claims(options: FileSinkOptions, directory: string): Promise<readonly Claim[]> {
    const { claimsOf } = await import('./claims.ts');
    return claimsOf(options, directory);
  },
  async forget(options: FileSinkOptions, context: SinkContext): Promise<void> {
    const { forgetHeld } = await import('./held.ts');
    await forgetHeld(options, context);
  },
  async open(options: FileSinkOptions, schema: Schema, context: SinkContext): Promise<Sink> {
    const { openFileSink } = await import('./sink.ts');
    return openFileSink(options, schema, context);
  },
};

export const file: Connector = {
  name: 'file',
  summary: 'files of csv, ndjson, json, arrow and parquet, compressed or not',
  example: `sources:
  readings:
    file: { path: readings.csv }
    schema: { machine: utf8, at: "timestamp[ms]", temperature: float64 }
sinks:
  copy: { from: readings, file: { path: copy.ndjson } }
`,
  source,
  sink,
};
