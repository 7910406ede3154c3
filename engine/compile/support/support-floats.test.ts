/** Floats as text and back, over random bit patterns and the hard cases: exact middles, borders, ties, many digits. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SupportModule } from '../../../test/kit/support-module.ts';
import { catalogueFunction } from '../../expression/catalogue.ts';

const support = new SupportModule();
const format64 = catalogueFunction('cast.float64.utf8');
const format32 = catalogueFunction('cast.float32.utf8');
const parse64 = catalogueFunction('cast.utf8.float64');
const parse32 = catalogueFunction('cast.utf8.float32');

const word = new DataView(new ArrayBuffer(8));

function float64Of(bits: bigint): number {
  word.setBigUint64(0, bits);
  return word.getFloat64(0);
}

function float32Of(bits: number): number {
  word.setUint32(0, bits);
  return word.getFloat32(0);
}

const anyFloat64 = fc
  .bigInt(0n, 2n ** 64n - 1n)
  .map(float64Of)
  .filter(Number.isFinite);
const anyFloat32 = fc
  .integer({ min: 0, max: 2 ** 32 - 1 })
  .map(float32Of)
  .filter(Number.isFinite);

/** The exact decimal in the middle of a positive float64 and the next one: mantissa digits and a power of ten. */
function middleAbove(x: number): readonly [bigint, number] {
  word.setFloat64(0, x);
  const raw = word.getBigUint64(0);
  const field = Number(raw >> 52n);
  const fraction = raw & (2n ** 52n - 1n);
  const odd = 2n * (field === 0 ? fraction : fraction | (1n << 52n)) + 1n;
  const power = (field === 0 ? 1 : field) - 1076;
  return power >= 0 ? [odd << BigInt(power), 0] : [odd * 5n ** BigInt(-power), power];
}

/** What the function makes of a decimal: out of range where JavaScript says infinity, or zero of what is none. */
function wanted(decimal: string): number | string {
  const value = Number(decimal);
  return Number.isFinite(value) && value !== 0 ? value : 'outOfRange';
}

