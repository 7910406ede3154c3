/**
 * Messages into batches. Rows of many messages gather in one batch; a row that cannot be read is rejected and leaves the others of
 * its message alone; of a message that cannot be read at all no row is taken.
 */
import { isUtf8 } from 'node:buffer';
import { type Batch, MAX_BATCH_BYTES, MAX_BATCH_ROWS } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import { assembleColumns, batchBytes, concatBatches, copyBatch } from '../../engine/batch/reader.ts';
import type { Schema, Value } from '../../engine/batch/types.ts';
import { CloudskinError } from '../../engine/errors.ts';
import type { BadRow } from '../../engine/graph/connector.ts';
import type { Format, Input } from '../formats/format.ts';
import { JsonRowLoader } from '../formats/json/row-loader.ts';
import { NEED_MORE, skipSpace, valueEnd } from '../formats/json/structure.ts';
import { senmlRows } from '../formats/senml.ts';
import { rawText } from '../formats/text/rejects.ts';
import { FewRejects } from './few-rejects.ts';
import { filled, type PayloadRead } from './payload.ts';

/** A message as its connector received it. */
export interface Payload {
  readonly data: Uint8Array;
  /** Where it was, for reports of bad rows: `orders/17`. */
  readonly position: string;
  /** Values of the columns that the source attaches, in their order. */
  readonly attached: readonly Value[];
}

export interface DecodeRequest {
  /** The columns wanted, attached ones last. */
  readonly schema: Schema;
  readonly paths: ReadonlyMap<string, string>;
  readonly attach: readonly string[];
  readonly reject: (row: BadRow) => void;
  /** Milliseconds since the epoch; relative times of senml count from it. */
  readonly now: () => number;
}

export interface PayloadDecoder {
  /** Whether enough rows have gathered for a batch. */
  readonly full: boolean;
  readonly rows: number;
  /** Takes a message; never throws for what is in it. */
  add(message: Payload): void | Promise<void>;
  /** The rows gathered, at least one; valid until the next `take`. It may be larger than a batch should be by one message. */
  take(): Batch;
}

export async function openDecoder(payload: PayloadRead, request: DecodeRequest): Promise<PayloadDecoder> {
  const { format, given } = payload;
  if (format === 'csv') {
    const { csv } = await import('../formats/csv/csv.ts');
    return new FormatDecoder(csv, filled(csv.readOptions, given), request);
  }
  if (format === 'arrow') {
    const { arrowStream } = await import('../formats/arrow/arrow.ts');
    return new FormatDecoder(arrowStream, {}, request);
  }
  if (format === 'json' && given.records !== undefined) {
    const { json } = await import('../formats/json/json.ts');
    return new FormatDecoder(json, filled(json.readOptions, given), request);
  }
  return new JsonDecoder(format, request);
}

/** The columns that a source attaches, for rows that are built one by one. */
class MessageColumns {
  values: readonly Value[] = [];
  readonly #builder: BatchBuilder;
  readonly #first: number;

  constructor(builder: BatchBuilder, attach: readonly string[]) {
    this.#builder = builder;
    this.#first = builder.columns.length - attach.length;
  }

  append(): void {
    const { columns } = this.#builder;
    for (let at = this.#first; at < columns.length; at++) columns[at]?.append(this.values[at - this.#first] ?? null);
  }
}

/** json, ndjson and senml: text of objects, without a reader a message. */
class JsonDecoder implements PayloadDecoder {
  readonly #request: DecodeRequest;
  readonly #rejects: FewRejects;
  readonly #builder: BatchBuilder;
  readonly #columns: MessageColumns;
  readonly #loader: JsonRowLoader;
  readonly #take: (text: string, bytes: Buffer, message: Payload) => void;

  constructor(format: 'json' | 'ndjson' | 'senml', request: DecodeRequest) {
    this.#request = request;
    this.#rejects = new FewRejects(request.reject);
    this.#builder = new BatchBuilder(request.schema);
    this.#columns = new MessageColumns(this.#builder, request.attach);
    this.#loader = new JsonRowLoader(this.#builder, request, '', this.#columns);
    const takes = { json: this.#document, ndjson: this.#lines, senml: this.#senml };
    this.#take = takes[format];
  }

  get rows(): number {
    return this.#builder.rows;
  }

  get full(): boolean {
    return this.#builder.rows >= MAX_BATCH_ROWS || this.#builder.bytes >= MAX_BATCH_BYTES;
  }

  add(message: Payload): void {
    const { data } = message;
    // as in files: it says nothing, and programs of Windows write it
    const mark = data[0] === 0xef && data[1] === 0xbb && data[2] === 0xbf ? 3 : 0;
    const bytes = Buffer.from(data.buffer, data.byteOffset + mark, data.byteLength - mark);
    this.#columns.values = message.attached;
    if (isUtf8(bytes)) this.#take(bytes.toString('utf8'), bytes, message);
    else this.#reject('text.invalid-utf8', 'the message is no valid UTF-8', message, bytes);
    this.#rejects.end(message.position);
  }

  take(): Batch {
    return this.#builder.finish();
  }

  readonly #document = (text: string, bytes: Buffer, message: Payload): void => {
    const start = skipSpace(bytes, 0, bytes.length);
    if (bytes[start] !== 91) this.#row(text, message);
    else this.#elements(bytes, start + 1, message);
  };

  readonly #lines = (text: string, _bytes: Buffer, message: Payload): void => {
    let line = 0;
    for (let from = 0; from < text.length; ) {
      const at = text.indexOf('\n', from);
      const end = at === -1 ? text.length : at;
      const record = text.slice(from, end);
      from = end + 1;
      line += 1;
      if (record.trim() !== '') this.#row(record, { ...message, position: `${message.position}:${line}` });
    }
  };

