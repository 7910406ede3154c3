/**
 * The digest of a memory, page by page: the CRC-32 of each page, and SHA-256 over all of these. So after few changes it costs those pages and 4 bytes for each other
 * one. A page of zeros counts as 4 bytes of zeros. It is there to find mistakes, while cells stand still; who would deceive is kept out elsewhere.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { PAGE } from '../checkpoint/pages.ts';

const BYTES = 4;

export class PageDigest {
  #hashes: Buffer;

  /** Of a memory of zeros. `length` in bytes. */
  constructor(length: number) {
    this.#hashes = Buffer.alloc(Math.ceil(length / PAGE) * BYTES);
  }

  /** A memory that has grown: what is new is zeros. */
  grow(length: number): void {
    const bytes = Math.ceil(length / PAGE) * BYTES;
    if (bytes > this.#hashes.length) this.#hashes = Buffer.concat([this.#hashes], bytes);
  }

  set(page: number, bytes: Uint8Array): void {
    this.#hashes.writeUInt32LE(crc32(bytes), page * BYTES);
  }

  zero(page: number): void {
    this.#hashes.fill(0, page * BYTES, (page + 1) * BYTES);
  }

  digest(): Uint8Array {
    return createHash('sha256').update(this.#hashes).digest();
  }
}
