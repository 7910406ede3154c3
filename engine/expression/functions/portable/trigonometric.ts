/**
 * Sine, cosine and tangent within 0.52 units in the last place: the argument less the nearest multiple of pi/2 as a pair of floats, then
 * Taylor's series. Beyond 2^20 the multiple is found as M. Payne and R. Hanek do ("Radian reduction for trigonometric functions", 1983).
 * Portable, see double-double.ts.
 */
import { low, orderedSum, pairProduct, pairQuotient, sum } from './double-double.ts';
import { twoOverPi } from './two-over-pi.ts';

const TWO_OVER_PI: number = 0.6366197723675814;
const HALF_PI: number = 1.5707963267948966;
const HALF_PI_LOW: number = 6.123233995736766e-17;
/** pi/2 as a sum whose first three terms have 33 bits, so that their products with 20 more are exact. */
const HALF_PI_1: number = 1.5707963267341256;
const HALF_PI_2: number = 6.077100506303966e-11;
const HALF_PI_3: number = 2.0222662487111665e-21;
const HALF_PI_4: number = 8.4784276603689e-32;

/** Arguments from here on are reduced by `reduceLarge`. */
export const LARGE: number = 1048576;

/** What a reduction found: the multiple of pi/2, modulo 4, and the low part of the rest. */
export let quadrant: number = 0;
export let restLow: number = 0;

/** The argument, smaller than LARGE, less the nearest multiple of pi/2. */
export function reduceSmall(x: number): number {
  const k = Math.floor(x * TWO_OVER_PI + 0.5);
  quadrant = k - 4 * Math.floor(k * 0.25);
  const second = sum(x - k * HALF_PI_1, -k * HALF_PI_2);
  const secondLow = low;
  const third = sum(second, -k * HALF_PI_3);
  const rest = sum(third, low + secondLow - k * HALF_PI_4);
  restLow = low;
  return rest;
}

const BASE: number = 16777216;
/** The mantissa, shifted, in digits of base 2^24, and the first digit of 2/pi that counts. */
let m0: number = 0;
let m1: number = 0;
let m2: number = 0;
let m3: number = 0;
let firstDigit: number = 0;

/** Digit `place` behind the point of mantissa * 2/pi, without carries. */
function digitAt(place: number): number {
  const j = firstDigit + place;
  return m0 * twoOverPi(j - 1) + m1 * twoOverPi(j) + m2 * twoOverPi(j + 1) + m3 * twoOverPi(j + 2);
}

/** `reduceSmall` of mantissa * 2^exponent, a positive number of at least LARGE: `mantissa` is whole and below 2^53. */
export function reduceLarge(mantissa: number, exponent: number): number {
  const shift = exponent - 24 * Math.floor(exponent / 24);
  firstDigit = Math.floor(exponent / 24);
  let rest = mantissa;
  for (let i: number = 0; i < shift; i += 1) rest *= 2;
  m3 = Math.floor(rest / (BASE * BASE * BASE));
  rest -= m3 * (BASE * BASE * BASE);
  m2 = Math.floor(rest / (BASE * BASE));
  rest -= m2 * (BASE * BASE);
  m1 = Math.floor(rest / BASE);
  m0 = rest - m1 * BASE;
  let carry = Math.floor(digitAt(8) / BASE);
  const d7 = digitAt(7) + carry;
  carry = Math.floor(d7 / BASE);
  const d6 = digitAt(6) + carry;
  carry = Math.floor(d6 / BASE);
  const d5 = digitAt(5) + carry;
  carry = Math.floor(d5 / BASE);
  const d4 = digitAt(4) + carry;
  carry = Math.floor(d4 / BASE);
  const d3 = digitAt(3) + carry;
  carry = Math.floor(d3 / BASE);
  const d2 = digitAt(2) + carry;
  carry = Math.floor(d2 / BASE);
  const d1 = digitAt(1) + carry;
  carry = Math.floor(d1 / BASE);
  const whole = digitAt(0) + carry;
  const up: number = modulo(d1) >= BASE / 2 ? 1 : 0;
  quadrant = modulo(whole) + up;
  quadrant -= 4 * Math.floor(quadrant * 0.25);
  const high = ((modulo(d1) - up * BASE) * BASE + modulo(d2)) / (BASE * BASE);
  const middle = (modulo(d3) * BASE + modulo(d4)) / (BASE * BASE) / (BASE * BASE);
  const least = (modulo(d5) * BASE + modulo(d6)) / (BASE * BASE) / (BASE * BASE) / (BASE * BASE);
  const part = sum(high, middle);
  const partLow = low + least;
  const turned = pairProduct(part, partLow, HALF_PI, HALF_PI_LOW);
  restLow = low;
  return turned;
}

