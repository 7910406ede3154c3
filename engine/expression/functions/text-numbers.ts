/** Text of booleans, integers and floats, as PostgreSQL reads and writes it. */
import { fail } from '../define.ts';
import { shortestExponential } from './shortest.ts';

/** What C's isspace says of ASCII. */
const BLANKS = ' \t\n\v\f\r';

/** Without blanks at both ends. */
export function stripBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && BLANKS.includes(text.charAt(start))) start += 1;
  while (end > start && BLANKS.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

const BOOLEANS: readonly (readonly [word: string, shortest: number, value: boolean])[] = [
  ['true', 1, true],
  ['false', 1, false],
  ['yes', 1, true],
  ['no', 1, false],
  ['on', 2, true],
  ['off', 2, false],
  ['1', 1, true],
  ['0', 1, false],
];

export function parseBool(text: string): boolean {
  const word = stripBlanks(text).toLowerCase();
  for (const [whole, shortest, value] of BOOLEANS) {
    if (word.length >= shortest && whole.startsWith(word)) return value;
  }
  return fail('invalidText');
}

const INTEGER = /^([+-]?)(?:0x((?:_?[0-9a-f])+)|0o((?:_?[0-7])+)|0b((?:_?[01])+)|(\d(?:_?\d)*))/i;

/** An integer of so many bits. As in PostgreSQL a number that is far too long is out of range whatever follows it. */
export function parseInteger(text: string, bits: 32 | 64): bigint {
  const word = stripBlanks(text);
  const match = INTEGER.exec(word);
  if (match === null) return fail('invalidText');
  const [matched, sign, hex, octal, binary, decimal] = match;
  const base = hex !== undefined ? 16n : octal !== undefined ? 8n : binary !== undefined ? 2n : 10n;
  const digits = (hex ?? octal ?? binary ?? decimal ?? '').replaceAll('_', '');
  const prefix = base === 16n ? '0x' : base === 8n ? '0o' : base === 2n ? '0b' : '';
  const max = 2n ** BigInt(bits - 1);
  const allButLast = digits.length > 1 ? BigInt(prefix + digits.slice(0, -1)) : 0n;
  if (allButLast > max / base) return fail('outOfRange');
  if (matched.length !== word.length) return fail('invalidText');
  const size = BigInt(prefix + digits);
  const value = sign === '-' ? -size : size;
  return value >= -max && value < max ? value : fail('outOfRange');
}

const FLOAT = /^([+-]?)(?:(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|(inf(?:inity)?)|(nan))/i;

function parseFloating(text: string, nearest: (decimal: string) => number): number {
  const word = stripBlanks(text);
  const match = FLOAT.exec(word);
  if (match === null) return fail('invalidText');
  const [matched, sign, decimal, infinity] = match;
  const size = decimal !== undefined ? nearest(decimal) : infinity !== undefined ? Infinity : NaN;
  const lost =
    decimal !== undefined && (size === Infinity || (size === 0 && /[1-9]/.test(decimal.split(/e/i)[0] ?? '')));
  if (lost) return fail('outOfRange');
  if (matched.length !== word.length) return fail('invalidText');
  return sign === '-' ? -size : size;
}

export function parseFloat64(text: string): number {
  return parseFloating(text, Number);
}

export function parseFloat32(text: string): number {
  return parseFloating(text, nearestFloat32);
}

const LARGEST_FLOAT32 = 3.4028234663852886e38;

/** The float32 nearest to a decimal without a sign: by way of the nearest float64, unless that lies in the middle of two float32. */
function nearestFloat32(decimal: string): number {
  const x = Number(decimal);
  const near = Math.fround(x);
  const other = near === Infinity ? LARGEST_FLOAT32 : near + 2 * (x - near);
  const middle = near === Infinity ? x === LARGEST_FLOAT32 + 2 ** 103 : near !== x && Math.fround(other) === other;
  if (!middle) return near;
  const side = compareExactly(decimal, x);
  return side === 0 ? near : side > 0 ? Math.max(near, other) : Math.min(near, other);
}

/** No decimal needs more digits to tell on which side of the middle of two float32 it lies, but for one that is not 0 behind them. */
const TELLING_DIGITS = 200;

/** The sign of decimal - x, for the middle `x` of two float32: a multiple of 2^-150. */
function compareExactly(decimal: string, x: number): number {
  const [mantissa = '', power = '0'] = decimal.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const all = (whole + fraction).replace(/^0+/, '');
  const kept = all.slice(0, TELLING_DIGITS);
  const behind = /[1-9]/.test(all.slice(TELLING_DIGITS)) ? '1' : '0';
  const exponent = Number(power) - fraction.length + (all.length - kept.length) - 1;
  const left = (BigInt(kept + behind) << 150n) * 10n ** BigInt(Math.max(exponent, 0));
  const right = BigInt(x * 2 ** 150) * 10n ** BigInt(Math.max(-exponent, 0));
  return left < right ? -1 : left > right ? 1 : 0;
}

/** PostgreSQL's float4out and float8out: shortest digits, and C's %g for the choice of an exponent. */
export function formatFloat(x: number, kind: 'float32' | 'float64'): string {
  if (Number.isNaN(x)) return 'NaN';
  if (x === Infinity || x === -Infinity) return x > 0 ? 'Infinity' : '-Infinity';
  if (x === 0) return Object.is(x, -0) ? '-0' : '0';
  const [mantissa = '', power = '0'] = shortestExponential(Math.abs(x), kind).split('e');
  const sign = x < 0 ? '-' : '';
  const exponent = Number(power);
  if (exponent < -4 || exponent >= (kind === 'float64' ? 15 : 6)) {
    const size = Math.abs(exponent);
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${size < 10 ? '0' : ''}${size}`;
  }
  return sign + plain(mantissa, exponent);
}

/** `mantissa` (as 1.25) times 10 to `exponent`, without an exponent. */
function plain(mantissa: string, exponent: number): string {
  const digits = mantissa.replace('.', '');
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return digits + '0'.repeat(exponent + 1 - digits.length);
  return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}
