/** Rows as ndjson or csv on the console, each batch at once. */
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { Sink, SinkContext, SinkReport } from '../../engine/graph/connector.ts';
import type { FormatWriter } from '../formats/format.ts';
import { formatNamed, formatOptions } from '../formats/formats.ts';

export async function openLinesSink(format: 'ndjson' | 'csv', schema: Schema, context: SinkContext): Promise<Sink> {
  const decoder = new TextDecoder();
  const pieces: string[] = [];
  const entry = formatNamed(format);
  const options = formatOptions(entry.writeOptions, {});
  const writer = await entry.openWriter(schema, options, (bytes) =>
    pieces.push(decoder.decode(bytes, { stream: true })),
  );
  return new LinesSink(writer, pieces, context);
}

class LinesSink implements Sink {
  readonly #writer: FormatWriter;
  readonly #pieces: string[];
  readonly #context: SinkContext;
  #rows = 0;

  constructor(writer: FormatWriter, pieces: string[], context: SinkContext) {
    this.#writer = writer;
    this.#pieces = pieces;
    this.#context = context;
  }

  write(batch: Batch): void | Promise<void> {
    this.#rows += batch.rows;
    this.#writer.write(batch);
    this.#writer.flush();
    return this.#print();
  }

  async close(): Promise<SinkReport> {
    this.#writer.finish();
    await this.#print();
    return { rows: this.#rows, wrote: [] };
  }

  async abort(): Promise<void> {}

  #print(): void | Promise<void> {
    const text = this.#pieces.join('');
    this.#pieces.length = 0;
    if (text !== '') return this.#context.stdout(text);
  }
}
