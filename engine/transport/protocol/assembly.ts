/** An item that comes in parts, each following on the one before. */

const FIRST = 2 ** 20;

export class Assembly {
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;

  /** Bytes that have come. */
  get bytes(): number {
    return this.#length;
  }

  /** The whole, once `total` bytes are there; it is the caller's. Memory grows with what has come, not with what was announced. */
  add(part: Uint8Array, total: number): Uint8Array | undefined {
    const length = Math.min(part.length, total - this.#length);
    if (this.#bytes.length < this.#length + length) {
      const room = Math.max(FIRST, this.#bytes.length * 2, this.#length + length);
      const grown = new Uint8Array(Math.min(total, room));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(part.subarray(0, length), this.#length);
    this.#length += length;
    if (this.#length < total) return undefined;
    return this.#bytes.subarray(0, total);
  }

  clear(): void {
    if (this.#length === 0) return;
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
  }
}
