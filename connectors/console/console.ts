/** `console`: rows for people to read, as a table, or for programs, as ndjson or csv. */
import { z } from 'zod';
import type { Schema } from '../../engine/batch/types.ts';
import type { Connector, Sink, SinkContext, SinkSpec } from '../../engine/graph/connector.ts';

export interface ConsoleOptions {
  readonly format: 'table' | 'bars' | 'ndjson' | 'csv';
  readonly limit?: number | undefined;
  readonly title?: string | undefined;
  readonly label?: string | undefined;
  readonly value?: string | undefined;
}

const options: z.ZodType<ConsoleOptions> = z.strictObject({
  format: z
    .enum(['table', 'bars', 'ndjson', 'csv'])
    .default('table')
    .describe(
      '`table` or `bars` (one bar a row) for people; `ndjson` or `csv` for programs, with all digits and all of every text.',
    ),
  limit: z
    .int()
    .min(0)
    .optional()
    .describe('Most rows to show; the others are counted and said at the end. All unless given.'),
  title: z.string().max(200).optional().describe("The line above a table or bars; the sink's name unless given."),
  label: z.string().optional().describe('Of bars: the column that names them; the first unless given.'),
  value: z.string().optional().describe('Of bars: the column of numbers; the last number unless given.'),
}) as z.ZodType<ConsoleOptions>;

const sink: SinkSpec<ConsoleOptions> = {
  options,
  async open(chosen: ConsoleOptions, schema: Schema, context: SinkContext): Promise<Sink> {
    const { format, limit } = chosen;
    const inner = await openFormat(chosen, schema, context);
    if (limit === undefined) return inner;
    const { LimitedSink } = await import('./limited-sink.ts');
    const forPeople = format === 'table' || format === 'bars';
    return new LimitedSink(inner, limit, forPeople ? context : undefined);
  },
};

/** Each loaded when it is used: what every command lists must not cost what one command needs. */
async function openFormat(chosen: ConsoleOptions, schema: Schema, context: SinkContext): Promise<Sink> {
  const { format, title, label, value } = chosen;
  switch (format) {
    case 'table': {
      const { TableSink } = await import('./table-sink.ts');
      return new TableSink(schema, title === undefined ? context : { ...context, name: title });
    }
    case 'bars': {
      const { BarsSink } = await import('./bars-sink.ts');
      return new BarsSink(schema, { title, label, value }, context);
    }
    case 'ndjson':
    case 'csv': {
      const { openLinesSink } = await import('./lines-sink.ts');
      return openLinesSink(format, schema, context);
    }
  }
}

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
