/**
 * Text to float, correctly rounded (to nearest, ties to even).
 *
 * By the product with a 128-bit power of five (D. Lemire, "Number parsing at a gigabyte per second", 2021; that it always decides for
 * up to 19 digits: N. Mushtak, D. Lemire, "Fast number parsing without fallback", 2023). Decimals of more digits that lie too near to
 * the middle of two floats are compared with it exactly (casts-bignum.ts).
 */
import { compareToMiddle } from './casts-bignum';
import { mulHigh } from './format-float';
import { FIRST_POWER, POWERS } from './format-powers';
import { fail, INVALID_TEXT, isWord, OUT_OF_RANGE, skipSpaces, trimSpaces } from './text';

/** The decimal that `scan` found: `significand` * 10^`scale`, more digits behind it where `inexact`. */
let significand: u64 = 0;
let scale: i32 = 0;
let inexact: bool = false;
/** The text of the digits from the first that is not zero, and that digit's power of ten. */
let digitsFrom: usize = 0;
let digitsEnd: usize = 0;
let firstPower: i32 = 0;

/** Exponents beyond this are all the same: zero or infinity. */
const EXPONENT_LIMIT: i32 = 100000000;

/** Reads `digits[.digits][e[+-]digits]`; returns the byte behind it, or 0 where there is no number. */
function scan(from: usize, end: usize): usize {
  let at = from;
  let seen: i32 = 0; // digits
  let kept: i32 = 0; // digits in `significand`
  let point: bool = false;
  significand = 0;
  scale = 0;
  inexact = false;
  digitsFrom = 0;
  for (; at < end; at += 1) {
    const digit = <u32>load<u8>(at) - 0x30;
    if (digit > 9) {
      if (point || digit !== <u32>-2) break; // '.' is 0x2e
      point = true;
      continue;
    }
    seen += 1;
    if (point) scale -= 1;
    if (kept === 0 && digit === 0) continue;
    if (kept === 0) digitsFrom = at;
    if (kept < 19) {
      significand = significand * 10 + <u64>digit;
      kept += 1;
    } else {
      inexact = inexact || digit !== 0;
      scale += 1;
    }
  }
  if (seen === 0) return 0;
  digitsEnd = at;
  at = scanExponent(at, end);
  firstPower = scale + kept - 1;
  return at;
}

function scanExponent(from: usize, end: usize): usize {
  if (from >= end || (load<u8>(from) | 0x20) !== 0x65) return from;
  let at = from + 1;
  const sign: u32 = at < end ? load<u8>(at) : 0;
  if (sign === 0x2b || sign === 0x2d) at += 1;
  const first = at;
  let value: i32 = 0;
  for (; at < end; at += 1) {
    const digit = <u32>load<u8>(at) - 0x30;
    if (digit > 9) break;
    if (value < EXPONENT_LIMIT) value = value * 10 + <i32>digit;
  }
  if (at === first) return from;
  scale += sign === 0x2d ? -value : value;
  return at;
}

/**
 * Bits of the float nearest to significand * 10^scale, without its sign, by one 128-bit product. `fractionBits` is 52 or 23.
 */
function nearestBits(value: u64, power: i32, fractionBits: i32): i64 {
  const infinity: i32 = fractionBits === 52 ? 0x7ff : 0xff;
  if (value === 0 || power < FIRST_POWER) return 0;
  if (power > 308) return (<i64>infinity) << (<i64>fractionBits);
  const leading = clz(value);
  const entry = POWERS + <usize>((power - FIRST_POWER) << 4);
  const normal = value << leading;
  const high = load<u64>(entry, 8);
  let top = mulHigh(normal, high);
  let low = normal * high;
  const cut = <u64>(61 - fractionBits);
  if ((top & (((<u64>1) << cut) - 1)) === ((<u64>1) << cut) - 1) {
    // Powers that are not exact but short enough to be told from a tie are taken rounded up.
    const second = mulHigh(normal, load<u64>(entry) + <u64>(power < 0 && power >= -27));
    low += second;
    if (low < second) top += 1;
  }
  const upper = top >> 63;
  const shift = upper + cut;
  const exponent = ((217706 * power) >> 16) + 63 + <i32>upper - <i32>leading + (infinity >> 1);
  return round(top, low, shift, exponent, fractionBits, power);
}

/** The float64 nearest to value * 10^power. */
export function nearestFloat64(value: u64, power: i32): f64 {
  return reinterpret<f64>(nearestBits(value, power, 52));
}

