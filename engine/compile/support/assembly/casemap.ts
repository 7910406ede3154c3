/** Upper and lower case by Unicode's simple mapping: one code point for one, whatever stands around it. */
import { LOWER, LOWER_RUNS, UPPER, UPPER_RUNS } from './casemap-data';
import { arenaAllocate } from './memory';
import { codePointAt, fail, MAX_TEXT, packTrimmed, TOO_LONG, widthOf, writeCodePoint } from './text';

/** The counterpart of a code point above 127. */
function mapped(point: u32, table: usize, runs: i32): u32 {
  let low: i32 = 0;
  let high = runs - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const run = table + <usize>(middle * 12);
    const first = load<u32>(run);
    const last = load<u32>(run, 4);
    if (point < first) high = middle - 1;
    else if (point > (last & 0x7fffffff)) low = middle + 1;
    else return (last >> 31) & (point - first) & 1 ? point : point + load<u32>(run, 8);
  }
  return point;
}

/** Copies ASCII text, its letters from `first` on (26 of them) with the case bit turned; returns the bytes done. */
function mapAscii(from: usize, len: usize, to: usize, first: u32): usize {
  let done: usize = 0;
  const shift = i8x16.splat(<i8>(first + 128));
  const limit = i8x16.splat(-128 + 26);
  const bit = i8x16.splat(0x20);
  while (done + 16 <= len) {
    const chunk = v128.load(from + done);
    if (i8x16.bitmask(chunk) !== 0) return done;
    const letters = i8x16.lt_s(i8x16.sub(chunk, shift), limit);
    v128.store(to + done, v128.xor(chunk, v128.and(letters, bit)));
    done += 16;
  }
  return done;
}

function mapCase(ptr: usize, len: i32, first: u32, table: usize, runs: i32): i64 {
  // A code point of two bytes may become one of three.
  const start = <usize>arenaAllocate(<u32>(len + (len >> 1) + 16));
  const end = ptr + <usize>len;
  const ascii = mapAscii(ptr, <usize>len, start, first);
  let at = ptr + ascii;
  let to = start + ascii;
  while (at < end) {
    const byte: u32 = load<u8>(at);
    if (byte < 128) {
      store<u8>(to, byte - first < 26 ? byte ^ 0x20 : byte);
      at += 1;
      to += 1;
    } else {
      to = writeCodePoint(to, mapped(codePointAt(at), table, runs));
      at += <usize>widthOf(byte);
    }
  }
  if (<i64>(to - start) > MAX_TEXT) return fail(TOO_LONG);
  return packTrimmed(start, to);
}

export function upper(ptr: usize, len: i32): i64 {
  return mapCase(ptr, len, 0x61, UPPER, UPPER_RUNS);
}

export function lower(ptr: usize, len: i32): i64 {
  return mapCase(ptr, len, 0x41, LOWER, LOWER_RUNS);
}
