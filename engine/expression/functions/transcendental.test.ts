/** Exponential and circular functions: against values computed to 2,000 bits, where they are exact, and near the host's own. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atan2 } from './portable/trigonometric.ts';
import { cos, exp, ln, log10, power, sin, tan } from './transcendental.ts';

type Name = 'exp' | 'ln' | 'log10' | 'sin' | 'cos' | 'tan';

/** Correctly rounded results, of arguments that are hard: near a zero of the function, huge, or at the ends of the range. */
const ROUNDED: readonly (readonly [Name, number, number])[] = [
  ['exp', 1, Math.E],
  ['exp', -1, 0.36787944117144233],
  ['exp', 0.5, 1.6487212707001282],
  ['exp', 709.782712893384, 1.7976931348622732e308],
  ['exp', -745.1332191019411, 5e-324],
  ['exp', -708.5, 2.006132305331306e-308],
  ['exp', 1e-9, 1.000000001],
  ['ln', 2, Math.LN2],
  ['ln', 10, Math.LN10],
  ['ln', 1.0000000000000002, 2.2204460492503128e-16],
  ['ln', 0.9999999999999999, -1.1102230246251565e-16],
  ['ln', 5e-324, -744.4400719213812],
  ['ln', 1.7976931348623157e308, 709.782712893384],
  ['ln', 0.3, -1.2039728043259361],
  ['log10', 2, 0.3010299956639812],
  ['log10', 0.001, -3.0],
  ['log10', 1.0000000000000002, 9.64327466553287e-17],
  ['log10', 3e-310, -309.52287874528037],
  ['log10', 12345.678, 4.091514945509202],
  ['sin', 1, 0.8414709848078965],
  ['sin', Math.PI, 1.2246467991473532e-16],
  ['sin', 1e22, -0.8522008497671888],
  ['sin', 5.319372648326541e255, 1.0],
  ['sin', 1048576, 0.3304931400217347],
  ['sin', -0.7853981633974483, -0.7071067811865475],
  ['sin', 1.7976931348623157e308, 0.004961954789184062],
  ['cos', 1, 0.5403023058681398],
  ['cos', 1.5707963267948966, 6.123233995736766e-17],
  ['cos', 1e22, 0.523214785395139],
  ['cos', 5.319372648326541e255, -4.687165924254628e-19],
  ['cos', 1048575.9, 0.9720875424974148],
  ['cos', 1.7976931348623157e308, -0.9999876894265599],
  ['tan', 1, 1.5574077246549023],
  ['tan', 1.5707963267948966, 1.633123935319537e16],
  ['tan', 1e22, -1.6287782256068988],
  ['tan', 0.7853981633974483, 0.9999999999999999],
  ['tan', -2.5, 0.7470222972386603],
];

const HOST: Readonly<Record<Name, (x: number) => number>> = {
  exp: Math.exp,
  ln: Math.log,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
};

const OWN: Readonly<Record<Name, (x: number) => number>> = { exp, ln, log10, sin, cos, tan };

const bits = new DataView(new ArrayBuffer(8));

/** A float's place in the order of all floats. */
function rank(x: number): bigint {
  bits.setFloat64(0, x);
  const raw = bits.getBigInt64(0);
  return raw < 0n ? -(raw & 0x7fffffffffffffffn) : raw;
}

function expectNear(got: number, wanted: number, units: number): void {
  if (Object.is(got, wanted)) return;
  const distance = Number(rank(got) - rank(wanted));
  expect(Math.abs(distance), `${got} and ${wanted}`).toBeLessThanOrEqual(units);
}

describe('transcendental functions', () => {
  it.each(ROUNDED)('%s(%f) is %f, correctly rounded', (name, x, wanted) => {
    expect(OWN[name](x)).toBe(wanted);
  });

  it('are exact where the result is a whole number or a power', () => {
    for (let n = 0; n <= 22; n += 1) {
      expect(log10(10 ** n)).toBe(n);
      expect(power(10, n)).toBe(10 ** n);
    }
    for (let n = -1074; n < 1024; n += 1) {
      expect(power(2, n)).toBe(2 ** n);
      expect(power(-2, n)).toBe((-2) ** n);
      expect(power(2 ** 0.5, n) > 0).toBe(true);
    }
    for (let n = 1; n < 3000; n += 1) {
      expect(power(n, 2)).toBe(n * n);
      expect(power(n * n, 0.5)).toBe(n);
      expect(power(-n, 3)).toBe(-(n * n * n));
    }
    expect(exp(0)).toBe(1);
    expect(ln(1)).toBe(0);
  });

  it('keep signs of zero, NaN and the ends of the range', () => {
    for (const name of ['sin', 'tan'] as const) expect(OWN[name](-0)).toBe(-0);
    expect(atan2(-0, -1)).toBe(-Math.PI);
    expect(atan2(0, 1)).toBe(0);
    for (const name of Object.keys(HOST) as Name[]) expect(OWN[name](Number.NaN)).toBeNaN();
    expect(exp(709.9)).toBe(Infinity);
    expect(exp(-Infinity)).toBe(0);
    expect(ln(Infinity)).toBe(Infinity);
    expect(power(1.5, 1e300)).toBe(Infinity);
    expect(power(1.5, -1e300)).toBe(0);
  });

  // The host's log10 and tan are themselves off by more than one unit now and then.
  it.each(Object.keys(HOST) as Name[])('stay within two units in the last place of the host, by %s', (name) => {
    const positive = name === 'ln' || name === 'log10';
    const any = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true, min: positive ? 5e-324 : -1e308, max: 1e308 }),
      fc.double({ noNaN: true, min: positive ? 0.1 : -700, max: 700 }),
    );
    fc.assert(
      fc.property(any, (x) => expectNear(OWN[name](x), HOST[name](x), 2)),
      { numRuns: 3_000 },
    );
  });

  it('stay within one unit in the last place of the host, by power and atan2', () => {
    const any = fc.double({ noNaN: true, noDefaultInfinity: true });
    const near = fc.double({ noNaN: true, min: -400, max: 400 });
    fc.assert(
      fc.property(fc.oneof(any, near), fc.oneof(any, near), (x, y) => {
        expectNear(atan2(y, x), Math.atan2(y, x), 1);
        if (x !== 0) expectNear(power(Math.abs(x), y), Math.abs(x) ** y, 1);
      }),
      { numRuns: 3_000 },
    );
  });
});
