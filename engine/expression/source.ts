/**
 * An expression's text with its tokens, and where things are in it. The parser counts bytes of UTF-8 of a statement that begins with
 * `PREFIX`; everything here is in UTF-16 units of the expression itself.
 */
import type { ScanToken } from 'libpg-query';
import type { Span } from './ir.ts';

export const PREFIX = 'SELECT ';

export interface Token extends Span {
  readonly text: string;
  /** `ICONST`, `FCONST`, `SCONST`, `IDENT`, `SQL_COMMENT`, `ASCII_40`, or `UNKNOWN` for keywords and operators. */
  readonly kind: string;
}

export class Source {
  readonly text: string;
  readonly tokens: readonly Token[];
  /** Byte offset in the statement -> index in `text`; absent where both are the same but for the prefix. */
  readonly #chars: Int32Array | undefined;

  constructor(text: string, scanned: readonly ScanToken[]) {
    this.text = text;
    this.#chars = byteIndex(text);
    this.tokens = scanned.slice(1).map((token) => {
      const start = this.at(token.start);
      const end = this.at(token.end);
      return { start, end, kind: token.tokenName, text: text.slice(start, end) };
    });
  }

  /** Index in the text of a byte of the statement. */
  at(byte: number): number {
    const own = Math.max(byte - PREFIX.length, 0);
    return this.#chars === undefined ? Math.min(own, this.text.length) : (this.#chars[own] ?? this.text.length);
  }

  /** Index in `tokens` of the token that begins at a byte of the statement; -1 where there is none. */
  tokenIndex(byte: number | undefined): number {
    if (byte === undefined || byte < PREFIX.length) return -1;
    const start = this.at(byte);
    let low = 0;
    let high = this.tokens.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.tokens[middle]?.start ?? 0;
      if (found === start) return middle;
      if (found < start) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** The token at a byte of the statement. */
  token(byte: number | undefined): Span {
    return spanOf(this.tokens[this.tokenIndex(byte)] ?? this.whole());
  }

  /** The constant at a byte of the statement, with the sign that the parser drew into it. */
  constant(byte: number | undefined): Span {
    let index = this.tokenIndex(byte);
    const start = this.tokens[index]?.start;
    if (start === undefined) return this.whole();
    while (this.tokens[index]?.text === '-' || this.tokens[index]?.text === '(') index += 1;
    return { start, end: this.tokens[index]?.end ?? start };
  }

  /** From the token at a byte of the statement to the bracket that closes the first one behind it. */
  call(byte: number | undefined): Span {
    return this.#until(this.tokenIndex(byte), '(', ')');
  }

  /** From CASE at a byte of the statement to its END. */
  caseEnd(byte: number | undefined): Span {
    return this.#until(this.tokenIndex(byte), 'case', 'end');
  }

  whole(): Span {
    return { start: 0, end: this.text.length };
  }

  #until(from: number, open: string, close: string): Span {
    const first = this.tokens[from];
    if (first === undefined) return this.whole();
    let depth = 0;
    for (let index = from; index < this.tokens.length; index += 1) {
      const token = this.tokens[index];
      const word = token?.text.toLowerCase();
      if (word === open) depth += 1;
      else if (word === close) {
        depth -= 1;
        if (depth === 0) return { start: first.start, end: token?.end ?? first.end };
      }
    }
    return spanOf(first);
  }
}

/** Byte offset of UTF-8 -> UTF-16 index, for text that is not all ASCII. */
function byteIndex(text: string): Int32Array | undefined {
  if (!/[\u0080-\uffff]/.test(text)) return undefined;
  const index = new Int32Array(Buffer.byteLength(text, 'utf8') + 1);
  let byte = 0;
  let unit = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character, 'utf8');
    index.fill(unit, byte, byte + size);
    byte += size;
    unit += character.length;
  }
  index[byte] = unit;
  return index;
}

/** The place alone, of a token or whatever else has one. */
export function spanOf({ start, end }: Span): Span {
  return { start, end };
}

/** The least span that covers both. */
export function cover(a: Span, b: Span): Span {
  return { start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}
