/**
 * Pairs of floats, high + low, that stand for a number of twice the precision.
 *
 * This folder is written in what TypeScript and AssemblyScript have in common (`number` is a 64-bit float in both), and both compile it:
 * kernels and compiled cells compute sine and the like with the same operations in the same order, so that they agree bit for bit,
 * whatever the host's own mathematics.
 *
 * Sources: T. J. Dekker, "A floating-point technique for extending the available precision" (1971); D. Knuth, The Art of Computer
 * Programming 2, 4.2.2.
 */

/** The low part of the pair whose high part the last function here returned. */
export let low: number = 0;

/** a + b, exactly. */
export function sum(a: number, b: number): number {
  const high = a + b;
  const part = high - a;
  low = a - (high - part) + (b - part);
  return high;
}

/** a + b, exactly, where `a` is 0 or not smaller than `b`. */
export function orderedSum(a: number, b: number): number {
  const high = a + b;
  low = b - (high - a);
  return high;
}

/** 2^27 + 1: splits a float into two of 26 bits. */
const SPLITTER: number = 134217729;

/** a * b, exactly, where neither it nor its factors come near the limits of floats. */
export function product(a: number, b: number): number {
  const high = a * b;
  const aScaled = a * SPLITTER;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = b * SPLITTER;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  low = aLow * bLow - (high - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
  return high;
}

/** (a + aLow) * (b + bLow) to about 104 bits. */
export function pairProduct(a: number, aLow: number, b: number, bLow: number): number {
  const high = product(a, b);
  return orderedSum(high, low + (a * bLow + aLow * b));
}

/** (a + aLow) / (b + bLow) to about 104 bits. */
export function pairQuotient(a: number, aLow: number, b: number, bLow: number): number {
  const high = a / b;
  const back = product(high, b);
  const rest = a - back - low + aLow - high * bLow;
  return orderedSum(high, rest / b);
}
