/**
 * UTF-8 text in linear memory: how results are handed back, and walking by code point.
 *
 * Arguments are (ptr, len) in bytes and hold valid UTF-8 (sources check it), so a code point is found by its lead byte alone. Of bytes that
 * are none the functions make something of no meaning, but never read or write beyond an argument by more than three bytes.
 */
import { ARENA_TOP, ERROR } from './control';
import { arenaAllocate } from './memory';

/** Indices in EVALUATION_ERRORS (engine/expression/ir.ts). */
export const DIVISION_BY_ZERO: i32 = 1;
export const OUT_OF_RANGE: i32 = 2;
export const INVALID_TEXT: i32 = 3;
export const INVALID_ARGUMENT: i32 = 4;
export const TOO_LONG: i32 = 5;
export const OVERFLOW: i32 = 6;
export const UNDERFLOW: i32 = 7;

/** Bytes that one text value may have at most; a longer result is the error `tooLong`. */
export const MAX_TEXT: i64 = 16 << 20;

/** Reports error `code`; returns the 0 that a failing function returns. */
export function fail(code: i32): i32 {
  store<i32>(ERROR, code);
  return 0;
}

/** A utf8 result: `ptr` in the low half, `len` in the high half. */
export function pack(ptr: usize, len: i32): i64 {
  return <i64>(<u64>ptr | ((<u64>(<u32>len)) << 32));
}

/** A utf8 result of bytes written at the end of the arena; what was allocated behind them and not used is given back. */
export function packTrimmed(ptr: usize, end: usize): i64 {
  store<u32>(ARENA_TOP, <u32>((end + 7) & ~7));
  return pack(ptr, <i32>(end - ptr));
}

/** Room for `bytes` of result, or 0 and the error `tooLong`. */
export function textRoom(bytes: i64): usize {
  if (bytes > MAX_TEXT) {
    fail(TOO_LONG);
    return 0;
  }
  return <usize>arenaAllocate(<u32>bytes);
}

/** Bytes of the code point whose lead byte is `lead`. */
export function widthOf(lead: u32): u32 {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** The code point at `at`, which is a lead byte. */
export function codePointAt(at: usize): u32 {
  const lead: u32 = load<u8>(at);
  if (lead < 0x80) return lead;
  const second: u32 = load<u8>(at, 1) & 0x3f;
  if (lead < 0xe0) return ((lead & 0x1f) << 6) | second;
  const third: u32 = load<u8>(at, 2) & 0x3f;
  if (lead < 0xf0) return ((lead & 0x0f) << 12) | (second << 6) | third;
  return ((lead & 0x07) << 18) | (second << 12) | (third << 6) | (load<u8>(at, 3) & 0x3f);
}

/** Writes a code point as UTF-8; returns the byte behind it. */
export function writeCodePoint(at: usize, point: u32): usize {
  if (point < 0x80) {
    store<u8>(at, point);
    return at + 1;
  }
  if (point < 0x800) {
    store<u8>(at, 0xc0 | (point >> 6));
    store<u8>(at, 0x80 | (point & 0x3f), 1);
    return at + 2;
  }
  if (point < 0x10000) {
    store<u8>(at, 0xe0 | (point >> 12));
    store<u8>(at, 0x80 | ((point >> 6) & 0x3f), 1);
    store<u8>(at, 0x80 | (point & 0x3f), 2);
    return at + 3;
  }
  store<u8>(at, 0xf0 | (point >> 18));
  store<u8>(at, 0x80 | ((point >> 12) & 0x3f), 1);
  store<u8>(at, 0x80 | ((point >> 6) & 0x3f), 2);
  store<u8>(at, 0x80 | (point & 0x3f), 3);
  return at + 4;
}

/** Code points in `len` bytes: those bytes that are not continuations, sixteen at a time. */
export function countPoints(ptr: usize, len: i32): i32 {
  const end = ptr + <usize>len;
  let at = ptr;
  let count: i32 = 0;
  const limit = i8x16.splat(-65);
  while (at + 16 <= end) {
    count += popcnt(i8x16.bitmask(i8x16.gt_s(v128.load(at), limit)));
    at += 16;
  }
  while (at < end) {
    count += <i32>((load<u8>(at) & 0xc0) !== 0x80);
    at += 1;
  }
  return count;
}

/** The byte behind the first `points` code points, at most `end`. */
export function skipPoints(ptr: usize, end: usize, points: i64): usize {
  let at = ptr;
  while (points > 0 && at < end) {
    at += widthOf(load<u8>(at));
    points -= 1;
  }
  return min(at, end);
}

/** True where no byte of the text is above 127. */
export function isAscii(ptr: usize, len: i32): bool {
  const end = ptr + <usize>len;
  let at = ptr;
  while (at + 16 <= end) {
    if (i8x16.bitmask(v128.load(at)) !== 0) return false;
    at += 16;
  }
  while (at < end) {
    if (load<u8>(at) > 127) return false;
    at += 1;
  }
  return true;
}

/** The first place of a byte at or behind `from`, or `end`. */
export function findByte(from: usize, end: usize, byte: u32): usize {
  let at = from;
  const wanted = i8x16.splat(<i8>byte);
  while (at + 16 <= end) {
    const hits = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (hits !== 0) return at + <usize>ctz(hits);
    at += 16;
  }
  while (at < end && <u32>load<u8>(at) !== byte) at += 1;
  return at;
}

/** First occurrence of the needle at or behind `from`, or `end` + 1; an empty needle is found at once. */
export function find(from: usize, end: usize, needle: usize, needleLen: i32): usize {
  if (needleLen === 0) return from;
  if (from + <usize>needleLen > end) return end + 1;
  const first: u32 = load<u8>(needle);
  const last = end - <usize>needleLen + 1;
  let at = findByte(from, last, first);
  while (at < last) {
    if (memory.compare(at + 1, needle + 1, <usize>needleLen - 1) === 0) return at;
    at = findByte(at + 1, last, first);
  }
  return end + 1;
}

/** The white space that PostgreSQL's input functions skip. */
export function isSpace(byte: u32): bool {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

/** The first byte from `at` on that is not white space. */
export function skipSpaces(at: usize, end: usize): usize {
  while (at < end && isSpace(load<u8>(at))) at += 1;
  return at;
}

/** The end of the text without white space there. */
export function trimSpaces(at: usize, end: usize): usize {
  while (end > at && isSpace(load<u8>(end - 1))) end -= 1;
  return end;
}

/** True where the text, in lower case, is `word`: `length` ASCII letters, the first in the lowest byte. */
export function isWord(at: usize, end: usize, word: u64, length: usize): bool {
  if (end - at !== length) return false;
  for (let i: usize = 0; i < length; i += 1) {
    if ((load<u8>(at + i) | 0x20) !== <u8>(word >> <u64>(i << 3))) return false;
  }
  return true;
}
