/** Text functions that build text: joining, repeating, padding, replacing, reversing. Lengths count code points. */
import { arenaAllocate } from './memory';
import {
  codePointAt,
  countPoints,
  fail,
  find,
  INVALID_ARGUMENT,
  isAscii,
  MAX_TEXT,
  pack,
  skipPoints,
  TOO_LONG,
  textRoom,
  widthOf,
  writeCodePoint,
} from './text';

export { lower, upper } from './casemap';

function concat(a: usize, aLen: i32, b: usize, bLen: i32): i64 {
  const size = <i64>aLen + <i64>bLen;
  const to = textRoom(size);
  if (to === 0) return 0;
  memory.copy(to, a, <usize>aLen);
  memory.copy(to + <usize>aLen, b, <usize>bLen);
  return pack(to, <i32>size);
}

export function concat_utf8(a: usize, aLen: i32, b: usize, bLen: i32): i64 {
  return concat(a, aLen, b, bLen);
}

export function concat_binary(a: usize, aLen: i32, b: usize, bLen: i32): i64 {
  return concat(a, aLen, b, bLen);
}

/** Fills `bytes` bytes at `to`, the first `unit` of which are there already, with copies of those. */
function fillWith(to: usize, unit: usize, bytes: usize): void {
  let done = unit;
  while (done < bytes) {
    const more = min(done, bytes - done);
    memory.copy(to + done, to, more);
    done += more;
  }
}

export function repeat(text: usize, len: i32, times: i32): i64 {
  if (times <= 0 || len === 0) return pack(text, 0);
  const size = <i64>len * <i64>times;
  const to = textRoom(size);
  if (to === 0) return 0;
  memory.copy(to, text, <usize>len);
  fillWith(to, <usize>len, <usize>size);
  return pack(to, <i32>size);
}

/** Writes `points` code points of an endlessly repeated text; `bytes` is what they take. */
function writeFill(to: usize, fill: usize, fillLen: i32, bytes: usize): void {
  const unit = min(<usize>fillLen, bytes);
  memory.copy(to, fill, unit);
  fillWith(to, unit, bytes);
}

function pad(text: usize, len: i32, wanted: i32, fill: usize, fillLen: i32, left: bool): i64 {
  const points = countPoints(text, len);
  if (wanted <= 0) return pack(text, 0);
  if (points >= wanted) return pack(text, <i32>(skipPoints(text, text + <usize>len, wanted) - text));
  if (fillLen === 0) return pack(text, len);
  const missing = wanted - points;
  const unit = max(countPoints(fill, fillLen), 1);
  const rest = <i64>(skipPoints(fill, fill + <usize>fillLen, missing % unit) - fill);
  const padding = <i64>(missing / unit) * <i64>fillLen + rest;
  const to = textRoom(<i64>len + padding);
  if (to === 0) return 0;
  writeFill(left ? to : to + <usize>len, fill, fillLen, <usize>padding);
  memory.copy(left ? to + <usize>padding : to, text, <usize>len);
  return pack(to, len + <i32>padding);
}

export function lpad(text: usize, len: i32, wanted: i32, fill: usize, fillLen: i32): i64 {
  return pad(text, len, wanted, fill, fillLen, true);
}

export function rpad(text: usize, len: i32, wanted: i32, fill: usize, fillLen: i32): i64 {
  return pad(text, len, wanted, fill, fillLen, false);
}

export function replace(text: usize, len: i32, from: usize, fromLen: i32, by: usize, byLen: i32): i64 {
  if (fromLen === 0) return pack(text, len);
  const end = text + <usize>len;
  let count: i64 = 0;
  for (let at = find(text, end, from, fromLen); at <= end; at = find(at + <usize>fromLen, end, from, fromLen)) {
    count += 1;
  }
  if (count === 0) return pack(text, len);
  const size = <i64>len + count * <i64>(byLen - fromLen);
  const start = textRoom(size);
  if (start === 0) return 0;
  let to = start;
  let done = text;
  while (count > 0) {
    const at = find(done, end, from, fromLen);
    memory.copy(to, done, at - done);
    to += at - done;
    memory.copy(to, by, <usize>byLen);
    to += <usize>byLen;
    done = at + <usize>fromLen;
    count -= 1;
  }
  memory.copy(to, done, end - done);
  return pack(start, <i32>size);
}

export function reverse(text: usize, len: i32): i64 {
  const start = <usize>arenaAllocate(<u32>len);
  let to = start + <usize>len;
  const end = text + <usize>len;
  let at = text;
  while (at < end) {
    const width = min(<usize>widthOf(load<u8>(at)), end - at);
    to -= width;
    if (width === 1) store<u8>(to, load<u8>(at));
    else memory.copy(to, at, width);
    at += width;
  }
  return pack(start, len);
}

export function chr(code: i32): i64 {
  if (code <= 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return fail(INVALID_ARGUMENT);
  const to = <usize>arenaAllocate(4);
  return pack(to, <i32>(writeCodePoint(to, code) - to));
}
