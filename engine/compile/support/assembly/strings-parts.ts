/** Text functions that measure text or cut a part out of it; a part lies where the whole does, nothing is copied. */
import { codePointAt, countPoints, fail, find, INVALID_ARGUMENT, isAscii, pack, skipPoints, widthOf } from './text';

export { like } from './text-like';

export function char_length(text: usize, len: i32): i32 {
  return countPoints(text, len);
}

export function octet_length_utf8(text: usize, len: i32): i32 {
  return len;
}

export function octet_length_binary(text: usize, len: i32): i32 {
  return len;
}

export function ascii(text: usize, len: i32): i32 {
  return len === 0 ? 0 : <i32>codePointAt(text);
}

export function strpos(text: usize, len: i32, part: usize, partLen: i32): i32 {
  const end = text + <usize>len;
  const at = find(text, end, part, partLen);
  return at > end ? 0 : countPoints(text, <i32>(at - text)) + 1;
}

export function starts_with(text: usize, len: i32, prefix: usize, prefixLen: i32): i32 {
  return <i32>(prefixLen <= len && memory.compare(text, prefix, <usize>prefixLen) === 0);
}

/** Code points from `start` (from 0) to before `stop`. */
function slice(text: usize, len: i32, start: i64, stop: i64): i64 {
  if (start >= stop) return pack(text, 0);
  const end = text + <usize>len;
  const from = start <= 0 ? text : skipPoints(text, end, start);
  const to = stop >= <i64>len ? end : skipPoints(from, end, stop - max<i64>(start, 0));
  return pack(from, <i32>(to - from));
}

export function substring_utf8_int32(text: usize, len: i32, start: i32): i64 {
  return slice(text, len, <i64>start - 1, i64.MAX_VALUE);
}

export function substring_utf8_int32_int32(text: usize, len: i32, start: i32, length: i32): i64 {
  if (length < 0) return fail(INVALID_ARGUMENT);
  return slice(text, len, <i64>start - 1, <i64>start - 1 + <i64>length);
}

export function left(text: usize, len: i32, count: i32): i64 {
  return slice(text, len, 0, count >= 0 ? <i64>count : <i64>countPoints(text, len) + <i64>count);
}

export function right(text: usize, len: i32, count: i32): i64 {
  const start = count >= 0 ? <i64>countPoints(text, len) - <i64>count : -(<i64>count);
  return slice(text, len, start, i64.MAX_VALUE);
}

export function split_part(text: usize, len: i32, delimiter: usize, delimiterLen: i32, n: i32): i64 {
  if (n === 0) return fail(INVALID_ARGUMENT);
  if (delimiterLen === 0 || len === 0) return n === 1 || n === -1 ? pack(text, len) : pack(text, 0);
  const end = text + <usize>len;
  let wanted: i64 = n;
  if (n < 0) {
    wanted += 2; // parts are one more than delimiters
    for (let at = find(text, end, delimiter, delimiterLen); at <= end; ) {
      wanted += 1;
      at = find(at + <usize>delimiterLen, end, delimiter, delimiterLen);
    }
    if (wanted <= 0) return pack(text, 0);
  }
  let from = text;
  let at = find(from, end, delimiter, delimiterLen);
  while (wanted > 1 && at <= end) {
    from = at + <usize>delimiterLen;
    at = find(from, end, delimiter, delimiterLen);
    wanted -= 1;
  }
  return wanted === 1 ? pack(from, <i32>(min(at, end) - from)) : pack(text, 0);
}

/** Whether the code point in the `width` bytes at `at` occurs in the set. */
function contains(set: usize, setLen: i32, at: usize, width: usize): bool {
  const end = set + <usize>setLen;
  const lead: u8 = load<u8>(at);
  for (let member = set; member < end; member += <usize>widthOf(load<u8>(member))) {
    if (load<u8>(member) === lead && (width === 1 || memory.compare(member, at, width) === 0)) return true;
  }
  return false;
}

function trim(text: usize, len: i32, set: usize, setLen: i32, atStart: bool, atEnd: bool): i64 {
  let from = text;
  let to = text + <usize>len;
  while (atStart && from < to) {
    const width = min(<usize>widthOf(load<u8>(from)), to - from);
    if (!contains(set, setLen, from, width)) break;
    from += width;
  }
  while (atEnd && from < to) {
    let at = to - 1;
    while (at > from && (load<u8>(at) & 0xc0) === 0x80) at -= 1;
    if (!contains(set, setLen, at, to - at)) break;
    to = at;
  }
  return pack(from, <i32>(to - from));
}

export function btrim(text: usize, len: i32, set: usize, setLen: i32): i64 {
  return trim(text, len, set, setLen, true, true);
}

export function ltrim(text: usize, len: i32, set: usize, setLen: i32): i64 {
  return trim(text, len, set, setLen, true, false);
}

export function rtrim(text: usize, len: i32, set: usize, setLen: i32): i64 {
  return trim(text, len, set, setLen, false, true);
}
