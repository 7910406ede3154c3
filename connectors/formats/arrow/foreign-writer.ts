/** Writes Arrow files and streams that have columns of foreign types, through apache-arrow. */

import { zstdCompressSync } from 'node:zlib';
import * as arrow from 'apache-arrow';
import { toArrowSchema, toRecordBatch } from '../../../engine/batch/arrow.ts';
import type { Batch } from '../../../engine/batch/batch.ts';
import type { Codec } from '../../../engine/batch/ipc-message.ts';
import type { Schema } from '../../../engine/batch/types.ts';
import { userError } from '../../../engine/errors.ts';
import type { Emit, FormatWriter } from '../format.ts';
import { encodeLz4 } from './lz4.ts';
import { compactViews } from './views.ts';
import type { Container } from './writer.ts';

/** apache-arrow's queue of written bytes, handing them on instead of keeping them. */
class EmittingQueue extends arrow.AsyncByteQueue {
  readonly #emit: Emit;

  constructor(emit: Emit) {
    super();
    this.#emit = emit;
  }

  override write(value: unknown): void {
    if (value instanceof Uint8Array && value.length > 0) this.#emit(value);
  }
}

/** apache-arrow 21 puts the compressed length in front of a compressed buffer, where the format has the uncompressed one. */
function mend<B extends { readonly buffers: ArrayBufferView[] }>(body: B, plain: readonly ArrayBufferView[]): B {
  for (const [index, buffer] of plain.entries()) {
    const prefix = body.buffers[index * 2];
    if (prefix === undefined || prefix.byteLength !== 8) continue;
    const view = new DataView(prefix.buffer, prefix.byteOffset, 8);
    if (view.getBigInt64(0, true) !== -1n) view.setBigInt64(0, BigInt(buffer.byteLength), true);
  }
  return body;
}

class StreamWriter extends arrow.RecordBatchStreamWriter {
  /** Without `write`'s comparison of schemas, which takes some (unions, duplicate names) for different and then writes nothing. */
  put(record: arrow.RecordBatch): void {
    this._writeRecordBatch(record);
  }

  protected override _compressBodyBuffers(plain: ArrayBufferView[]) {
    return mend(super._compressBodyBuffers(plain), plain);
  }
}

/** apache-arrow leaves the schema message out of files, which readers that come to it in order need. */
class FileWriter extends arrow.RecordBatchFileWriter {
  put(record: arrow.RecordBatch): void {
    this._writeRecordBatch(record);
  }

  protected override _compressBodyBuffers(plain: ArrayBufferView[]) {
    return mend(super._compressBodyBuffers(plain), plain);
  }

  protected override _writeSchema(schema: arrow.Schema): this {
    super._writeSchema(schema);
    return this._writeMessage(arrow.Message.from(schema));
  }
}

export class ForeignWriter implements FormatWriter {
  readonly #schema: arrow.Schema;
  readonly #writer: FileWriter | StreamWriter;
  readonly #container: Container;
  readonly #dictionaries: Map<number, unknown> = new Map();

  constructor(schema: Schema, container: Container, codec: Codec | undefined, emit: Emit) {
    this.#schema = toArrowSchema(schema);
    this.#container = container;
    const options = codec === undefined ? {} : { compressionType: registered(codec) };
    const kinds = { file: FileWriter, stream: StreamWriter };
    this.#writer = new kinds[container]({ autoDestroy: true, ...options });
    this.#writer.reset(new EmittingQueue(emit), this.#schema);
  }

  write(batch: Batch): void {
    if (batch.rows === 0) return;
    const foreign = new Map([...(batch.foreign ?? [])].map(([at, data]) => [at, compactViews(data as arrow.Data)]));
    const record = toRecordBatch({ ...batch, foreign }, { copy: false }, this.#schema);
    if (this.#container === 'file') this.#checkDictionaries(record);
    this.#writer.put(record);
  }

  flush(): void {}

  finish(): void {
    this.#writer.finish();
  }

  /** A file has one dictionary a column; what reads it looks at the last one for all rows. */
  #checkDictionaries(record: arrow.RecordBatch): void {
    for (const [id, dictionary] of record.dictionaries) {
      const first: unknown = dictionary?.data[0];
      const before = this.#dictionaries.get(id);
      if (before !== undefined && before !== first) {
        throw userError(
          'sink.dictionary-replaced',
          'an Arrow file cannot hold a dictionary that changes from batch to batch',
          {
            hint: 'write `format: arrow-stream`, or declare the column as utf8 in the source',
          },
        );
      }
      this.#dictionaries.set(id, first);
    }
  }
}

/** Makes apache-arrow know the codec; its registry is global, and ours are the same for every writer. */
function registered(codec: Codec): arrow.CompressionType {
  if (codec === 'zstd') {
    arrow.compressionRegistry.set(arrow.CompressionType.ZSTD, { encode: (data) => zstdCompressSync(data) });
    return arrow.CompressionType.ZSTD;
  }
  arrow.compressionRegistry.set(arrow.CompressionType.LZ4_FRAME, { encode: encodeLz4 });
  return arrow.CompressionType.LZ4_FRAME;
}
