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
  functions.filter(({ id }) => WHOLE_TOPICS.has(title) || id === 'mod.float64'),
);

describe('the support module', () => {
  it('exports every function of text, dates, casts and mathematics', () => {
    expect(own.filter(({ id }) => !support.has(id)).map(({ id }) => id)).toEqual([]);
    expect(own.length).toBeGreaterThan(120);
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
  if (same(got, wanted)) return;
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

/** Bit for bit, transcendental functions too: both compile one source. */
function same(a: Value, b: Value): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return Object.is(a, b);
}
