/** Checksums and compression of what is stored; both run beside the thread that asks. */
import { webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** Bytes by which the gain is judged, and the share of them that must go for it to be worth the time: at 300 MB/s zstd is slower than disks. */
const SAMPLE = 65_536;
const WORTH_IT = 0.85;

/** How the bytes of a blob are packed. */
export type Codec = 'none' | 'zstd';

/** Hex SHA-256. */
export async function checksum(bytes: Uint8Array): Promise<string> {
  const digest = await webcrypto.subtle.digest('SHA-256', plain(bytes));
  return Buffer.from(digest).toString('hex');
}

/** Compressed where a sample of the middle says that it gains; else the very bytes. */
export async function pack(bytes: Uint8Array): Promise<{ readonly codec: Codec; readonly packed: Uint8Array }> {
  if (bytes.length < 256) return { codec: 'none', packed: bytes };
  const from = Math.max(0, (bytes.length - SAMPLE) >> 1);
  const sample = await compress(bytes.subarray(from, from + SAMPLE), FAST);
  if (bytes.length <= SAMPLE) {
    return sample.length <= bytes.length * WORTH_IT
      ? { codec: 'zstd', packed: sample }
      : { codec: 'none', packed: bytes };
  }
  if (sample.length > SAMPLE * WORTH_IT) return { codec: 'none', packed: bytes };
  return { codec: 'zstd', packed: await compress(bytes, FAST) };
}

/** Always compressed. */
export function squeeze(bytes: Uint8Array): Promise<Uint8Array> {
  return compress(bytes, FAST);
}

/** What was packed; undefined where that cannot be, or is more than `most` bytes. */
export async function unpack(bytes: Uint8Array, codec: Codec, most: number): Promise<Uint8Array | undefined> {
  if (codec === 'none') return bytes.length <= most ? bytes : undefined;
  try {
    return await decompress(bytes, { maxOutputLength: Math.max(1, most) });
  } catch {
    return undefined; // damaged: the caller names the blob
  }
}

/** WebCrypto takes no views of shared memory. */
export function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(bytes);
}
