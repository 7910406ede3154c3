/**
 * Mathematical functions over float64, with PostgreSQL's domain, overflow and underflow errors. Transcendental ones are those of
 * maths-portable.ts, or of the AssemblyScript library where its ports (of musl's) agree with the host's bit for bit: inverse circular
 * functions and the cube root.
 */
import { atan2 as angleOf } from '../../../expression/functions/portable/trigonometric';
import { nearestFloat64 } from './casts-float';
import { decimalDigits } from './format';
import { digits, exponent, shortestOf } from './format-float';
import { cosine, expOf, isOdd, lnOf, log10, powerOf, sine, specialPower, tangent } from './maths-portable';
import { DIVISION_BY_ZERO, fail, INVALID_ARGUMENT, OUT_OF_RANGE, OVERFLOW, UNDERFLOW } from './text';

export function ceil(x: f64): f64 {
  return Math.ceil(x);
}

export function floor(x: f64): f64 {
  return Math.floor(x);
}

export function trunc_float64(x: f64): f64 {
  return Math.trunc(x);
}

/** Halves to even. */
export function round_float64(x: f64): f64 {
  return nearest<f64>(x);
}

export function sqrt(x: f64): f64 {
  return x < 0 ? <f64>fail(INVALID_ARGUMENT) : Math.sqrt(x);
}

export function sign(x: f64): f64 {
  return x > 0 ? 1 : x < 0 ? -1 : 0;
}

/** C's fmod, which is exact. */
export function mod_float64(x: f64, y: f64): f64 {
  if (y === 0 && x === x) return <f64>fail(DIVISION_BY_ZERO);
  return x % y;
}

const POWERS_OF_TEN: usize = memory.data<u64>([
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
  10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
]);

/** `x` with `places` decimals by its shortest decimal text: halves away from zero, or (`half` false) cut off. */
function roundDecimal(x: f64, places: i32, half: bool): f64 {
  if (x - x !== 0) return x;
  if (x === 0) return 0;
  shortestOf(x, true);
  const count = decimalDigits(digits);
  const kept = <i64>(count + exponent) + <i64>places;
  if (kept >= <i64>count) return x;
  if (kept < 0) return 0;
  const unit = load<u64>(POWERS_OF_TEN + ((<usize>(<i64>count - kept)) << 3));
  const head = digits / unit;
  const up = half && digits - head * unit >= unit >> 1;
  if (kept === 0 && !up) return 0;
  const result = nearestFloat64(head + <u64>up, -places);
  if (result === Infinity) return <f64>fail(OVERFLOW);
  return x < 0 ? -result : result;
}

export function round_float64_int32(x: f64, places: i32): f64 {
  return roundDecimal(x, places, true);
}

export function trunc_float64_int32(x: f64, places: i32): f64 {
  return roundDecimal(x, places, false);
}

/** Checks a result that came of finite arguments. */
function checked(result: f64, zeroIsUnderflow: bool): f64 {
  if (Math.abs(result) === Infinity) return <f64>fail(OVERFLOW);
  return result === 0 && zeroIsUnderflow ? <f64>fail(UNDERFLOW) : result;
}

export function power(x: f64, y: f64): f64 {
  if (x !== x) return y === 0 ? 1 : x;
  if (y !== y) return x === 1 ? 1 : y;
  if (x === 0 && y < 0) return <f64>fail(INVALID_ARGUMENT);
  const endless = Math.abs(y) === Infinity;
  if (x < 0 && !endless && Math.floor(y) !== y) return <f64>fail(INVALID_ARGUMENT);
  if (x === 1) return 1;
  if (x === -1) return isOdd(y) ? -1 : 1;
  if (endless || x === 0 || Math.abs(x) === Infinity) return specialPower(x, y);
  return checked(powerOf(x, y), true);
}

export function exp(x: f64): f64 {
  const result = expOf(x);
  return x - x === 0 ? checked(result, true) : result;
}

export function ln(x: f64): f64 {
  return x <= 0 ? <f64>fail(INVALID_ARGUMENT) : lnOf(x);
}

export function log(x: f64): f64 {
  return x <= 0 ? <f64>fail(INVALID_ARGUMENT) : log10(x);
}

export function cbrt(x: f64): f64 {
  return Math.cbrt(x);
}

export function sin(x: f64): f64 {
  return Math.abs(x) === Infinity ? <f64>fail(OUT_OF_RANGE) : sine(x);
}

export function cos(x: f64): f64 {
  return Math.abs(x) === Infinity ? <f64>fail(OUT_OF_RANGE) : cosine(x);
}

export function tan(x: f64): f64 {
  return Math.abs(x) === Infinity ? <f64>fail(OUT_OF_RANGE) : tangent(x);
}

export function asin(x: f64): f64 {
  return Math.abs(x) > 1 ? <f64>fail(OUT_OF_RANGE) : Math.asin(x);
}

export function acos(x: f64): f64 {
  return Math.abs(x) > 1 ? <f64>fail(OUT_OF_RANGE) : Math.acos(x);
}

export function atan(x: f64): f64 {
  return Math.atan(x);
}

export function atan2(y: f64, x: f64): f64 {
  return angleOf(y, x);
}

/** As PostgreSQL's float.c writes it. */
const RADIANS_PER_DEGREE: f64 = 0.017453292519943295;

export function degrees(x: f64): f64 {
  const result = x / RADIANS_PER_DEGREE;
  return x - x === 0 && x !== 0 ? checked(result, true) : result;
}

export function radians(x: f64): f64 {
  const result = x * RADIANS_PER_DEGREE;
  return x - x === 0 && x !== 0 ? checked(result, true) : result;
}
