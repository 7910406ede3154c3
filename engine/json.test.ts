import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseValue, stringifyValue } from './json.ts';

it('gives back what was written: JSON, bigints, bytes and maps', () => {
  const leaf = fc.oneof(fc.jsonValue(), fc.bigInt(), fc.uint8Array(), fc.dictionary(fc.string(), fc.bigInt()));
  const value = fc.oneof(
    leaf,
    fc.array(leaf),
    fc.array(fc.tuple(fc.string(), leaf)).map((entries) => new Map(entries)),
  );
  const plain = (sample: unknown): boolean => !/"\$(bigint|number|bytes|map)"|__proto__/.test(stringifyLoosely(sample));
  fc.assert(
    fc.property(value.filter(plain), (sample) => {
      expect(parseValue(stringifyValue(sample))).toEqual(sample);
    }),
  );
});

it('gives back the numbers that JSON lacks', () => {
  const numbers = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 1.5];
  expect(parseValue(stringifyValue(numbers))).toEqual(numbers);
  expect(Object.is((parseValue(stringifyValue({ value: -0 })) as { value: number }).value, -0)).toBe(true);
});

it('refuses an object that would be misread', () => {
  expect(() => stringifyValue({ a: { $bigint: '1' } })).toThrow('$bigint');
});

function stringifyLoosely(sample: unknown): string {
  return JSON.stringify(sample, (_key, item: unknown) => {
    if (Object.is(item, -0)) return '-0';
    if (typeof item === 'bigint') return item.toString();
    return item instanceof Map ? [...item] : item;
  });
}
