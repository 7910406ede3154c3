/** The `code` connector: sources whose rows the program gives that opens the graph. */
import { z } from 'zod';
import type { Batch } from '../../batch/batch.ts';
import type { Schema } from '../../batch/types.ts';
import { userError } from '../../errors.ts';
import type { Connector, Source, SourceContext } from '../../graph/connector.ts';
import { type Chunk, ChunkReader } from './chunk.ts';

/** What a program gives for a source: chunks, now or as they come. */
export type SourceInput = AsyncIterable<Chunk> | Iterable<Chunk>;

const OPTIONS = z
  .strictObject({
    bounded: z
      .boolean()
      .optional()
      .describe('True where the rows given end by themselves; iterables that are not async do.'),
  })
  .nullable()
  .transform((options) => options ?? {});

type CodeOptions = z.infer<typeof OPTIONS>;

/** The connector of one opened graph; `inputs` by the names of its sources. */
export function codeConnector(inputs: Readonly<Record<string, SourceInput>>): Connector {
  return {
    name: 'code',
    summary: 'rows that the program gives that opens the graph',
    example: 'readings:\n  code: {}\n  schema: { machine: utf8, at: timestamp[ms], temperature: float64 }',
    source: {
      options: OPTIONS,
      attachable: [],
      open: async (options, schema, context) => {
        const input = Object.hasOwn(inputs, context.name) ? inputs[context.name] : undefined;
        if (input === undefined) {
          throw userError('source.not-given', `nothing was given for the source ${context.name}`, {
            hint: `open the graph with { sources: { '${context.name}': rows } }`,
          });
        }
        return openCode(input, options as CodeOptions, schema, context);
      },
    },
  };
}

function openCode(input: SourceInput, options: CodeOptions, schema: Schema, context: SourceContext): Source {
  const isAsync = Symbol.asyncIterator in input;
  const chunks = isAsync ? input[Symbol.asyncIterator]() : input[Symbol.iterator]();
  const batches = batchesOf(chunks, new ChunkReader(schema, context), context.signal);
  return {
    bounded: options.bounded ?? !isAsync,
    partitions: [
      {
        name: context.name,
        next: async () => {
          const result = await batches.next();
          return result.done === true ? undefined : result.value;
        },
      },
    ],
    close: async () => {
      // Not awaited: an iterator that waits for its own next row would not return before it.
      void Promise.resolve(chunks.return?.()).catch(() => {});
    },
  };
}

async function* batchesOf(
  chunks: AsyncIterator<Chunk> | Iterator<Chunk>,
  reader: ChunkReader,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  while (!signal.aborted) {
    const result = await Promise.race([chunks.next(), aborted]);
    if (result === undefined || result.done === true) return;
    yield* reader.read(result.value);
  }
}
