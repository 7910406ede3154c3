/** Text and bytes as such: equality, order, hash; and integers that take more than a machine word. */
import { ERROR } from './control';

/** Index of `overflow` in EVALUATION_ERRORS. */
const OVERFLOW = 6;

/**
 * The word at `at` of which only the first `length` bytes (1 to 8) count; the others read as zeros. Reading beyond the end of text is
 * safe: behind every block there is slack.
 */
function lastWord(at: u32, length: u32): u64 {
  return load<u64>(at) & (<u64>0xffffffffffffffff >> ((8 - <u64>length) << 3));
}

export function equalBytes(a: u32, aLength: u32, b: u32, bLength: u32): bool {
  if (aLength != bLength) return false;
  let rest = aLength;
  for (; rest > 8; rest -= 8) {
    if (load<u64>(a) != load<u64>(b)) return false;
    a += 8;
    b += 8;
  }
  return rest == 0 || lastWord(a, rest) == lastWord(b, rest);
}

/** Negative, zero or positive, by unsigned bytes; a prefix comes first. */
export function compareBytes(a: u32, aLength: u32, b: u32, bLength: u32): i32 {
  let rest = min(aLength, bLength);
  for (; rest > 8; rest -= 8) {
    const left = load<u64>(a);
    const right = load<u64>(b);
    if (left != right) return bswap(left) < bswap(right) ? -1 : 1;
    a += 8;
    b += 8;
  }
  if (rest != 0) {
    const left = lastWord(a, rest);
    const right = lastWord(b, rest);
    if (left != right) return bswap(left) < bswap(right) ? -1 : 1;
  }
  return <i32>(aLength > bLength) - <i32>(aLength < bLength);
}

/** Folds the bytes into a hash, eight at a time; the length too. */
export function hashBytes(seed: u64, source: u32, length: u32): u64 {
  let hash = seed ^ (<u64>length * 0x9e3779b97f4a7c15);
  let rest = length;
  for (; rest > 8; rest -= 8) {
    hash = fold(hash ^ load<u64>(source));
    source += 8;
  }
  return fold(hash ^ (rest == 0 ? 0 : lastWord(source, rest)));
}

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
