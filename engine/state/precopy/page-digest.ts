/**
 * The digest of a memory, page by page: SHA-256 of each page, cut to 16 bytes, and SHA-256 over all of these. So after few changes it costs those
 * pages and 16 bytes for each other one. A page of zeros counts as 16 bytes of zeros.
 */
import { createHash, hash } from 'node:crypto';
import { PAGE } from '../checkpoint/pages.ts';

const BYTES = 16;

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
    this.#hashes.write(hash('sha256', bytes, 'hex'), page * BYTES, BYTES, 'hex');
  }

  zero(page: number): void {
    this.#hashes.fill(0, page * BYTES, (page + 1) * BYTES);
  }

  digest(): Uint8Array {
    return createHash('sha256').update(this.#hashes).digest();
  }
}
