/**
 * Arrow's IPC messages: the prefix of an encapsulated message, and its metadata as plain data. Both are checked for
 * themselves; whether buffers lie within their body is for whoever has the body.
 *
 *   int32 -1, int32 metadata bytes, metadata (FlatBuffers), padding to 8, body      since Arrow 0.15
 *   int32 metadata bytes, metadata, padding to 8, body                              before
 */
import { FlatBuffer, type FlatTable, malformed } from './flatbuffer.ts';

export const CONTINUATION = 0xffff_ffff;
/** Metadata larger than this is refused; 10,000 columns take about 2 MB. */
const MAX_METADATA = 256 * 1024 * 1024;

export type Codec = 'lz4' | 'zstd';

export interface RecordBatchMessage {
  readonly kind: 'record-batch';
  readonly version: number;
  readonly bodyLength: number;
  readonly rows: number;
  /** Two numbers a field node, depth first: length, null count. */
  readonly nodes: Float64Array;
  /** Two numbers a buffer: offset in the body, bytes. */
  readonly buffers: Float64Array;
  readonly codec?: Codec;
  /** Data buffers of each view column, in order. */
  readonly variadic: readonly number[];
}

export interface DictionaryMessage {
  readonly kind: 'dictionary';
  readonly version: number;
  readonly bodyLength: number;
  readonly id: number;
  readonly delta: boolean;
  readonly batch: RecordBatchMessage;
}

export interface SchemaMessage {
  readonly kind: 'schema';
  readonly version: number;
  readonly bodyLength: number;
  readonly table: FlatTable;
}

export type Message = SchemaMessage | DictionaryMessage | RecordBatchMessage;

/** The prefix at `at`: where metadata begins and its bytes (0: the end of the stream). Undefined where more bytes are needed. */
export function readPrefix(
  bytes: Uint8Array,
  at: number,
): { readonly start: number; readonly length: number } | undefined {
  if (at + 4 > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = view.getUint32(at, true);
  if (first !== CONTINUATION) return { start: at + 4, length: checkMetadata(first) };
  if (at + 8 > bytes.length) return undefined;
  return { start: at + 8, length: checkMetadata(view.getUint32(at + 4, true)) };
}

function checkMetadata(length: number): number {
  if (length > MAX_METADATA) throw malformed(`metadata of ${length} bytes`);
  return length;
}

/** Parses a message's metadata. Throws `batch.malformed`; unknown kinds of message too. */
export function readMessage(metadata: Uint8Array): Message {
  const root = new FlatBuffer(metadata).root();
  const version = root.i16(0, 0);
  const bodyLength = root.i64(3, 0);
  if (bodyLength < 0) throw malformed(`a body of ${bodyLength} bytes`);
  const header = root.table(2);
  if (header === undefined) throw malformed('no header');
  switch (root.u8(1, 0)) {
    case 1:
      return { kind: 'schema', version, bodyLength, table: header };
    case 2: {
      const data = header.table(1);
      if (data === undefined) throw malformed('a dictionary without values');
      const batch = recordBatch(data, version, bodyLength);
      return { kind: 'dictionary', version, bodyLength, id: header.i64(0, 0), delta: header.u8(2, 0) !== 0, batch };
    }
    case 3:
      return recordBatch(header, version, bodyLength);
    default:
      throw malformed(`message kind ${root.u8(1, 0)}`);
  }
}

function recordBatch(table: FlatTable, version: number, bodyLength: number): RecordBatchMessage {
  const rows = table.i64(0, 0);
  if (rows < 0) throw malformed(`${rows} rows`);
  const nodes = pairs(table, 1);
  const buffers = pairs(table, 2);
  for (let i = 0; i < buffers.length; i += 2) {
    const offset = buffers[i] ?? 0;
    const length = buffers[i + 1] ?? 0;
    if (offset < 0 || length < 0 || offset + length > bodyLength) {
      throw malformed(`buffer ${i / 2} at ${offset} of ${length} bytes in a body of ${bodyLength}`);
    }
  }
  const plain = {
    kind: 'record-batch',
    version,
    bodyLength,
    rows,
    nodes,
    buffers,
    variadic: numbers(table, 4),
  } as const;
  const compression = table.table(3);
  return compression === undefined ? plain : { ...plain, codec: codecOf(compression) };
}

function codecOf(compression: FlatTable): Codec {
  const codec = compression.u8(0, 0);
  if (compression.u8(1, 0) !== 0 || codec > 1) throw malformed(`compression ${codec}`);
  return codec === 0 ? 'lz4' : 'zstd';
}

function pairs(table: FlatTable, slot: number): Float64Array {
  const { length, at } = table.vector(slot, 16);
  const values = new Float64Array(length * 2);
  for (let i = 0; i < values.length; i++) values[i] = table.buffer.i64(at + i * 8);
  return values;
}

function numbers(table: FlatTable, slot: number): number[] {
  const { length, at } = table.vector(slot, 8);
  return Array.from({ length }, (_, i) => table.buffer.i64(at + i * 8));
}
