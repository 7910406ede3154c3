/**
 * What a connector is: its name, its options as a schema, and how its sources and sinks are opened and used.
 * `connectors/` implements it, the graph validates with it, the runtime drives it.
 */
import type { z } from 'zod';
import type { Batch } from '../batch/batch.ts';
import type { Field, Schema } from '../batch/types.ts';
import type { Json } from '../json.ts';
import type { Ports } from '../ports.ts';

/** A row that could not be read. `position` says where, as `readings.csv:17`; `raw` is at most 1 KiB of the text. */
export interface BadRow {
  readonly code: string;
  readonly message: string;
  readonly position: string;
  readonly raw: string;
}

/** Something outside that cannot be reached or takes nothing, and that is tried again. */
export interface Trouble {
  /** What it is, without any secret: `postgres 10.0.7.2:5432`. */
  readonly server: string;
  /** `connection refused`. */
  readonly reason: string;
  /** Milliseconds from the first failure on after which it is given up; absent: never. */
  readonly limit?: number;
}

export interface ConnectorContext {
  /** Directory that relative paths count from: the graph file's. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Clock, timers and randomness: connectors reach for no others. */
  readonly ports: Ports;
  /** Told after each attempt that failed and will be made again, and with undefined once one has succeeded: never silence. */
  readonly trouble?: (trouble: Trouble | undefined) => void;
}

export interface SourceContext extends ConnectorContext {
  /** The name of the source in the graph, for messages. */
  readonly name: string;
  readonly paths: ReadonlyMap<string, string>;
  readonly attach: readonly string[];
  /**
   * Reports a bad row under the source's `onError`: counts it, diverts it, or throws `source.bad-row`. Called while the batch is awaited with which
   * it was read, by the partition of that name; a source with one partition need not say which.
   */
  readonly reject: (row: BadRow, partition?: string) => void;
  /** Where partitions go on, by name: positions that they gave before. One that is not named begins at the beginning. */
  readonly positions?: ReadonlyMap<string, Json>;
  /** Tells where a source that takes connections can be reached: `127.0.0.1:8080`. */
  readonly listening?: (address: string) => void;
  /** Namespace, app and source, the same in every run: for consumer names, client ids, group ids. */
  readonly identity?: string;
  /**
   * Opens the journal of a partition that the source will have, and adds to `memory` what was noted in it; resolves to undefined where there is none. To be
   * called before anything is taken from outside.
   */
  readonly remember?: (partition: string, memory: SourceMemory) => Promise<SourceNotes | undefined>;
}

/** What a source knows of what it took, so that it takes nothing a second time that is sent to it again. */
export interface SourceMemory {
  /** What the note says is safe. Notes come in the order in which they were written; after a restart again, from any of `all` on or before. */
  add(note: Json): void;
  /** A note that says as much as all that were added so far: added to any memory, it makes it like this one. */
  all(): Json;
}

/** Of a journaled partition. */
export interface SourceNotes {
  /** Writes down what belongs to no rows; resolves when it is safe and added to the memory. Rejects where the run is stopped before. */
  keep(note: Json): Promise<void>;
}

/**
 * One ordered stream of batches with a watermark of its own. `next` resolves to `undefined` at the end and is never called
 * again after that, nor before the last call has settled. A batch handed out is the receiver's until the following `next`.
 * When the context's signal aborts, a pending `next` resolves to `undefined` soon.
 */
export interface SourcePartition {
  readonly name: string;
  next(): Promise<Batch | undefined>;
  /**
   * Where reading goes on after the batch handed out last: opened with it the partition yields the very rows that would have
   * followed, in their order, though batches may be cut elsewhere. Absent where the source cannot replay.
   */
  position?(): Json;
  /** What the source wants to remember of the batch handed out last: safe in the journal when its rows are, and no sooner. */
  notes?(): readonly Json[];
  /**
   * What came up to `position` (for a source that cannot replay: everything handed out so far) is safe and needs no replay: it is in
   * a complete checkpoint, in the journal, or, without either, taken in. Positions rise; some may be left out.
   */
  acknowledge?(position: Json | undefined): void | Promise<void>;
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
  /** Namespace, app, sink and partition, the same in every run: for transaction and message ids. */
  readonly identity?: string;
  /**
   * Greater at each start of the sink anywhere; 1 unless given. A process that was frozen and has been replaced may go on for a moment: what it still writes, cuts
   * or removes must not be what one of a higher epoch writes.
   */
  readonly epoch?: number;
  /** True where checkpoints are taken: `prepare` and `commit` will be called. */
  readonly checkpointed?: boolean;
  /** What the graph asks for. With `at-least-once` a sink that can may write at once, instead of holding output back for a checkpoint. */
  readonly delivery?: 'exactly-once' | 'at-least-once';
  /** The sink goes on from a complete checkpoint: it commits what was prepared (it may be committed already) and discards what was written after. */
  readonly restored?: RestoredSink;
}

