/**
 * A batch: rows of one schema, column by column, in Arrow's layout. What moves between sources, cells and sinks.
 *
 *   body    one byte range, Arrow buffers at 64-byte aligned offsets (gaps allowed)
 *   layout  LAYOUT_WORDS int32 a column, so that it is copied into a cell as it is:
 *
 *     word   0           1 2              3 4                         5 6             7
 *           +-----------+----------------+---------------------------+---------------+----------+
 *           | nullCount | validity       | values (or int32 offsets) | bytes of      | reserved |
 *           |           | offset, length | offset, length            | utf8, binary  |          |
 *           +-----------+----------------+---------------------------+---------------+----------+
 *
 * Offsets count bytes from the start of `body`. A validity length of 0 means that no value is null. Bits of bool
 * columns and of validity are least significant first. A `foreign` column has an all-zero layout entry and lies in `foreign`.
 *
 * Ownership: whoever receives a batch may read it only until the call that handed it over returns; to keep it, copy it
 * (`copyBatch`). Cells hand out views of their own memory, which the next call overwrites.
 */
import type { Schema } from './types.ts';

export const LAYOUT_WORDS = 8;

export interface Batch {
  readonly schema: Schema;
  readonly rows: number;
  readonly body: Uint8Array;
  readonly layout: Int32Array;
  /** Column index -> apache-arrow `Data`, for columns of kind `foreign` only. */
  readonly foreign?: ReadonlyMap<number, unknown>;
}

/** Most rows in a batch; sources cut here. */
export const MAX_BATCH_ROWS = 65_536;
/** Bytes of body after which a source cuts a batch. */
export const MAX_BATCH_BYTES = 1_048_576;
/** Milliseconds that a source may gather rows before it hands over what it has. */
export const LINGER_MS = 5;

/** The next multiple of 64. */
export function align64(bytes: number): number {
  return (bytes + 63) & ~63;
}
