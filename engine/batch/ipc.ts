/**
 * Arrow IPC messages for the hot path: a header is built once a schema and patched a batch, the body is one copy.
 *
 *   | -1, metadata bytes | metadata, padded | body                          |
 *   0                    8                  a multiple of 64              + bodyLength
 *
 * Whatever apache-arrow writes of plain kinds (uncompressed, little-endian) is decoded too. For files, dictionaries and
 * compression see `connectors/formats/arrow.ts`.
 */
import { userError } from '../errors.ts';
import { align64, type Batch, LAYOUT_WORDS } from './batch.ts';
import { type BatchMemory, copyBatch } from './copy.ts';
import { malformed } from './flatbuffer.ts';
import { type Slot, type Table, type Written, writeFlatBuffer } from './flatbuffer-writer.ts';
import { assembleBatch } from './ipc-columns.ts';
import { CONTINUATION, type Codec, type Message, readMessage, readPrefix } from './ipc-message.ts';
import { METADATA_V5, readSchema, schemaTable } from './ipc-schema.ts';
import { isVariable, type Schema } from './types.ts';

/** MessageHeader's members, as Arrow numbers them. */
const SCHEMA = 1;
const RECORD_BATCH = 3;
/** Bytes of slack that a body may carry before it is made compact. */
const SLACK = 1024;
/** Bytes of a message at most. */
const LARGEST = 0x7fff_ffc0;

