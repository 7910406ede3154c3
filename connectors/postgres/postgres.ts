/** `postgres`: tables of PostgreSQL, read page by page or in one go, written by COPY or upsert. */
import type { Schema } from '../../engine/batch/types.ts';
import type {
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
import {
  type PostgresSinkOptions,
  type PostgresSourceOptions,
  postgresSinkOptions,
  postgresSourceOptions,
} from './options.ts';

const source: SourceSpec<PostgresSourceOptions> = {
  options: postgresSourceOptions,
  attachable: [],
  replayable: ({ key }: PostgresSourceOptions): boolean => key !== undefined,
  async infer(options: PostgresSourceOptions, context: ConnectorContext): Promise<Schema> {
    const { inferPostgres } = await import('./source.ts');
    return inferPostgres(options, context);
  },
  async open(options: PostgresSourceOptions, schema: Schema, context: SourceContext): Promise<Source> {
    const { openPostgresSource } = await import('./source.ts');
    return openPostgresSource(options, schema, context);
  },
};

const sink: SinkSpec<PostgresSinkOptions> = {
  options: postgresSinkOptions,
  delivery: (): Delivery => 'exactly-once',
  holds: ({ table }: PostgresSinkOptions): string => table,
  async open(options: PostgresSinkOptions, schema: Schema, context: SinkContext): Promise<Sink> {
    const { openPostgresSink } = await import('./sink.ts');
    return openPostgresSink(options, schema, context);
  },
};

export const postgres: Connector = {
  name: 'postgres',
  summary: 'tables of PostgreSQL: read page by page, written by COPY or upsert, exactly once',
  example: `sources:
  orders:
    postgres: { url: "\${DATABASE_URL:-postgres://localhost/shop}", table: orders, key: id, poll: 5s }
    schema: { id: int64, product: utf8, placed: "timestamp[ms]" }
    time: { column: placed }
operators:
  hourly: { from: orders, window: { tumbling: 1h }, groupBy: [product], aggregate: { orders: count(*) } }
sinks:
  totals:
    from: hourly
    postgres:
      url: "\${DATABASE_URL:-postgres://localhost/shop}"
      table: hourly_orders
      mode: upsert
      key: [window_start, product]
      create: true
`,
  source,
  sink,
};
