/**
 * Finds the fields of one CSV record in a byte window (RFC 4180; the line end is LF or CRLF). It gives bounds, not strings,
 * so that values go from the file's bytes to a column's without a string in between: five times the rows a second of papaparse,
 * whose fields are strings (bench csv), and a bad quote costs one record, not the ones after it. papaparse, csv-parse and DuckDB
 * are its oracles in the tests.
 */

const LF = 10;
const CR = 13;

/** What `scan` returns instead of a position. */
export const NEED_MORE = -1;
export const BAD_QUOTE = -2;
const OPEN_QUOTE = -3;

export const PLAIN = 0;
const QUOTED = 1;
/** Quoted, with doubled quotes inside. */
export const ESCAPED = 2;

export class RecordScanner {
  readonly delimiter: number;
  /** The quote's byte, or -1 for none. */
  readonly quote: number;
  /** Fields of the record that `scan` found; where each starts and ends, quotes excluded. */
  count = 0;
  starts: Int32Array = new Int32Array(64);
  ends: Int32Array = new Int32Array(64);
  kinds: Uint8Array = new Uint8Array(64);
  /** Line ends inside quoted fields of the record. */
  innerLines = 0;
  /** Set with NEED_MORE: the record breaks off inside quotes. */
  inQuotes = false;

  constructor(delimiter: number, quote: number) {
    this.delimiter = delimiter;
    this.quote = quote;
  }

  /**
   * Scans the record at `start`; where the next one starts, or NEED_MORE, BAD_QUOTE (text behind a closing quote) or, at the
   * end of the data only, OPEN_QUOTE. `bytes[end]` must be a line feed beyond the data; `last` says that no data follows it.
   */
  scan(bytes: Buffer, start: number, end: number, last: boolean): number {
    const { delimiter, quote } = this;
    this.count = 0;
    this.innerLines = 0;
    this.inQuotes = false;
    let i = start;
    for (;;) {
      if (bytes[i] === quote && i < end) {
        const after = this.#quoted(bytes, i + 1, end, last);
        if (after < 0) return after;
        if (bytes[after] === delimiter) {
          i = after + 1;
          continue;
        }
        return bytes[after] === CR ? after + 2 : after + 1;
      }
      const from = i;
      let byte = bytes[i];
      while (byte !== delimiter && byte !== LF) byte = bytes[++i];
      if (byte === LF) {
        if (i >= end && !last) return NEED_MORE;
        this.#push(from, i > from && bytes[i - 1] === CR ? i - 1 : i, PLAIN);
        return i + 1;
      }
      this.#push(from, i, PLAIN);
      i += 1;
    }
  }

  /** The field whose opening quote is before `i`; the position of the delimiter or line end behind it, or a code. */
  #quoted(bytes: Buffer, i: number, end: number, last: boolean): number {
    const { quote } = this;
    const from = i;
    let kind = QUOTED;
    for (; ; i++) {
      while (bytes[i] !== quote && i < end) if (bytes[i++] === LF) this.innerLines++;
      if (i >= end || (i + 1 >= end && !last)) {
        this.inQuotes = true;
        return last ? OPEN_QUOTE : NEED_MORE;
      }
      if (i + 1 < end && bytes[i + 1] === quote) {
        kind = ESCAPED;
        i += 1;
        continue;
      }
      break;
    }
    this.#push(from, i, kind);
    const next = bytes[i + 1];
    if (next === this.delimiter || next === LF) return i + 1;
    if (next !== CR) return BAD_QUOTE;
    if (i + 2 >= end && !last) return NEED_MORE;
    return bytes[i + 2] === LF ? i + 1 : BAD_QUOTE;
  }

  #push(start: number, end: number, kind: number): void {
    const at = this.count;
    if (at === this.starts.length) this.#grow();
    this.starts[at] = start;
    this.ends[at] = end;
    this.kinds[at] = kind;
    this.count = at + 1;
  }

  #grow(): void {
    const starts = new Int32Array(this.starts.length * 2);
    const ends = new Int32Array(this.starts.length * 2);
    const kinds = new Uint8Array(this.starts.length * 2);
    starts.set(this.starts);
    ends.set(this.ends);
    kinds.set(this.kinds);
    this.starts = starts;
    this.ends = ends;
    this.kinds = kinds;
  }

  /** Field `at` as text, for headers and messages. */
  text(bytes: Buffer, at: number): string {
    const text = bytes.toString('utf8', this.starts[at], this.ends[at]);
    if (this.kinds[at] !== ESCAPED) return text;
    const quote = String.fromCharCode(this.quote);
    return text.replaceAll(quote + quote, quote);
  }
}

/** Copies `bytes` from `start` to `end` into `out` with doubled quotes made single; the length. `out` must have room. */
export function undouble(bytes: Buffer, start: number, end: number, quote: number, out: Buffer): number {
  let length = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    out[length++] = byte;
    if (byte === quote) i += 1;
  }
  return length;
}
