/**
 * Floats as text: the shortest digits that read back as the same value, in PostgreSQL's layout (`extra_float_digits = 1`).
 *
 * Digits by Schubfach: Raffaello Giulietti, "The Schubfach way to render doubles" (2020). Printed as in PostgreSQL, a decimal that
 * lies exactly on the border between two floats is not taken, even where round-to-even would read it back: 1e23 prints as
 * 9.999999999999999e+22.
 */
import { decimalDigits, writeDigits } from './format';
import { FIRST_POWER, POWERS } from './format-powers';
import { arenaAllocate } from './memory';
import { pack, packTrimmed } from './text';

/** What `shortestOf` found: the value is `digits` * 10^`exponent`, no trailing zero in `digits`. */
export let digits: u64 = 0;
export let exponent: i32 = 0;

/** The high 64 bits of a product of two 64-bit numbers. */
export function mulHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const low = aLow * bLow;
  const mid = aHigh * bLow + (low >> 32);
  const mid2 = aLow * bHigh + (mid & 0xffffffff);
  return aHigh * bHigh + (mid >> 32) + (mid2 >> 32);
}

/** floor(log10(2^e)), and floor(log10(3/4 * 2^e)) where `closer`. */
function log10Pow2(e: i32, closer: bool): i32 {
  return (e * 1262611 - (closer ? 524031 : 0)) >> 22;
}

/** floor(log2(10^e)). */
function log2Pow10(e: i32): i32 {
  return (e * 1741647) >> 19;
}

/** floor(power * factor / 2^128), its lowest bit set where anything was cut off. */
function roundToOdd(high: u64, low: u64, factor: u64): u64 {
  const lowPart = mulHigh(low, factor);
  const middle = high * factor + lowPart;
  const top = mulHigh(high, factor) + <u64>(middle < lowPart);
  return top | <u64>(middle > 1);
}

/**
 * Digits of mantissa * 2^power. `closer` where the float below is half as far away as the one above; `borders` where a decimal on the border
 * may be taken if round-to-even reads it back.
 */
function shortest(mantissa: u64, power: i32, closer: bool, borders: bool): void {
  const k = log10Pow2(power, closer);
  const shift = <u64>(power + log2Pow10(-k) + 1);
  const entry = POWERS + <usize>((-k - FIRST_POWER) << 4);
  // The method takes the powers rounded up; those from 10^0 to 10^55 are exact.
  const low = load<u64>(entry) + <u64>(k > 0 || k < -55);
  const high = load<u64>(entry, 8);
  const quadruple = mantissa << 2;
  const outside = <u64>(!borders || (mantissa & 1) === 1);
  const lower = roundToOdd(high, low, (quadruple - 2 + <u64>closer) << shift) + outside;
  const value = roundToOdd(high, low, quadruple << shift);
  const upper = roundToOdd(high, low, (quadruple + 2) << shift) - outside;
  choose(value, lower, upper, k);
}

/** The shortest decimal in [lower, upper], which are in quarters of 10^k; of two, the one nearer to `value`. */
function choose(value: u64, lower: u64, upper: u64, k: i32): void {
  const units = value >> 2;
  if (units >= 10) {
    const tens = units / 10;
    const below = lower <= 40 * tens;
    const above = 40 * tens + 40 <= upper;
    if (below !== above) {
      stripZeros(tens + <u64>above, k + 1);
      return;
    }
  }
  const below = lower <= 4 * units;
  const above = 4 * units + 4 <= upper;
  if (below !== above) {
    stripZeros(units + <u64>above, k);
    return;
  }
  const middle = 4 * units + 2;
  const up = value > middle || (value === middle && (units & 1) === 1);
  stripZeros(units + <u64>up, k);
}

function stripZeros(value: u64, power: i32): void {
  while (value >= 100000000 && value % 100000000 === 0) {
    value /= 100000000;
    power += 8;
  }
  while (value % 10 === 0) {
    value /= 10;
    power += 1;
  }
  digits = value;
  exponent = power;
}

/** True, with the digits set, where mantissa * 2^power is a whole number that its own digits name. */
function wholeNumber(mantissa: u64, power: i32, bits: i32): bool {
  if (power > 0 || power < -bits) return false;
  const value = mantissa >> <u64>-power;
  if (value << (<u64>-power) !== mantissa) return false;
  stripZeros(value, 0);
  return true;
}

