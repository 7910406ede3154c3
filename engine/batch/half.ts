/** IEEE 754 half precision, which typed arrays of the TypeScript target do not have: bits to number and back. */

const scratch: Float32Array = new Float32Array(1);
const bits: Uint32Array = new Uint32Array(scratch.buffer);

/** The number that 16 bits of float16 stand for. */
export function fromHalf(half: number): number {
  const sign = (half & 0x8000) === 0 ? 1 : -1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The nearest float16, ties to even; too large a number becomes an infinity. */
export function toHalf(value: number): number {
  scratch[0] = value;
  const sign = ((bits[0] ?? 0) >>> 16) & 0x8000;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65_520) return sign | 0x7c00;
  if (size < 2 ** -14) return sign | roundEven(size * 2 ** 24);
  const exponent = Math.max(-14, floorLog2(size));
  const fraction = roundEven((size / 2 ** exponent - 1) * 1024);
  return sign | (((exponent + 15) << 10) + fraction);
}

/** Of a positive number in float16's normal range; float32 rounding can carry it up by one at most, which is undone. */
function floorLog2(size: number): number {
  scratch[0] = size;
  const exponent = (((bits[0] ?? 0) >>> 23) & 255) - 127;
  return 2 ** exponent > size ? exponent - 1 : exponent;
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest > 0.5 || (rest === 0.5 && floor % 2 === 1)) return floor + 1;
  return floor;
}