/** Rounds the product's leading bits (two more than the mantissa has) to a float's bits. */
function round(top: u64, low: u64, shift: u64, exponent: i32, fractionBits: i32, power: i32): i64 {
  const infinity: i32 = fractionBits === 52 ? 0x7ff : 0xff;
  let mantissa = top >> shift;
  if (exponent <= 0) {
    if (exponent <= -63) return 0;
    mantissa >>= <u64>(1 - exponent);
    return <i64>((mantissa + (mantissa & 1)) >> 1);
  }
  const tie = fractionBits === 52 ? power >= -4 && power <= 23 : power >= -17 && power <= 10;
  if (low <= 1 && tie && (mantissa & 3) === 1 && mantissa << shift === top) mantissa &= ~1;
  mantissa = (mantissa + (mantissa & 1)) >> 1;
  const hidden = (<u64>1) << (<u64>fractionBits);
  if (mantissa >= hidden << 1) {
    mantissa = hidden;
    exponent += 1;
  }
  if (exponent >= infinity) return (<i64>infinity) << (<i64>fractionBits);
  return <i64>((mantissa & ~hidden) | ((<u64>exponent) << (<u64>fractionBits)));
}

/** Moves a float's bits up or down until no other float is nearer to the decimal text. */
function settle(guess: i64, fractionBits: i32): i64 {
  const infinity = (<i64>(fractionBits === 52 ? 0x7ff : 0xff)) << (<i64>fractionBits);
  let bits = guess;
  while (bits < infinity) {
    const sign = compareAbove(bits, fractionBits);
    if (sign < 0 || (sign === 0 && (bits & 1) === 0)) break;
    bits += 1;
    if (sign === 0) return bits;
  }
  while (bits > 0) {
    const sign = compareAbove(bits - 1, fractionBits);
    if (sign > 0 || (sign === 0 && (bits & 1) === 0)) break;
    bits -= 1;
  }
  return bits;
}

/** The sign of the decimal text minus the middle between the float of these bits and the next one. */
function compareAbove(bits: i64, fractionBits: i32): i32 {
  const hidden = (<i64>1) << (<i64>fractionBits);
  const field = <i32>(bits >> <i64>fractionBits);
  const fraction = bits & (hidden - 1);
  const bias: i32 = fractionBits === 52 ? 1075 : 150;
  const mantissa = field === 0 ? fraction : fraction | hidden;
  return compareToMiddle(digitsFrom, digitsEnd, firstPower, <u64>mantissa, (field === 0 ? 1 : field) - bias);
}

/** Bits of the float nearest to what `scan` found. */
function toBits(fractionBits: i32): i64 {
  if (significand === 0) return 0;
  const bits = nearestBits(significand, scale, fractionBits);
  if (!inexact || bits === nearestBits(significand + 1, scale, fractionBits)) return bits;
  // Outside of the range of floats there is nothing to compare, and the integers would grow without bound.
  if (firstPower > 310) return (<i64>(fractionBits === 52 ? 0x7ff : 0xff)) << (<i64>fractionBits);
  if (firstPower < -330) return 0;
  return settle(bits, fractionBits);
}

/** The bits of NaN or infinity where the text from `at` to `end` names one (any case, `inf` too), else -1. */
function named(at: usize, end: usize, fractionBits: i32): i64 {
  const infinity = (<i64>(fractionBits === 52 ? 0x7ff : 0xff)) << (<i64>fractionBits);
  if (isWord(at, end, 0x6e616e, 3)) return infinity | ((<i64>1) << (<i64>(fractionBits - 1)));
  if (isWord(at, end, 0x666e69, 3)) return infinity;
  if (isWord(at, end, 0x7974696e69666e69, 8)) return infinity;
  return -1;
}

/** Bits of the float that a text names, its sign included; 0 and an error where it names none. */
function parse(ptr: usize, len: i32, fractionBits: i32): i64 {
  let at = skipSpaces(ptr, ptr + <usize>len);
  const end = trimSpaces(at, ptr + <usize>len);
  const first: u32 = at < end ? load<u8>(at) : 0;
  if (first === 0x2d || first === 0x2b) at += 1;
  const sign = first === 0x2d ? (<i64>1) << (fractionBits === 52 ? 63 : 31) : 0;
  const behind = scan(at, end);
  if (behind === 0) {
    const bits = named(at, end, fractionBits);
    return bits < 0 ? fail(INVALID_TEXT) : bits | sign;
  }
  const bits = toBits(fractionBits);
  // As PostgreSQL: too large, or not zero and too small for a float, is an error, whatever follows.
  const infinity = (<i64>(fractionBits === 52 ? 0x7ff : 0xff)) << (<i64>fractionBits);
  if (bits === infinity || (bits === 0 && significand !== 0)) return fail(OUT_OF_RANGE);
  return behind < end ? fail(INVALID_TEXT) : bits | sign;
}

/** The value of `.` and digits behind it. */
export function parseFraction(at: usize, end: usize): f64 {
  return scan(at, end) === 0 ? 0 : reinterpret<f64>(toBits(52));
}

export function parseFloat64(ptr: usize, len: i32): f64 {
  return reinterpret<f64>(parse(ptr, len, 52));
}

export function parseFloat32(ptr: usize, len: i32): f32 {
  return reinterpret<f32>(<i32>parse(ptr, len, 23));
}
