/** Output ports of a kernel cell: gathers rows of computed columns, and hands them on in batches. */
import { type Batch, MAX_BATCH_ROWS } from '../../batch/batch.ts';
import { BatchBuilder } from '../../batch/builder.ts';
import type { Schema } from '../../batch/types.ts';
import { type Columns, valueAt } from './vector.ts';

/** As `Emit` of cells: the batch is valid until it returns. */
export type Receiver = (port: number, batch: Batch) => void;

export class Output {
  readonly builder: BatchBuilder;
  readonly #port: number;

  constructor(port: number, schema: Schema) {
    this.#port = port;
    this.builder = new BatchBuilder(schema);
  }

  /** Appends the selected rows; hands on what has gathered only where a batch would become too long. */
  append(columns: Columns, selection: Int32Array, emit: Receiver): void {
    const { columns: targets } = this.builder;
    for (let from = 0; from < selection.length; ) {
      if (this.builder.rows === MAX_BATCH_ROWS) this.flush(emit);
      const part = selection.subarray(from, from + MAX_BATCH_ROWS - this.builder.rows);
      for (const [index, target] of targets.entries()) {
        const vector = columns.column(index);
        for (const row of part) target.append(valueAt(vector, row));
      }
      this.builder.endRows(part.length);
      from += part.length;
    }
  }

  /** Hands on what has gathered. */
  flush(emit: Receiver): void {
    if (this.builder.rows > 0) emit(this.#port, this.builder.finish());
  }
}
