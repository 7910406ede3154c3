/** Casts between text and the other types. */
import { parseFloat32, parseFloat64 } from './casts-float';
import { formatFloat32, formatFloat64 } from './format-float';

export function cast_float64_utf8(value: f64): i64 {
  return formatFloat64(value);
}

export function cast_float32_utf8(value: f32): i64 {
  return formatFloat32(value);
}

export function cast_utf8_float64(ptr: usize, len: i32): f64 {
  return parseFloat64(ptr, len);
}

export function cast_utf8_float32(ptr: usize, len: i32): f32 {
  return parseFloat32(ptr, len);
}
