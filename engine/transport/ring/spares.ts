/** Memory for rings that are about to be opened, taken ahead: a large allocation may take a millisecond. */
import { type RingBuffer, ringBytes } from './memory.ts';

/** Bytes of memory that wait at most; whoever reserves beyond gets it when it opens. */
const MOST = 128 * 1_048_576;

export class RingSpares<Ring extends RingBuffer> {
  readonly #allocate: (bytes: number) => Ring;
  #spares: Ring[] = [];
  #bytes = 0;

  constructor(allocate: (bytes: number) => Ring) {
    this.#allocate = allocate;
  }

  /** For a ring that holds at least so many bytes; so does `take`. */
  reserve(maxBytes: number): void {
    const bytes = ringBytes(maxBytes);
    if (this.#bytes + bytes > MOST) return;
    this.#spares.push(this.#allocate(bytes));
    this.#bytes += bytes;
  }

  take(maxBytes: number): Ring {
    const bytes = ringBytes(maxBytes);
    const index = this.#spares.findIndex(({ byteLength }) => byteLength === bytes);
    const [spare] = index < 0 ? [] : this.#spares.splice(index, 1);
    if (spare === undefined) return this.#allocate(bytes);
    this.#bytes -= bytes;
    return spare;
  }

  /** Those that were reserved for nothing. */
  clear(): void {
    this.#spares = [];
    this.#bytes = 0;
  }
}
