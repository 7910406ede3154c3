/**
 * One partition of a file source: files read one after the other, and where reading stands.
 *
 * Rows that cannot be read are held until the batch read with them is handed out, so that a position says of them, too, whether
 * they were reported. A position within a file is the reader's own, or, of formats whose readers have none, how many rows and
 * bad rows of the file have come: then the file is read again from its start and those are left out.
 */
import type { Batch } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import { sliceBatch } from '../../engine/batch/reader.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { externalError } from '../../engine/errors.ts';
import type { BadRow, SourceContext, SourcePartition } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import type { Format, FormatReader } from '../formats/format.ts';
import type { Compression } from '../formats/formats.ts';
import type { FollowTiming } from './follow.ts';
import { beginsAs, type OpenInput, openInput } from './input.ts';
import type { FileRef } from './list.ts';

/** What a file's rows are read with. */
export interface Reading {
  readonly format: Format;
  readonly compression: Compression;
  readonly options: unknown;
}

/** A file and how to read it. */
export interface Unit {
  readonly file: FileRef;
  readonly reading: Reading;
}

/** Where a partition stands. */
interface FilePosition {
  readonly file: string;
  /** Of the file's first bytes. */
  readonly head: string;
  /** The reader's own position; null where it has none. */
  readonly at: Json;
  /** Rows and bad rows of the file so far; where `at` is null these count. */
  readonly rows: number;
  readonly bad: number;
}

export interface FilePartitionOptions {
  readonly follow: FollowTiming | undefined;
  /** Bytes to read at a time. */
  readonly pieceSize: number;
  /** Where to go on; a position that this partition gave before. */
  readonly from: Json | undefined;
}

export class FilePartition implements SourcePartition {
  readonly name: string;
  readonly #units: readonly Unit[];
  readonly #schema: Schema;
  readonly #context: SourceContext;
  readonly #options: FilePartitionOptions;
  #at = 0;
  #input: OpenInput | undefined;
  #reader: FormatReader | undefined;
  #head = '';
  /** Of the file under way. */
  #rows = 0;
  #bad = 0;
  /** Rows and bad rows still to be left out. */
  #passRows = 0;
  #passBad = 0;
  readonly #held: BadRow[] = [];
  #from: FilePosition | undefined;
  #last: Json | undefined;
  /** Absent where bytes come once: standard input, pipes. */
  position?: () => Json;

  constructor(units: readonly Unit[], schema: Schema, context: SourceContext, options: FilePartitionOptions) {
    this.name = units.length === 1 ? (units[0]?.file.name ?? '') : '';
    this.#units = units;
    this.#schema = schema;
    this.#context = context;
    this.#options = options;
    this.#from = options.from as unknown as FilePosition | undefined;
    this.#last = options.from;
    if (this.#from !== undefined) this.#at = this.#unitOf(this.#from);
  }

  async next(): Promise<Batch | undefined> {
    for (;;) {
      if (this.#context.signal.aborted || !(await this.open())) return undefined;
      const read = await this.#reader?.next();
      const batch = read === undefined ? undefined : this.#passOver(read);
      const bad = this.#report();
      if (batch !== undefined || bad > 0) return this.#handOut(batch ?? new BatchBuilder(this.#schema).finish());
      if (this.#context.signal.aborted) return undefined;
      if (read === undefined) await this.#leave();
    }
  }

  /** A followed file ends where another took its place: that one is read next. */
  async #leave(): Promise<void> {
    if (this.#passRows > 0) throw this.#changed(`it has ${this.#passRows} rows fewer`);
    await this.close();
    if (this.#options.follow === undefined) this.#at += 1;
  }

  /** Opens the file whose turn it is; false after the last one. */
  async open(): Promise<boolean> {
    const unit = this.#units[this.#at];
    if (unit === undefined) return false;
    if (this.#reader !== undefined) return true;
    const { file, reading } = unit;
    const { signal, paths, attach } = this.#context;
    const { compression, format, options } = reading;
    const { follow, pieceSize } = this.#options;
    const from = await this.#checked(this.#from, unit);
    this.#from = undefined;
    this.#input = await openInput({ ...file, compression, signal, follow, pieceSize });
    this.#head = (await this.#input.head?.()) ?? '';
    if (this.#input.head !== undefined) this.position ??= () => this.#last ?? null;
    const request = {
      schema: this.#schema,
      paths,
      attach,
      signal,
      reject: (row: BadRow) => void this.#held.push(row),
      rejected: () => this.#held.length,
      ...(from === undefined || from.at === null ? {} : { from: from.at }),
    };
    this.#reader = await format.openReader(this.#input, request, options);
    this.#rows = from?.rows ?? 0;
    this.#bad = from?.bad ?? 0;
    this.#passRows = from?.at === null ? from.rows : 0;
    this.#passBad = from?.at === null ? from.bad : 0;
    return true;
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    const input = this.#input;
    this.#reader = undefined;
    this.#input = undefined;
    await reader?.close();
    await input?.close();
  }

  #unitOf({ file }: FilePosition): number {
    const index = this.#units.findIndex((unit) => unit.file.name === file);
    if (index !== -1) return index;
    throw externalError('source.position-lost', `${file}, in which reading stood, is not there any more`, {
      hint: 'put it back, or start afresh without the state of the run before',
    });
  }

  async #checked(from: FilePosition | undefined, { file }: Unit): Promise<FilePosition | undefined> {
    if (from === undefined || (await beginsAs(file.path, file.name, from.head))) return from;
    throw this.#changed('it begins otherwise');
  }

  #changed(how: string): Error {
    const name = this.#units[this.#at]?.file.name ?? '';
    return externalError('source.changed', `${name} is not the file of which rows were read before: ${how}`, {
      hint: 'put that one back, or start afresh without the state of the run before',
    });
  }

  /** What is left of a batch when the rows that came before are left out. */
  #passOver(batch: Batch): Batch | undefined {
    if (this.#passRows === 0) return batch;
    const pass = Math.min(this.#passRows, batch.rows);
    this.#passRows -= pass;
    return pass === batch.rows ? undefined : sliceBatch(batch, pass, batch.rows);
  }

  /** Hands on the bad rows that were read with the batch; how many. */
  #report(): number {
    const pass = Math.min(this.#passBad, this.#held.length);
    this.#passBad -= pass;
    const held = this.#held.splice(0).slice(pass);
    for (const row of held) this.#context.reject(row, this.name);
    this.#bad += held.length;
    return held.length;
  }

  #handOut(batch: Batch): Batch {
    this.#rows += batch.rows;
    const file = this.#units[this.#at]?.file.name ?? '';
    const at = this.#reader?.position?.() ?? null;
    this.#last = { file, head: this.#head, at, rows: this.#rows, bad: this.#bad };
    return batch;
  }
}