  readonly #senml = (text: string, bytes: Buffer, message: Payload): void => {
    let rows: readonly string[];
    try {
      rows = senmlRows(text, this.#request.now());
    } catch (error) {
      if (!(error instanceof CloudskinError)) throw error;
      this.#reject(error.code, error.message, message, bytes);
      return;
    }
    for (const row of rows) this.#row(row, message);
  };

  /** The elements of an array, each by its own text, so that one that is bad leaves the others alone and integers keep their digits. */
  #elements(bytes: Buffer, from: number, message: Payload): void {
    const elements: string[] = [];
    let at = skipSpace(bytes, from, bytes.length);
    while (at < bytes.length && bytes[at] !== 93) {
      const end = valueEnd(bytes, at, bytes.length, true);
      if (end === NEED_MORE || end === at) break;
      elements.push(bytes.toString('utf8', at, end));
      at = skipSpace(bytes, end, bytes.length);
      if (bytes[at] !== 44) break;
      at = skipSpace(bytes, at + 1, bytes.length);
      if (bytes[at] === 93) at = bytes.length;
    }
    if (bytes[at] !== 93 || skipSpace(bytes, at + 1, bytes.length) < bytes.length) {
      this.#reject('json.bad-syntax', 'the array of records is no valid JSON', message, bytes);
      return;
    }
    for (const [index, element] of elements.entries()) {
      this.#row(element, { ...message, position: `${message.position}[${index}]` });
    }
  }

  #row(text: string, message: Payload): void {
    if (this.#loader.load(text, 0)) return;
    const { code, message: why } = this.#loader;
    this.#rejects.add({ code, message: why, position: message.position, raw: text.slice(0, 1024) });
  }

  #reject(code: string, why: string, message: Payload, bytes: Buffer): void {
    this.#rejects.add({ code, message: why, position: message.position, raw: rawText(bytes, 0, bytes.length) });
  }
}

/** csv, arrow and documents with a path to their records: a reader of the format for each message, its batches joined. */
class FormatDecoder implements PayloadDecoder {
  readonly #format: Format;
  readonly #options: unknown;
  readonly #request: DecodeRequest;
  /** The columns that the messages themselves hold. */
  readonly #schema: Schema;
  readonly #extra: BatchBuilder;
  readonly #signal: AbortSignal = new AbortController().signal;
  #batches: Batch[] = [];
  #rows = 0;
  #bytes = 0;

  constructor(format: Format, options: unknown, request: DecodeRequest) {
    const { schema, attach } = request;
    const own = schema.fields.length - attach.length;
    this.#format = format;
    this.#options = options;
    this.#request = request;
    this.#schema = { fields: schema.fields.slice(0, own) };
    this.#extra = new BatchBuilder({ fields: schema.fields.slice(own) });
  }

  get rows(): number {
    return this.#rows;
  }

  get full(): boolean {
    return this.#rows >= MAX_BATCH_ROWS || this.#bytes >= MAX_BATCH_BYTES;
  }

  /** Either all batches of a message are taken or, where reading it fails in the middle, none. */
  async add(message: Payload): Promise<void> {
    const taken: Batch[] = [];
    const bad: BadRow[] = [];
    const rejects = new FewRejects((row) => void bad.push(row));
    try {
      await this.#read(message, taken, rejects);
    } catch (error) {
      if (!(error instanceof CloudskinError) || error.domain === 'internal') throw error;
      const raw = rawText(Buffer.from(message.data), 0, Math.min(message.data.length, 1024));
      this.#request.reject({ code: error.code, message: error.message, position: message.position, raw });
      return;
    }
    rejects.end(message.position);
    for (const row of bad) this.#request.reject(row);
    for (const batch of taken) {
      this.#batches.push(batch);
      this.#rows += batch.rows;
      this.#bytes += batchBytes(batch);
    }
  }

  take(): Batch {
    const batches = this.#batches;
    this.#batches = [];
    this.#rows = 0;
    this.#bytes = 0;
    const [only] = batches;
    return batches.length === 1 && only !== undefined ? only : concatBatches(this.#request.schema, batches);
  }

  async #read(message: Payload, taken: Batch[], rejects: FewRejects): Promise<void> {
    const request = {
      schema: this.#schema,
      paths: this.#request.paths,
      attach: [],
      reject: (row: BadRow) => rejects.add(row),
      signal: this.#signal,
    };
    const reader = await this.#format.openReader(inputOf(message), request, this.#options);
    try {
      for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) {
        if (batch.rows > 0) taken.push(this.#attach(batch, message.attached));
      }
    } finally {
      await reader.close();
    }
  }

  /** With the attached columns, in memory of its own. */
  #attach(batch: Batch, attached: readonly Value[]): Batch {
    const { schema } = this.#request;
    if (attached.length === 0) return copyBatch(batch);
    for (let row = 0; row < batch.rows; row++) {
      for (const [index, column] of this.#extra.columns.entries()) column.append(attached[index] ?? null);
      this.#extra.endRow();
    }
    const extra = this.#extra.finish();
    const own = this.#schema.fields.length;
    const sources = schema.fields.map((_, column) => {
      const range = column < own ? { batch, column } : { batch: extra, column: column - own };
      return [{ ...range, from: 0, to: batch.rows }];
    });
    return assembleColumns(schema, batch.rows, sources);
  }
}

function inputOf({ data, position }: Payload): Input {
  const { byteLength } = data;
  return {
    name: position,
    live: false,
    stream: () => oneByOne(data),
    random: { byteLength, read: async (start, end) => data.slice(start, end) },
  };
}

async function* oneByOne(data: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  if (data.length > 0) yield data;
  return undefined;
}
