/** Text of booleans, integers and floats, as PostgreSQL reads and writes it. */
import { fail } from '../define.ts';

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

export function parseFloat64(text: string): number {
  const word = stripBlanks(text);
  const match = FLOAT.exec(word);
  if (match === null) return fail('invalidText');
  const [matched, sign, decimal, infinity] = match;
  const size = decimal !== undefined ? Number(decimal) : infinity !== undefined ? Infinity : NaN;
  const lost =
    decimal !== undefined && (size === Infinity || (size === 0 && /[1-9]/.test(decimal.split(/e/i)[0] ?? '')));
  if (lost) return fail('outOfRange');
  if (matched.length !== word.length) return fail('invalidText');
  return sign === '-' ? -size : size;
}

/** PostgreSQL's float4out and float8out: shortest digits, and C's %g for the choice of an exponent. */
export function formatFloat(x: number, kind: 'float32' | 'float64'): string {
  if (Number.isNaN(x)) return 'NaN';
  if (x === Infinity || x === -Infinity) return x > 0 ? 'Infinity' : '-Infinity';
  if (x === 0) return Object.is(x, -0) ? '-0' : '0';
  const text = kind === 'float64' ? x.toExponential() : shortestFloat32(x);
  const [mantissa = '', power = '0'] = text.split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= (kind === 'float64' ? 15 : 6)) {
    const size = Math.abs(exponent);
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${size < 10 ? '0' : ''}${size}`;
  }
  return plain(mantissa, exponent);
}

/** Scientific notation with the fewest digits that read back as the same float32. */
function shortestFloat32(x: number): string {
  for (let digits = 0; digits < 9; digits += 1) {
    const text = x.toExponential(digits);
    if (Math.fround(Number(text)) === x) return text;
  }
  return x.toExponential(9);
}

/** `mantissa` (as -1.25) times 10 to `exponent`, without an exponent. */
function plain(mantissa: string, exponent: number): string {
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits + '0'.repeat(exponent + 1 - digits.length);
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}
