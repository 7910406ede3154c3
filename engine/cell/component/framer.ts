/**
 * Arrow IPC record batches between the host and a guest's memory without a copy in between: a batch is framed where the guest will read
 * it, and a guest's message is read where it lies. The header has one shape a schema, made once and patched.
 *
 *   message  | -1, metadata bytes | metadata, padded to 64 | body: one copy of the batch's |
 */
import { align64, type Batch, LAYOUT_WORDS } from '../../batch/batch.ts';
import { type BatchMemory, copyBatch } from '../../batch/copy.ts';
import { assembleBatch } from '../../batch/ipc-columns.ts';
import { isVariable, type Schema } from '../../batch/types.ts';
import { userError } from '../../errors.ts';
import { AbiViolation, type GuestMemory } from './guest-memory.ts';

/** Bytes of gaps that a body may carry before it is made compact. */
const SLACK = 1024;
const CONTINUATION = 0xffff_ffff;
const RECORD_BATCH = 3;
const METADATA_V5 = 4;

// Offsets in the metadata, all fixed (see `template`).
const MESSAGE = 16;
const RECORD = 52;
const NODES = 76;

/** Buffers of each column in a message: 0 for null, 2 for fixed width and bool, 3 for utf8 and binary. */
function partsOf(schema: Schema): Uint8Array {
  return Uint8Array.from(schema.fields, ({ type }) => (type.kind === 'null' ? 0 : isVariable(type) ? 3 : 2));
}

/** A framed record batch message's header with zeros for what is patched: vtables, tables and vectors at fixed places. */
function template(columns: number, buffers: number): Uint8Array {
  const bufferVector = NODES + 4 + columns * 16 + 4;
  const bytes = new Uint8Array(align64(8 + bufferVector + 4 + buffers * 16));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, CONTINUATION, true);
  view.setUint32(4, bytes.length - 8, true);
  const put16 = (at: number, ...values: number[]): void => {
    for (const [i, value] of values.entries()) view.setUint16(8 + at + i * 2, value, true);
  };
  const put32 = (at: number, value: number): void => view.setUint32(8 + at, value, true);
  put32(0, MESSAGE);
  put16(4, 12, 20, 4, 6, 16, 8); // vtable, table, then version, header type, header, body length
  put32(MESSAGE, MESSAGE - 4);
  put16(MESSAGE + 4, METADATA_V5, RECORD_BATCH);
  put32(MESSAGE + 16, RECORD - MESSAGE - 16);
  put16(36, 10, 20, 4, 12, 16); // vtable, table, then length, nodes, buffers
  put32(RECORD, RECORD - 36);
  put32(RECORD + 12, NODES - RECORD - 12);
  put32(RECORD + 16, bufferVector - RECORD - 16);
  put32(NODES, columns);
  put32(bufferVector, buffers);
  return bytes;
}

/** Frames the batches of one input. */
export class BatchFramer {
  readonly #parts: Uint8Array;
  readonly #header: Uint8Array;
  readonly #words: Int32Array;
  readonly #compact: BatchMemory = { body: new Uint8Array(0) };
  #batch: Batch | undefined;
  #first = 0;
  #last = 0;

  constructor(schema: Schema) {
    this.#parts = partsOf(schema);
    const buffers = this.#parts.reduce((sum, parts) => sum + parts, 0);
    this.#header = template(schema.fields.length, buffers);
    this.#words = new Int32Array(this.#header.buffer);
  }

  /** Bytes that the batch's message takes; `write` writes it. */
  measure(batch: Batch): number {
    this.#batch = batch;
    if (!this.#isDense(batch)) {
      this.#batch = copyBatch(batch, this.#compact);
      this.#first = 0;
      this.#last = this.#batch.body.length;
    }
    return this.#header.length + align64(this.#last - this.#first);
  }

