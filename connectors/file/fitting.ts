/** How many rows make a file as large as it is to be, told by what rows took so far. */

/** Rows that are written to find out how large they are. */
const FIRST_ROWS = 16;

export class Fitting {
  readonly #size: number;
  /** Bytes of a row, from file to file; undefined while none was written, or where bytes come too late to tell. */
  #average: number | undefined;

  /** `size` in bytes. */
  constructor(size: number) {
    this.#size = size;
  }

  /** How many of `left` rows probably fill up a file of so many bytes; at least one. */
  rows(bytes: number, left: number): number {
    const average = this.#average;
    if (average === undefined) return Math.min(left, FIRST_ROWS);
    if (average === 0) return left;
    return Math.max(1, Math.min(left, Math.ceil((this.#size - bytes) / average)));
  }

  /** Whether a file of so many bytes and rows is as large as it is to be. */
  isFull(bytes: number, rows: number): boolean {
    if (rows > 0) this.#average = bytes / rows;
    return bytes >= this.#size;
  }
}
