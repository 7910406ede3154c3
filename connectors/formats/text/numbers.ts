/**
 * Numbers out of bytes, without a string in between. Strict: the whole range must be the number, only an optional sign,
 * digits and, for floats, a fraction and an exponent. A text that is none gives `undefined` or false, never a guess.
 */

const MINUS = 45;
const PLUS = 43;
const DOT = 46;
const ZERO = 48;

/** Powers of ten that a float64 holds exactly. */
const POWERS: Float64Array = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const WORDS: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
]);

/** Digits up to which an integer is certainly exact in a float64. */
const SAFE_DIGITS = 15;

/**
 * The float64 nearest to the decimal text. Up to 15 significant digits and a power of ten up to 22 both are exact, so that one
 * division rounds correctly (W. Clinger, "How to read floating point numbers accurately", 1990); anything else takes
 * `Number`. `NaN`, `inf` and `infinity` are taken in any case, with a sign. `undefined` for what is not a number.
 */
export function parseFloat64(bytes: Buffer, start: number, end: number): number | undefined {
  let i = start;
  const sign = bytes[i];
  if (sign === MINUS || sign === PLUS) i += 1;
  const first = i;
  let mantissa = 0;
  let fraction = 0;
  let dot = 0;
  for (; i < end; i++) {
    const byte = bytes[i] as number;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      fraction += dot;
    } else if (byte === DOT && dot === 0) dot = 1;
    else return slowFloat64(bytes, start, end);
  }
  const digits = end - first - dot;
  if (digits === 0 || digits > SAFE_DIGITS) return slowFloat64(bytes, start, end);
  const value = fraction === 0 ? mantissa : mantissa / (POWERS[fraction] as number);
  return sign === MINUS ? -value : value;
}

function slowFloat64(bytes: Buffer, start: number, end: number): number | undefined {
  const text = bytes.toString('latin1', start, end);
  if (DECIMAL.test(text)) {
    // a decimal that no float64 holds is none, as in PostgreSQL and in json: infinity has to be written
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const word = WORDS.get(text.replace(/^[+-]/, '').toLowerCase());
  return word === undefined || text[0] !== '-' ? word : -word;
}

/** An integer of at most 15 digits; `undefined` where it is longer (see `parseBigInt`) or no integer. */
export function parseSmallInteger(bytes: Buffer, start: number, end: number): number | undefined {
  let i = start;
  const sign = bytes[i];
  if (sign === MINUS || sign === PLUS) i += 1;
  const digits = end - i;
  if (digits <= 0 || digits > SAFE_DIGITS) return undefined;
  let value = 0;
  for (; i < end; i++) {
    const digit = (bytes[i] as number) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return sign === MINUS ? -value : value;
}

const INTEGER = /^[+-]?\d{1,40}$/;

/** An integer of up to 40 digits; `undefined` for anything else. */
export function parseBigInteger(text: string): bigint | undefined {
  if (!INTEGER.test(text)) return undefined;
  return text[0] === '+' ? BigInt(text.slice(1)) : BigInt(text);
}
