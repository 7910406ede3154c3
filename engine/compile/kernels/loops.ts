/**
 * Loops over typed arrays for the functions that rows call most. Each does the plain case itself and leaves every row that might be
 * special (overflow, underflow, a division by zero) to `slow`, which asks the catalogue's own implementation.
 */
import type { Slots, Vector } from './vector.ts';

/** The rows to compute; none has a null or failed argument. */
type Rows = Int32Array;
type Slow = (row: number) => void;
/** Fills `out` at `rows`. */
export type Loop = (args: readonly Vector[], out: Slots, rows: Rows, slow: Slow) => void;

type Numbers = Float64Array;
type Bigs = BigInt64Array;

/** A loop over two arguments, given as arrays of numbers (of whichever width: the loop only reads and writes elements). */
function binary<A, O>(
  loop: (a: A, aMask: number, b: A, bMask: number, out: O, rows: Rows, slow: Slow) => void,
  swapped = false,
): Loop {
  return (args, out, rows, slow) => {
    const [a, b] = swapped ? [args[1], args[0]] : args;
    if (a === undefined || b === undefined) return;
    loop(a.values as unknown as A, a.mask, b.values as unknown as A, b.mask, out as unknown as O, rows, slow);
  };
}

const at = (values: Numbers, index: number): number => values[index] as number;
const bigAt = (values: Bigs, index: number): bigint => values[index] as bigint;

const addFloats = binary<Numbers, Numbers>((a, aMask, b, bMask, out, rows, slow) => {
  for (let k = 0; k < rows.length; k += 1) {
    const i = rows[k] as number;
    const result = at(a, i & aMask) + at(b, i & bMask);
    out[i] = result;
    if (result - result !== 0) slow(i);
  }
});

const subtractFloats = binary<Numbers, Numbers>((a, aMask, b, bMask, out, rows, slow) => {
  for (let k = 0; k < rows.length; k += 1) {
    const i = rows[k] as number;
    const result = at(a, i & aMask) - at(b, i & bMask);
    out[i] = result;
    if (result - result !== 0) slow(i);
  }
});

const multiplyFloats = binary<Numbers, Numbers>((a, aMask, b, bMask, out, rows, slow) => {
  for (let k = 0; k < rows.length; k += 1) {
    const i = rows[k] as number;
    const result = at(a, i & aMask) * at(b, i & bMask);
    out[i] = result;
    if (result === 0 || result - result !== 0) slow(i);
  }
});

const divideFloats = binary<Numbers, Numbers>((a, aMask, b, bMask, out, rows, slow) => {
  for (let k = 0; k < rows.length; k += 1) {
    const i = rows[k] as number;
    const result = at(a, i & aMask) / at(b, i & bMask);
    out[i] = result;
    if (result === 0 || result - result !== 0) slow(i);
  }
});

const addInt32 = binary<Numbers, Numbers>((a, aMask, b, bMask, out, rows, slow) => {
  for (let k = 0; k < rows.length; k += 1) {
    const i = rows[k] as number;
    const result = at(a, i & aMask) + at(b, i & bMask);
    out[i] = result;
    if (result !== (result | 0)) slow(i);
  }
});

const subtractInt32 = binary<Numbers, Numbers>((a, aMask, b, bMask, out, rows, slow) => {
  for (let k = 0; k < rows.length; k += 1) {
    const i = rows[k] as number;
    const result = at(a, i & aMask) - at(b, i & bMask);
    out[i] = result;
    if (result !== (result | 0)) slow(i);
  }
});

const multiplyInt32 = binary<Numbers, Numbers>((a, aMask, b, bMask, out, rows, slow) => {
  for (let k = 0; k < rows.length; k += 1) {
    const i = rows[k] as number;
    const result = at(a, i & aMask) * at(b, i & bMask);
    out[i] = result;
    if (result !== (result | 0)) slow(i);
  }
});

const addInt64 = binary<Bigs, Bigs>((a, aMask, b, bMask, out, rows, slow) => {
  for (let k = 0; k < rows.length; k += 1) {
    const i = rows[k] as number;
    const x = bigAt(a, i & aMask);
    const y = bigAt(b, i & bMask);
    const result = BigInt.asIntN(64, x + y);
    out[i] = result;
    if (result < x !== y < 0n) slow(i);
  }
});