  /** Writes the message of the batch measured last to `target` at `at`. */
  write(target: Uint8Array, at: number): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    const length = this.#last - this.#first;
    this.#patch(batch, align64(length));
    target.set(this.#header, at);
    const { body } = batch;
    const whole = this.#first === 0 && this.#last === body.length;
    target.set(whole ? body : body.subarray(this.#first, this.#last), at + this.#header.length);
    const end = at + this.#header.length + length;
    if (length % 64 !== 0) target.fill(0, end, end + 64 - (length % 64));
  }

  #patch({ rows, layout }: Batch, bodyLength: number): void {
    const words = this.#words;
    words[(8 + MESSAGE + 8) >> 2] = bodyLength;
    words[(8 + RECORD + 4) >> 2] = rows;
    let node = (8 + NODES + 4) >> 2;
    let buffer = node + this.#parts.length * 4 + 2;
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

  /** Whether the buffers lie aligned and close together, so that their range is copied as one; leaves it in `#first` and `#last`. */
  #isDense({ layout, body }: Batch): boolean {
    let first = body.length;
    let last = 0;
    let used = 0;
    for (let column = 0; column < this.#parts.length; column++) {
      const word = column * LAYOUT_WORDS;
      const end = word + 1 + (this.#parts[column] ?? 0) * 2;
      for (let at = word + 1; at < end; at += 2) {
        const offset = layout[at] ?? 0;
        const length = layout[at + 1] ?? 0;
        if (length === 0) continue;
        if ((offset & 63) !== 0) return false;
        if (offset < first) first = offset;
        if (offset + length > last) last = offset + length;
        used += align64(length);
      }
    }
    this.#first = Math.min(first, last);
    this.#last = last;
    return last - this.#first <= used * 1.25 + SLACK;
  }
}

/** Reads the record batch messages of one output where they lie in a guest's memory. */
export class GuestBatchReader {
  readonly schema: Schema;
  readonly #nodes: Float64Array;
  readonly #buffers: Float64Array;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #start = 0;
  #end = 0;

  constructor(schema: Schema) {
    this.schema = schema;
    this.#nodes = new Float64Array(schema.fields.length * 2);
    this.#buffers = new Float64Array(partsOf(schema).reduce((sum, parts) => sum + parts, 0) * 2);
  }

  /**
   * The batch, a view of the guest's memory (of a copy, where the guest put its body at an odd address). `address` and `length` are
   * inside of the memory. Throws `batch.malformed`, or `AbiViolation` where the message's own structure is wrong.
   */
  read(guest: GuestMemory, address: number, length: number): Batch {
    this.#view = guest.view;
    this.#start = address;
    this.#end = address + length;
    if (length < 12 || this.#u32(address) !== CONTINUATION) throw this.#bad('no prefix');
    const metadata = this.#u32(address + 4);
    if (metadata > length - 8) throw this.#bad('metadata that is cut off');
    const bodyStart = address + 8 + metadata;
    this.#start = address + 8;
    this.#end = bodyStart;
    const rows = this.#readMetadata();
    const bytes = guest.bytes;
    const view = new Uint8Array(bytes.buffer, bodyStart, address + length - bodyStart);
    const body = bodyStart % 8 === 0 ? view : view.slice();
    return assembleBatch(this.schema, { rows, nodes: this.#nodes, buffers: this.#buffers, body }, true);
  }

  /** Fills nodes and buffers; returns the row count. */
  #readMetadata(): number {
    const root = this.#follow(this.#start);
    const kind = this.#field(root, 1);
    if (kind === 0 || this.#view.getUint8(kind) !== RECORD_BATCH) throw this.#bad('a kind other than record batch');
    const header = this.#table(root, 2);
    if (this.#field(header, 3) !== 0) throw this.#bad('a compressed body');
    const length = this.#field(header, 0);
    this.#pairs(header, 1, this.#nodes, 'columns');
    this.#pairs(header, 2, this.#buffers, 'buffers');
    return length === 0 ? 0 : this.#i64(length);
  }

  #pairs(table: number, index: number, into: Float64Array, what: string): void {
    const at = this.#field(table, index);
    const vector = at === 0 ? 0 : this.#follow(at);
    const count = vector === 0 ? 0 : this.#u32(vector);
    if (count * 2 !== into.length) throw this.#bad(`${count} ${what} where its schema has ${into.length / 2}`);
    if (count > 0) this.#within(vector + 4, count * 16);
    for (let i = 0; i < into.length; i++) into[i] = this.#i64(vector + 4 + i * 8);
  }

  #bad(finding: string): Error {
    return userError('batch.malformed', `a message with ${finding}`);
  }

  #within(at: number, bytes: number): number {
    if (at < this.#start || at + bytes > this.#end) throw this.#bad('an offset that leads out of it');
    return at;
  }

  #u32(at: number): number {
    return this.#view.getUint32(this.#within(at, 4), true);
  }

  #i64(at: number): number {
    this.#within(at, 8);
    return this.#view.getInt32(at + 4, true) * 0x1_0000_0000 + this.#view.getUint32(at, true);
  }

  #follow(at: number): number {
    return this.#within(at + this.#u32(at), 4);
  }

  #field(table: number, index: number): number {
    const vtable = this.#within(table - this.#view.getInt32(this.#within(table, 4), true), 4);
    const slot = 4 + index * 2;
    if (slot + 2 > this.#view.getUint16(vtable, true)) return 0;
    const offset = this.#view.getUint16(this.#within(vtable + slot, 2), true);
    return offset === 0 ? 0 : this.#within(table + offset, 1);
  }

  #table(table: number, index: number): number {
    const at = this.#field(table, index);
    if (at === 0) throw new AbiViolation('a message has no header');
    return this.#follow(at);
  }
}
