/** A source text with its lines, which turns offsets into places. Offsets and columns count UTF-16 units, as editors do. */
import type { Place } from '../errors.ts';

export class SourceText {
  readonly file: string;
  readonly text: string;
  readonly #starts: number[] = [0];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  /** The place of `start` up to `end`, cut at the end of the line; at least one character long. */
  place(start: number, end: number = start + 1): Place {
    const offset = Math.max(0, Math.min(start, this.text.length));
    const index = this.#lineOf(offset);
    const from = this.#starts[index] ?? 0;
    const line = this.#line(index);
    const column = Math.min(offset - from, line.length);
    const length = Math.max(1, Math.min(end - offset, line.length - column));
    return { file: this.file, line: index + 1, column: column + 1, length, text: line };
  }

  #line(index: number): string {
    const next = this.#starts[index + 1];
    const line = this.text.slice(this.#starts[index], next === undefined ? undefined : next - 1);
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  }

  /** The last line that starts at or before `offset`. */
  #lineOf(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