export interface RestoredSink {
  readonly checkpoint: number;
  readonly prepared: Prepared;
}

/** What a checkpoint keeps of a sink. */
export interface Prepared {
  /** Lengths, names, counts: whatever finds the output again. */
  readonly state: Json;
  /** Output that is kept in the checkpoint itself and made visible by `commit`; in the connector's own form. */
  readonly frozen?: readonly Uint8Array[];
}

/**
 * What happens to output when a run goes on from a checkpoint. `exactly-once`: it is seen once, as soon as its checkpoint is complete.
 * `idempotent`: rows may be written again, over themselves. `at-least-once`: rows may be seen again.
 */
export type Delivery = 'exactly-once' | 'idempotent' | 'at-least-once';

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
 * (leave nothing half-written behind but what a checkpoint holds, and not that where it is told to `forget`) is called at the end.
 */
export interface Sink {
  write(batch: Batch): void | Promise<void>;
  /** Pushes out what is buffered, when rows have stopped coming for a while. */
  flush?(): void | Promise<void>;
  /**
   * What was written since the last `prepare` belongs to `checkpoint`: resolves when it is safe though not yet seen; no write comes before. Writes may
   * follow before `commit`; they belong to the next checkpoint. `last`: none will follow, the output is complete. Absent where delivery is at least once.
   */
  prepare?(checkpoint: number, last: boolean): Promise<Prepared>;
  /** The checkpoint is complete: its output is made visible, once, however often this is called. Checkpoints between may have been given up: their output goes with it. */
  commit?(checkpoint: number, prepared: Prepared): Promise<void>;
  close(): Promise<SinkReport>;
  abort(forget?: boolean): Promise<void>;
}

/**
 * Something outside that a sink writes. Two sinks must not write the same, nor a sink what a source reads: it would be replaced
 * under the reader's eyes.
 */
export interface Claim {
  /** What is written, the same for the same thing however it is named: a file's absolute path without symbolic links. */
  readonly identity: string;
  /** As the user knows it, for messages. */
  readonly name: string;
  /** The option that names it. */
  readonly option: string;
  /** Sinks that all say the same here may write it together; absent where it cannot be shared. */
  readonly sharedAs?: string;
}

/** What a source with a journal promises. */
export interface JournalPromise {
  /** `at-most-once`: what has not come as far as the journal may be lost. `at-least-once`: what is in the journal may be sent, and taken, again. */
  readonly guarantee: 'exactly-once' | 'at-least-once' | 'at-most-once';
  /** Why not more; of `exactly-once`, what it rests on, as the end of `as long as …`. `{source}` stands for the source. */
  readonly why: string;
  /** What would give more. */
  readonly mend?: string;
}

/** Options come as `options` parsed them. Methods, so that a spec of its own options is a `SourceSpec<unknown>` too. */
export interface SourceSpec<Options = unknown> {
  readonly options: z.ZodType<Options>;
  /** What `attach` may name, and the types of it. */
  readonly attachable: readonly Field[];
  /** Whether partitions have positions; a source that has none can be journaled. Absent: false. */
  replayable?(options: Options): boolean;
  /** What holds for what is sent to it, with `journal: true`. Absent: it is there once. */
  journaled?(options: Options): JournalPromise;
  /** Whether it ends by itself, as `Source.bounded` will say once it is open. Absent: it does not. */
  bounded?(options: Options): boolean;
  /** The schema of the data itself, when the graph gives none; absent where it must be given. */
  infer?(options: Options, context: ConnectorContext): Promise<Schema>;
  /** Whether reading takes in what a sink claims, now or once it is there; `directory` as in the context. Never rejects. */
  reads?(options: Options, directory: string, claim: Claim): Promise<boolean>;
  open(options: Options, schema: Schema, context: SourceContext): Promise<Source>;
}

export interface SinkSpec<Options = unknown> {
  readonly options: z.ZodType<Options>;
  /** What a restart does to output; absent: at least once. */
  delivery?(options: Options): Delivery;
  /**
   * Where output goes that waits for a checkpoint, in a few words without what may change meanwhile (`out.csv`): what was held for one place cannot be
   * completed at another. `bounded` as in the context. Undefined: it holds nothing back.
   */
  holds?(options: Options, bounded: boolean): string | undefined;
  /**
   * What rows must have in common with those that are held, for messages (`id, total`): output under way cannot get another header. `bounded` as in
   * the context. Undefined: it takes rows of any columns.
   */
  header?(options: Options, schema: Schema, bounded: boolean): string | undefined;
  /** What writing changes; `directory` as in the context. Never rejects. */
  claims?(options: Options, directory: string): Promise<readonly Claim[]>;
  /** Removes what a sink of this identity holds back outside of checkpoints, at epochs up to the context's, where none is open. */
  forget?(options: Options, context: SinkContext): Promise<void>;
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
