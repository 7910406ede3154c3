/** The outline of JSON in bytes: where values end, without looking at what they are. `JSON.parse` does that, record by record. */

const QUOTE = 34;
const BACKSLASH = 92;

/** What `valueEnd` returns where the value goes on beyond `end`. */
export const NEED_MORE = -1;

export function isSpace(byte: number | undefined): boolean {
  return byte === 32 || byte === 10 || byte === 13 || byte === 9;
}

/** The first position from `start` to `end` that is no white space, or `end`. */
export function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isSpace(bytes[at])) at++;
  return at;
}

/** The position behind the string whose opening quote is at `start`. */
export function stringEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at];
    if (byte === BACKSLASH) at++;
    else if (byte === QUOTE) return at + 1;
  }
  return NEED_MORE;
}

/**
 * The position behind the value that starts at `start`. Brackets of both kinds count as one, so that a broken value still has an
 * end: `{"a": 1]`. A number or word ends before what cannot be part of it; at `end` only where `last`.
 */
export function valueEnd(bytes: Uint8Array, start: number, end: number, last: boolean): number {
  const first = bytes[start];
  if (first === QUOTE) return stringEnd(bytes, start, end);
  if (first !== 123 && first !== 91) return wordEnd(bytes, start, end, last);
  let depth = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = stringEnd(bytes, at, end) - 1;
      if (at < 0) return NEED_MORE;
    } else if (byte === 123 || byte === 91) depth++;
    else if (byte === 125 || byte === 93) {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return NEED_MORE;
}

function wordEnd(bytes: Uint8Array, start: number, end: number, last: boolean): number {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (isSpace(byte) || byte === 44 || byte === 93 || byte === 125 || byte === 58) return at;
  }
  return last ? end : NEED_MORE;
}

/** Follows brackets and strings over any number of pieces, keeping nothing. */
export class DepthTracker {
  /** Containers that are open. */
  depth: number;
  #inString = false;
  #escaped = false;

  constructor(depth: number) {
    this.depth = depth;
  }

  /** Takes bytes up to `end`, or until no container and no string is open; the position behind what it took. */
  take(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && (this.depth > 0 || this.#inString)) {
      const byte = bytes[at++];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (byte === QUOTE) this.#inString = true;
      else if (byte === 123 || byte === 91) this.depth++;
      else if (byte === 125 || byte === 93) this.depth--;
    }
    return at;
  }

  get closed(): boolean {
    return this.depth === 0 && !this.#inString;
  }

  /** Starts with a string's opening quote already taken. */
  enterString(): void {
    this.#inString = true;
  }
}
