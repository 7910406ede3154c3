/**
 * LIKE: two pointers, one into the text and one into the pattern; at a mismatch the last `%` takes one more character. Going back to the
 * last `%` alone suffices, since it could take whatever an earlier one would. Works on bytes: a code point's lead byte never
 * is the middle of another one.
 */
import { fail, INVALID_ARGUMENT, widthOf } from './text';

const PERCENT: u32 = 0x25;
const UNDERSCORE: u32 = 0x5f;

/** Whether the code point at `at` is the escape character; `escapeLen` is 0 where there is none. */
function isEscape(at: usize, end: usize, escape: usize, escapeLen: i32): bool {
  if (escapeLen === 0 || load<u8>(at) !== load<u8>(escape)) return false;
  return escapeLen === 1 || (at + <usize>escapeLen <= end && memory.compare(at, escape, <usize>escapeLen) === 0);
}

/** False, and the error, where the escape is more than one character, or stands at the pattern's end. */
function isValid(pattern: usize, end: usize, escape: usize, escapeLen: i32): bool {
  if (escapeLen === 0) return true;
  if (<i32>widthOf(load<u8>(escape)) !== escapeLen) return false;
  let at = pattern;
  while (at < end) {
    if (isEscape(at, end, escape, escapeLen)) {
      at += <usize>escapeLen;
      if (at >= end) return false;
    }
    at += <usize>widthOf(load<u8>(at));
  }
  return true;
}

export function like(text: usize, textLen: i32, pattern: usize, patternLen: i32, escape: usize, escapeLen: i32): i32 {
  const patternEnd = pattern + <usize>patternLen;
  if (!isValid(pattern, patternEnd, escape, escapeLen)) return fail(INVALID_ARGUMENT);
  const end = text + <usize>textLen;
  let at = text;
  let token = pattern;
  let restartAt: usize = 0;
  let restartToken: usize = 0;
  while (at < end) {
    if (token < patternEnd) {
      let byte: u32 = load<u8>(token);
      let literal = byte;
      if (isEscape(token, patternEnd, escape, escapeLen)) {
        token += <usize>escapeLen;
        literal = load<u8>(token);
        byte = 0; // no wildcard
      }
      if (byte === PERCENT) {
        token += 1;
        restartToken = token;
        restartAt = at;
        continue;
      }
      if (byte === UNDERSCORE) {
        token += 1;
        at += <usize>widthOf(load<u8>(at));
        continue;
      }
      const width = <usize>widthOf(literal);
      if (load<u8>(at) === <u8>literal && (width === 1 || sameBytes(at, end, token, width))) {
        token += width;
        at += width;
        continue;
      }
    }
    if (restartToken === 0) return 0;
    restartAt += <usize>widthOf(load<u8>(restartAt));
    at = restartAt;
    token = restartToken;
    if (token >= patternEnd) return 1;
  }
  while (token < patternEnd && load<u8>(token) === PERCENT && !isEscape(token, patternEnd, escape, escapeLen)) {
    token += 1;
  }
  return <i32>(token >= patternEnd);
}

function sameBytes(at: usize, end: usize, other: usize, width: usize): bool {
  return at + width <= end && memory.compare(at, other, width) === 0;
}
