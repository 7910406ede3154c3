/**
 * Exponential functions, logarithms, powers and circular functions, bit for bit those of the kernels: the computing is in
 * engine/expression/functions/portable, which both compile; taking floats apart and putting them together is done here, and there by
 * transcendental.ts.
 */
import {
  expReduced,
  expScale,
  log10Of,
  logLow,
  logPair,
  scaledLog,
} from '../../../expression/functions/portable/exponential';
import {
  LARGE,
  quadrant,
  reduceLarge,
  reduceSmall,
  restLow,
  sinOf,
  tanOf,
} from '../../../expression/functions/portable/trigonometric';

const TWO_1000: f64 = 1.0715086071862673e301;
const FRACTION: u64 = 0xfffffffffffff;

/** A positive normal float's exponent, its mantissa being in [1, 2). */
function exponentOf(x: f64): i32 {
  return <i32>(reinterpret<u64>(x) >> 52) - 1023;
}

/** A positive normal float with that exponent instead of its own. */
function withExponent(x: f64, exponent: i32): f64 {
  return reinterpret<f64>((reinterpret<u64>(x) & FRACTION) | ((<u64>(exponent + 1023)) << 52));
}

/** y * 2^power, rounded once; `y` is between 0.5 and 2. */
function scale(y: f64, power: f64): f64 {
  const k = <i32>power;
  if (k > 1000) return y * TWO_1000 * withExponent(1, k - 1000);
  if (k >= -1000) return y * withExponent(1, k);
  return y * withExponent(1, k + 1000) * withExponent(1, -1000);
}

export function expOf(x: f64): f64 {
  if (x !== x) return x;
  const y = expReduced(min(max(x, -800.0), 800.0), 0);
  return scale(y, expScale);
}

/** ln x as a pair, of a positive finite x. */
function logOf(x: f64): f64 {
  const tiny = reinterpret<u64>(x) < (<u64>23) << 52; // below 2^-1000
  const normal = tiny ? x * withExponent(1, 100) : x;
  const m = withExponent(normal, 0);
  const k = <f64>(exponentOf(normal) - (tiny ? 100 : 0));
  return m > Math.SQRT2 ? logPair(m * 0.5, k + 1) : logPair(m, k);
}

/** Natural logarithm of a positive number, or NaN. */
export function lnOf(x: f64): f64 {
  return x - x === 0 ? logOf(x) : x;
}

/** Logarithm to the base of 10 of a positive number, or NaN. */
export function log10(x: f64): f64 {
  if (x - x !== 0) return x;
  const high = logOf(x);
  return log10Of(high, logLow);
}

export function isOdd(y: f64): bool {
  return Math.floor(y) === y && Math.floor(y * 0.5) * 2 !== y;
}

/** x to the power of y where both are finite, x is not 0, and y is whole if x is negative. */
export function powerOf(x: f64, y: f64): f64 {
  const high = logOf(Math.abs(x));
  const scaled = scaledLog(high, logLow, y);
  const size = scale(expReduced(scaled, logLow), expScale);
  return x < 0 && isOdd(y) ? -size : size;
}

/** x to the power of y where x is 0, or one of them infinite: C99's special cases. */
export function specialPower(x: f64, y: f64): f64 {
  if (y === 0) return 1;
  const size = Math.abs(x);
  if (Math.abs(y) === Infinity) return size === 1 ? 1 : size > 1 === y > 0 ? Infinity : 0;
  const result: f64 = (size === 0) === y > 0 ? 0 : Infinity;
  return isOdd(y) && (x < 0 || 1 / x < 0) ? -result : result;
}

/** Arguments below this, 2^-27, are their own sine and tangent. */
const TINY: f64 = 7.450580596923828e-9;

/** A finite argument less the nearest multiple of pi/2. */
function reduce(x: f64): f64 {
  const size = Math.abs(x);
  if (size < LARGE) return reduceSmall(size);
  return reduceLarge(withExponent(size, 52), <f64>(exponentOf(size) - 52));
}

export function sine(x: f64): f64 {
  if (x !== x || Math.abs(x) < TINY) return x;
  const rest = reduce(x);
  const result = sinOf(rest, restLow, quadrant);
  return x < 0 ? -result : result;
}

export function cosine(x: f64): f64 {
  if (x !== x) return x;
  const rest = reduce(x);
  return sinOf(rest, restLow, quadrant + 1);
}

export function tangent(x: f64): f64 {
  if (x !== x || Math.abs(x) < TINY) return x;
  const rest = reduce(x);
  const result = tanOf(rest, restLow, quadrant);
  return x < 0 ? -result : result;
}
