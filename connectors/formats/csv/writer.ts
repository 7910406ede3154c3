/**
 * Writes batches as csv: LF line ends, a field quoted only where it must be, null as `nullValue` without quotes and a text that would
 * read as null with them. Own quoting instead of csv-stringify: a batch's bytes go to the file's without a string a value.
 */
import type { Batch } from '../../../engine/batch/batch.ts';
import { getBit } from '../../../engine/batch/bits.ts';
import { type ColumnView, columnView } from '../../../engine/batch/reader.ts';
import type { Schema } from '../../../engine/batch/types.ts';
import type { Emit, FormatWriter } from '../format.ts';
import { TextOutput } from '../text/output.ts';
import { refuseForeign } from '../text/refuse.ts';
import { valueText } from '../text/values.ts';
import type { CsvWriteOptions } from './options.ts';

const LF = 10;
const CR = 13;
const QUOTE = 34;

type Put = (row: number) => void;

export class CsvWriter implements FormatWriter {
  readonly #schema: Schema;
  readonly #out: TextOutput;
  readonly #delimiter: number;
  readonly #nullValue: Buffer;
  #header: boolean;

  constructor(schema: Schema, options: CsvWriteOptions, emit: Emit) {
    refuseForeign(schema, 'csv');
    this.#schema = schema;
    this.#out = new TextOutput(emit);
    this.#delimiter = options.delimiter.charCodeAt(0);
    this.#nullValue = Buffer.from(options.nullValue);
    this.#header = options.header;
  }

  write(batch: Batch): void {
    this.#writeHeader();
    const puts = batch.schema.fields.map((_, column) => this.#put(columnView(batch, column)));
    const out = this.#out;
    const delimiter = this.#delimiter;
    for (let row = 0; row < batch.rows; row++) {
      for (let i = 0; i < puts.length; i++) {
        if (i > 0) out.byte(delimiter);
        (puts[i] as Put)(row);
      }
      out.byte(LF);
      out.endRow();
    }
  }

  get gathered(): number {
    return this.#out.gathered;
  }

  flush(): void {
    this.#out.flush();
  }

  finish(): void {
    this.#writeHeader();
    this.#out.flush();
  }

  #writeHeader(): void {
    if (!this.#header) return;
    this.#header = false;
    for (const [at, field] of this.#schema.fields.entries()) {
      if (at > 0) this.#out.byte(this.#delimiter);
      const name = Buffer.from(field.name);
      this.#text(name, 0, name.length);
    }
    this.#out.byte(LF);
  }

  #put(view: ColumnView): Put {
    const out = this.#out;
    const { validity, offsets, data } = view;
    const { kind } = view.type;
    if (kind === 'null') return () => this.#null();
    let put: Put;
    if (kind === 'utf8') put = (row) => this.#text(data, offsets[row] as number, offsets[row + 1] as number);
    else if (kind === 'binary') put = (row) => this.#base64(data, offsets[row] as number, offsets[row + 1] as number);
    else {
      const text = valueText(view);
      put = (row) => out.ascii(text(row));
    }
    if (view.nullCount === 0) return put;
    return (row) => (getBit(validity, row) ? put(row) : this.#null());
  }

  #null(): void {
    this.#out.bytes(this.#nullValue, 0, this.#nullValue.length);
  }

  #text(data: Uint8Array, start: number, end: number): void {
    const out = this.#out;
    if (!this.#mustQuote(data, start, end)) {
      out.bytes(data, start, end);
      return;
    }
    out.byte(QUOTE);
    let from = start;
    for (let i = start; i < end; i++) {
      if (data[i] !== QUOTE) continue;
      out.bytes(data, from, i + 1);
      from = i;
    }
    out.bytes(data, from, end);
    out.byte(QUOTE);
  }

  #mustQuote(data: Uint8Array, start: number, end: number): boolean {
    const delimiter = this.#delimiter;
    for (let i = start; i < end; i++) {
      const byte = data[i];
      if (byte === delimiter || byte === QUOTE || byte === LF || byte === CR) return true;
    }
    const nulls = this.#nullValue;
    return end === start || (nulls.length === end - start && nulls.compare(data, start, end) === 0);
  }

  #base64(data: Uint8Array, start: number, end: number): void {
    const text = Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('base64');
    this.#out.ascii(text === '' ? '""' : text);
  }
}
