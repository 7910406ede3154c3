/**
 * Takes csv records from a byte window straight into the columns of a batch.
 *
 * A record that cannot be taken (wrong number of fields, bad quotes, bad value, invalid UTF-8, too long) is reported and left
 * out. After bad quotes reading goes on with the line after the one on which the record began, so that a forgotten quote
 * never swallows the rows behind it.
 */
import { Attached } from '../text/attached.ts';
import { type FirstRecord, firstRecord, skipLines } from '../text/begin.ts';
import { type RecordParser, type TextReader, tooLong } from '../text/reader.ts';
import { chooseDelimiter, mapHeader, splitRecord, wantedNames } from './header.ts';
import type { CsvReadOptions } from './options.ts';
import { RowLoader } from './row-loader.ts';
import { BAD_QUOTE, NEED_MORE, PLAIN, RecordScanner } from './scanner.ts';

const LF = 10;

export class CsvRecords implements RecordParser {
  readonly byLines = true;
  readonly resumable = true;
  readonly #options: CsvReadOptions;
  #scanner: RecordScanner = new RecordScanner(0, 0);
  #loader: RowLoader | undefined;

  constructor(options: CsvReadOptions) {
    this.#options = options;
  }

  async begin(reader: TextReader): Promise<boolean> {
    const { header, quote, nullValues } = this.#options;
    const { window, request, builder, input } = reader;
    window.line += await skipLines(window, this.#options.skipLines);
    const first = await this.#firstRecord(reader);
    if (first === undefined || request.signal.aborted) return false;
    const wanted = wantedNames(request.schema, request.attach.length, request.paths);
    const delimiter = this.#options.delimiter ?? chooseDelimiter(first.record, quote, wanted);
    const fields = splitRecord(first.record, delimiter, quote) ?? [];
    this.#scanner = new RecordScanner(delimiter.charCodeAt(0), quote === '' ? -1 : quote.charCodeAt(0));
    this.#loader = new RowLoader(builder, this.#scanner, nullValues, {
      indices: header ? mapHeader(fields, wanted, input.name) : wanted.map((_, index) => index),
      fields: header ? fields.length : wanted.length,
      attached: new Attached(builder, request.attach, input.name),
    });
    if (header) {
      window.start += first.bytes;
      window.line += first.lines;
    }
    return true;
  }

  /** Blank lines before a header are passed over. */
  async #firstRecord({ window, input }: TextReader): Promise<FirstRecord | undefined> {
    const { header, quote, maxRowBytes } = this.#options;
    for (;;) {
      const first = await firstRecord(window, quote, maxRowBytes, input.name);
      if (first === undefined || first.record.length > 0 || !header) return first;
      window.start += first.bytes;
      window.line += first.lines;
    }
  }

  drain(reader: TextReader): boolean {
    const { window } = reader;
    const scanner = this.#scanner;
    const loader = this.#loader;
    if (loader === undefined || !window.skipped()) return false;
    while (window.start < window.end) {
      const next = scanner.scan(window.bytes, window.start, window.end, window.eof);
      if (next >= 0) this.#take(reader, loader, Math.min(next, window.end));
      else {
        if (next === NEED_MORE && window.end - window.start <= this.#options.maxRowBytes) return false;
        this.#recover(reader, next);
        if (!window.skipped()) return false;
      }
      if (reader.full) return true;
    }
    return false;
  }

  #take(reader: TextReader, loader: RowLoader, end: number): void {
    const { window } = reader;
    const { bytes, start, line } = window;
    const scanner = this.#scanner;
    window.start = end;
    window.line = line + 1 + scanner.innerLines;
    if (scanner.count === 1 && loader.fields !== 1 && isBlank(scanner)) return;
    const invalid = window.valid ? -1 : window.invalidByte(start, end);
    if (invalid >= 0) {
      reader.reject('text.invalid-utf8', `byte ${invalid + 1} of the record is no valid UTF-8`, line, start, end);
    } else if (end - start > this.#options.maxRowBytes) {
      reader.reject('text.row-too-long', tooLong(this.#options.maxRowBytes), line, start, end);
    } else if (!loader.load(bytes, line)) reader.reject(loader.code, loader.message, line, start, end);
  }

  /** Reports the record at the window's start, which has no end that could be trusted, and leaves its first line behind. */
  #recover(reader: TextReader, reason: number): void {
    const { window } = reader;
    const { start, line } = window;
    const end = Math.min(window.bytes.indexOf(LF, start), window.end);
    if (reason === BAD_QUOTE) {
      reader.reject('csv.bad-quote', 'text follows a closing quote', line, start, end);
    } else if (reason !== NEED_MORE || this.#scanner.inQuotes) {
      reader.reject('csv.bad-quote', 'a quote is opened and never closed', line, start, end);
    } else reader.reject('text.row-too-long', tooLong(this.#options.maxRowBytes), line, start, end);
    window.skipLine();
  }
}

function isBlank(scanner: RecordScanner): boolean {
  return scanner.kinds[0] === PLAIN && scanner.starts[0] === scanner.ends[0];
}
