/**
 * Every catalogue function that the support module implements, held to its meaning in JavaScript: on edge cases of its argument kinds,
 * all combined, and on generated arguments.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { argumentsOf, edgesOf, unitsOf } from '../../../test/kit/arguments.ts';
import { SupportModule } from '../../../test/kit/support-module.ts';
import { TOPICS } from '../../expression/catalogue.ts';
import { type CatalogueFunction, Failure, type Value } from '../../expression/define.ts';

const support = new SupportModule();

const WHOLE_TOPICS = new Set([
  'Mathematics',
  'Text and bytes',
  'Dates, timestamps and durations',
  'Fields of time',
  'Casts',
]);
const own: readonly CatalogueFunction[] = TOPICS.flatMap(({ title, functions }) =>
  functions.filter(
    ({ id, args }) =>
      WHOLE_TOPICS.has(title) || id === 'mod.float64' || (title === 'Comparison' && /utf8|binary/.test(args[0] ?? '')),
  ),
);

/** Most units in the last place by which Wasm and JavaScript may differ; neither rounds these functions correctly. */
const TOLERANCE = 1n;

describe('the support module', () => {
  it('exports every function of text, dates, casts and mathematics', () => {
    expect(own.filter(({ id }) => !support.has(id)).map(({ id }) => id)).toEqual([]);
    expect(own.length).toBeGreaterThan(140);
  });

  it.each(own.map((fn) => [fn.id, fn] as const))('means the same by %s as the catalogue does', (_id, fn) => {
    for (const units of unitsOf(fn)) {
      for (const args of edgesOf(fn)) check(fn, args, units);
    }
    const anyUnits = fc.constantFrom(...unitsOf(fn));
    fc.assert(
      fc.property(argumentsOf(fn), anyUnits, (args, units) => check(fn, args, units)),
      { numRuns: 300 },
    );
  });
});

function check(fn: CatalogueFunction, args: readonly Value[], units: readonly bigint[]): void {
  const wanted = meaning(fn, args, units);
  const got = support.call(fn, args, units);
  if (same(got, wanted, fn.approximate === true)) return;
  expect({ id: fn.id, args, units, value: got }).toEqual({ id: fn.id, args, units, value: wanted });
  // toEqual takes what differs in a sign of zero only for different, too; whatever it takes for equal differs in type.
  expect.fail(`${fn.id}(${args.join(', ')}) is ${String(got)}, not ${String(wanted)}`);
}

function meaning(fn: CatalogueFunction, args: readonly Value[], units: readonly bigint[]): Value {
  try {
    return fn.evaluate(...args, ...units);
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}

function same(a: Value, b: Value, approximate: boolean): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (Object.is(a, b)) return true;
  return approximate && typeof a === 'number' && typeof b === 'number' && ulps(a, b) <= TOLERANCE;
}

const bits = new BigInt64Array(1);
const floats = new Float64Array(bits.buffer);

/** A float's place in the order of all floats. */
function rank(x: number): bigint {
  floats[0] = x;
  const raw = bits[0] ?? 0n;
  return raw < 0n ? -(raw & 0x7fffffffffffffffn) : raw;
}

function ulps(a: number, b: number): bigint {
  if (Number.isNaN(a) || Number.isNaN(b)) return TOLERANCE + 1n;
  const distance = rank(a) - rank(b);
  return distance < 0n ? -distance : distance;
}
