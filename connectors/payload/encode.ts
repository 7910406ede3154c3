/** Batches into messages: one a row, or one a batch, cut where a message would be larger than may be sent. */
import type { Batch } from '../../engine/batch/batch.ts';
import { sliceBatch } from '../../engine/batch/reader.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { userError } from '../../engine/errors.ts';
import type { CsvWriteOptions } from '../formats/csv/options.ts';
import type { Format, FormatWriter } from '../formats/format.ts';
import { senmlRecord, senmlSchema } from '../formats/senml.ts';
import { filled, type PayloadWrite } from './payload.ts';

export interface PayloadEncoder {
  /**
   * The messages of a batch, in the order of their rows, each in memory of its own. Throws `payload.too-large` where one row alone is larger
   * than `maxBytes`.
   */
  encode(batch: Batch, maxBytes: number): readonly Uint8Array[];
}

const LF = 10;
const COMMA = 44;

/** Throws `format.unsupported-type` or `senml.columns` where messages of this form cannot hold the schema. */
export async function openEncoder(payload: PayloadWrite, schema: Schema): Promise<PayloadEncoder> {
  const { format, given, per } = payload;
  if (format === 'arrow') {
    const { ArrowWriter } = await import('../formats/arrow/writer.ts');
    const one = (batch: Batch): Uint8Array => {
      const out = new Pieces();
      const writer = new ArrowWriter(schema, 'stream', undefined, out.emit);
      writer.write(batch);
      writer.finish();
      return out.take();
    };
    return new Encoder(one, per);
  }
  if (format === 'csv') {
    const { csv } = await import('../formats/csv/csv.ts');
    const options = filled(csv.writeOptions, given) as CsvWriteOptions;
    const header = await headerOf(csv.openWriter, schema, options);
    const out = new Pieces();
    const writer = await csv.openWriter(schema, { ...options, header: false }, out.emit);
    const table = (batch: Batch): Uint8Array => {
      out.add(header);
      return written(writer, out, batch);
    };
    return new Encoder(table, per);
  }
  if (format === 'senml') senmlSchema(schema);
  const { JsonWriter } = await import('../formats/json/writer.ts');
  const out = new Pieces();
  const writer = new JsonWriter(schema, false, out.emit);
  const lines = (batch: Batch): Uint8Array => written(writer, out, batch);
  if (format === 'ndjson') return new Encoder(lines, per);
  if (format === 'senml') return new Encoder((batch) => senmlPack(lines(batch)), per);
  return per === 'row' ? new RowByRow(lines) : new Encoder((batch) => array(lines(batch)), per);
}

/** Bytes that a writer emits, until they are taken. */
class Pieces {
  #pieces: Uint8Array[] = [];

  readonly emit = (bytes: Uint8Array): void => {
    this.#pieces.push(new Uint8Array(bytes));
  };

  add(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#pieces.push(bytes);
  }

  take(): Uint8Array {
    const pieces = this.#pieces;
    this.#pieces = [];
    const [only] = pieces;
    return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
  }
}

function written(writer: FormatWriter, out: Pieces, batch: Batch): Uint8Array {
  writer.write(batch);
  writer.flush();
  return out.take();
}

/** What csv writes before its first record; nothing where there is no header. */
async function headerOf(
  openWriter: Format<unknown, CsvWriteOptions>['openWriter'],
  schema: Schema,
  options: CsvWriteOptions,
): Promise<Uint8Array> {
  const out = new Pieces();
  const writer = await openWriter(schema, options, out.emit);
  writer.finish();
  return out.take();
}

class Encoder implements PayloadEncoder {
  readonly #one: (batch: Batch) => Uint8Array;
  readonly #per: 'row' | 'batch';

  constructor(one: (batch: Batch) => Uint8Array, per: 'row' | 'batch') {
    this.#one = one;
    this.#per = per;
  }

  encode(batch: Batch, maxBytes: number): readonly Uint8Array[] {
    const messages: Uint8Array[] = [];
    if (this.#per === 'batch') this.#cut(batch, 0, batch.rows, maxBytes, messages);
    else for (let row = 0; row < batch.rows; row++) this.#cut(batch, row, row + 1, maxBytes, messages);
    return messages;
  }

  /** Halves what is too large. */
  #cut(batch: Batch, from: number, to: number, maxBytes: number, messages: Uint8Array[]): void {
    if (from === to) return;
    const message = this.#one(sliceBatch(batch, from, to));
    if (message.length <= maxBytes) {
      messages.push(message);
      return;
    }
    if (to - from === 1) throw tooLarge(message.length, maxBytes);
    const middle = (from + to) >> 1;
    this.#cut(batch, from, middle, maxBytes, messages);
    this.#cut(batch, middle, to, maxBytes, messages);
  }
}

/** A JSON object a message: written together, since a line end stands between objects and never within one. */
class RowByRow implements PayloadEncoder {
  readonly #lines: (batch: Batch) => Uint8Array;

  constructor(lines: (batch: Batch) => Uint8Array) {
    this.#lines = lines;
  }

  encode(batch: Batch, maxBytes: number): readonly Uint8Array[] {
    const lines = this.#lines(batch);
    const messages: Uint8Array[] = [];
    for (let at = 0; at < lines.length; ) {
      const end = lines.indexOf(LF, at);
      if (end - at > maxBytes) throw tooLarge(end - at, maxBytes);
      messages.push(lines.subarray(at, end));
      at = end + 1;
    }
    return messages;
  }
}

/** Lines of objects as one array. */
function array(lines: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(lines.length + 1);
  bytes[0] = 91;
  bytes.set(lines, 1);
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) bytes[at] = COMMA;
  bytes[lines.length] = 93;
  return bytes;
}

function senmlPack(lines: Uint8Array): Uint8Array {
  const records = Buffer.from(lines.buffer, lines.byteOffset, lines.length).toString('utf8').trimEnd().split('\n');
  return Buffer.from(`[${records.map(senmlRecord).join(',')}]`);
}

function tooLarge(bytes: number, most: number): Error {
  return userError('payload.too-large', `one row makes a message of ${bytes} bytes, and ${most} are taken`, {
    hint: "leave columns out with `select`, or raise the server's limit",
  });
}
