/**
 * Reads csv from a byte window straight into the columns of a batch.
 *
 * A record that cannot be taken (wrong number of fields, bad quotes, bad value, invalid UTF-8, too long) is reported and left
 * out. After bad quotes reading goes on with the line after the one on which the record began, so that a forgotten quote
 * never swallows the rows behind it.
 */
import { isUtf8 } from 'node:buffer';
import { type Batch, MAX_BATCH_BYTES, MAX_BATCH_ROWS } from '../../../engine/batch/batch.ts';
import { BatchBuilder } from '../../../engine/batch/builder.ts';
import type { FormatReader, Input, ReadRequest } from '../format.ts';
import { Attached } from '../text/attached.ts';
import { beginText, firstRecord, skipLines } from '../text/begin.ts';
import { rawText } from '../text/rejects.ts';
import { ByteWindow } from '../text/window.ts';
import { chooseDelimiter, mapHeader, splitRecord, wantedNames } from './header.ts';
import type { CsvReadOptions } from './options.ts';
import { RowLoader } from './row-loader.ts';
import { BAD_QUOTE, NEED_MORE, PLAIN, RecordScanner } from './scanner.ts';

const LF = 10;

interface Layout {
  readonly scanner: RecordScanner;
  readonly loader: RowLoader;
}

export class CsvReader implements FormatReader {
  readonly #input: Input;
  readonly #request: ReadRequest;
  readonly #options: CsvReadOptions;
  readonly #window: ByteWindow;
  readonly #builder: BatchBuilder;
  #layout: Layout | undefined;
  /** The line on which the record at the window's start begins. */
  #line = 1;
  /** Dropping what is left of a record that was too long. */
  #skipping = false;
  /** Whether every whole line in the window is valid UTF-8; where not, each record is looked at. */
  #valid = true;

  constructor(input: Input, request: ReadRequest, options: CsvReadOptions) {
    this.#input = input;
    this.#request = request;
    this.#options = options;
    this.#window = new ByteWindow(input.stream());
    this.#builder = new BatchBuilder(request.schema);
  }

