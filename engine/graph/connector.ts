/**
 * What a connector is: its name, its options as a schema, and how its sources and sinks are opened and used.
 * `connectors/` implements it, the graph validates with it, the runtime drives it.
 */
import type { z } from 'zod';
import type { Batch } from '../batch/batch.ts';
import type { Field, Schema } from '../batch/types.ts';

/** A row that could not be read. `position` says where, as `readings.csv:17`; `raw` is at most 1 KiB of the text. */
export interface BadRow {
  readonly code: string;
  readonly message: string;
  readonly position: string;
  readonly raw: string;
}

export interface ConnectorContext {
  /** Directory that relative paths count from: the graph file's. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch; handed in, so that a simulation can turn it. */
  readonly now: () => number;
}

export interface SourceContext extends ConnectorContext {
  /** The name of the source in the graph, for messages. */
  readonly name: string;
  readonly paths: ReadonlyMap<string, string>;
  readonly attach: readonly string[];
  /** Reports a bad row under the source's `onError`: counts it, diverts it, or throws `source.bad-row`. */
  readonly reject: (row: BadRow) => void;
}

/**
 * One ordered stream of batches with a watermark of its own. `next` resolves to `undefined` at the end and is never called
 * again after that, nor before the last call has settled. A batch handed out is the receiver's until the following `next`.
 * When the context's signal aborts, a pending `next` resolves to `undefined` soon.
 */
export interface SourcePartition {
  readonly name: string;
  next(): Promise<Batch | undefined>;
}

export interface Source {
  /** False where it never ends by itself. */
  readonly bounded: boolean;
  readonly partitions: readonly SourcePartition[];
  /** Frees what it holds; also after an error; called once. */
  close(): Promise<void>;
}

export interface SinkContext extends ConnectorContext {
  readonly name: string;
  /** True when every source that feeds the sink is bounded. */
  readonly bounded: boolean;
  /** Where `console` writes; stdout, unless the caller takes the output elsewhere. */
  readonly stdout: (text: string) => void | Promise<void>;
  readonly color: boolean;
  /** Columns of the terminal, or 120. */
  readonly width: number;
}

export interface SinkReport {
  readonly rows: number;
  /** Files written, relative to the context's directory, or addresses; for the summary at the end. */
  readonly wrote: readonly string[];
  /** How many more there are, where the list is cut. */
  readonly more?: number;
}

/**
 * `write` takes what it needs out of the batch before it returns (synchronously); the promise it may return is
 * back-pressure: no further `write` comes before it resolves. Exactly one of `close` (make everything visible) and `abort`
 * (leave nothing half-written behind) is called at the end.
 */
export interface Sink {
  write(batch: Batch): void | Promise<void>;
  /** Pushes out what is buffered, when rows have stopped coming for a while. */
  flush?(): void | Promise<void>;
  close(): Promise<SinkReport>;
  abort(): Promise<void>;
}

/** Options come as `options` parsed them. Methods, so that a spec of its own options is a `SourceSpec<unknown>` too. */
export interface SourceSpec<Options = unknown> {
  readonly options: z.ZodType<Options>;
  /** What `attach` may name, and the types of it. */
  readonly attachable: readonly Field[];
  /** The schema of the data itself, when the graph gives none; absent where it must be given. */
  infer?(options: Options, context: ConnectorContext): Promise<Schema>;
  open(options: Options, schema: Schema, context: SourceContext): Promise<Source>;
}

export interface SinkSpec<Options = unknown> {
  readonly options: z.ZodType<Options>;
  open(options: Options, schema: Schema, context: SinkContext): Promise<Sink>;
}

export interface Connector {
  /** The key in the graph file. */
  readonly name: string;
  readonly summary: string;
  /** A complete graph fragment, shown in help and run by the tests. */
  readonly example: string;
  readonly source?: SourceSpec;
  readonly sink?: SinkSpec;
}
