/** Compressed bodies of Arrow messages: each buffer by itself, with its uncompressed length as an int64 in front (-1: stored). */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Codec, RecordBatchMessage } from '../../../engine/batch/ipc-message.ts';
import { userError } from '../../../engine/errors.ts';
import { decodeLz4, encodeLz4 } from './lz4.ts';

/** A batch that would take more than this uncompressed is refused: it cannot be a batch of ours, and may be a bomb. */
export const MAX_BODY = 1_073_741_824;
/** No LZ4 data is longer than 255 times its compressed form; a header that promises more lies. */
const LZ4_MOST = 255;

export interface PlainBody {
  readonly buffers: Float64Array;
  readonly body: Uint8Array;
}

/** Decompresses every buffer of a body; they come to lie on 64 bytes. Throws `batch.malformed`, `lz4.corrupt`, `zstd.corrupt`. */
export function decompressBody(message: RecordBatchMessage, body: Uint8Array, codec: Codec): PlainBody {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const parts: Uint8Array[] = [];
  const buffers = new Float64Array(message.buffers.length);
  let size = 0;
  for (let i = 0; i < buffers.length; i += 2) {
    const at = message.buffers[i] ?? 0;
    const part = decompress(view, body.subarray(at, at + (message.buffers[i + 1] ?? 0)), at, codec, MAX_BODY - size);
    parts.push(part);
    buffers[i] = size;
    buffers[i + 1] = part.length;
    size += Math.ceil(part.length / 64) * 64;
  }
  const plain = new Uint8Array(size);
  for (const [index, part] of parts.entries()) plain.set(part, buffers[index * 2]);
  return { buffers, body: plain };
}

function decompress(view: DataView, buffer: Uint8Array, at: number, codec: Codec, room: number): Uint8Array {
  if (buffer.length === 0) return buffer;
  if (buffer.length < 8) throw userError('batch.malformed', `a compressed buffer of ${buffer.length} bytes`);
  const length = view.getBigInt64(at, true);
  const data = buffer.subarray(8);
  if (length === -1n) return data;
  if (length < 0n || length > BigInt(room) || (codec === 'lz4' && length > BigInt(data.length * LZ4_MOST))) {
    throw userError('batch.malformed', `a compressed buffer of ${data.length} bytes that says it holds ${length}`);
  }
  if (codec === 'lz4') return decodeLz4(data, Number(length));
  const output = unzstd(data, Number(length));
  if (output.length !== Number(length)) {
    throw userError('batch.malformed', `a compressed buffer that holds ${output.length} bytes and says ${length}`);
  }
  return output;
}

function unzstd(data: Uint8Array, length: number): Uint8Array {
  if (length === 0) return new Uint8Array(0);
  try {
    return zstdDecompressSync(data, { maxOutputLength: length });
  } catch (cause) {
    throw userError('zstd.corrupt', `zstd data is corrupt: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

/** One buffer as a compressed body holds it: stored, where compression does not help. */
export function compressBuffer(buffer: Uint8Array, codec: Codec): Uint8Array {
  if (buffer.length === 0) return buffer;
  const packed = codec === 'lz4' ? encodeLz4(buffer) : zstdCompressSync(buffer);
  const stored = packed.length >= buffer.length;
  const data = stored ? buffer : packed;
  const output = new Uint8Array(8 + data.length);
  new DataView(output.buffer).setBigInt64(0, stored ? -1n : BigInt(buffer.length), true);
  output.set(data, 8);
  return output;
}
