/** Text on its way out: bytes gather in one buffer that is used again and again, and go to the sink in large pieces. */
import type { Emit } from '../format.ts';

const PIECE = 1 << 17;

export class TextOutput {
  #buffer: Buffer = Buffer.allocUnsafeSlow(PIECE * 2);
  #at = 0;
  readonly #emit: Emit;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** ASCII only. */
  ascii(text: string): void {
    const { length } = text;
    if (this.#at + length > this.#buffer.length) this.#makeRoom(length);
    const buffer = this.#buffer;
    let at = this.#at;
    for (let i = 0; i < length; i++) buffer[at++] = text.charCodeAt(i);
    this.#at = at;
  }

  utf8(text: string): void {
    const most = text.length * 3;
    if (this.#at + most > this.#buffer.length) this.#makeRoom(most);
    this.#at += this.#buffer.write(text, this.#at, 'utf8');
  }

  byte(value: number): void {
    if (this.#at === this.#buffer.length) this.#makeRoom(1);
    this.#buffer[this.#at++] = value;
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.#at + length > this.#buffer.length) this.#makeRoom(length);
    if (length > 32) this.#buffer.set(source.subarray(start, end), this.#at);
    else {
      const buffer = this.#buffer;
      for (let i = 0; i < length; i++) buffer[this.#at + i] = source[start + i] as number;
    }
    this.#at += length;
  }

  /** Bytes that have gathered and are not handed over. */
  get gathered(): number {
    return this.#at;
  }

  /** Call after each row: hands over what has gathered once it is worth it. */
  endRow(): void {
    if (this.#at >= PIECE) this.flush();
  }

  flush(): void {
    if (this.#at === 0) return;
    const size = this.#at;
    this.#at = 0;
    this.#emit(this.#buffer.subarray(0, size));
  }

  /** A single value may be larger than the buffer: then the buffer grows for good. */
  #makeRoom(needed: number): void {
    if (this.#at > 0) this.flush();
    if (needed > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(needed * 2);
  }
}
