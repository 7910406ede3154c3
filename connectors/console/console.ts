/** `console`: rows for people to read, as a table, or for programs, as ndjson or csv. */
import { z } from 'zod';
import type { Schema } from '../../engine/batch/types.ts';
import type { Connector, Sink, SinkContext, SinkSpec } from '../../engine/graph/connector.ts';
import { LimitedSink } from './limited-sink.ts';
import { openLinesSink } from './lines-sink.ts';
import { TableSink } from './table-sink.ts';

export interface ConsoleOptions {
  readonly format: 'table' | 'ndjson' | 'csv';
  readonly limit?: number | undefined;
}

const options: z.ZodType<ConsoleOptions> = z.strictObject({
  format: z
    .enum(['table', 'ndjson', 'csv'])
    .default('table')
    .describe('`table` for people; `ndjson` or `csv` for programs, with all digits and all of every text.'),
  limit: z
    .int()
    .min(0)
    .optional()
    .describe('Most rows to show; the others are counted and said at the end. All unless given.'),
}) as z.ZodType<ConsoleOptions>;

const sink: SinkSpec<ConsoleOptions> = {
  options,
  async open({ format, limit }: ConsoleOptions, schema: Schema, context: SinkContext): Promise<Sink> {
    const inner = format === 'table' ? new TableSink(schema, context) : await openLinesSink(format, schema, context);
    return limit === undefined ? inner : new LimitedSink(inner, limit, format === 'table' ? context : undefined);
  },
};

export const console: Connector = {
  name: 'console',
  summary: 'rows as a table that people can read, or as ndjson or csv',
  example: `sources:
  readings:
    generate: { rows: 20, columns: { machine: { choice: [a, b, c] }, t: { normal: { mean: 20, deviation: 5 } } } }
sinks:
  shown: { from: readings, console: { limit: 10 } }
`,
  sink,
};
