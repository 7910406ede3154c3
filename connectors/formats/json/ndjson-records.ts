/** Takes newline-delimited JSON: one object a line. Blank lines are left out. */
import type { RecordParser, TextReader } from '../text/reader.ts';
import { tooLong } from '../text/reader.ts';
import { JsonRowLoader } from './row-loader.ts';

const LF = 10;

export class NdjsonRecords implements RecordParser {
  readonly byLines = true;
  readonly resumable = true;
  readonly #maxRowBytes: number;
  #loader: JsonRowLoader | undefined;

  constructor(maxRowBytes: number) {
    this.#maxRowBytes = maxRowBytes;
  }

  async begin(reader: TextReader): Promise<boolean> {
    this.#loader = new JsonRowLoader(reader.builder, reader.request, reader.input.name);
    return true;
  }

  drain(reader: TextReader): boolean {
    const { window } = reader;
    const loader = this.#loader;
    if (loader === undefined || !window.skipped()) return false;
    while (window.start < window.end) {
      const lineEnd = window.bytes.indexOf(LF, window.start);
      if (lineEnd >= window.end && !window.eof) {
        if (window.end - window.start <= this.#maxRowBytes) return false;
        reader.reject('text.row-too-long', tooLong(this.#maxRowBytes), window.line, window.start, window.end);
        window.skipLine();
        return false;
      }
      this.#take(reader, loader, Math.min(lineEnd, window.end));
      if (reader.full) return true;
    }
    return false;
  }

  #take(reader: TextReader, loader: JsonRowLoader, end: number): void {
    const { window } = reader;
    const { bytes, start, line } = window;
    window.start = Math.min(end + 1, window.end);
    window.line = line + 1;
    const invalid = window.valid ? -1 : window.invalidByte(start, end);
    if (invalid >= 0) {
      reader.reject('text.invalid-utf8', `byte ${invalid + 1} of the record is no valid UTF-8`, line, start, end);
    } else if (end - start > this.#maxRowBytes) {
      reader.reject('text.row-too-long', tooLong(this.#maxRowBytes), line, start, end);
    } else {
      const text = bytes.toString('utf8', start, end);
      if (text.trim() === '') return;
      if (!loader.load(text, line)) reader.reject(loader.code, loader.message, line, start, end);
    }
  }
}
