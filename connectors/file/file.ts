/** `file`: files of csv, ndjson, json, arrow and parquet, compressed or not, as sources and sinks. */
import type { Schema } from '../../engine/batch/types.ts';
import type {
  Connector,
  ConnectorContext,
  Sink,
  SinkContext,
  SinkSpec,
  Source,
  SourceContext,
  SourceSpec,
} from '../../engine/graph/connector.ts';
import { type FileSinkOptions, type FileSourceOptions, fileSinkOptions, fileSourceOptions } from './options.ts';
import { openFileSink } from './sink.ts';
import { inferFile, openFileSource } from './source.ts';

const source: SourceSpec<FileSourceOptions> = {
  options: fileSourceOptions,
  attachable: [
    { name: 'file', type: { kind: 'utf8' }, nullable: false },
    { name: 'line', type: { kind: 'int64' }, nullable: false },
  ],
  async infer(options: FileSourceOptions, context: ConnectorContext): Promise<Schema> {
    return (await inferFile(options, context)).schema;
  },
  open(options: FileSourceOptions, schema: Schema, context: SourceContext): Promise<Source> {
    return openFileSource(options, schema, context);
  },
};

const sink: SinkSpec<FileSinkOptions> = {
  options: fileSinkOptions,
  open(options: FileSinkOptions, schema: Schema, context: SinkContext): Promise<Sink> {
    return openFileSink(options, schema, context);
  },
};

export const file: Connector = {
  name: 'file',
  summary: 'files of csv, ndjson, json, arrow and parquet, compressed or not',
  example: `sources:
  readings:
    file: { path: readings.csv }
    schema: { machine: utf8, at: timestamp[ms], temperature: float64 }
sinks:
  copy: { from: readings, file: { path: copy.ndjson } }
`,
  source,
  sink,
};
