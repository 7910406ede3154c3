/** Casts between text and booleans, numbers and bytes; those of times are in dates-text.ts. */
import { parseFloat32, parseFloat64 } from './casts-float';
import { formatInt } from './format';
import { formatFloat32, formatFloat64 } from './format-float';
import { arenaAllocate } from './memory';
import { fail, INVALID_TEXT, isWord, OUT_OF_RANGE, pack, skipSpaces, textRoom, trimSpaces } from './text';

export function cast_bool_utf8(value: i32): i64 {
  const at = <usize>arenaAllocate(8);
  store<u64>(at, value ? 0x65757274 : 0x65736c6166); // true, false
  return pack(at, value ? 4 : 5);
}

export function cast_int32_utf8(value: i32): i64 {
  return formatInt(value);
}

export function cast_int64_utf8(value: i64): i64 {
  return formatInt(value);
}

export function cast_float32_utf8(value: f32): i64 {
  return formatFloat32(value);
}

export function cast_float64_utf8(value: f64): i64 {
  return formatFloat64(value);
}

function hexDigit(value: u32): u32 {
  return value < 10 ? 0x30 + value : 0x57 + value;
}

export function cast_binary_utf8(ptr: usize, len: i32): i64 {
  const size = ((<i64>len) << 1) + 2;
  const start = textRoom(size);
  if (start === 0) return 0;
  store<u16>(start, 0x785c); // \x
  const end = ptr + <usize>len;
  let to = start + 2;
  for (let at = ptr; at < end; at += 1) {
    const byte: u32 = load<u8>(at);
    store<u8>(to, hexDigit(byte >> 4));
    store<u8>(to, hexDigit(byte & 15), 1);
    to += 2;
  }
  return pack(start, <i32>size);
}

/** The value of a digit of any base to 16, or 255. */
function digitOf(byte: u32): u32 {
  if (byte - 0x30 < 10) return byte - 0x30;
  const letter = (byte | 0x20) - 0x61;
  return letter < 6 ? letter + 10 : 255;
}

export function cast_utf8_binary(ptr: usize, len: i32): i64 {
  if (len < 2 || (len & 1) === 1 || (load<u16>(ptr) !== 0x785c && load<u16>(ptr) !== 0x585c)) return fail(INVALID_TEXT);
  const size = (len >> 1) - 1;
  const start = <usize>arenaAllocate(<u32>size);
  for (let i = 0; i < size; i += 1) {
    const pair = ptr + 2 + ((<usize>i) << 1);
    const high = digitOf(load<u8>(pair));
    const low = digitOf(load<u8>(pair, 1));
    if ((high | low) > 15) return fail(INVALID_TEXT);
    store<u8>(start + <usize>i, (high << 4) | low);
  }
  return pack(start, size);
}

/** Whether the text up to `end` is the first letters, at least `shortest`, of `word` (`length` ASCII letters, the first lowest). */
function isPrefix(at: usize, end: usize, word: u64, length: usize, shortest: usize): bool {
  const own = end - at;
  return own >= shortest && own <= length && isWord(at, end, word & (((<u64>1) << (own << 3)) - 1), own);
}

export function cast_utf8_bool(ptr: usize, len: i32): i32 {
  const at = skipSpaces(ptr, ptr + <usize>len);
  const end = trimSpaces(at, ptr + <usize>len);
  if (end === at + 1 && (load<u8>(at) === 0x31 || load<u8>(at) === 0x30)) return load<u8>(at) & 1;
  if (isPrefix(at, end, 0x65757274, 4, 1) || isPrefix(at, end, 0x736579, 3, 1) || isPrefix(at, end, 0x6e6f, 2, 2))
    return 1;
  if (isPrefix(at, end, 0x65736c6166, 5, 1) || isPrefix(at, end, 0x6f6e, 2, 1) || isPrefix(at, end, 0x66666f, 3, 2))
    return 0;
  return fail(INVALID_TEXT);
}

/** The base that `0x`, `0o` or `0b` at `at` and a digit behind it announce, else 10. */
function baseOf(at: usize, end: usize): u32 {
  if (at + 2 >= end || load<u8>(at) !== 0x30) return 10;
  const letter: u32 = load<u8>(at, 1) | 0x20;
  const base: u32 = letter === 0x78 ? 16 : letter === 0x6f ? 8 : letter === 0x62 ? 2 : 10;
  const first = load<u8>(at, 2) === 0x5f && at + 3 < end ? load<u8>(at, 3) : load<u8>(at, 2);
  return digitOf(first) < base ? base : 10;
}

/**
 * An integer of magnitude up to `max` (one less where positive). Digits may have single underscores between them. As in PostgreSQL a
 * number that is far too long is out of range whatever follows it.
 */
function parseInt(ptr: usize, len: i32, max: u64): i64 {
  let at = skipSpaces(ptr, ptr + <usize>len);
  const end = trimSpaces(at, ptr + <usize>len);
  const sign: u32 = at < end ? load<u8>(at) : 0;
  if (sign === 0x2d || sign === 0x2b) at += 1;
  const base = baseOf(at, end);
  if (base !== 10) at += 2;
  const most = max / <u64>base;
  let value: u64 = 0;
  let seen = base !== 10; // an underscore may stand in front of the first digit only behind 0x
  while (at < end) {
    const gap = seen && load<u8>(at) === 0x5f && at + 1 < end;
    const digit = digitOf(load<u8>(at + <usize>gap));
    if (digit >= base) break;
    if (value > most) return fail(OUT_OF_RANGE);
    value = value * <u64>base + <u64>digit;
    at += 1 + <usize>gap;
    seen = true;
  }
  if (!seen || at < end) return fail(INVALID_TEXT);
  if (sign === 0x2d) return value > max ? fail(OUT_OF_RANGE) : -(<i64>value);
  return value >= max ? fail(OUT_OF_RANGE) : <i64>value;
}

export function cast_utf8_int32(ptr: usize, len: i32): i32 {
  return <i32>parseInt(ptr, len, 0x80000000);
}

export function cast_utf8_int64(ptr: usize, len: i32): i64 {
  return parseInt(ptr, len, 0x8000000000000000);
}

export function cast_utf8_float64(ptr: usize, len: i32): f64 {
  return parseFloat64(ptr, len);
}

export function cast_utf8_float32(ptr: usize, len: i32): f32 {
  return parseFloat32(ptr, len);
}
