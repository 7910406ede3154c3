/** Which rows of a batch could not be evaluated, and why. A row keeps the first error that it had. */
import type { EvaluationError, Span } from '../../expression/ir.ts';

export interface RowError {
  readonly row: number;
  readonly code: EvaluationError;
  /** In the text of the expression. */
  readonly span: Span;
}

export class RowErrors {
  readonly #byRow = new Map<number, RowError>();

  get any(): boolean {
    return this.#byRow.size > 0;
  }

  has(row: number): boolean {
    return this.#byRow.has(row);
  }

  add(row: number, code: EvaluationError, span: Span): void {
    if (!this.#byRow.has(row)) this.#byRow.set(row, { row, code, span });
  }

  /** By rising row. */
  list(): RowError[] {
    return [...this.#byRow.values()].sort((a, b) => a.row - b.row);
  }

  /** The selected rows that have no error. */
  without(selection: Int32Array): Int32Array {
    return this.any ? selection.filter((row) => !this.#byRow.has(row)) : selection;
  }
}
