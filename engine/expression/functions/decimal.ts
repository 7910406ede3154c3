/** Rounding of floats by their shortest decimal text, as if they were PostgreSQL's numeric. */
import { fail } from '../define.ts';

/** The digits and the exponent of the shortest decimal text of a positive finite `x`: 0.d1d2… times 10 to `exponent`. */
function digitsOf(x: number): { digits: string; exponent: number } {
  const [mantissa = '', power = '0'] = x.toExponential().split('e');
  return { digits: mantissa.replace('.', ''), exponent: Number(power) + 1 };
}

/** `x` with `places` decimals; halves go away from zero (`half`), or everything beyond is cut off (`down`). A zero is never negative. */
export function roundDecimal(x: number, places: number, mode: 'half' | 'down'): number {
  if (!Number.isFinite(x)) return x;
  if (x === 0) return 0;
  const { digits, exponent } = digitsOf(Math.abs(x));
  const kept = exponent + places;
  if (kept >= digits.length) return x;
  const sign = x < 0 ? -1 : 1;
  const up = mode === 'half' && kept >= 0 && digits.charCodeAt(kept) >= 53;
  if (kept < 0 || (kept === 0 && !up)) return 0;
  const head = BigInt(digits.slice(0, kept) || '0') + (up ? 1n : 0n);
  const result = Number(`${head}e${-places}`);
  return result === Infinity ? fail('overflow') : sign * result;
}
