/**
 * Writes batches as JSON objects: one a line, or the elements of an array. Null is written as `null`; integers with all their
 * digits; NaN and infinities, which JSON lacks, as texts that read back as the same; binary as base64.
 */
import type { Batch } from '../../../engine/batch/batch.ts';
import { getBit } from '../../../engine/batch/bits.ts';
import { type ColumnView, columnView } from '../../../engine/batch/reader.ts';
import type { Schema } from '../../../engine/batch/types.ts';
import type { Emit, FormatWriter } from '../format.ts';
import { TextOutput } from '../text/output.ts';
import { refuseForeign } from '../text/refuse.ts';
import { valueText } from '../text/values.ts';

const QUOTE = 34;
const BACKSLASH = 92;
const SHORT_ESCAPES: ReadonlyMap<number, string> = new Map([
  [8, '\\b'],
  [9, '\\t'],
  [10, '\\n'],
  [12, '\\f'],
  [13, '\\r'],
  [QUOTE, '\\"'],
  [BACKSLASH, '\\\\'],
]);
const TEXTS = new Set(['timestamp', 'date32']);
const FLOATS = new Set(['float16', 'float32', 'float64']);

type Put = (row: number) => void;

export class JsonWriter implements FormatWriter {
  readonly #out: TextOutput;
  readonly #keys: readonly string[];
  readonly #array: boolean;
  #rows = 0;

  /** `array`: the objects are elements of one array, else a line each. */
  constructor(schema: Schema, array: boolean, emit: Emit) {
    refuseForeign(schema, array ? 'json' : 'ndjson');
    this.#out = new TextOutput(emit);
    this.#array = array;
    this.#keys = schema.fields.map((field, at) => `${at === 0 ? '{' : ','}${JSON.stringify(field.name)}:`);
  }

  write(batch: Batch): void {
    const puts = batch.schema.fields.map((_, column) => this.#put(columnView(batch, column)));
    const out = this.#out;
    for (let row = 0; row < batch.rows; row++) {
      if (this.#array) out.ascii(this.#rows === 0 ? '[\n' : ',\n');
      for (let i = 0; i < puts.length; i++) {
        out.utf8(this.#keys[i] as string);
        (puts[i] as Put)(row);
      }
      out.ascii(puts.length === 0 ? '{}' : '}');
      if (!this.#array) out.ascii('\n');
      this.#rows++;
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
    if (this.#array) this.#out.ascii(this.#rows === 0 ? '[]\n' : '\n]\n');
    this.#out.flush();
  }

  #put(view: ColumnView): Put {
    const out = this.#out;
    const { kind } = view.type;
    if (kind === 'null') return () => out.ascii('null');
    const put = this.#putValue(view);
    if (view.nullCount === 0) return put;
    const { validity } = view;
    return (row) => (getBit(validity, row) ? put(row) : out.ascii('null'));
  }

  #putValue(view: ColumnView): Put {
    const out = this.#out;
    const { offsets, data } = view;
    const { kind } = view.type;
    if (kind === 'utf8') return (row) => this.#text(data, offsets[row] as number, offsets[row + 1] as number);
    if (kind === 'binary') {
      return (row) => out.ascii(`"${base64(data, offsets[row] as number, offsets[row + 1] as number)}"`);
    }
    const text = valueText(view);
    if (TEXTS.has(kind)) return (row) => out.ascii(`"${text(row)}"`);
    if (!FLOATS.has(kind)) return (row) => out.ascii(text(row));
    return (row) => {
      const digits = text(row);
      out.ascii(/[fN]/.test(digits) ? `"${digits}"` : digits);
    };
  }

  #text(data: Uint8Array, start: number, end: number): void {
    const out = this.#out;
    out.byte(QUOTE);
    let from = start;
    for (let i = start; i < end; i++) {
      const byte = data[i] as number;
      if (byte >= 32 && byte !== QUOTE && byte !== BACKSLASH) continue;
      out.bytes(data, from, i);
      out.ascii(SHORT_ESCAPES.get(byte) ?? `\\u00${byte.toString(16).padStart(2, '0')}`);
      from = i + 1;
    }
    out.bytes(data, from, end);
    out.byte(QUOTE);
  }
}

function base64(data: Uint8Array, start: number, end: number): string {
  return Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('base64');
}
