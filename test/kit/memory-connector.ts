/**
 * A connector whose sources and sinks are in memory and do what a test scripts: deliver, wait, fail, be slow. It keeps a journal of what the
 * runtime asked of it, so that call order and completeness can be checked.
 */
import { z } from 'zod';
import type { Batch } from '../../engine/batch/batch.ts';
import { valueReader } from '../../engine/batch/reader.ts';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type {
  Connector,
  Sink,
  SinkContext,
  SinkReport,
  Source,
  SourceContext,
  SourcePartition,
} from '../../engine/graph/connector.ts';

export type Row = readonly Value[];

/** A partition delivers what its iterable yields; a thrown error is its failure. */
export type Script = (context: SourceContext) => AsyncIterable<Batch> | Iterable<Batch>;

/** Never delivers anything, and never ends by itself. */
export const silence: Script = () => ({
  [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }),
});

export interface MemorySource {
  readonly partitions: readonly Script[];
  /** True unless given. */
  readonly bounded?: boolean;
  readonly open?: () => Promise<void>;
  readonly close?: () => Promise<void>;
}

export interface MemorySink {
  readonly open?: () => Promise<void>;
  readonly write?: (rows: readonly Row[]) => void | Promise<void>;
  readonly flush?: () => void | Promise<void>;
  readonly close?: () => Promise<void>;
  readonly abort?: () => Promise<void>;
}

export interface MemorySetup {
  readonly sources?: Readonly<Record<string, MemorySource>>;
  readonly sinks?: Readonly<Record<string, MemorySink>>;
}

export class Memory {
  /** `open a`, `close a`, `open out`, `write out 3`, `close out`, `abort out`, in the order of the calls. */
  readonly journal: string[] = [];
  readonly contexts: Map<string, SinkContext> = new Map();
  readonly #written = new Map<string, Row[]>();
  readonly #setup: MemorySetup;

  constructor(setup: MemorySetup = {}) {
    this.#setup = setup;
  }

  /** What sink `name` was given, in order. */
  rows(name: string): readonly Row[] {
    return this.#written.get(name) ?? [];
  }

  get connector(): Connector {
    return {
      name: 'scripted',
      summary: 'sources and sinks of a test',
      example: '',
      source: {
        options: z.unknown(),
        attachable: [],
        open: (_options, _schema, context) => this.#openSource(context),
      },
      sink: { options: z.unknown(), open: (_options, schema, context) => this.#openSink(schema, context) },
    };
  }

  async #openSource(context: SourceContext): Promise<Source> {
    const { name } = context;
    const script = this.#setup.sources?.[name] ?? { partitions: [] };
    this.journal.push(`open ${name}`);
    await script.open?.();
    return {
      bounded: script.bounded ?? true,
      partitions: script.partitions.map((partition, index) => partitionOf(`${name}/${index}`, partition, context)),
      close: async () => {
        this.journal.push(`close ${name}`);
        await script.close?.();
      },
    };
  }

  async #openSink(schema: Schema, context: SinkContext): Promise<Sink> {
    const { name } = context;
    const script = this.#setup.sinks?.[name] ?? {};
    this.journal.push(`open ${name}`);
    this.contexts.set(name, context);
    await script.open?.();
    const written: Row[] = [];
    this.#written.set(name, written);
    const { flush } = script;
    return {
      write: (batch) => {
        const rows = rowsOf(batch);
        this.journal.push(`write ${name} ${rows.length}`);
        written.push(...rows);
        if (schema.fields.length !== batch.layout.length / 8) throw new Error(`${name}: a batch of another schema`);
        return script.write?.(rows);
      },
      ...(flush === undefined
        ? {}
        : {
            flush: () => {
              this.journal.push(`flush ${name}`);
              return flush();
            },
          }),
      close: async (): Promise<SinkReport> => {
        this.journal.push(`close ${name}`);
        await script.close?.();
        return { rows: written.length, wrote: [`memory:${name}`] };
      },
      abort: async () => {
        this.journal.push(`abort ${name}`);
        written.length = 0;
        await script.abort?.();
      },
    };
  }
}

/** Ends early when the context's signal aborts, as the contract asks. */
function partitionOf(name: string, script: Script, context: SourceContext): SourcePartition {
  const made = script(context);
  const iterator = Symbol.asyncIterator in made ? made[Symbol.asyncIterator]() : made[Symbol.iterator]();
  const aborted = new Promise<undefined>((resolve) => {
    if (context.signal.aborted) resolve(undefined);
    context.signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  return {
    name,
    next: () =>
      Promise.race([
        aborted,
        Promise.resolve()
          .then(() => iterator.next())
          .then((result) => (result.done === true ? undefined : result.value)),
      ]),
  };
}

/** Every value of a batch, row by row. */
export function rowsOf(batch: Batch): Row[] {
  const readers = batch.schema.fields.map((_, column) => valueReader(batch, column));
  return Array.from({ length: batch.rows }, (_, row) => readers.map((read) => read(row)));
}
