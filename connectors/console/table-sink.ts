/** Rows as a table. The first ones are held for a moment, so that the widths suit them. */
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { Sink, SinkContext, SinkReport } from '../../engine/graph/connector.ts';
import type { Timer } from '../../engine/ports.ts';
import { cellText } from './cells.ts';
import { type Row, Table } from './table.ts';

/** Rows to settle the widths from, and the milliseconds that they are waited for. */
const SETTLE_ROWS = 100;
const SETTLE_MS = 50;
/** Rows rendered at a time, which bounds the text that is held. */
const CHUNK = 1000;

export class TableSink implements Sink {
  readonly #context: SinkContext;
  readonly #table: Table;
  #rows = 0;
  #held: Row[] = [];
  #settled = false;
  #timer: Timer | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(schema: Schema, context: SinkContext) {
    this.#context = context;
    this.#table = new Table(schema, { title: context.name, width: context.width, color: context.color });
  }

  write(batch: Batch): void | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#rows += batch.rows;
    const rows = rowsOf(batch);
    if (!this.#settled) {
      this.#held.push(...rows);
      if (this.#held.length < SETTLE_ROWS) {
        this.#timer ??= this.#context.ports.after(SETTLE_MS, () => this.#settleLater());
        return;
      }
      return this.#settle();
    }
    return this.#print(rows);
  }

  flush(): void | Promise<void> {
    if (!this.#settled && this.#held.length > 0) return this.#settle();
  }

  async close(): Promise<SinkReport> {
    await this.#settle();
    if (this.#failure !== undefined) throw this.#failure.error;
    return { rows: this.#rows, wrote: [] };
  }

  async abort(): Promise<void> {
    this.#timer?.cancel();
  }

  #settleLater(): void {
    Promise.resolve(this.#settle()).catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  #settle(): void | Promise<void> {
    this.#timer?.cancel();
    this.#settled = true;
    const held = this.#held;
    this.#held = [];
    return this.#print(held);
  }

  #print(rows: readonly Row[]): void | Promise<void> {
    if (rows.length === 0) return;
    if (rows.length <= CHUNK) return this.#context.stdout(this.#table.render(rows));
    return this.#printChunks(rows);
  }

  async #printChunks(rows: readonly Row[]): Promise<void> {
    for (let at = 0; at < rows.length; at += CHUNK) {
      await this.#context.stdout(this.#table.render(rows.slice(at, at + CHUNK)));
    }
  }
}

function rowsOf(batch: Batch): Row[] {
  const cells = batch.schema.fields.map((_, column) => cellText(batch, column));
  const rows: Row[] = [];
  for (let row = 0; row < batch.rows; row++) rows.push(cells.map((cell) => cell(row)));
  return rows;
}