/** An encapsulated message's prefix and metadata, padded so that the body begins at a multiple of 64. */
function frame(metadata: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(align64(8 + metadata.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, CONTINUATION, true);
  view.setUint32(4, bytes.length - 8, true);
  bytes.set(metadata, 8);
  return bytes;
}

function message(kind: number, header: Table, bodyLength: Slot): Written {
  return writeFlatBuffer([
    { kind: 'i16', value: METADATA_V5 },
    { kind: 'u8', value: kind },
    { kind: 'table', value: header },
    bodyLength,
  ]);
}

/** The schema as an encapsulated message; throws `batch.foreign-column` for a foreign type. */
export function encodeSchema(schema: Schema): Uint8Array {
  return frame(message(SCHEMA, schemaTable(schema), { kind: 'i64', value: 0 }).bytes);
}

/** The schema of an encapsulated schema message (`foreign` as in `readSchema`). Throws `batch.malformed`, `batch.foreign-column` or `batch.big-endian`. */
export function decodeSchema(bytes: Uint8Array, foreign: 'refuse' | 'name' = 'refuse'): Schema {
  const { message: parsed } = open(bytes);
  if (parsed.kind !== 'schema') throw malformed(`a ${parsed.kind} message where a schema is due`);
  return readSchema(parsed.table, foreign);
}

/** The parts of a record batch message that is built for its own sake, as compressed ones are. */
export interface RecordBatchParts {
  readonly rows: number;
  /** Two numbers a column: length, null count. */
  readonly nodes: readonly number[];
  /** Two numbers a buffer: offset in the body, bytes. */
  readonly buffers: readonly number[];
  readonly codec?: Codec;
  readonly bodyLength: number;
}

/** Prefix and metadata of a record batch message; its body follows. */
export function encodeRecordBatchHeader(parts: RecordBatchParts): Uint8Array {
  const codec: Slot = { kind: 'u8', value: parts.codec === 'zstd' ? 1 : 0 };
  const header: Table = [
    { kind: 'i64', value: parts.rows },
    { kind: 'structs', width: 2, value: parts.nodes },
    { kind: 'structs', width: 2, value: parts.buffers },
    parts.codec === undefined ? undefined : { kind: 'table', value: [codec, { kind: 'u8', value: 0 }] },
  ];
  return frame(message(RECORD_BATCH, header, { kind: 'i64', value: parts.bodyLength }).bytes);
}

export class IpcEncoder {
  readonly schema: Schema;
  readonly #header: Uint8Array;
  /** Words (int32) of the frame at which the patched values lie. */
  readonly #bodyLengthAt: number;
  readonly #rowsAt: number;
  readonly #nodesAt: number;
  readonly #buffersAt: number;
  /** Buffers of each column: 0 for null, 2 for fixed width and bool, 3 for utf8 and binary. */
  readonly #parts: Uint8Array;
  readonly #compact: BatchMemory = { body: new Uint8Array(0) };
  #frame: Uint8Array = new Uint8Array(0);
  /** The last message, a view of the frame: batches mostly have one size, and making a view costs as much as a small copy. */
  #message: Uint8Array = new Uint8Array(0);
  /** Of the header. */
  readonly #words: Int32Array;
  /** Of the message that was prepared: its bytes, and the part of its batch's body that goes into it. */
  length = 0;
  #body: Uint8Array = new Uint8Array(0);
  #bodyLength = 0;
  #first = 0;
  #last = 0;

  /** Throws `batch.foreign-column` for a schema with a foreign type. */
  constructor(schema: Schema) {
    encodeSchema(schema);
    this.schema = schema;
    this.#parts = Uint8Array.from(schema.fields, ({ type }) => (type.kind === 'null' ? 0 : isVariable(type) ? 3 : 2));
    const count = this.#parts.reduce((sum, parts) => sum + parts, 0);
    const bodyLength: Slot = { kind: 'i64', value: 0 };
    const rows: Slot = { kind: 'i64', value: 0 };
    const nodes: Slot = { kind: 'structs', width: 2, value: new Array<number>(schema.fields.length * 2).fill(0) };
    const buffers: Slot = { kind: 'structs', width: 2, value: new Array<number>(count * 2).fill(0) };
    const written = message(RECORD_BATCH, [rows, nodes, buffers], bodyLength);
    const word = (slot: Slot): number => (8 + written.at(slot)) >> 2;
    this.#bodyLengthAt = word(bodyLength);
    this.#rowsAt = word(rows);
    this.#nodesAt = word(nodes);
    this.#buffersAt = word(buffers);
    const header = frame(written.bytes);
    this.#header = header;
    this.#words = new Int32Array(header.buffer);
  }

  schemaMessage(): Uint8Array {
    return encodeSchema(this.schema);
  }

  /**
   * The batch as one encapsulated message, valid until the next call. The batch must be of this encoder's schema.
   * Throws `batch.too-large` beyond 2 GiB.
   */
  encode(batch: Batch): Uint8Array {
    const { length } = this.prepare(batch);
    if (this.#frame.length < length) this.#frame = new Uint8Array(Math.min(LARGEST, align64(length + (length >> 2))));
    this.writeInto(this.#frame, 0);
    if (this.#message.length !== length || this.#message.buffer !== this.#frame.buffer) {
      this.#message = this.#frame.subarray(0, length);
    }
    return this.#message;
  }

  /** As `encode`, but nothing is copied before `writeInto` is called, which may be often; valid until the next call, as long as the batch is. */
  prepare(batch: Batch): this {
    const source = this.#isDense(batch) ? batch : this.#makeDense(batch);
    this.#bodyLength = align64(this.#last - this.#first);
    this.length = this.#header.length + this.#bodyLength;
    if (this.length > LARGEST) {
      throw userError('batch.too-large', `a batch of ${this.length} bytes; a message takes 2 GiB`);
    }
    this.#body = source.body;
    this.#patch(source, this.#bodyLength);
    return this;
  }

  /** Writes the message that was prepared. */
  writeInto(bytes: Uint8Array, at: number): void {
    const body = this.#body;
    const start = at + this.#header.length;
    const end = Math.min(this.#last, this.#first + this.#bodyLength);
    bytes.set(this.#header, at);
    bytes.set(this.#first === 0 && end === body.length ? body : body.subarray(this.#first, end), start);
    const copied = end - this.#first;
    if (copied < this.#bodyLength) bytes.fill(0, start + copied, start + this.#bodyLength);
  }

  #patch({ rows, layout }: Batch, bodyLength: number): void {
    const words = this.#words;
    words[this.#bodyLengthAt] = bodyLength;
    words[this.#rowsAt] = rows;
    let node = this.#nodesAt;
    let buffer = this.#buffersAt;
    for (let column = 0; column < this.#parts.length; column++) {
      const word = column * LAYOUT_WORDS;
      words[node] = rows;
      words[node + 2] = layout[word] ?? 0;
      node += 4;
      const end = word + 1 + (this.#parts[column] ?? 0) * 2;
      for (let at = word + 1; at < end; at += 2) {
        const length = layout[at + 1] ?? 0;
        words[buffer] = length === 0 ? 0 : (layout[at] ?? 0) - this.#first;
        words[buffer + 2] = length;
        buffer += 4;
      }
    }
  }

  /**
   * Whether the batch's buffers lie close together and aligned, so that their range is copied as one. Leaves the range in `#first`
   * and `#last`.
   */
  #isDense({ layout, body }: Batch): boolean {
    let first = body.length;
    let last = 0;
    let used = 0;
    for (let column = 0; column < this.#parts.length; column++) {
      const parts = this.#parts[column] ?? 0;
      const word = column * LAYOUT_WORDS;
      for (let part = 0; part < parts; part++) {
        const offset = layout[word + 1 + part * 2] ?? 0;
        const length = layout[word + 2 + part * 2] ?? 0;
        if (length === 0) continue;
        if ((offset & 7) !== 0) return false;
        if (offset < first) first = offset;
        if (offset + length > last) last = offset + length;
        used += align64(length);
      }
      if (parts === 3 && !wholeDataUsed(body, layout, word)) return false;
    }
    this.#first = Math.min(first, last);
    this.#last = last;
    return last - this.#first <= used * 1.25 + SLACK;
  }

  #makeDense(batch: Batch): Batch {
    const dense = copyBatch(batch, this.#compact);
    this.#first = 0;
    this.#last = dense.body.length;
    return dense;
  }
}

/** False where a utf8 or binary column uses much less than the data it points to, as after a slice. */
function wholeDataUsed(body: Uint8Array, layout: Int32Array, word: number): boolean {
  const length = layout[word + 4] ?? 0;
  const data = layout[word + 6] ?? 0;
  if (data <= SLACK) return true;
  if (length < 8) return false;
  const at = layout[word + 3] ?? 0;
  return (int32(body, at + length - 4) - int32(body, at)) * 1.25 + SLACK >= data;
}

function int32(body: Uint8Array, at: number): number {
  return (body[at] ?? 0) | ((body[at + 1] ?? 0) << 8) | ((body[at + 2] ?? 0) << 16) | ((body[at + 3] ?? 0) << 24);
}

export interface IpcDecoderOptions {
  /** False for senders that are trusted (see `assembleBatch`). True unless given. */
  readonly validate?: boolean;
}

/** Decodes the record batch messages of one schema. */
export class IpcDecoder {
  readonly schema: Schema;
  readonly #validate: boolean;

  constructor(schema: Schema, options: IpcDecoderOptions = {}) {
    this.schema = schema;
    this.#validate = options.validate ?? true;
  }

  /**
   * The batch of an encapsulated message, a view of its bytes (of a copy, where its body is not at a multiple of 8 in its
   * buffer). Buffers stay where the message has them, mostly at multiples of 8; `copyBatch` puts them on 64. Bytes after the message are
   * left alone. Throws `batch.malformed` and, for compressed bodies, `batch.compressed`.
   */
  decode(bytes: Uint8Array): Batch {
    const { message: parsed, bodyStart } = open(bytes);
    if (parsed.kind !== 'record-batch') throw malformed(`a ${parsed.kind} message where a record batch is due`);
    if (parsed.codec !== undefined) throw userError('batch.compressed', `the batch is compressed with ${parsed.codec}`);
    if (bodyStart + parsed.bodyLength > bytes.length) {
      throw malformed(`a body of ${parsed.bodyLength} bytes where ${bytes.length - bodyStart} are left`);
    }
    const view = bytes.subarray(bodyStart, bodyStart + parsed.bodyLength);
    const body = view.byteOffset % 8 === 0 ? view : new Uint8Array(view);
    const { rows, nodes, buffers } = parsed;
    return assembleBatch(this.schema, { rows, nodes, buffers, body }, this.#validate);
  }
}

function open(bytes: Uint8Array): { readonly message: Message; readonly bodyStart: number } {
  const prefix = readPrefix(bytes, 0);
  if (prefix === undefined || prefix.start + prefix.length > bytes.length) {
    throw malformed(`${bytes.length} bytes are too few`);
  }
  if (prefix.length === 0) throw malformed('the end of a stream');
  const bodyStart = prefix.start + prefix.length;
  return { message: readMessage(bytes.subarray(prefix.start, bodyStart)), bodyStart };
}
