/**
 * Checksums and compression of what is stored. Both run beside the thread that asks, but for what is small: the way to another thread and back takes
 * longer than 16 KiB do (measured: 250 µs for 500 bytes, 50 µs here), and a simulation has no other threads.
 */
import { hash, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import {
  constants,
  type ZstdOptions,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib';

const compressBeside = promisify(zstdCompress);
const decompressBeside = promisify(zstdDecompress);
/** Bytes up to which it is done here. */
const SMALL = 16_384;

/** One piece of output, so that compressing is one task beside the thread, not one for every 16 KiB, each of which waits for a turn. */
const fast = (bytes: number): ZstdOptions => ({
  chunkSize: bytes + (bytes >> 8) + 128,
  params: { [constants.ZSTD_c_compressionLevel]: 1 },
});
/** Bytes by which the gain is judged, and the share of them that must go for it to be worth the time: at 300 MB/s zstd is slower than disks. */
const SAMPLE = 65_536;
const WORTH_IT = 0.85;
const LARGEST_CHUNK = 4 * 1_048_576;

/** How the bytes of a blob are packed. */
export type Codec = 'none' | 'zstd';

/** Hex SHA-256. */
export async function checksum(bytes: Uint8Array): Promise<string> {
  if (bytes.length <= SMALL) return hash('sha256', bytes, 'hex');
  const digest = await webcrypto.subtle.digest('SHA-256', plain(bytes));
  return Buffer.from(digest).toString('hex');
}

/** Compressed where a sample of the middle says that it gains; else the very bytes. */
export async function pack(bytes: Uint8Array): Promise<{ readonly codec: Codec; readonly packed: Uint8Array }> {
  if (bytes.length < 256) return { codec: 'none', packed: bytes };
  const from = Math.max(0, (bytes.length - SAMPLE) >> 1);
  const sample = await squeeze(bytes.subarray(from, from + SAMPLE));
  if (bytes.length <= SAMPLE) {
    return sample.length <= bytes.length * WORTH_IT
      ? { codec: 'zstd', packed: sample }
      : { codec: 'none', packed: bytes };
  }
  if (sample.length > SAMPLE * WORTH_IT) return { codec: 'none', packed: bytes };
  return { codec: 'zstd', packed: await squeeze(bytes) };
}

/** Always compressed. */
export async function squeeze(bytes: Uint8Array): Promise<Uint8Array> {
  const options = fast(bytes.length);
  return bytes.length <= SMALL ? zstdCompressSync(bytes, options) : await compressBeside(bytes, options);
}

/** What was packed; undefined where that cannot be, or is more than `most` bytes. */
export async function unpack(bytes: Uint8Array, codec: Codec, most: number): Promise<Uint8Array | undefined> {
  if (codec === 'none') return bytes.length <= most ? bytes : undefined;
  try {
    const chunkSize = Math.max(64, Math.min(most, LARGEST_CHUNK));
    const options = { maxOutputLength: Math.max(1, most), chunkSize };
    return bytes.length <= SMALL ? zstdDecompressSync(bytes, options) : await decompressBeside(bytes, options);
  } catch {
    return undefined; // damaged: the caller names the blob
  }
}

/** WebCrypto takes no views of shared memory. */
export function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(bytes);
}
