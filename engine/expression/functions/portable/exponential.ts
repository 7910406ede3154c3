/**
 * Exponential function and logarithm: ranges reduced by the powers of two, series in pairs of floats where it matters. The results are
 * within 0.52 units in the last place (power: 0.6). Portable, see double-double.ts.
 */
import { low, orderedSum, pairProduct, pairQuotient, product, sum } from './double-double.ts';

/** ln 2 as a sum of which the first two terms have 42 bits, so that their products with 11 more are exact. */
const LN2_HIGH: number = 0.6931471805598903;
const LN2_MIDDLE: number = 5.49792301870721e-14;
const LN2_LOW: number = 1.1612227229362532e-26;
const LOG2_E: number = Math.LOG2E;
const LOG10_E: number = Math.LOG10E;
const LOG10_E_LOW: number = 1.098319650216765e-17;

/** The power of two by which `expReduced`'s result is to be multiplied. */
export let expScale: number = 0;

/** e^(x + tail) between 0.7 and 1.5, divided by 2^expScale. `x` is between -800 and 800, `tail` far smaller than it. */
export function expReduced(x: number, tail: number): number {
  const k = Math.floor(x * LOG2_E + 0.5);
  expScale = k;
  const first = sum(x - k * LN2_HIGH, -k * LN2_MIDDLE);
  const r = sum(first, low - k * LN2_LOW + tail);
  const rLow = low;
  const square = product(r, r);
  const squareLow = low;
  // e^r = 1 + r + r^2/2 + r^3 q(r)
  const q =
    0.16666666666666666 +
    r *
      (0.041666666666666664 +
        r *
          (0.008333333333333333 +
            r *
              (0.001388888888888889 +
                r *
                  (0.0001984126984126984 +
                    r *
                      (2.48015873015873e-5 +
                        r *
                          (2.7557319223985893e-6 +
                            r *
                              (2.755731922398589e-7 +
                                r *
                                  (2.505210838544172e-8 +
                                    r *
                                      (2.08767569878681e-9 +
                                        r * (1.6059043836821613e-10 + r * 1.1470745597729725e-11))))))))));
  const linear = sum(r, square * 0.5);
  const rest = low + (rLow + r * rLow + squareLow * 0.5 + r * square * q);
  const high = orderedSum(1, linear);
  return high + (low + rest);
}

/** The low part of what `logPair` returned. */
export let logLow: number = 0;

/** ln(m * 2^k) as a pair to about 65 bits; `m` is between 1/sqrt(2) and sqrt(2). */
export function logPair(m: number, k: number): number {
  // ln m = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...), s = f / (2 + f), f = m - 1
  const f = m - 1;
  const divisor = orderedSum(2, f);
  const s = pairQuotient(f, 0, divisor, low);
  const sLow = low;
  const z = pairProduct(s, sLow, s, sLow);
  const zLow = low;
  const cube = pairProduct(s, sLow, z, zLow);
  const third = pairProduct(cube, low, 0.6666666666666666, 3.700743415417188e-17);
  const thirdLow = low;
  const q =
    0.4 +
    z *
      (0.2857142857142857 +
        z *
          (0.2222222222222222 +
            z *
              (0.18181818181818182 +
                z *
                  (0.15384615384615385 +
                    z *
                      (0.13333333333333333 +
                        z *
                          (0.11764705882352941 +
                            z * (0.10526315789473684 + z * (0.09523809523809523 + z * 0.08695652173913043))))))));
  const rest = cube * z * q;
  const seriesHigh = orderedSum(2 * s, third);
  const series = orderedSum(seriesHigh, low + (2 * sLow + thirdLow + rest));
  const seriesLow = low;
  const high = orderedSum(k * LN2_HIGH, series);
  const highLow = low;
  const result = orderedSum(high, highLow + (k * LN2_MIDDLE + (seriesLow + k * LN2_LOW)));
  logLow = low;
  return result;
}

/** log10 of the number whose natural logarithm is that pair. */
export function log10Of(ln: number, lnLow: number): number {
  return pairProduct(ln, lnLow, LOG10_E, LOG10_E_LOW);
}

/** Beyond this exponent every power is infinite or 0. */
const EXPONENT_LIMIT: number = 800;

/** y * ln as the argument of `expReduced`, brought within its range; its low part is in `logLow`. */
export function scaledLog(ln: number, lnLow: number, y: number): number {
  const rough = ln * y;
  logLow = 0;
  if (rough > EXPONENT_LIMIT) return EXPONENT_LIMIT;
  if (rough < -EXPONENT_LIMIT) return -EXPONENT_LIMIT;
  const high = product(ln, y);
  const result = orderedSum(high, low + lnLow * y);
  logLow = low;
  return result;
}