  async next(): Promise<Batch | undefined> {
    const window = this.#window;
    this.#layout ??= await this.#begin();
    if (this.#layout === undefined) return undefined;
    for (;;) {
      if (this.#drain(this.#layout)) return this.#builder.finish();
      if (window.eof) return this.#builder.rows > 0 ? this.#builder.finish() : undefined;
      const more = await (this.#input.live && this.#builder.rows > 0 ? window.pullSoon() : window.pull());
      if (more === 'quiet') return this.#builder.finish();
      if (this.#request.signal.aborted) return undefined;
      this.#validate();
    }
  }

  async close(): Promise<void> {
    await this.#window.close();
  }

  /** Reads the header, where there is one; undefined where the input holds no record. */
  async #begin(): Promise<Layout | undefined> {
    const { header, quote, maxRowBytes, nullValues } = this.#options;
    const window = this.#window;
    if (!(await beginText(window, this.#input.name))) return undefined;
    this.#line += await skipLines(window, this.#options.skipLines);
    const first = await firstRecord(window, quote, maxRowBytes, this.#input.name);
    if (first === undefined || this.#request.signal.aborted) return undefined;
    const { schema, attach, paths } = this.#request;
    const wanted = wantedNames(schema, attach.length, paths);
    const delimiter = this.#options.delimiter ?? chooseDelimiter(first.record, quote, wanted);
    const fields = splitRecord(first.record, delimiter, quote);
    const scanner = new RecordScanner(delimiter.charCodeAt(0), quote === '' ? -1 : quote.charCodeAt(0));
    const loader = new RowLoader(this.#builder, scanner, nullValues, {
      indices: header ? mapHeader(fields ?? [], wanted, this.#input.name) : wanted.map((_, index) => index),
      fields: header ? (fields?.length ?? 0) : wanted.length,
      attached: new Attached(this.#builder, attach, this.#input.name),
    });
    if (header) {
      window.start += first.bytes;
      this.#line += first.lines;
    }
    this.#validate();
    return { scanner, loader };
  }

  /** Takes the whole records in the window; true once a batch is full. */
  #drain({ scanner, loader }: Layout): boolean {
    const window = this.#window;
    const builder = this.#builder;
    if (this.#skipping && !this.#skipRest()) return false;
    while (window.start < window.end) {
      const next = scanner.scan(window.bytes, window.start, window.end, window.eof);
      if (next < 0) {
        if (next === NEED_MORE && window.end - window.start <= this.#options.maxRowBytes) return false;
        this.#recover(next, scanner);
        if (this.#skipping) return false;
        continue;
      }
      this.#record(scanner, loader, next);
      if (builder.rows >= MAX_BATCH_ROWS || builder.bytes >= MAX_BATCH_BYTES) return true;
    }
    return false;
  }

  #record(scanner: RecordScanner, loader: RowLoader, next: number): void {
    const window = this.#window;
    const { bytes, start } = window;
    const end = Math.min(next, window.end);
    const line = this.#line;
    window.start = end;
    this.#line = line + 1 + scanner.innerLines;
    if (scanner.count === 1 && loader.fields !== 1 && isBlank(scanner)) return;
    if (!this.#valid && !isUtf8(bytes.subarray(start, end))) {
      this.#reject(
        'text.invalid-utf8',
        `byte ${invalidAt(bytes.subarray(start, end))} is no valid UTF-8`,
        line,
        start,
        end,
      );
    } else if (end - start > this.#options.maxRowBytes) {
      this.#reject('text.row-too-long', this.#tooLong(), line, start, end);
    } else if (!loader.load(bytes, line)) this.#reject(loader.code, loader.message, line, start, end);
  }

  /** Reports the record at the window's start, which has no end that could be trusted, and leaves its first line behind. */
  #recover(reason: number, scanner: RecordScanner): void {
    const window = this.#window;
    const { bytes, start } = window;
    const lineEnd = bytes.indexOf(LF, start);
    const line = this.#line;
    this.#skipping = lineEnd >= window.end;
    window.start = this.#skipping ? window.end : lineEnd + 1;
    if (!this.#skipping) this.#line += 1;
    if (reason === BAD_QUOTE) {
      this.#reject('csv.bad-quote', 'text follows a closing quote', line, start, window.start);
    } else if (reason !== NEED_MORE || scanner.inQuotes) {
      this.#reject('csv.bad-quote', 'a quote is opened and never closed', line, start, window.start);
    } else this.#reject('text.row-too-long', this.#tooLong(), line, start, window.start);
  }

  /** Drops bytes up to a line end; false while it has not come. */
  #skipRest(): boolean {
    const window = this.#window;
    const lineEnd = window.bytes.indexOf(LF, window.start);
    const found = lineEnd < window.end;
    window.start = found ? lineEnd + 1 : window.end;
    this.#skipping = !found;
    if (found) this.#line += 1;
    return found;
  }

  #validate(): void {
    const { bytes, start, end, eof } = this.#window;
    const to = eof ? end : bytes.lastIndexOf(LF, end - 1) + 1;
    this.#valid = to <= start || isUtf8(bytes.subarray(start, to));
  }

  #tooLong(): string {
    return `the record is longer than ${this.#options.maxRowBytes} bytes (\`maxRowBytes\`)`;
  }

  #reject(code: string, message: string, line: number, start: number, end: number): void {
    const raw = rawText(this.#window.bytes, start, end);
    this.#request.reject({ code, message, position: `${this.#input.name}:${line}`, raw });
  }
}

function isBlank(scanner: RecordScanner): boolean {
  return scanner.kinds[0] === PLAIN && scanner.starts[0] === scanner.ends[0];
}

/** The offset of the first byte that is not part of valid UTF-8. */
function invalidAt(bytes: Uint8Array): number {
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    // A cut inside a character is no error of the text: up to three bytes more may complete it.
    const whole = [0, 1, 2, 3].some((more) => isUtf8(bytes.subarray(0, Math.min(middle + 1 + more, bytes.length))));
    if (whole) low = middle + 1;
    else high = middle;
  }
  return low;
}