function modulo(digit: number): number {
  return digit - BASE * Math.floor(digit / BASE);
}

/** The low parts of what the following functions return. */
export let resultLow: number = 0;

/** sin(r + rLow) for |r| up to pi/4. */
export function sinSeries(r: number, rLow: number): number {
  const z = pairProduct(r, rLow, r, rLow);
  const zLow = low;
  const cube = pairProduct(r, rLow, z, zLow);
  const sixth = pairProduct(cube, low, 0.16666666666666666, 9.25185853854297e-18);
  const sixthLow = low;
  const q =
    0.008333333333333333 +
    z *
      (-0.0001984126984126984 +
        z *
          (2.7557319223985893e-6 +
            z *
              (-2.505210838544172e-8 +
                z *
                  (1.6059043836821613e-10 +
                    z * (-7.647163731819816e-13 + z * (2.8114572543455206e-15 + z * -8.22063524662433e-18))))));
  const high = orderedSum(r, -sixth);
  const result = orderedSum(high, low + (rLow - sixthLow + cube * z * q));
  resultLow = low;
  return result;
}

/** cos(r + rLow) for |r| up to pi/4. */
export function cosSeries(r: number, rLow: number): number {
  const z = pairProduct(r, rLow, r, rLow);
  const zLow = low;
  const fourth = pairProduct(z, zLow, z, zLow);
  const part = pairProduct(fourth, low, 0.041666666666666664, 2.3129646346357427e-18);
  const partLow = low;
  const q =
    0.001388888888888889 +
    z *
      (-2.48015873015873e-5 +
        z *
          (2.755731922398589e-7 +
            z *
              (-2.08767569878681e-9 +
                z *
                  (1.1470745597729725e-11 +
                    z * (-4.779477332387385e-14 + z * (1.5619206968586225e-16 + z * -4.110317623312165e-19))))));
  const first = orderedSum(1, -0.5 * z);
  const firstLow = low;
  const high = orderedSum(first, part);
  const result = orderedSum(high, low + (firstLow - 0.5 * zLow + partLow - fourth * z * q));
  resultLow = low;
  return result;
}

/** The sine of what a reduction left, `turns` quarter circles further on. */
export function sinOf(rest: number, restBelow: number, turns: number): number {
  const turn = turns - 4 * Math.floor(turns * 0.25);
  const size = turn === 1 || turn === 3 ? cosSeries(rest, restBelow) : sinSeries(rest, restBelow);
  return turn >= 2 ? -size : size;
}

/** The tangent of what a reduction left. */
export function tanOf(rest: number, restBelow: number, turns: number): number {
  const sin = sinSeries(rest, restBelow);
  const sinLow = resultLow;
  const cos = cosSeries(rest, restBelow);
  const cosLow = resultLow;
  return turns === 1 || turns === 3 ? -pairQuotient(cos, cosLow, sin, sinLow) : pairQuotient(sin, sinLow, cos, cosLow);
}

/** Half a circle. */
const PI: number = Math.PI;
const PI_LOW: number = 1.2246467991473532e-16;
/** Slopes beyond this are vertical. */
const STEEP: number = 1e20;

/** The angle of the point (x, y), within a unit in the last place. */
export function atan2(y: number, x: number): number {
  const left = x < 0 || (x === 0 && 1 / x < 0);
  const slope = Math.abs(y / x);
  let angle = Math.atan(slope);
  if (y === 0 && x === 0) angle = 0;
  if (Math.abs(y) === Infinity && Math.abs(x) === Infinity) angle = PI / 4;
  const result = slope > STEEP ? HALF_PI : left ? PI - (angle - PI_LOW) : angle;
  return y < 0 || (y === 0 && 1 / y < 0) ? -result : result;
}