/** Finds the digits of a finite float64 that is not zero, its sign left aside. */
export function shortestOf(value: f64, borders: bool): void {
  const raw = reinterpret<u64>(value);
  const biased = <i32>((raw >> 52) & 0x7ff);
  const fraction = raw & 0xfffffffffffff;
  const mantissa = biased === 0 ? fraction : fraction | 0x10000000000000;
  const power = (biased === 0 ? 1 : biased) - 1075;
  if (!wholeNumber(mantissa, power, 52)) shortest(mantissa, power, fraction === 0 && biased > 1, borders);
}

export function formatFloat64(value: f64): i64 {
  const negative = reinterpret<u64>(value) >> 63 === 1;
  if (value - value !== 0) return special(value !== value, negative);
  if (value === 0) return zero(negative);
  shortestOf(value, false);
  return layOut(negative, 15);
}

export function formatFloat32(value: f32): i64 {
  const raw = reinterpret<u32>(value);
  const negative = raw >> 31 === 1;
  const biased = <i32>((raw >> 23) & 0xff);
  const fraction = raw & 0x7fffff;
  if (biased === 0xff) return special(fraction !== 0, negative);
  if (biased === 0 && fraction === 0) return zero(negative);
  const mantissa = biased === 0 ? fraction : fraction | 0x800000;
  const power = (biased === 0 ? 1 : biased) - 150;
  if (!wholeNumber(mantissa, power, 23)) shortest(mantissa, power, fraction === 0 && biased > 1, false);
  return layOut(negative, 6);
}

function special(nan: bool, negative: bool): i64 {
  const at = <usize>arenaAllocate(9);
  if (nan) {
    store<u32>(at, 0x4e614e); // NaN
    return pack(at, 3);
  }
  store<u8>(at, 0x2d);
  const start = at + <usize>negative;
  store<u64>(start, 0x7974696e69666e49); // Infinity
  return pack(at, 8 + <i32>negative);
}

function zero(negative: bool): i64 {
  const at = <usize>arenaAllocate(2);
  store<u16>(at, negative ? 0x302d : 0x30); // -0 or 0
  return pack(at, 1 + <i32>negative);
}

/** `digits` and `exponent` as text: with an exponent where the first digit's power is below -4 or not below `widest`. */
function layOut(negative: bool, widest: i32): i64 {
  const start = <usize>arenaAllocate(40);
  let at = start;
  if (negative) {
    store<u8>(at, 0x2d);
    at += 1;
  }
  const count = decimalDigits(digits);
  const first = count - 1 + exponent;
  if (first < -4 || first >= widest) at = scientific(at, count, first);
  else if (exponent >= 0) at = padded(at, count);
  else if (first >= 0) at = pointInside(at, count, first);
  else at = pointBefore(at, count, first);
  return packTrimmed(start, at);
}

/** 1.234e+05 */
function scientific(at: usize, count: i32, first: i32): usize {
  writeDigits(at + 1, digits, count);
  store<u8>(at, load<u8>(at, 1));
  let end = at + 1;
  if (count > 1) {
    store<u8>(end, 0x2e);
    end += <usize>count;
  }
  store<u8>(end, 0x65);
  store<u8>(end, first < 0 ? 0x2d : 0x2b, 1);
  const power = <u64>(first < 0 ? -first : first);
  const width = power > 99 ? 3 : 2;
  writeDigits(end + 2, power, width);
  return end + 2 + <usize>width;
}

/** 12300 */
function padded(at: usize, count: i32): usize {
  writeDigits(at, digits, count);
  memory.fill(at + <usize>count, 0x30, <usize>exponent);
  return at + <usize>(count + exponent);
}

/** 12.3 */
function pointInside(at: usize, count: i32, first: i32): usize {
  writeDigits(at + 1, digits, count);
  const whole = <usize>(first + 1);
  memory.copy(at, at + 1, whole);
  store<u8>(at + whole, 0x2e);
  return at + <usize>count + 1;
}

/** 0.00123 */
function pointBefore(at: usize, count: i32, first: i32): usize {
  store<u16>(at, 0x2e30);
  const zeros = <usize>(-first - 1);
  memory.fill(at + 2, 0x30, zeros);
  writeDigits(at + 2 + zeros, digits, count);
  return at + 2 + zeros + <usize>count;
}
