/** How the readers of text formats begin: what the first bytes may be, lines to skip, the first record. */
import { userError } from '../../../engine/errors.ts';
import type { ByteWindow } from './window.ts';

/** First bytes of files that are no text, and what to say about them. */
const MAGICS: readonly (readonly [readonly number[], string, string])[] = [
  [[0x1f, 0x8b], 'gzip-compressed data', 'set `compression: gzip`, or name the file `.gz`'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'zstd-compressed data', 'set `compression: zstd`, or name the file `.zst`'],
  [[0x50, 0x41, 0x52, 0x31], 'a parquet file', 'set `format: parquet`'],
  [[0x41, 0x52, 0x52, 0x4f, 0x57, 0x31], 'an Arrow file', 'set `format: arrow`'],
  [[0xff, 0xff, 0xff, 0xff], 'an Arrow stream', 'set `format: arrow-stream`'],
  [[0xff, 0xfe], 'UTF-16 text', 'convert it to UTF-8'],
  [[0xfe, 0xff], 'UTF-16 text', 'convert it to UTF-8'],
  [[0x50, 0x4b, 0x03, 0x04], 'a zip archive', 'unpack it first'],
];
const LF = 10;
const CR = 13;

const BYTE_ORDER_MARK: readonly number[] = [0xef, 0xbb, 0xbf];

/** `maybe`: as far as the bytes go, they could be the first ones of it. */
function startsWith(window: ByteWindow, magic: readonly number[]): boolean | 'maybe' {
  const { bytes, start, end } = window;
  const known = Math.min(magic.length, end - start);
  for (let i = 0; i < known; i++) if (bytes[start + i] !== magic[i]) return false;
  return known === magic.length ? true : 'maybe';
}

/** No longer than that: the bytes of a growing file come when they come. */
function isUndecided(window: ByteWindow): boolean {
  return [BYTE_ORDER_MARK, ...MAGICS.map(([magic]) => magic)].some((magic) => startsWith(window, magic) === 'maybe');
}

/**
 * Pulls enough to look at the first bytes: skips a byte order mark and throws `source.wrong-format` for what is no text.
 * False where the input is empty.
 */
export async function beginText(window: ByteWindow, name: string): Promise<boolean> {
  while (isUndecided(window) && (await window.pull()));
  for (const [magic, what, hint] of MAGICS) {
    if (startsWith(window, magic) === true)
      throw userError('source.wrong-format', `${name} is ${what}, not text`, { hint });
  }
  if (startsWith(window, BYTE_ORDER_MARK) === true) window.start += 3;
  return window.end > window.start;
}

/** Skips that many lines; how many there were. */
export async function skipLines(window: ByteWindow, lines: number): Promise<number> {
  let skipped = 0;
  while (skipped < lines) {
    const lineEnd = window.bytes.indexOf(LF, window.start);
    if (lineEnd < window.end) {
      window.start = lineEnd + 1;
      skipped += 1;
    } else {
      window.start = window.end;
      if (!(await window.pull())) break;
    }
  }
  return skipped;
}

export interface FirstRecord {
  /** Without its line end. */
  readonly record: Buffer;
  /** With it. */
  readonly bytes: number;
  readonly lines: number;
}

/**
 * The first record, left in the window: up to the first line end with an even number of quotes before it, whatever the
 * delimiter. Where no such line end comes, the first line. Undefined at the end; throws `text.row-too-long`.
 */
export async function firstRecord(
  window: ByteWindow,
  quote: string,
  maxBytes: number,
  name: string,
): Promise<FirstRecord | undefined> {
  for (;;) {
    const found = recordIn(window, quote === '' ? -1 : quote.charCodeAt(0));
    if (found !== undefined) return found;
    if (window.end - window.start > maxBytes) {
      throw userError(
        'text.row-too-long',
        `${name}: the first record is longer than ${maxBytes} bytes (\`maxRowBytes\`)`,
      );
    }
    if (!(await window.pull())) return window.end > window.start ? firstLine(window) : undefined;
  }
}

function recordIn(window: ByteWindow, quote: number): FirstRecord | undefined {
  const { bytes, start, end } = window;
  let quotes = 0;
  let lines = 0;
  for (let i = start; i < end; i++) {
    if (bytes[i] === quote) quotes++;
    else if (bytes[i] === LF) {
      lines++;
      if (quotes % 2 === 0) return cut(window, i, lines);
    }
  }
  return undefined;
}

function firstLine(window: ByteWindow): FirstRecord {
  return cut(window, window.bytes.indexOf(LF, window.start), 1);
}

function cut({ bytes, start, end }: ByteWindow, lineEnd: number, lines: number): FirstRecord {
  const to = lineEnd > start && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
  return { record: Buffer.from(bytes.subarray(start, to)), bytes: Math.min(lineEnd + 1, end) - start, lines };
}
