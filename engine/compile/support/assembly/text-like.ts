/**
 * LIKE: two pointers, one into the text and one into the pattern; at a mismatch the last `%` takes one more character. Going back to the
 * last `%` alone suffices, since it could take whatever an earlier one would. Works on bytes: a code point's lead byte never
 * is the middle of another one.
 */
import { arenaAllocate } from './memory';
import { fail, findByte, INVALID_ARGUMENT, widthOf } from './text';

/** Wildcards in a translated pattern: bytes that UTF-8 does not have. */
const ANY: u32 = 0xfe;
const ONE: u32 = 0xff;

/** Whether the code point at `at` is the escape character; `escapeLen` is 0 where there is none. */
function isEscape(at: usize, end: usize, escape: usize, escapeLen: i32): bool {
  if (escapeLen === 0 || load<u8>(at) !== load<u8>(escape)) return false;
  return escapeLen === 1 || (at + <usize>escapeLen <= end && memory.compare(at, escape, <usize>escapeLen) === 0);
}

/** Writes the pattern with ANY and ONE for its wildcards and without escapes; returns its end, or 0 where an escape ends it. */
function translate(to: usize, pattern: usize, end: usize, escape: usize, escapeLen: i32): usize {
  let at = pattern;
  while (at < end) {
    let byte: u32 = load<u8>(at);
    if (isEscape(at, end, escape, escapeLen)) {
      at += <usize>escapeLen;
      if (at >= end) return 0;
      byte = load<u8>(at);
    } else if (byte === 0x25) byte = ANY;
    else if (byte === 0x5f) byte = ONE;
    store<u8>(to, byte);
    at += 1;
    to += 1;
  }
  return to;
}

export function like(text: usize, textLen: i32, pattern: usize, patternLen: i32, escape: usize, escapeLen: i32): i32 {
  if (escapeLen > 0 && <i32>widthOf(load<u8>(escape)) !== escapeLen) return fail(INVALID_ARGUMENT);
  const start = <usize>arenaAllocate(<u32>patternLen);
  const end = translate(start, pattern, pattern + <usize>patternLen, escape, escapeLen);
  if (end === 0) return fail(INVALID_ARGUMENT);
  return <i32>matches(text, text + <usize>textLen, start, end);
}

function matches(text: usize, end: usize, pattern: usize, patternEnd: usize): bool {
  let at = text;
  let token = pattern;
  let restartAt: usize = 0;
  let restartToken: usize = 0;
  let literal: u32 = 0; // the byte behind the last %, where it is one
  while (at < end) {
    const byte: u32 = token < patternEnd ? load<u8>(token) : 0;
    if (byte === ANY) {
      token += 1;
      if (token >= patternEnd) return true;
      literal = load<u8>(token);
      if (literal < ANY) at = findByte(at, end, literal);
      restartToken = token;
      restartAt = at;
    } else if (byte === ONE) {
      token += 1;
      at += <usize>widthOf(load<u8>(at));
    } else if (token < patternEnd && <u32>load<u8>(at) === byte) {
      token += 1;
      at += 1;
    } else {
      if (restartToken === 0) return false;
      restartAt += <usize>widthOf(load<u8>(restartAt));
      if (literal < ANY) restartAt = findByte(restartAt, end, literal);
      at = restartAt;
      token = restartToken;
    }
  }
  while (token < patternEnd && <u32>load<u8>(token) === ANY) token += 1;
  return token >= patternEnd;
}
