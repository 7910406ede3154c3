/**
 * Exponential functions, logarithms, powers and circular functions, bit for bit those of compiled cells: the computing is in `portable/`;
 * taking floats apart and putting them together is done here, and there by assembly/maths-portable.ts.
 */
import { expReduced, expScale, log10Of, logLow, logPair, scaledLog } from './portable/exponential.ts';
import { LARGE, quadrant, reduceLarge, reduceSmall, restLow, sinOf, tanOf } from './portable/trigonometric.ts';

const view = new DataView(new ArrayBuffer(8));

/** A positive normal float's exponent, its mantissa being in [1, 2). */
function exponentOf(x: number): number {
  view.setFloat64(0, x);
  return (view.getUint16(0) >> 4) - 1023;
}

/** A positive normal float with that exponent instead of its own. */
function withExponent(x: number, exponent: number): number {
  view.setFloat64(0, x);
  view.setUint16(0, (view.getUint16(0) & 15) | ((exponent + 1023) << 4));
  return view.getFloat64(0);
}

/** y * 2^k, rounded once; `y` is between 0.5 and 2. */
function scale(y: number, k: number): number {
  if (k > 1000) return y * 2 ** 1000 * withExponent(1, k - 1000);
  if (k >= -1000) return y * withExponent(1, k);
  return y * withExponent(1, k + 1000) * 2 ** -1000;
}

export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  const y = expReduced(Math.min(Math.max(x, -800), 800), 0);
  return scale(y, expScale);
}

/** ln x as a pair, of a positive finite x. */
function logOf(x: number): number {
  const lift = x < 2 ** -1000 ? 100 : 0;
  const normal = x * 2 ** lift;
  const m = withExponent(normal, 0);
  const k = exponentOf(normal) - lift;
  return m > Math.SQRT2 ? logPair(m * 0.5, k + 1) : logPair(m, k);
}

/** Natural logarithm of a positive number, or NaN. */
export function ln(x: number): number {
  return x - x === 0 ? logOf(x) : x;
}

/** Logarithm to the base of 10 of a positive number, or NaN. */
export function log10(x: number): number {
  if (x - x !== 0) return x;
  const high = logOf(x);
  return log10Of(high, logLow);
}

/** x to the power of y where both are finite, x is not 0, and y is whole if x is negative. */
export function power(x: number, y: number): number {
  const high = logOf(Math.abs(x));
  const scaled = scaledLog(high, logLow, y);
  const size = scale(expReduced(scaled, logLow), expScale);
  return x < 0 && Math.abs(y % 2) === 1 ? -size : size;
}

/** Arguments below this are their own sine and tangent. */
const TINY = 2 ** -27;

/** A finite argument less the nearest multiple of pi/2. */
function reduce(x: number): number {
  const size = Math.abs(x);
  if (size < LARGE) return reduceSmall(size);
  const exponent = exponentOf(size) - 52;
  return reduceLarge(withExponent(size, 52), exponent);
}

export function sin(x: number): number {
  if (Number.isNaN(x) || Math.abs(x) < TINY) return x;
  const rest = reduce(x);
  const result = sinOf(rest, restLow, quadrant);
  return x < 0 ? -result : result;
}

export function cos(x: number): number {
  if (Number.isNaN(x)) return x;
  const rest = reduce(x);
  return sinOf(rest, restLow, quadrant + 1);
}

export function tan(x: number): number {
  if (Number.isNaN(x) || Math.abs(x) < TINY) return x;
  const rest = reduce(x);
  const result = tanOf(rest, restLow, quadrant);
  return x < 0 ? -result : result;
}
