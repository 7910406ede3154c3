/** Text and bytes as such: equality, order, hash; and integers that take more than a machine word. */
import { ERROR } from './control';

/** Index of `overflow` in EVALUATION_ERRORS. */
const OVERFLOW = 6;

export function equalBytes(a: u32, aLength: u32, b: u32, bLength: u32): bool {
  return aLength == bLength && (a == b || memory.compare(a, b, aLength) == 0);
}

/** Negative, zero or positive, by unsigned bytes; a prefix comes first. */
export function compareBytes(a: u32, aLength: u32, b: u32, bLength: u32): i32 {
  const common = min(aLength, bLength);
  let at: u32 = 0;
  for (; at + 8 <= common; at += 8) {
    const left = bswap(load<u64>(a + at));
    const right = bswap(load<u64>(b + at));
    if (left != right) return left < right ? -1 : 1;
  }
  for (; at < common; at++) {
    const difference = <i32>load<u8>(a + at) - <i32>load<u8>(b + at);
    if (difference != 0) return difference;
  }
  return <i32>(aLength > bLength) - <i32>(aLength < bLength);
}

/** Folds the bytes into a hash, eight at a time; the length too. */
export function hashBytes(seed: u64, source: u32, length: u32): u64 {
  let hash = seed ^ (<u64>length * 0x9e3779b97f4a7c15);
  let at: u32 = 0;
  for (; at + 8 <= length; at += 8) hash = fold(hash ^ load<u64>(source + at));
  let rest: u64 = 0;
  for (let shift: u64 = 0; at < length; at++, shift += 8) rest |= <u64>load<u8>(source + at) << shift;
  return fold(hash ^ rest);
}

@inline
function fold(value: u64): u64 {
  const product = value * 0x9e3779b97f4a7c15;
  return product ^ (product >> 32);
}

/** The product, or 0 and the error `overflow`. */
export function multiplyInt64(a: i64, b: i64): i64 {
  const product = a * b;
  if (a == 0) return 0;
  const wraps = a == -1 ? b == i64.MIN_VALUE : product / a != b;
  if (!wraps) return product;
  store<i32>(ERROR, OVERFLOW);
  return 0;
}

/** The mean of `count` integers whose sum is high * 2^64 + low (signed), by halves of the sum's size. */
export function average128(high: i64, low: i64, count: i64): f64 {
  let upper = low < 0 ? high - 1 : high;
  let lower: u64 = low;
  const negative = upper < 0;
  if (negative) {
    lower = 0 - lower;
    upper = lower == 0 ? 0 - upper : ~upper;
  }
  const size = <f64>(<u64>upper) * 18446744073709551616.0 + <f64>lower;
  return (negative ? -size : size) / <f64>count;
}
