/** Takes the elements of one array in a JSON document, each an object, without holding the document. */
import type { RecordParser, TextReader } from '../text/reader.ts';
import { tooLong } from '../text/reader.ts';
import { JsonCursor } from './cursor.ts';
import { parsePath } from './path.ts';
import { JsonRowLoader } from './row-loader.ts';
import { DepthTracker, NEED_MORE, skipSpace, valueEnd } from './structure.ts';

const COMMA = 44;
const CLOSE = 93;

export interface JsonReadOptions {
  readonly records?: string | undefined;
  readonly maxRowBytes: number;
}

export class DocumentRecords implements RecordParser {
  readonly byLines = false;
  readonly #options: JsonReadOptions;
  #loader: JsonRowLoader | undefined;
  #cursor: JsonCursor | undefined;
  /** Behind the records: what is open must still be closed. */
  #tail: DepthTracker | undefined;
  #open = 0;
  #first = true;

  constructor(options: JsonReadOptions) {
    this.#options = options;
  }

  async begin(reader: TextReader): Promise<boolean> {
    const { records } = this.#options;
    this.#loader = new JsonRowLoader(reader.builder, reader.request, reader.input.name);
    this.#cursor = new JsonCursor(reader.window, reader.input.name);
    if ((await this.#cursor.peek()) === -1) return false;
    this.#open = await this.#cursor.enterRecords(records === undefined ? [] : parsePath(records));
    return true;
  }

  drain(reader: TextReader): boolean {
    const { window } = reader;
    const cursor = this.#cursor;
    const loader = this.#loader;
    if (cursor === undefined || loader === undefined) return false;
    while (this.#tail === undefined) {
      const at = this.#nextElement(cursor);
      if (this.#tail !== undefined) break;
      const end = at === NEED_MORE ? NEED_MORE : valueEnd(window.bytes, at, window.end, window.eof);
      if (end === NEED_MORE) {
        if (window.eof) throw cursor.endsEarly();
        if (window.end - window.start > this.#options.maxRowBytes)
          throw cursor.malformed(tooLong(this.#options.maxRowBytes));
        return false;
      }
      cursor.moveTo(at);
      this.#take(reader, loader, at, end);
      cursor.moveTo(end);
      this.#first = false;
      if (reader.full) return true;
    }
    this.#takeTail(cursor, this.#tail);
    return false;
  }

  /** Where the next element starts, behind the comma before it; NEED_MORE; or sets the tail at the array's end. */
  #nextElement(cursor: JsonCursor): number {
    const { window } = cursor;
    const { bytes, end } = window;
    let at = skipSpace(bytes, window.start, end);
    if (at >= end) return NEED_MORE;
    if (bytes[at] === CLOSE) {
      cursor.moveTo(at + 1);
      this.#tail = new DepthTracker(this.#open - 1);
      return at;
    }
    if (!this.#first) {
      if (bytes[at] !== COMMA) {
        cursor.moveTo(at);
        throw cursor.malformed('"," or "]" is expected between records');
      }
      at = skipSpace(bytes, at + 1, end);
      if (at >= end) return NEED_MORE;
    }
    if (bytes[at] === CLOSE || bytes[at] === COMMA || bytes[at] === 125) {
      cursor.moveTo(at);
      throw cursor.malformed('a record is expected');
    }
    return at;
  }

  #take(reader: TextReader, loader: JsonRowLoader, start: number, end: number): void {
    const { window } = reader;
    const { line } = window;
    const invalid = window.valid ? -1 : window.invalidByte(start, end);
    if (invalid >= 0) {
      reader.reject('text.invalid-utf8', `byte ${invalid + 1} of the record is no valid UTF-8`, line, start, end);
    } else if (end - start > this.#options.maxRowBytes) {
      reader.reject('text.row-too-long', tooLong(this.#options.maxRowBytes), line, start, end);
    } else if (!loader.load(window.bytes.toString('utf8', start, end), line)) {
      reader.reject(loader.code, loader.message, line, start, end);
    }
  }

  #takeTail(cursor: JsonCursor, tail: DepthTracker): void {
    const { window } = cursor;
    cursor.moveTo(tail.take(window.bytes, window.start, window.end));
    if (tail.closed) {
      cursor.moveTo(skipSpace(window.bytes, window.start, window.end));
      if (window.start < window.end) throw cursor.malformed('there is something behind the end of the document');
    } else if (window.eof) throw cursor.endsEarly();
  }
}
