/**
 * Where each character of a scalar's value was written: undoes quotes, escapes, indentation and line folding, so that an
 * error inside an expression is underlined where it stands in the file.
 */
import type { Range, Style } from './tree.ts';

/** Lengths of double-quoted escapes that carry digits, backslash and letter included. */
const LONG_ESCAPES: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 };

/**
 * Offsets in `source`, one for each UTF-16 unit of `text` and one for its end; undefined where value and source cannot be
 * brought together. Both are walked at once: blanks match any run of blanks, for that is all that folding changes.
 */
export function scalarOffsets(source: string, at: Range, style: Style, text: string): Uint32Array | undefined {
  const offsets = new Uint32Array(text.length + 1);
  let from = contentStart(source, at, style);
  let inEscape = 0;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? '';
    if (inEscape > 0) {
      // The second half of a surrogate pair that one \U escape wrote.
      offsets[index] = from - inEscape;
      inEscape = 0;
      continue;
    }
    if (!isBlank(character)) from = skipBlanks(source, from, at.end, style);
    if (from >= at.end && !isBlank(character)) return undefined;
    offsets[index] = from;
    const length = unitLength(source, from, style, character);
    if (length === undefined) return undefined;
    if (length === 10 && isHighSurrogate(character)) inEscape = length;
    from += length;
  }
  offsets[text.length] = Math.min(from, at.end);
  return offsets;
}

function contentStart(source: string, at: Range, style: Style): number {
  if (style === 'plain') return at.start;
  if (style !== 'block') return at.start + 1;
  const lineEnd = source.indexOf('\n', at.start);
  return lineEnd < 0 ? at.end : lineEnd + 1;
}

/** How many source characters one character of the value takes; undefined when they do not belong together. */
function unitLength(source: string, from: number, style: Style, character: string): number | undefined {
  const written = source[from] ?? '';
  if (style === 'double' && written === '\\') return LONG_ESCAPES[source[from + 1] ?? ''] ?? 2;
  if (style === 'single' && character === "'") return source.startsWith("''", from) ? 2 : undefined;
  if (isBlank(character)) return isBlank(written) ? 1 : 0;
  return written === character ? 1 : undefined;
}

/** Blanks of any number stand between two words, in double quotes also as escapes, a backslash at a line's end among them. */
function skipBlanks(source: string, from: number, end: number, style: Style): number {
  let at = from;
  while (at < end) {
    if (isBlank(source[at] ?? '')) at += 1;
    else if (style === 'double' && source[at] === '\\' && /[ tnr\n\r]/.test(source[at + 1] ?? '')) at += 2;
    else break;
  }
  return at;
}

function isBlank(character: string): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r';
}

function isHighSurrogate(character: string): boolean {
  const code = character.charCodeAt(0);
  return code >= 0xd800 && code < 0xdc00;
}