const subtractInt64 = binary<Bigs, Bigs>((a, aMask, b, bMask, out, rows, slow) => {
  for (let k = 0; k < rows.length; k += 1) {
    const i = rows[k] as number;
    const x = bigAt(a, i & aMask);
    const y = bigAt(b, i & bMask);
    const result = BigInt.asIntN(64, x - y);
    out[i] = result;
    if (result > x !== y < 0n) slow(i);
  }
});

/** 1 where a < b, or the opposite; NaN is greater than all else. Right for integers, too. */
function lessNumbers(
  yes: 0 | 1,
): (a: Numbers, aMask: number, b: Numbers, bMask: number, out: Uint8Array, rows: Rows) => void {
  return (a, aMask, b, bMask, out, rows) => {
    for (let k = 0; k < rows.length; k += 1) {
      const i = rows[k] as number;
      const x = at(a, i & aMask);
      const y = at(b, i & bMask);
      out[i] = x < y || (y - y !== 0 && Number.isNaN(y) && !Number.isNaN(x)) ? yes : 1 - yes;
    }
  };
}

function equalNumbers(
  yes: 0 | 1,
): (a: Numbers, aMask: number, b: Numbers, bMask: number, out: Uint8Array, rows: Rows) => void {
  return (a, aMask, b, bMask, out, rows) => {
    for (let k = 0; k < rows.length; k += 1) {
      const i = rows[k] as number;
      const x = at(a, i & aMask);
      const y = at(b, i & bMask);
      out[i] = x === y || (Number.isNaN(x) && Number.isNaN(y)) ? yes : 1 - yes;
    }
  };
}

function lessBigs(yes: 0 | 1): (a: Bigs, aMask: number, b: Bigs, bMask: number, out: Uint8Array, rows: Rows) => void {
  return (a, aMask, b, bMask, out, rows) => {
    for (let k = 0; k < rows.length; k += 1) {
      const i = rows[k] as number;
      out[i] = bigAt(a, i & aMask) < bigAt(b, i & bMask) ? yes : 1 - yes;
    }
  };
}

function equalBigs(yes: 0 | 1): (a: Bigs, aMask: number, b: Bigs, bMask: number, out: Uint8Array, rows: Rows) => void {
  return (a, aMask, b, bMask, out, rows) => {
    for (let k = 0; k < rows.length; k += 1) {
      const i = rows[k] as number;
      out[i] = bigAt(a, i & aMask) === bigAt(b, i & bMask) ? yes : 1 - yes;
    }
  };
}

/** The six comparisons of a kind, out of "less" and "equal", their opposites, and swapped arguments. */
function comparisons(kind: string, big: boolean): [string, Loop][] {
  const less = (yes: 0 | 1, swapped: boolean): Loop =>
    big ? binary(lessBigs(yes), swapped) : binary(lessNumbers(yes), swapped);
  const equal = (yes: 0 | 1): Loop => (big ? binary(equalBigs(yes)) : binary(equalNumbers(yes)));
  return [
    [`lt.${kind}`, less(1, false)],
    [`gt.${kind}`, less(1, true)],
    [`le.${kind}`, less(0, true)],
    [`ge.${kind}`, less(0, false)],
    [`eq.${kind}`, equal(1)],
    [`ne.${kind}`, equal(0)],
  ];
}

/** The same number in a wider array. */
const widen: Loop = ([a], out, rows) => {
  if (a === undefined) return;
  const from = a.values as Float64Array;
  const to = out as Float64Array;
  for (let k = 0; k < rows.length; k += 1) {
    const i = rows[k] as number;
    to[i] = at(from, i & a.mask);
  }
};

/** By catalogue id; all others are called row by row. */
export const LOOPS: ReadonlyMap<string, Loop> = new Map<string, Loop>([
  ['add.float64', addFloats],
  ['sub.float64', subtractFloats],
  ['mul.float64', multiplyFloats],
  ['div.float64', divideFloats],
  ['add.int32', addInt32],
  ['sub.int32', subtractInt32],
  ['mul.int32', multiplyInt32],
  ['add.int64', addInt64],
  ['sub.int64', subtractInt64],
  ['cast.int32.float64', widen],
  ['cast.float32.float64', widen],
  ...['bool', 'int32', 'date32', 'float32', 'float64'].flatMap((kind) => comparisons(kind, false)),
  ...['int64', 'timestamp', 'duration'].flatMap((kind) => comparisons(kind, true)),
]);
