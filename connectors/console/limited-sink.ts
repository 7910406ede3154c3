/** Shows the first rows and counts the rest. */
import type { Batch } from '../../engine/batch/batch.ts';
import { sliceBatch } from '../../engine/batch/reader.ts';
import type { Sink, SinkContext, SinkReport } from '../../engine/graph/connector.ts';

export class LimitedSink implements Sink {
  readonly #inner: Sink;
  readonly #limit: number;
  readonly #context: SinkContext | undefined;
  #rows = 0;

  /** `context`: where to say how many rows were not shown; absent where programs read. */
  constructor(inner: Sink, limit: number, context: SinkContext | undefined) {
    this.#inner = inner;
    this.#limit = limit;
    this.#context = context;
  }

  write(batch: Batch): void | Promise<void> {
    const left = this.#limit - this.#rows;
    this.#rows += batch.rows;
    if (left > 0) return this.#inner.write(left >= batch.rows ? batch : sliceBatch(batch, 0, left));
  }

  flush(): void | Promise<void> {
    return this.#inner.flush?.();
  }

  async close(): Promise<SinkReport> {
    const report = await this.#inner.close();
    const hidden = this.#rows - Math.min(this.#rows, this.#limit);
    if (hidden > 0) await this.#context?.stdout(`… and ${hidden} more row${hidden === 1 ? '' : 's'}\n`);
    return { ...report, rows: this.#rows };
  }

  abort(): Promise<void> {
    return this.#inner.abort();
  }
}
