/** What generated arguments do not reach: every code point's case, results at the size limit, patterns made to be slow, static tables. */
import process from 'node:process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SupportModule } from '../../../test/kit/support-module.ts';
import { CATALOGUE, catalogueFunction } from '../../expression/catalogue.ts';
import type { CatalogueFunction, Value } from '../../expression/define.ts';

const support = new SupportModule();
const call = (id: string, ...args: readonly Value[]): Value => support.call(catalogueFunction(id), args);
const MAX = 16_777_216;

/** All code points but surrogates, a thousand to a text. */
function* allText(): Generator<string> {
  for (let first = 0; first < 0x110000; first += 0x400) {
    if (first >= 0xd800 && first < 0xe000) continue;
    yield String.fromCodePoint(...Array.from({ length: 0x400 }, (_, i) => first + i));
  }
}

describe('upper and lower', () => {
  it('map every code point as the catalogue does', () => {
    for (const text of allText()) {
      for (const id of ['upper', 'lower']) {
        const wanted = catalogueFunction(id).evaluate(text);
        if (call(id, text) !== wanted)
          expect.fail(`${id} differs at U+${text.codePointAt(0)?.toString(16)} and behind`);
      }
    }
  });

  it('map ASCII letters in every position of a vector and its rest', () => {
    for (let length = 0; length < 70; length += 1) {
      const text = 'aZ[`{@zA'.repeat(9).slice(0, length);
      expect(call('upper', text)).toBe(text.toUpperCase());
      expect(call('lower', `${text}é`)).toBe(`${text}é`.toLowerCase());
    }
  });
});

describe('results at the limit of 16 MiB', () => {
  const half = 'x'.repeat(MAX / 2);

  it('are given at the limit and refused beyond it', () => {
    expect(String(call('concat.utf8', half, half)).length).toBe(MAX);
    expect(call('concat.utf8', half, `${half}y`)).toBe('tooLong');
    expect(String(call('repeat', 'ab', MAX / 2)).length).toBe(MAX);
    expect(call('repeat', 'ab', MAX / 2 + 1)).toBe('tooLong');
    expect(call('repeat', half, 2147483647)).toBe('tooLong');
    expect(call('lpad', 'é', 2147483647, 'ab')).toBe('tooLong');
    expect(call('replace', half, 'x', 'xyz')).toBe('tooLong');
    expect(call('replace', half, 'x', 'xy')).toBe(half.replaceAll('x', 'xy'));
    expect(call('upper', 'ɐ'.repeat(MAX / 2))).toBe('tooLong');
    expect(call('cast.binary.utf8', new Uint8Array(MAX / 2))).toBe('tooLong');
  });

  it('leave the arena usable', () => {
    expect(call('upper', 'after')).toBe('AFTER');
  });
});

describe('LIKE', () => {
  it('does not blow up on a pattern of many wildcards', () => {
    const text = 'a'.repeat(20_000);
    const before = process.threadCpuUsage();
    expect(call('like', text, `${'%a'.repeat(500)}%b`, '\\')).toBe(false);
    expect(call('like', text, `${'%a_'.repeat(500)}%`, '\\')).toBe(true);
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(2_000);
  });

  it('takes escaped wildcards for themselves and an escape of several bytes', () => {
    expect(call('like', '100%', '100\\%', '\\')).toBe(true);
    expect(call('like', '1000', '100\\%', '\\')).toBe(false);
    expect(call('like', 'a_b', 'aé_b', 'é')).toBe(true);
    expect(call('like', 'aéb', 'aééb', 'é')).toBe(true);
    expect(call('like', 'axb', 'aé_b', 'é')).toBe(false);
  });
});

describe('searching', () => {
  it('finds parts wherever they lie to the vectors', () => {
    for (let before = 0; before < 40; before += 1) {
      const text = `${'ab'.repeat(before)}aé${'b'.repeat(3)}`;
      expect(call('strpos', text, 'aé')).toBe(before * 2 + 1);
      expect(call('strpos', text, 'éa')).toBe(0);
      expect(call('split_part', text, 'é', -1)).toBe('bbb');
    }
  });
});

describe('bytes that are no UTF-8', () => {
  it('make no function trap, nor name bytes outside of the memory', () => {
    const textual = CATALOGUE.filter(({ id, args }) => support.has(id) && args.includes('utf8'));
    const args = (fn: CatalogueFunction): fc.Arbitrary<readonly Value[]> =>
      fc.tuple(
        ...fn.args.map((kind) =>
          kind === 'utf8' ? fc.uint8Array({ maxLength: 12 }) : fc.integer({ min: -9, max: 9 }),
        ),
      );
    for (const fn of textual) {
      const units = fn.units === undefined ? [] : [1_000_000n];
      fc.assert(
        fc.property(args(fn), (values) => {
          const [address, length] = support.callRaw(fn, values, units);
          expect(length).toBeGreaterThanOrEqual(0);
          expect(address + length).toBeLessThan(support.memoryBytes());
        }),
        { numRuns: 200 },
      );
    }
  });
});

describe('functions that make no text', () => {
  it('leave nothing in the arena, but for LIKE’s pattern', () => {
    for (const [id, ...args] of [
      ['char_length', 'é'.repeat(100)],
      ['strpos', 'abc'.repeat(50), 'cab'],
      ['cast.utf8.timestamptz', '2024-02-29 12:30:01.123456+02'],
      ['cast.utf8.float64', '3.14159265358979323846264338327950288'],
      ['btrim', '  x  ', ' '],
      ['substring.utf8.int32', 'sensor', 3],
    ] as const) {
      const fn = catalogueFunction(id);
      const encoded = args.map((arg) => (typeof arg === 'string' ? (Buffer.byteLength(arg) + 7) & ~7 : 0));
      const units = fn.units === undefined ? [] : [1_000_000n];
      support.call(fn, args, units);
      expect([id, support.arenaBytes()]).toEqual([id, encoded.reduce((sum, bytes) => sum + bytes, 0)]);
    }
  });
});
