/**
 * Exponential functions, logarithms, powers and circular functions, bit for bit those of compiled cells: the computing is in `portable/`,
 * taking floats apart and putting them together is done here, and there by assembly/maths-transcendental.ts.
 */
import { expReduced, expScale, log10Of, logLow, logPair, scaledLog } from './portable/exponential.ts';
import {
  beyondVertical,
  LARGE,
  quadrant,
  reduceLarge,
  reduceSmall,
  restLow,
  sinOf,
  tanOf,
} from './portable/trigonometric.ts';

const view = new DataView(new ArrayBuffer(8));

/** The exponent field's value of a positive normal float: x = [1, 2) * 2^it. */
function exponentOf(x: number): number {
  view.setFloat64(0, x);
  return (view.getUint16(0) >> 4) - 1023;
}

/** 2^k for a normal result. */
function powerOfTwo(k: number): number {
  view.setUint32(0, (k + 1023) << 20);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

/** y * 2^k, rounded once; `y` is near 1. */
function scale(y: number, k: number): number {
  if (k > 1023) return y * 2 * powerOfTwo(Math.min(k - 1, 1023));
  if (k >= -1020) return y * powerOfTwo(k);
  return k < -1200 ? 0 : y * powerOfTwo(Math.max(k + 100, -1020)) * powerOfTwo(-100);
}

export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  const inside = Math.min(Math.max(x, -800), 800);
  const y = expReduced(inside, 0);
  return scale(y, expScale);
}

/** ln(x) as a pair, for positive finite x. */
function logOf(x: number): number {
  const lift = x < 2 ** -1022 ? 54 : 0;
  const normal = x * 2 ** lift;
  let k = exponentOf(normal);
  let m = normal * powerOfTwo(-Math.max(k - 1, 0)) * powerOfTwo(Math.max(k - 1, 0) - k);
  if (m > Math.SQRT2) {
    m *= 0.5;
    k += 1;
  }
  return logPair(m, k - lift);
}
