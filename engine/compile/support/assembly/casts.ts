/** Casts between numbers and booleans. */
import { fail, OUT_OF_RANGE, OVERFLOW, UNDERFLOW } from './text';

export * from './casts-text';

export function cast_bool_int32(value: i32): i32 {
  return value;
}

export function cast_int32_bool(value: i32): i32 {
  return <i32>(value !== 0);
}

export function cast_int32_int64(value: i32): i64 {
  return value;
}

export function cast_int32_float32(value: i32): f32 {
  return <f32>value;
}

export function cast_int32_float64(value: i32): f64 {
  return value;
}

export function cast_int64_int32(value: i64): i32 {
  return value === <i64>(<i32>value) ? <i32>value : fail(OUT_OF_RANGE);
}

export function cast_int64_float32(value: i64): f32 {
  return <f32>value;
}

export function cast_int64_float64(value: i64): f64 {
  return <f64>value;
}

/** The nearest whole number, halves to even, or the error `outOfRange`. */
function toInt32(value: f64): i32 {
  const whole = nearest<f64>(value);
  return whole >= -2147483648.0 && whole <= 2147483647.0 ? <i32>whole : fail(OUT_OF_RANGE);
}

function toInt64(value: f64): i64 {
  const whole = nearest<f64>(value);
  return whole >= -9223372036854775808.0 && whole < 9223372036854775808.0 ? <i64>whole : fail(OUT_OF_RANGE);
}

export function cast_float32_int32(value: f32): i32 {
  return toInt32(value);
}

export function cast_float32_int64(value: f32): i64 {
  return toInt64(value);
}

export function cast_float32_float64(value: f32): f64 {
  return value;
}

export function cast_float64_int32(value: f64): i32 {
  return toInt32(value);
}

export function cast_float64_int64(value: f64): i64 {
  return toInt64(value);
}

export function cast_float64_float32(value: f64): f32 {
  const result = <f32>value;
  if (abs<f32>(result) === Infinity && abs<f64>(value) !== Infinity) return <f32>fail(OVERFLOW);
  return result === 0 && value !== 0 ? <f32>fail(UNDERFLOW) : result;
}
