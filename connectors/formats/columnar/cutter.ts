/**
 * Turns a file's batches, which are as large as their writer pleased, into batches of ours: the columns wanted, converted where
 * needed, the attached ones added, bad rows reported and left out, cut to size.
 */
import { type Batch, MAX_BATCH_BYTES, MAX_BATCH_ROWS } from '../../../engine/batch/batch.ts';
import { BatchBuilder } from '../../../engine/batch/builder.ts';
import {
  assembleColumns,
  type BatchMemory,
  batchBytes,
  type ColumnRange,
  isNull,
  nullCount,
  valueReader,
} from '../../../engine/batch/reader.ts';
import { CloudskinError } from '../../../engine/errors.ts';
import type { ReadRequest } from '../format.ts';
import type { Match } from './match.ts';

/** Reads a foreign column's values one by one; null for null. */
export type ForeignReader = (batch: Batch, column: number) => (row: number) => unknown;

/** Where a column of the output lies: its batch, and its number there. */
type Place = Pick<ColumnRange, 'batch' | 'column'>;

export class Cutter {
  readonly #name: string;
  readonly #request: ReadRequest;
  readonly #matches: readonly Match[];
  readonly #foreign: ForeignReader;
  readonly #memory: BatchMemory = { body: new Uint8Array(0) };
  readonly #converted: BatchBuilder | undefined;
  readonly #attached: BatchBuilder | undefined;
  /** Foreign columns cannot be joined, so their pieces end where a bad row is left out. */
  readonly #joins: boolean;
  #places: readonly Place[] = [];
  /** Good rows of the batch under way as `from, to` pairs, those handed out cut off. */
  #ranges: [number, number][] = [];
  #piece = MAX_BATCH_ROWS;
  /** Rows of the file before the batch under way. */
  #before = 0;

  constructor(name: string, request: ReadRequest, matches: readonly Match[], foreign: ForeignReader) {
    this.#name = name;
    this.#request = request;
    this.#matches = matches;
    this.#foreign = foreign;
    this.#joins = request.schema.fields.every((field) => field.type.kind !== 'foreign');
    const converted = matches.filter((match) => match.convert !== undefined).map((match) => match.field);
    if (converted.length > 0) {
      this.#converted = new BatchBuilder({ fields: converted.map((field) => ({ ...field, nullable: true })) });
    }
    if (request.attach.length > 0) {
      this.#attached = new BatchBuilder({ fields: request.schema.fields.slice(matches.length) });
    }
  }

  /** Takes a batch of the file; it must stay as it is until `next` has returned undefined. */
  load(batch: Batch): void {
    const bad = new Map<number, CloudskinError | undefined>();
    const converted = this.#convert(batch, bad);
    this.#noteNulls(batch, bad);
    const attached = this.#attach(batch.rows);
    let turn = 0;
    this.#places = this.#request.schema.fields.map((_, index) => {
      const match = this.#matches[index];
      if (match === undefined) return { batch: attached ?? batch, column: index - this.#matches.length };
      if (match.convert !== undefined && converted !== undefined) return { batch: converted, column: turn++ };
      return { batch, column: match.source };
    });
    this.#report(bad);
    this.#ranges = goodRanges(batch.rows, [...bad.keys()]);
    const bytes = batchBytes(batch) / Math.max(1, batch.schema.fields.length / Math.max(1, this.#matches.length));
    this.#piece = Math.max(
      1,
      Math.min(MAX_BATCH_ROWS, Math.floor((batch.rows * MAX_BATCH_BYTES) / Math.max(1, bytes))),
    );
    this.#before += batch.rows;
  }

  /** The next rows, valid until the following call. */
  next(): Batch | undefined {
    const parts: [number, number][] = [];
    let rows = 0;
    while (rows < this.#piece && this.#ranges.length > 0) {
      const range = this.#ranges[0];
      if (range === undefined) break;
      const to = Math.min(range[1], range[0] + this.#piece - rows);
      parts.push([range[0], to]);
      rows += to - range[0];
      if (to === range[1]) this.#ranges.shift();
      else range[0] = to;
      if (!this.#joins) break;
    }
    if (rows === 0) return undefined;
    const sources = this.#places.map((place) => parts.map(([from, to]) => ({ ...place, from, to })));
    return assembleColumns(this.#request.schema, rows, sources, this.#memory);
  }

  #convert(batch: Batch, bad: Map<number, CloudskinError | undefined>): Batch | undefined {
    if (this.#converted === undefined) return undefined;
    let turn = 0;
    for (const match of this.#matches) {
      const column = match.convert === undefined ? undefined : this.#converted.columns[turn++];
      if (column === undefined) continue;
      const foreign = batch.schema.fields[match.source]?.type.kind === 'foreign';
      const read = foreign ? this.#foreign(batch, match.source) : valueReader(batch, match.source);
      for (let row = 0; row < batch.rows; row++) {
        const value = read(row);
        if (value === null || value === undefined) column.appendNull();
        else this.#convertOne(match, value, column, row, bad);
      }
    }
    this.#converted.endRows(batch.rows);
    return this.#converted.finish();
  }

  #convertOne(
    match: Match,
    value: unknown,
    column: BatchBuilder['columns'][number],
    row: number,
    bad: Map<number, CloudskinError | undefined>,
  ): void {
    try {
      match.convert?.(value, column);
    } catch (error) {
      if (!(error instanceof CloudskinError) || error.code === 'batch.too-large') throw error;
      bad.set(row, error);
      column.appendNull();
    }
  }

  /** Rows with a null in a column that may not have one. */
  #noteNulls(batch: Batch, bad: Map<number, CloudskinError | undefined>): void {
    for (const { field, source } of this.#matches) {
      const foreign = batch.schema.fields[source]?.type.kind === 'foreign';
      if (field.nullable || foreign || nullCount(batch, source) === 0) continue;
      for (let row = 0; row < batch.rows; row++) {
        if (!bad.has(row) && isNull(batch, source, row)) bad.set(row, undefined);
      }
    }
  }

  #report(bad: ReadonlyMap<number, CloudskinError | undefined>): void {
    for (const row of [...bad.keys()].sort((a, b) => a - b)) {
      const error = bad.get(row);
      this.#request.reject({
        code: error?.code ?? 'batch.null',
        message: error?.message ?? 'a column that is not nullable is null',
        position: `${this.#name}:${this.#before + row + 1}`,
        raw: '',
      });
    }
  }

  #attach(rows: number): Batch | undefined {
    if (this.#attached === undefined) return undefined;
    const name = Buffer.from(this.#name);
    for (const [index, what] of this.#request.attach.entries()) {
      const column = this.#attached.columns[index];
      for (let row = 0; row < rows; row++) {
        if (what === 'line') column?.appendNumber(this.#before + row + 1);
        else column?.appendBytes(name, 0, name.length);
      }
    }
    this.#attached.endRows(rows);
    return this.#attached.finish();
  }
}

function goodRanges(rows: number, bad: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  let from = 0;
  for (const row of [...bad].sort((a, b) => a - b)) {
    if (row > from) ranges.push([from, row]);
    from = row + 1;
  }
  if (rows > from) ranges.push([from, rows]);
  return ranges;
}
