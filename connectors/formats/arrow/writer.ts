/** Writes Arrow files and streams of columns that all have types with names of ours; others go through `foreign-writer.ts`. */
import { align64, type Batch } from '../../../engine/batch/batch.ts';
import { writeFlatBuffer } from '../../../engine/batch/flatbuffer-writer.ts';
import { encodeRecordBatchHeader, IpcEncoder } from '../../../engine/batch/ipc.ts';
import type { Codec } from '../../../engine/batch/ipc-message.ts';
import { METADATA_V5, schemaTable } from '../../../engine/batch/ipc-schema.ts';
import { columnBytes, copyBatch, nullCount } from '../../../engine/batch/reader.ts';
import { isVariable, type Schema } from '../../../engine/batch/types.ts';
import type { Emit, FormatWriter } from '../format.ts';
import { compressBuffer } from './body.ts';

/** Whether messages stand alone or between a file's magic and footer. */
export type Container = 'file' | 'stream';

const MAGIC = Buffer.from('ARROW1\0\0', 'latin1');
const END_OF_STREAM = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0);

export class ArrowWriter implements FormatWriter {
  readonly #container: Container;
  readonly #codec: Codec | undefined;
  readonly #emit: Emit;
  readonly #encoder: IpcEncoder;
  /** Of each record batch: offset in the file, bytes before its body, bytes of its body. */
  readonly #blocks: number[] = [];
  #position = 0;
  #begun: boolean;

  constructor(schema: Schema, container: Container, codec: Codec | undefined, emit: Emit, appending = false) {
    this.#container = container;
    this.#codec = codec;
    this.#emit = emit;
    this.#encoder = new IpcEncoder(schema);
    this.#begun = appending;
  }

  write(batch: Batch): void {
    this.#begin();
    if (batch.rows === 0) return;
    const start = this.#position;
    if (this.#codec === undefined) {
      const message = this.#encoder.encode(batch);
      this.#put(message);
      this.#note(start, message.length - bodyBytes(message), bodyBytes(message));
    } else {
      const { header, parts, bodyLength } = compressed(batch, this.#codec);
      this.#put(header);
      for (const part of parts) this.#put(part);
      this.#note(start, header.length, bodyLength);
    }
  }

  flush(): void {
    this.#begin();
  }

  finish(): void {
    this.#begin();
    this.#put(END_OF_STREAM);
    if (this.#container === 'stream') return;
    const footer = writeFlatBuffer([
      { kind: 'i16', value: METADATA_V5 },
      { kind: 'table', value: schemaTable(this.#encoder.schema) },
      { kind: 'structs', width: 3, value: [] },
      { kind: 'structs', width: 3, value: this.#blocks },
    ]).bytes;
    const length = new Uint8Array(4);
    new DataView(length.buffer).setInt32(0, footer.length, true);
    this.#put(footer);
    this.#put(length);
    this.#put(MAGIC.subarray(0, 6));
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    if (this.#container === 'file') this.#put(MAGIC);
    this.#put(this.#encoder.schemaMessage());
  }

  #put(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#emit(bytes);
    this.#position += bytes.length;
  }

  #note(offset: number, header: number, body: number): void {
    if (this.#container === 'file') this.#blocks.push(offset, header, body);
  }
}

/** Bytes of an encoded message's body: what is not prefix and metadata. */
function bodyBytes(message: Uint8Array): number {
  return message.length - 8 - new DataView(message.buffer, message.byteOffset).getInt32(4, true);
}

interface Compressed {
  readonly header: Uint8Array;
  readonly parts: readonly Uint8Array[];
  readonly bodyLength: number;
}

function compressed(given: Batch, codec: Codec): Compressed {
  const batch = copyBatch(given);
  const nodes: number[] = [];
  const buffers: number[] = [];
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [index, { type }] of batch.schema.fields.entries()) {
    nodes.push(batch.rows, nullCount(batch, index));
    if (type.kind === 'null') continue;
    for (const part of isVariable(type) ? ([0, 1, 2] as const) : ([0, 1] as const)) {
      const bytes = compressBuffer(columnBytes(batch, index, part), codec);
      buffers.push(at, bytes.length);
      parts.push(bytes, new Uint8Array(align64(bytes.length) - bytes.length));
      at += align64(bytes.length);
    }
  }
  const header = encodeRecordBatchHeader({ rows: batch.rows, nodes, buffers, codec, bodyLength: at });
  return { header, parts, bodyLength: at };
}