describe('a float64 as text', () => {
  it('reads back as the same float, over 20,000 bit patterns, with no more digits than JavaScript needs', () => {
    fc.assert(
      fc.property(anyFloat64, (x) => {
        const text = String(support.call(format64, [x]));
        expect(Number(text)).toBe(x);
        // From 2^53 on PostgreSQL leaves decimals on the border of two floats out, which JavaScript takes.
        if (Math.abs(x) >= 2 ** 53 && Math.abs(x) < 1e40) return;
        expect(digitsOf(text)).toBe(digitsOf(String(x)));
      }),
      { numRuns: 20_000 },
    );
  });

  it('is what the catalogue says for every power of two and its neighbours', () => {
    for (let power = -1074; power < 1024; power += 1) {
      for (const x of [2 ** power, 2 ** power * (1 + 2 ** -52), 2 ** power * (1 - 2 ** -53)]) {
        expect(support.call(format64, [x])).toBe(format64.evaluate(x));
      }
    }
  });

  it('is what the catalogue says for large whole numbers and ties', () => {
    const large = fc.tuple(fc.double({ min: 1, max: 2, maxExcluded: true }), fc.integer({ min: 40, max: 90 }));
    const whole = large.map(([x, power]) => Number((x * 2 ** power).toPrecision(15)));
    const eighths = fc
      .tuple(fc.integer({ min: 2 ** 46, max: 2 ** 52 }), fc.integer({ min: 0, max: 31 }))
      .map(([n, part]) => n + part / 32);
    fc.assert(
      fc.property(fc.oneof(whole, eighths), (x) => {
        expect(support.call(format64, [x])).toBe(format64.evaluate(x));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('a float32 as text', () => {
  it('is what the catalogue says, and reads back, over 20,000 bit patterns', () => {
    fc.assert(
      fc.property(anyFloat32, (x) => {
        const text = String(support.call(format32, [x]));
        expect(text).toBe(format32.evaluate(x));
        if (x !== 0) expect(support.call(parse32, [text])).toBe(x);
      }),
      { numRuns: 20_000 },
    );
  });

  it('is what the catalogue says for every power of two and its neighbours', () => {
    for (let field = 1; field < 255; field += 1) {
      for (const bits of [(field << 23) - 1, field << 23, (field << 23) + 1]) {
        const x = float32Of(bits);
        expect(support.call(format32, [x])).toBe(format32.evaluate(x));
      }
    }
  });
});

describe('a decimal as a float64', () => {
  it('is the nearest float, as JavaScript reads it, over 20,000 floats in 1 to 100 digits', () => {
    fc.assert(
      fc.property(anyFloat64, fc.integer({ min: 1, max: 100 }), (x, precision) => {
        const decimal = x.toPrecision(precision);
        expect(support.call(parse64, [decimal])).toBe(x === 0 ? x : wanted(decimal));
      }),
      { numRuns: 20_000 },
    );
  });

  it('is decided exactly in the middle of two floats and a hair beside it', () => {
    const subnormal = fc.bigInt(1n, 2n ** 54n).map(float64Of);
    fc.assert(
      fc.property(fc.oneof(anyFloat64.map(Math.abs), subnormal), (x) => {
        const [digits, power] = middleAbove(x);
        for (const decimal of [
          `${digits}e${power}`,
          `${digits * 10n + 1n}e${power - 1}`,
          `${digits * 10n - 1n}e${power - 1}`,
          `${digits}${'0'.repeat(60)}1e${power - 61}`,
          `0.${'0'.repeat(50)}${digits}e${power + 50 + String(digits).length}`,
        ]) {
          expect(support.call(parse64, [decimal])).toBe(wanted(decimal));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes a megabyte of digits in its stride', () => {
    const decimal = `1.${'3'.repeat(1_000_000)}e-5`;
    expect(support.call(parse64, [decimal])).toBe(Number(decimal));
    expect(support.call(parse64, [`${'0'.repeat(1_000_000)}1`])).toBe(1);
    expect(support.call(parse64, [`1e${'9'.repeat(1_000_000)}`])).toBe('outOfRange');
    expect(support.call(parse64, [`0.${'0'.repeat(400_000)}1e400001`])).toBe(1);
  });
});

describe('the table of powers of ten', () => {
  it('holds the 128 leading bits of every power, rounded down', () => {
    const source = readFileSync(new URL('./assembly/format-powers.ts', import.meta.url), 'utf8');
    const words = [...source.matchAll(/0x([0-9a-f]{8})/g)].map(([text]) => BigInt(text));
    const wanted: bigint[] = [];
    for (let power = -342; power <= 324; power += 1) {
      const leading = leadingBits(power);
      for (const shift of [0n, 32n, 64n, 96n]) wanted.push((leading >> shift) & 0xffffffffn);
    }
    expect(words).toEqual(wanted);
  });
});

/** floor(5^power * 2^n) for the n that makes it 128 bits long. */
function leadingBits(power: number): bigint {
  const size = 5n ** BigInt(Math.abs(power));
  const bits = BigInt(size.toString(2).length);
  if (power >= 0) return bits <= 128n ? size << (128n - bits) : size >> (bits - 128n);
  const quotient = (1n << (bits + 128n)) / size;
  return quotient >> BigInt(quotient.toString(2).length - 128);
}

/** The significant digits of a decimal and the power of ten of the last one. */
function digitsOf(text: string): string {
  const [mantissa = '', power = '0'] = text.replace('-', '~').replace(/^~/, '').replace('~', '-').split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const all = whole + fraction;
  const significant = all.replace(/0+$/, '');
  const exponent = Number(power) - fraction.length + (all.length - significant.length);
  return `${significant.replace(/^0+/, '')}e${exponent}`;
}
