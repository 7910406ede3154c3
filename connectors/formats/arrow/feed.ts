/** Takes exact numbers of bytes from an input that comes in pieces. */
import type { Input } from '../format.ts';

/** Memory is taken as bytes arrive, in steps from this on, so that a length that lies costs nothing. */
const FIRST_STEP = 1_048_576;

export class Feed {
  readonly #pieces: AsyncIterator<Uint8Array, undefined>;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;
  #memory: Uint8Array = new Uint8Array(0);

  constructor(input: Input) {
    this.#pieces = input.stream();
  }

  /**
   * The next `length` bytes, or all that are left where these are fewer. With `reuse` they are valid until the next such call;
   * else they are the caller's.
   */
  async take(length: number, reuse: boolean): Promise<Uint8Array> {
    let target = reuse ? this.#memory : new Uint8Array(Math.min(length, FIRST_STEP));
    let filled = 0;
    while (filled < length && (this.#at < this.#piece.length || (await this.#pull()))) {
      const count = Math.min(length - filled, this.#piece.length - this.#at);
      target = roomFor(target, filled, count, length);
      target.set(this.#piece.subarray(this.#at, this.#at + count), filled);
      filled += count;
      this.#at += count;
    }
    if (reuse) this.#memory = target;
    return target.subarray(0, filled);
  }

  /** Reads to the end; the last `count` bytes of it. */
  async drain(count: number): Promise<Uint8Array> {
    let last: Uint8Array = new Uint8Array(0);
    while (this.#at < this.#piece.length || (await this.#pull())) {
      const joined = Buffer.concat([last, this.#piece.subarray(this.#at)]);
      last = joined.subarray(Math.max(0, joined.length - count));
      this.#at = this.#piece.length;
    }
    return last;
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #pull(): Promise<boolean> {
    const { done, value } = await this.#pieces.next();
    if (done === true || value === undefined) return false;
    this.#piece = value;
    this.#at = 0;
    return true;
  }
}

/** `target`, or a larger copy of it, with room for `count` more bytes. */
function roomFor(target: Uint8Array, filled: number, count: number, most: number): Uint8Array {
  if (filled + count <= target.length) return target;
  const grown = new Uint8Array(Math.max(filled + count, Math.min(most, Math.max(FIRST_STEP, target.length * 2))));
  grown.set(target.subarray(0, filled));
  return grown;
}
