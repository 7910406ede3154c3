/**
 * Connectors of servers: what a test file tells the suites about one (`served-source.ts`, `served-sink.ts`), and how they drive it. A suite runs
 * the same cases against every connector, on a real server that is cut off, killed and started again; a case that a connector does not
 * promise is skipped by name with the reason.
 */
import { it } from 'vitest';
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type {
  Connector,
  Prepared,
  Sink,
  SinkContext,
  Source,
  SourceContext,
  Trouble,
} from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import { type Bench, bench, openSink, openSource, sinkContext, sourceContext } from '../kit/connectors.ts';
import { schemaOf } from '../kit/formats.ts';
import { build, rowsOf } from '../kit/tables.ts';

/** What rows are: a number, by which a test knows it again, and a text that makes it as long as it likes. */
export const SERVED_SCHEMA: Schema = schemaOf({ id: 'int64', text: 'utf8' });

/** A real server, and the only way to it. */
export interface ServedWorld {
  /** Connections of the connector are lost, and new ones refused, until `heal`. */
  cut(): void;
  heal(): void;
  /** As `kill -9`; absent where the connector itself is the server. */
  kill?(): Promise<void>;
  /** Starts it again, with what was on its disk. */
  start?(): Promise<void>;
  stop(): Promise<void>;
}

/** Something to read, of one test alone. */
export interface SourcePlace {
  readonly options: object;
  /** Resolves when the server has them, in their order (where the source is the server: when they are on their way). */
  publish(rows: readonly (readonly Value[])[]): Promise<void>;
  /** Publishes something that is no row. */
  poison?(): Promise<void>;
  /** Resolves when the server would send what is published now to the source; for servers that keep nothing. */
  listened?(): Promise<void>;
  close?(): Promise<void>;
}

/** Something to write to, of one test alone. */
export interface SinkPlace {
  readonly options: object;
  /** What is seen by readers, in its order; of a server that keeps nothing, what was seen since the beginning. */
  collected(): Promise<number[]>;
  close?(): Promise<void>;
}

/** Options of a connector that cannot open, and the code that says so. */
export interface Refusal {
  readonly title: string;
  options(): Promise<object> | object;
  readonly code: string;
}

/** Names of cases, with why the connector does not promise them. */
export type Exceptions<Name extends string> = Readonly<Partial<Record<Name, string>>>;

export interface Served<World extends ServedWorld> {
  readonly title: string;
  readonly connector: Connector;
  /** The reason why nothing can be tested here; undefined where all is there. */
  readonly missing?: string | undefined;
  start(): Promise<World>;
  readonly refusals: readonly Refusal[];
}

/** A case, or its skip, which says why. */
export function served<Name extends string>(
  exceptions: Exceptions<Name>,
  name: Name,
  body: () => Promise<void>,
  timeout = 120_000,
): void {
  const reason = exceptions[name];
  if (reason === undefined) it(name, body, timeout);
  else it.skip(`${name} (${reason})`, body);
}

export const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);
export const rowsFor = (ids: readonly number[], text: string | null = null): Value[][] =>
  ids.map((id) => [BigInt(id), text]);
export const batchFor = (ids: readonly number[], text: string | null = null): Batch =>
  build(SERVED_SCHEMA, rowsFor(ids, text));

/** A source as the runtime drives it. */
export class ServedReader {
  readonly setup: Bench;
  readonly #source: Source;
  #closed = false;

  private constructor(setup: Bench, source: Source) {
    this.setup = setup;
    this.#source = source;
  }

  static async open(connector: Connector, options: object, more: Partial<SourceContext> = {}): Promise<ServedReader> {
    const setup = bench('/');
    const context = sourceContext(setup, { identity: 'ns/app/in', ...more });
    return new ServedReader(setup, await openSource(connector, options, SERVED_SCHEMA, context));
  }

  get #partition() {
    const [partition] = this.#source.partitions;
    if (partition === undefined) throw new Error('a source has a partition');
    return partition;
  }

  /** Numbers of the next rows, at least so many unless the source ends; empty batches carry bad rows only. */
  async take(count: number): Promise<number[]> {
    const ids: number[] = [];
    while (ids.length < count) {
      const batch = await this.#partition.next();
      if (batch === undefined) break;
      for (const [id] of rowsOf(batch)) ids.push(Number(id));
    }
    return ids;
  }

  /** One call of `next`; undefined at the end. */
  async batch(): Promise<number[] | undefined> {
    const batch = await this.#partition.next();
    return batch === undefined ? undefined : rowsOf(batch).map(([id]) => Number(id));
  }

  async acknowledge(): Promise<void> {
    await this.#partition.acknowledge?.(this.#partition.position?.());
  }

  /** As a context has it. */
  get positions(): ReadonlyMap<string, Json> | undefined {
    const position = this.#partition.position?.();
    return position === undefined ? undefined : new Map([[this.#partition.name, structuredClone(position)]]);
  }

  stop(): void {
    this.setup.abort.abort();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#source.close();
  }
}

/** A sink as the runtime drives it. */
export class ServedWriter {
  readonly setup: Bench;
  readonly sink: Sink;
  #ended = false;

  private constructor(setup: Bench, sink: Sink) {
    this.setup = setup;
    this.sink = sink;
  }

  static async open(connector: Connector, options: object, more: Partial<SinkContext> = {}): Promise<ServedWriter> {
    const setup = bench('/');
    const context = sinkContext(setup, { identity: 'ns/app/out', bounded: false, ...more });
    return new ServedWriter(setup, await openSink(connector, options, SERVED_SCHEMA, context));
  }

  async write(ids: readonly number[], text: string | null = null): Promise<void> {
    await this.sink.write(batchFor(ids, text));
  }

  /** As a checkpoint keeps it: another process has nothing else of it. A sink that cannot prepare is flushed, as a fragment does at a barrier. */
  async prepare(checkpoint: number): Promise<Prepared> {
    if (this.sink.prepare === undefined) await this.sink.flush?.();
    return structuredClone((await this.sink.prepare?.(checkpoint, false)) ?? { state: null });
  }

  async commit(checkpoint: number, prepared: Prepared): Promise<void> {
    await this.sink.commit?.(checkpoint, prepared);
  }

  async close(): Promise<void> {
    this.#ended = true;
    await this.sink.close();
  }

  async abort(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.setup.abort.abort();
    await this.sink.abort();
  }
}

/** Hears what a connector goes on trying. */
export class TroubleHeard {
  readonly #begun = Promise.withResolvers<Trouble>();
  readonly #over = Promise.withResolvers<void>();
  #isTroubled = false;

  readonly listener = (trouble: Trouble | undefined): void => {
    if (trouble !== undefined) this.#begun.resolve(trouble);
    else if (this.#isTroubled) this.#over.resolve();
    this.#isTroubled ||= trouble !== undefined;
  };

  /** The first. */
  get begun(): Promise<Trouble> {
    return this.#begun.promise;
  }

  /** An attempt has succeeded after it. */
  get over(): Promise<void> {
    return this.#over.promise;
  }
}

/** Rejects when `work` takes longer than `milliseconds`. */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`still going after ${milliseconds} ms`)), milliseconds);
  return await Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

/** Lets what is under way go on a little: connections are lost and noticed. */
export const moment = (milliseconds = 100): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
