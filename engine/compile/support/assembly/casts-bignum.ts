/**
 * Exact comparison of a decimal with the middle between two floats, by big integers: the slow path of reading floats, taken for
 * decimals of more than 19 digits that lie too near to such a middle.
 *
 * A big integer is an array of 32-bit limbs, lowest first, in static memory, with its count of limbs in front. The largest needed
 * is below 2^3400: 770 digits, or 55 bits times 5^1100, lined up by a shift.
 */
const LIMBS: i32 = 128;
const DECIMAL: usize = memory.data(4 + 128 * 4);
const MIDDLE: usize = memory.data(4 + 128 * 4);

function setBig(big: usize, value: u64): void {
  store<i32>(big, value > 0xffffffff ? 2 : value > 0 ? 1 : 0);
  store<u32>(big, <u32>value, 4);
  store<u32>(big, <u32>(value >> 32), 8);
}

/** big = big * factor + addend */
function multiplyAdd(big: usize, factor: u32, addend: u32): void {
  const count = load<i32>(big);
  let carry: u64 = addend;
  for (let i = 0; i < count; i += 1) {
    const limb = big + 4 + ((<usize>i) << 2);
    const product = <u64>load<u32>(limb) * <u64>factor + carry;
    store<u32>(limb, <u32>product);
    carry = product >> 32;
  }
  if (carry === 0) return;
  if (count >= LIMBS) unreachable();
  store<u32>(big + 4 + ((<usize>count) << 2), <u32>carry);
  store<i32>(big, count + 1);
}

function multiplyByPowerOf5(big: usize, power: i32): void {
  while (power >= 13) {
    multiplyAdd(big, 1220703125, 0);
    power -= 13;
  }
  let rest: u32 = 1;
  while (power > 0) {
    rest *= 5;
    power -= 1;
  }
  multiplyAdd(big, rest, 0);
}

function shiftLeft(big: usize, bits: i32): void {
  multiplyAdd(big, (<u32>1) << (bits & 31), 0);
  const limbs = bits >> 5;
  const count = load<i32>(big);
  if (limbs === 0 || count === 0) return;
  if (count + limbs > LIMBS) unreachable();
  memory.copy(big + 4 + ((<usize>limbs) << 2), big + 4, (<usize>count) << 2);
  memory.fill(big + 4, 0, (<usize>limbs) << 2);
  store<i32>(big, count + limbs);
}

/** The sign of DECIMAL - MIDDLE. */
function compare(): i32 {
  const count = load<i32>(DECIMAL);
  const other = load<i32>(MIDDLE);
  if (count !== other) return count < other ? -1 : 1;
  for (let i = count; i > 0; i -= 1) {
    const a = load<u32>(DECIMAL + ((<usize>i) << 2));
    const b = load<u32>(MIDDLE + ((<usize>i) << 2));
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}

/** Reads the significant digits of a decimal text (a point may stand among them) into DECIMAL; returns how many it took. */
function readDecimal(from: usize, end: usize): i32 {
  setBig(DECIMAL, 0);
  let taken: i32 = 0;
  let rest: u32 = 0;
  for (let at = from; at < end; at += 1) {
    const digit = <u32>load<u8>(at) - 0x30;
    if (digit > 9) continue;
    if (taken < MOST_DIGITS) {
      multiplyAdd(DECIMAL, 10, digit);
      taken += 1;
    } else {
      rest |= digit;
    }
  }
  // Digits further behind only tell that the value is not exactly what was read.
  if (rest !== 0) {
    multiplyAdd(DECIMAL, 10, 1);
    taken += 1;
  }
  return taken;
}

/** No middle between two floats has more significant digits than 767. */
const MOST_DIGITS: i32 = 769;

/**
 * The sign of decimal - (2 * mantissa + 1) * 2^(power - 1). The decimal's significant digits lie in [from, end), the first of them
 * not zero and of weight 10^`first`.
 */
export function compareToMiddle(from: usize, end: usize, first: i32, mantissa: u64, power: i32): i32 {
  const taken = readDecimal(from, end);
  const exponent = first - taken + 1;
  setBig(MIDDLE, (mantissa << 1) | 1);
  multiplyByPowerOf5(exponent >= 0 ? DECIMAL : MIDDLE, exponent >= 0 ? exponent : -exponent);
  const shift = exponent - (power - 1);
  shiftLeft(shift >= 0 ? DECIMAL : MIDDLE, shift >= 0 ? shift : -shift);
  return compare();
}
