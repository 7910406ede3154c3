/**
 * Builds batches row by row or column by column: what sources write into. Memory is kept from batch to batch, since fresh
 * pages are the dear part.
 *
 *     for (const column of builder.columns) column.append(...)   // each column once
 *     builder.endRow()                                           // or rollbackRow(): the row did not happen
 *     const batch = builder.finish()
 */
import { align64, type Batch, LAYOUT_WORDS } from './batch.ts';
import { assertComplete, type Budget, ColumnBuilder } from './column-builder.ts';
import type { Schema } from './types.ts';

export { ColumnBuilder } from './column-builder.ts';

export interface BatchBuilderOptions {
  /** Rows to make room for at first. */
  readonly rows?: number;
  /** Bytes that the columns may hold together; beyond it an append throws `batch.too-large`. 1 GiB unless given. */
  readonly maxBytes?: number;
}

const DEFAULT_ROWS = 256;
const DEFAULT_MAX_BYTES = 1_073_741_824;

export class BatchBuilder {
  readonly schema: Schema;
  readonly columns: readonly ColumnBuilder[];
  readonly #variable: readonly ColumnBuilder[];
  readonly #rowBytes: number;
  readonly #layout: Int32Array;
  #body: Uint8Array = new Uint8Array(0);
  #rows = 0;

  /** Throws `batch.foreign-column` for a schema with a foreign column. */
  constructor(schema: Schema, options: BatchBuilderOptions = {}) {
    this.schema = schema;
    const budget: Budget = { limit: options.maxBytes ?? DEFAULT_MAX_BYTES, held: 0 };
    const rows = options.rows ?? DEFAULT_ROWS;
    this.columns = schema.fields.map((field) => new ColumnBuilder(field, rows, budget));
    this.#variable = this.columns.filter((column) => column.type.kind === 'utf8' || column.type.kind === 'binary');
    this.#rowBytes = this.columns.reduce((sum, column) => sum + column.rowBytes, 0);
    this.#layout = new Int32Array(schema.fields.length * LAYOUT_WORDS);
  }

  /** Whole rows since the last `finish`. */
  get rows(): number {
    return this.#rows;
  }

  /** About the size of the body that `finish` would make, in bytes; the row under way counts with its text only. */
  get bytes(): number {
    let bytes = this.#rows * this.#rowBytes;
    for (const column of this.#variable) bytes += column.dataBytes;
    return Math.ceil(bytes);
  }

  /** Ends a row; every column must have got exactly one value, else this throws `batch.incomplete-row`. */
  endRow(): void {
    this.#rows++;
    assertComplete(this.columns, this.#rows);
  }

  /** Ends `count` rows that were appended column by column; checked as in `endRow`. */
  endRows(count: number): void {
    this.#rows += count;
    assertComplete(this.columns, this.#rows);
  }

  /** Takes back the values of the row that is under way. */
  rollbackRow(): void {
    for (const column of this.columns) column.truncate(this.#rows);
  }

  /**
   * The rows so far as a batch, and starts the next one. The batch is valid until the following `finish`: appends, `reset`
   * and `rollbackRow` leave it alone.
   */
  finish(): Batch {
    assertComplete(this.columns, this.#rows);
    const buffers = this.columns.map((column) => column.buffers());
    let size = 0;
    for (const parts of buffers) for (const part of parts) size += align64(part.length);
    if (this.#body.length < size)
      this.#body = new Uint8Array(Math.max(size, Math.min(this.#body.length * 2, size * 2)));
    let at = 0;
    for (const [index, parts] of buffers.entries()) {
      this.#layout[index * LAYOUT_WORDS] = this.columns[index]?.nullCount ?? 0;
      for (const [part, bytes] of parts.entries()) {
        this.#layout[index * LAYOUT_WORDS + 1 + part * 2] = at;
        this.#layout[index * LAYOUT_WORDS + 2 + part * 2] = bytes.length;
        this.#body.set(bytes, at);
        const end = at + bytes.length;
        at += align64(bytes.length);
        this.#body.fill(0, end, at);
      }
    }
    const rows = this.#rows;
    this.reset();
    return { schema: this.schema, rows, body: this.#body.subarray(0, at), layout: this.#layout };
  }

  /** Forgets all rows since the last `finish`; memory is kept. */
  reset(): void {
    this.#rows = 0;
    for (const column of this.columns) column.reset();
  }
}
