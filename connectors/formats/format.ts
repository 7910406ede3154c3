/**
 * What a file format is: how its readers turn bytes into batches, its writers batches into bytes, and how a schema is
 * guessed from a sample. `connectors/file` finds the bytes (paths, globs, compression, atomic output) and drives these.
 *
 * Importing a format must cost next to nothing: heavy libraries are imported inside `openReader`, `openWriter` and `infer`.
 */
import type { z } from 'zod';
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { BadRow } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';

export type FormatName = 'csv' | 'ndjson' | 'json' | 'arrow' | 'arrow-stream' | 'parquet';

/** Bytes at any place of a whole, uncompressed file. */
export interface RandomAccess {
  readonly byteLength: number;
  /** Exactly the bytes `start` to `end` (exclusive), owned by the caller; throws `source.read-failed`. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** One file, or standard input, already decompressed. */
export interface Input {
  /** What positions and messages call it, as the user wrote it: `data/readings.csv`, `stdin`. */
  readonly name: string;
  /**
   * The bytes from the start, in pieces of at most about 1 MiB; called at most once. A piece is the receiver's until it asks
   * for the next. Ends early, without an error, when the source's signal aborts.
   */
  stream(): AsyncIterator<Uint8Array, undefined>;
  /** The bytes from `offset` on instead, after `stream` was called; there where that is quicker than reading up to it. */
  streamFrom?(offset: number): Promise<AsyncIterator<Uint8Array, undefined>>;
  /** There for regular files that are not compressed; formats with a footer need it, or collect the stream. */
  readonly random?: RandomAccess;
  /** True where bytes may come slowly (stdin, a growing file): hand over what has gathered after `LINGER_MS`. */
  readonly live: boolean;
}

export interface ReadRequest {
  /** The columns wanted, trailing `attach`ed ones included: what every batch must have. Matched to the file's by name. */
  readonly schema: Schema;
  /** Column name -> path into a nested payload. */
  readonly paths: ReadonlyMap<string, string>;
  /**
   * What the last `attach.length` columns of the schema hold: `file`, `Input.name` (utf8); `line`, counted from 1 (int64), or the
   * row's number in formats without lines. `formats/attach.ts` adds them to a batch that lacks them.
   */
  readonly attach: readonly string[];
  /** Reports a row that cannot be read; may throw, which ends the reading. */
  readonly reject: (row: BadRow) => void;
  /**
   * Rows rejected that wait until the reader hands over a batch. A reader that waits for slow bytes, or has let many gather, hands over what
   * it has, though it be a batch without rows.
   */
  readonly rejected?: () => number;
  readonly signal: AbortSignal;
  /** Where to go on: a position that a reader of the same bytes gave. Only where the format's readers have positions. */
  readonly from?: Json;
}

export interface FormatReader {
  /** As `SourcePartition.next`: `undefined` at the end; a batch is the receiver's until the following call. */
  next(): Promise<Batch | undefined>;
  /** Where the row after the batch handed out last begins. Absent: reading goes on only by reading again from the start. */
  position?(): Json;
  /** Frees what it holds (not the input, which the caller closes); called once, also after an error. */
  close(): Promise<void>;
}

export interface FormatWriter {
  /** Takes what it needs out of the batch before it returns. */
  write(batch: Batch): void;
  /** Bytes of what was written that `flush` would emit; absent where that is not known. */
  readonly gathered?: number;
  /** Emits whatever is complete so far; formats that must gather rows (parquet's row groups) may keep them. */
  flush(): void;
  /** Emits the rest, footer included; the last call, whether or not there was a `write`. */
  finish(): void;
}

/** Takes bytes out before it returns: the writer may use the buffer again. */
export type Emit = (bytes: Uint8Array) => void;

export interface Inferred {
  readonly schema: Schema;
  /** Column name -> path, for nested payloads; what the schema block must say to read the file. */
  readonly paths: ReadonlyMap<string, string>;
  /** Options that the file needs beyond the defaults, found by looking (`delimiter: ";"`, `records: features`). */
  readonly options: Readonly<Record<string, unknown>>;
}

/** `Read` and `Write` are what the option shapes parse to. Methods, so that a format of its own options is a `Format` too. */
export interface Format<Read = unknown, Write = unknown> {
  readonly name: FormatName;
  readonly summary: string;
  /** Without the dot, the first being the usual one: `['ndjson', 'jsonl']`. Compression extensions are not the format's. */
  readonly extensions: readonly string[];
  /** True where a file cannot be read before it is complete (a footer): refuses `follow`, and stdin is collected first. */
  readonly needsWholeFile: boolean;
  /**
   * True where files written one after the other make one file, so that following a growing file makes sense: csv, ndjson.
   */
  readonly appendable: boolean;
  /** True where writing can be broken off after a flush and gone on with by another writer. */
  readonly resumable: boolean;
  /** The option keys of its own, which stand beside `path`; each optional or with a default, each `.describe`d. */
  readonly readOptions: Readonly<Record<string, z.ZodType>>;
  readonly writeOptions: Readonly<Record<string, z.ZodType>>;
  openReader(input: Input, request: ReadRequest, options: Read): Promise<FormatReader>;
  /** `appending`: what it emits follows what another writer of the same schema and options flushed; only for `resumable` formats. */
  openWriter(schema: Schema, options: Write, emit: Emit, appending?: boolean): Promise<FormatWriter>;
  /** Looks at a bounded head (or the footer) of the input; throws a user error where it holds no rows to go by. */
  infer(input: Input, options: Read): Promise<Inferred>;
}
