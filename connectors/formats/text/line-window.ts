/** A byte window that knows which line it is at, whether its text is valid UTF-8, and how to get over what cannot be read. */
import { isUtf8 } from 'node:buffer';
import { ByteWindow } from './window.ts';

const LF = 10;

export class LineWindow extends ByteWindow {
  /** The line, from 1, on which the byte at `start` is. */
  line = 1;
  /** Whether every whole record in the window is surely valid UTF-8; where not, each has to be looked at. */
  valid = true;
  #skipping = false;
  readonly #byLines: boolean;

  /** `byLines`: records end where lines end. */
  constructor(stream: AsyncIterator<Uint8Array, undefined>, byLines: boolean) {
    super(stream);
    this.#byLines = byLines;
  }

  /** Call after bytes came or the end was reached. */
  validate(): void {
    const to = this.eof || !this.#byLines ? this.end : this.bytes.lastIndexOf(LF, this.end - 1) + 1;
    this.valid = to <= this.start || isUtf8(this.bytes.subarray(this.start, to));
  }

  /** Leaves the rest of the line behind, now or once its end comes: see `skipped`. */
  skipLine(): void {
    this.#skipping = true;
    this.skipped();
  }

  /** Whether the end of a line that is left behind has not come yet. */
  get skipping(): boolean {
    return this.#skipping;
  }

  /** False while a line that is being skipped has not ended. */
  skipped(): boolean {
    if (!this.#skipping) return true;
    const lineEnd = this.bytes.indexOf(LF, this.start);
    const found = lineEnd < this.end;
    this.start = found ? lineEnd + 1 : this.end;
    if (found) this.line += 1;
    this.#skipping = !found;
    return found;
  }

  /** The offset of the first byte from `start` to `end` that is not part of valid UTF-8; -1 where all is valid. */
  invalidByte(start: number, end: number): number {
    if (this.valid || isUtf8(this.bytes.subarray(start, end))) return -1;
    let low = start;
    let high = end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#validTo(start, middle + 1, end)) low = middle + 1;
      else high = middle;
    }
    return low - start;
  }

  /** A cut inside a character is no error of the text: up to three bytes more may complete it. */
  #validTo(start: number, to: number, end: number): boolean {
    for (let more = 0; more <= 3; more++) if (isUtf8(this.bytes.subarray(start, Math.min(to + more, end)))) return true;
    return false;
  }
}
