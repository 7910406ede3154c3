/** The algorithms behind the text functions, over JavaScript strings taken as sequences of code points. */
import { fail } from '../define.ts';

/** Most bytes of UTF-8 that a function may build. */
export const MAX_TEXT_BYTES = 16_777_216;

const NOT_ASCII = /[\u0080-\uffff]/;

export function isAscii(text: string): boolean {
  return !NOT_ASCII.test(text);
}

export function characters(text: string): string[] {
  return isAscii(text) ? text.split('') : Array.from(text);
}

export function utf8Length(text: string): number {
  return isAscii(text) ? text.length : Buffer.byteLength(text, 'utf8');
}

/** The text, unless it is too long. */
function bounded(text: string): string {
  // A UTF-16 unit takes at most three bytes.
  if (text.length * 3 <= MAX_TEXT_BYTES) return text;
  return utf8Length(text) > MAX_TEXT_BYTES ? fail('tooLong') : text;
}

export function joined(a: string, b: string): string {
  return bounded(a + b);
}

/** Characters from `start` (from 0) to before `end`. */
export function slice(text: string, start: number, end: number): string {
  if (start >= end) return '';
  return isAscii(text) ? text.slice(start, end) : Array.from(text).slice(start, end).join('');
}

/** `times` copies of `text`, which takes `size` bytes. */
export function repeat(text: string, times: number): string {
  if (times <= 0 || text === '') return '';
  return utf8Length(text) * times > MAX_TEXT_BYTES ? fail('tooLong') : text.repeat(times);
}

/** PostgreSQL's lpad and rpad. */
export function pad(text: string, length: number, fill: string, left: boolean): string {
  const wanted = Math.max(length, 0);
  const own = characters(text);
  if (own.length >= wanted) return own.slice(0, wanted).join('');
  if (fill === '') return text;
  const missing = wanted - own.length;
  if (missing > MAX_TEXT_BYTES) return fail('tooLong');
  const filler = characters(fill);
  const whole = fill.repeat(Math.floor(missing / filler.length));
  const padding = whole + filler.slice(0, missing % filler.length).join('');
  return bounded(left ? padding + text : text + padding);
}

export function replace(text: string, from: string, to: string): string {
  if (from === '' || !text.includes(from)) return text;
  const pieces = text.split(from);
  const size = utf8Length(text) + (pieces.length - 1) * (utf8Length(to) - utf8Length(from));
  return size > MAX_TEXT_BYTES ? fail('tooLong') : pieces.join(to);
}

export function splitPart(text: string, delimiter: string, n: number): string {
  if (n === 0) return fail('invalidArgument');
  const parts = delimiter === '' || text === '' ? [text] : text.split(delimiter);
  return parts[n > 0 ? n - 1 : parts.length + n] ?? '';
}

/** Without the characters of `set` at the start and at the end, as asked. */
export function trim(text: string, set: string, start: boolean, end: boolean): string {
  if (text === '' || set === '') return text;
  const own = characters(text);
  const unwanted = new Set(characters(set));
  let from = 0;
  let to = own.length;
  while (start && from < to && unwanted.has(own[from] ?? '')) from += 1;
  while (end && to > from && unwanted.has(own[to - 1] ?? '')) to -= 1;
  return own.slice(from, to).join('');
}

/** Maps each character by itself; one whose counterpart is more than one character has a simple mapping in `simple`, or stays. */
function mapCase(text: string, map: (character: string) => string, simple: (point: number) => number): string {
  if (isAscii(text)) return map(text);
  let result = '';
  for (const character of text) {
    const mapped = map(character);
    const first = mapped.codePointAt(0) ?? 0;
    const single = mapped.length === (first > 0xffff ? 2 : 1);
    result += single ? mapped : String.fromCodePoint(simple(character.codePointAt(0) ?? 0));
  }
  return bounded(result);
}

/** Unicode's simple lower case, as the language runtime's tables have it. */
export function lower(text: string): string {
  return mapCase(
    text,
    (part) => part.toLowerCase(),
    (point) => (point === 0x130 ? 0x69 : point), // a dotted capital I becomes an i and another dot
  );
}

/** Unicode's simple upper case, as the language runtime's tables have it. */
export function upper(text: string): string {
  return mapCase(text, (part) => part.toUpperCase(), withCapitalIota);
}

/** Greek small letters with iota subscript, whose capitals are written as two letters but exist as one as well. */
function withCapitalIota(point: number): number {
  if (point >= 0x1f80 && point < 0x1fb0) return point | 8;
  return point === 0x1fb3 || point === 0x1fc3 || point === 0x1ff3 ? point + 9 : point;
}
