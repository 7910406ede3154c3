/** `generate`: rows made up from a seed, for trying things out, for tests and for load. */
import type { Schema } from '../../engine/batch/types.ts';
import { userError } from '../../engine/errors.ts';
import type { Connector, Source, SourceContext, SourceSpec } from '../../engine/graph/connector.ts';
import { type GenerateOptions, generateOptions } from './options.ts';

const source: SourceSpec<GenerateOptions> = {
  options: generateOptions,
  attachable: [],
  replayable: (): boolean => true,
  bounded: ({ rows }: GenerateOptions): boolean => rows !== undefined,
  /** Throws `generate.no-columns`. */
  async infer({ columns }: GenerateOptions): Promise<Schema> {
    const { usualType } = await import('./columns.ts');
    const fields = Object.entries(columns).map(([name, column]) => ({
      name,
      type: usualType(column),
      nullable: true,
    }));
    if (fields.length > 0) return { fields };
    throw userError('generate.no-columns', 'nothing says which columns to generate', {
      hint: 'give the source a `schema`, or `columns` in its options',
    });
  },
  async open(options: GenerateOptions, schema: Schema, context: SourceContext): Promise<Source> {
    const { openGenerate } = await import('./source.ts');
    return openGenerate(options, schema, context);
  },
};

export const generate: Connector = {
  name: 'generate',
  summary: 'rows made up from a seed: rates, keys, distributions, disorder, nulls',
  example: `sources:
  readings:
    generate:
      rows: 1000
      interval: 100ms
      disorder: { fraction: 0.1, maxDelay: 5s }
      columns:
        at: { time: {} }
        machine: { keys: { count: 5, prefix: press-, distribution: zipf } }
        temperature: { sine: { period: 1m, amplitude: 5, offset: 40, noise: 0.5 }, nulls: 0.01 }
    time: { column: at, maxDelay: 5s }
sinks:
  shown: { from: readings, console: { limit: 10 } }
`,
  source,
};
