/**
 * A sliding window over a stream of bytes, in which a reader looks for whole records:
 *
 *   bytes   |......| start ... unread ... end | free |
 *
 * `pull` appends the next piece behind `end`, moving the unread bytes to the front first where room is short. The window
 * grows only while one record fills it, and the reader bounds that. The byte at `end` is always a line feed that is not
 * part of the data, so that a loop looking for a line end needs no bounds check.
 */
import { LINGER_MS } from '../../../engine/batch/batch.ts';
import { realPorts } from '../../../engine/ports.ts';

const LF = 10;

export class ByteWindow {
  bytes: Buffer = Buffer.allocUnsafeSlow(1);
  start = 0;
  end = 0;
  eof = false;
  /** Where in the whole input the window's first byte is. */
  #base = 0;
  #stream: AsyncIterator<Uint8Array, undefined>;
  #pending: Promise<IteratorResult<Uint8Array, undefined>> | undefined;

  constructor(stream: AsyncIterator<Uint8Array, undefined>) {
    this.#stream = stream;
    this.bytes[0] = LF;
  }

  /** Where in the whole input the byte at `start` is. */
  get offset(): number {
    return this.#base + this.start;
  }

  /**
   * Goes on at `offset`, which is not before `start`: by what `from` gives, the bytes of the input from there on, or by leaving
   * behind what comes. False where the input ends before.
   */
  async moveTo(
    offset: number,
    from?: (offset: number) => Promise<AsyncIterator<Uint8Array, undefined>>,
  ): Promise<boolean> {
    if (from !== undefined && offset > this.#base + this.end) {
      this.#pending?.catch(() => undefined);
      this.#pending = undefined;
      this.#stream = await from(offset);
      this.#base = offset;
      this.start = 0;
      this.end = 0;
      this.bytes[0] = LF;
      return true;
    }
    while (this.#base + this.end < offset) {
      this.start = this.end;
      if (!(await this.pull())) return false;
    }
    this.start = offset - this.#base;
    return true;
  }

  /** Appends the next piece; false once there is none, which also sets `eof`. */
  async pull(): Promise<boolean> {
    if (this.eof) return false;
    this.#pending ??= this.#stream.next();
    const result = await this.#pending;
    this.#pending = undefined;
    if (result.done === true) {
      this.eof = true;
      return false;
    }
    this.#append(result.value);
    return true;
  }

  /** As `pull`, but `'quiet'` when nothing came for `LINGER_MS`: the caller hands over the rows it has, then asks again. */
  async pullSoon(): Promise<boolean | 'quiet'> {
    if (this.eof) return false;
    this.#pending ??= this.#stream.next();
    const { promise: quiet, resolve } = Promise.withResolvers<'quiet'>();
    // bytes come from outside the process, in real time only
    const timer = realPorts.after(LINGER_MS, () => resolve('quiet'));
    const first = await Promise.race([this.#pending, quiet]).finally(() => timer.cancel());
    return first === 'quiet' ? 'quiet' : this.pull();
  }

  /** Lets go of the stream; a pull that is under way is left to settle. */
  async close(): Promise<void> {
    this.eof = true;
    this.#pending?.catch(() => undefined);
    await this.#stream.return?.();
  }

  #append(piece: Uint8Array): void {
    const needed = this.end - this.start + piece.length + 1;
    if (this.end + piece.length + 1 > this.bytes.length) this.#makeRoom(needed);
    this.bytes.set(piece, this.end);
    this.end += piece.length;
    this.bytes[this.end] = LF;
  }

  #makeRoom(needed: number): void {
    if (needed <= this.bytes.length) {
      this.bytes.copyWithin(0, this.start, this.end);
    } else {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed * 2, this.bytes.length * 2));
      this.bytes.copy(larger, 0, this.start, this.end);
      this.bytes = larger;
    }
    this.#base += this.start;
    this.end -= this.start;
    this.start = 0;
  }
}
