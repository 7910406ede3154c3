/** The trailing columns of text formats that say where a row came from. */
import type { BatchBuilder, ColumnBuilder } from '../../../engine/batch/builder.ts';

export class Attached {
  readonly #columns: readonly ColumnBuilder[];
  readonly #isLine: readonly boolean[];
  readonly #name: Buffer;

  /** The builder's last `attach.length` columns are `file` or `line`. */
  constructor(builder: BatchBuilder, attach: readonly string[], name: string) {
    this.#columns = builder.columns.slice(builder.columns.length - attach.length);
    this.#isLine = attach.map((what) => what === 'line');
    this.#name = Buffer.from(name);
  }

  append(line: number): void {
    for (let i = 0; i < this.#columns.length; i++) {
      if (this.#isLine[i]) this.#columns[i]?.appendNumber(line);
      else this.#columns[i]?.appendBytes(this.#name, 0, this.#name.length);
    }
  }
}
