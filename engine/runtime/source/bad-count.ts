/**
 * How many bad rows of a partition came, so that a restart, which reads again from a position, hands on none of them twice: those behind the
 * position that were handed on before are passed over.
 */
export class BadCount {
  /** Handed on before the restart, counted from the position that reading began at. */
  readonly #before: number;
  #read = 0;

  constructor(before: number) {
    this.#before = before;
  }

  /** Rows that the connector has reported since reading began. */
  get read(): number {
    return this.#read;
  }

  /** Counts one; true where it was handed on before the restart. */
  take(): boolean {
    this.#read += 1;
    return this.#read <= this.#before;
  }

  /** Of the rows behind a place where `read` was `at`, those that have been handed on. */
  since(at: number): number {
    return Math.max(0, Math.max(this.#read, this.#before) - at);
  }
}
