/** Checksums and compression of what is stored; both run beside the thread that asks. */
import { webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync, zstdDecompress } from 'node:zlib';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** Bytes by which the gain is judged, and the gain below which it is not worth it. */
const SAMPLE = 65_536;
const WORTH_IT = 0.85;

/** Hex SHA-256 of the parts one after the other. */
export async function checksum(parts: readonly Uint8Array[]): Promise<string> {
  const whole = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  const digest = await webcrypto.subtle.digest('SHA-256', whole as Uint8Array<ArrayBuffer>);
  return Buffer.from(digest).toString('hex');
}

/** The bytes behind one that says whether they are compressed: 1 for zstd, where a sample says that it gains. */
export async function pack(bytes: Uint8Array): Promise<readonly Uint8Array[]> {
  const sample = bytes.subarray(0, SAMPLE);
  if (bytes.length < 256 || zstdCompressSync(sample, FAST).length > sample.length * WORTH_IT) {
    return [Uint8Array.of(0), bytes];
  }
  return [Uint8Array.of(1), await compress(bytes, FAST)];
}

/** What `pack` was given; undefined where that cannot be. `most` bytes at most. */
export async function unpack(bytes: Uint8Array, most: number): Promise<Uint8Array | undefined> {
  const body = bytes.subarray(1);
  if (bytes[0] === 0) return body;
  if (bytes[0] !== 1) return undefined;
  try {
    return await decompress(body, { maxOutputLength: most });
  } catch {
    return undefined; // damaged: the caller names the blob
  }
}
