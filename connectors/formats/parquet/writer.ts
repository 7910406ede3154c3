/**
 * Writes parquet files: batches are gathered into row groups, which hyparquet-writer encodes. The schema is kept beside parquet's as
 * Arrow's writers do, so that durations, time zones and the time column come back.
 */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { ByteWriter, type ColumnSource, ParquetWriter } from 'hyparquet-writer';
import type { Batch } from '../../../engine/batch/batch.ts';
import { encodeSchema } from '../../../engine/batch/ipc.ts';
import { columnView, concatBatches, copyBatch, nullCount, valueReader } from '../../../engine/batch/reader.ts';
import type { Schema } from '../../../engine/batch/types.ts';
import { userError } from '../../../engine/errors.ts';
import type { Emit, FormatWriter } from '../format.ts';
import { ARROW_SCHEMA_KEY } from './reader.ts';
import { parquetSchemaOf } from './schema.ts';

export type ParquetCodec = 'none' | 'snappy' | 'gzip' | 'zstd';

/** Rows and bytes after which a row group is written; DuckDB's groups have as many rows. */
const GROUP_ROWS = 122_880;
const GROUP_BYTES = 33_554_432;

const CODECS = { none: 'UNCOMPRESSED', snappy: 'SNAPPY', gzip: 'GZIP', zstd: 'ZSTD' } as const;
const COMPRESSORS = {
  GZIP: (bytes: Uint8Array): Uint8Array => gzipSync(bytes),
  ZSTD: (bytes: Uint8Array): Uint8Array => zstdCompressSync(bytes),
};

/** What needs apache-arrow, for schemas with foreign columns. */
export interface ForeignColumns {
  /** Reads values one by one: unscaled bigints of decimals, units of times; null for null. */
  values(batch: Batch, column: number): (row: number) => unknown;
  /** The schema as an encapsulated Arrow message. */
  schemaMessage(schema: Schema): Uint8Array;
}

export class ParquetFormatWriter implements FormatWriter {
  readonly #schema: Schema;
  readonly #emit: Emit;
  readonly #bytes: ByteWriter = new ByteWriter(65_536);
  readonly #writer: ParquetWriter;
  readonly #foreign: ForeignColumns | undefined;
  #gathered: Batch[] = [];
  #rows = 0;
  #size = 0;

  constructor(schema: Schema, codec: ParquetCodec, emit: Emit, foreign: ForeignColumns | undefined) {
    this.#schema = schema;
    this.#emit = emit;
    this.#foreign = foreign;
    const options = { codec: CODECS[codec], compressors: COMPRESSORS, createdBy: 'cloudskin' };
    const parquetSchema = parquetSchemaOf(schema);
    const message = foreign === undefined ? encodeSchema(schema) : foreign.schemaMessage(schema);
    const kvMetadata = [{ key: ARROW_SCHEMA_KEY, value: Buffer.from(message).toString('base64') }];
    this.#writer = new ParquetWriter({ writer: this.#bytes, schema: parquetSchema, kvMetadata, ...options });
  }

  write(batch: Batch): void {
    if (batch.rows === 0) return;
    const copy = copyBatch(batch);
    this.#gathered.push(copy);
    this.#rows += copy.rows;
    this.#size += copy.body.length;
    // Foreign columns of several batches cannot be joined, so each of their batches is a group.
    if (this.#rows >= GROUP_ROWS || this.#size >= GROUP_BYTES || this.#foreign !== undefined) this.#writeGroup();
  }

  /** Rows stay until their group is full: a file of small groups would be slow to read. */
  flush(): void {
    this.#drain();
  }

  finish(): void {
    this.#writeGroup();
    // With a `ByteWriter` nothing here is asynchronous.
    void this.#writer.finish();
    this.#drain();
  }

  #writeGroup(): void {
    if (this.#rows === 0) return;
    const [first] = this.#gathered;
    const batch =
      this.#gathered.length === 1 && first !== undefined ? first : concatBatches(this.#schema, this.#gathered);
    const columnData = this.#schema.fields.map((field, column): ColumnSource => {
      const data = this.#values(batch, column) as ColumnSource['data'];
      // A dictionary takes -0 for 0.
      return field.type.kind.startsWith('float')
        ? { name: field.name, data, encoding: 'PLAIN' }
        : { name: field.name, data };
    });
    void this.#writer.write({ columnData, rowGroupSize: batch.rows });
    this.#gathered = [];
    this.#rows = 0;
    this.#size = 0;
    this.#drain();
  }

  #values(batch: Batch, column: number): ArrayLike<unknown> {
    const type = this.#schema.fields[column]?.type;
    const plain = nullCount(batch, column) === 0;
    if (plain && (type?.kind === 'float64' || type?.kind === 'float32' || type?.kind === 'int64')) {
      return columnView(batch, column).values;
    }
    const foreign = type?.kind === 'foreign' ? this.#foreign?.values(batch, column) : undefined;
    const read = foreign ?? valueReader(batch, column);
    if (type?.kind !== 'timestamp' || type.unit !== 's')
      return Array.from({ length: batch.rows }, (_, row) => read(row));
    return Array.from({ length: batch.rows }, (_, row) => inMilliseconds(read(row) as bigint | null));
  }

  #drain(): void {
    const bytes = this.#bytes.getBytes();
    if (bytes.length > 0) this.#emit(bytes);
    this.#bytes.index = 0;
  }
}

function inMilliseconds(seconds: bigint | null): bigint | null {
  if (seconds === null) return null;
  const scaled = seconds * 1000n;
  if (BigInt.asIntN(64, scaled) === scaled) return scaled;
  throw userError('sink.out-of-range', `the time ${seconds} s does not fit parquet's milliseconds`);
}
