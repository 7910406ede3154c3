/** SenML against the examples of RFC 8428, and what it refuses. */
import { describe, expect, it } from 'vitest';
import { senmlRecord, senmlRows } from './senml.ts';

const NOW = Date.UTC(2026, 0, 1);
const rows = (pack: unknown): Record<string, unknown>[] =>
  senmlRows(JSON.stringify(pack), NOW).map((row) => JSON.parse(row));

describe('a SenML pack', () => {
  it('resolves base name, time and unit (RFC 8428, section 5.1.2)', () => {
    const pack = [
      { bn: 'urn:dev:ow:10e2073a0108006:', bt: 1.276020076001e9, bu: 'A', bver: 5, n: 'voltage', u: 'V', v: 120.1 },
      { n: 'current', t: -5, v: 1.2 },
      { n: 'current', t: -4, v: 1.3 },
    ];
    expect(rows(pack)).toEqual([
      { name: 'urn:dev:ow:10e2073a0108006:voltage', unit: 'V', time: '2010-06-08T18:01:16.001000Z', value: 120.1 },
      { name: 'urn:dev:ow:10e2073a0108006:current', unit: 'A', time: '2010-06-08T18:01:11.001000Z', value: 1.2 },
      { name: 'urn:dev:ow:10e2073a0108006:current', unit: 'A', time: '2010-06-08T18:01:12.001000Z', value: 1.3 },
    ]);
  });

  it('holds texts, truth, bytes and sums (section 5.1.7)', () => {
    const pack = [
      { bn: 'urn:dev:ow:10e2073a01080063:', n: 'temp', u: 'Cel', v: 23.1 },
      { n: 'label', vs: 'Machine Room' },
      { n: 'open', vb: false },
      { n: 'nfc-reader', vd: 'aGkgCg' },
      { n: 'energy', bs: 100, s: 5 },
      { bn: 'x' },
    ];
    expect(rows(pack).map(({ value, string, bool, data, sum }) => value ?? string ?? bool ?? data ?? sum)).toEqual([
      23.1,
      'Machine Room',
      false,
      'aGkgCg==',
      105,
    ]);
  });

  it('counts small times from now (section 4.5.3)', () => {
    expect(
      rows([
        { n: 'a', v: 1 },
        { n: 'a', v: 1, t: -0.5 },
      ]).map(({ time }) => time),
    ).toEqual(['2026-01-01T00:00:00.000000Z', '2025-12-31T23:59:59.500000Z']);
  });

  it('is refused where it is none, with the record that is wrong', () => {
    const refused: readonly (readonly [unknown, string])[] = [
      [{}, 'a pack is an array'],
      [[{ n: 'a', v: 'x' }], 'v of record 1 is no number'],
      [[{ v: 1 }], 'no name'],
      [[{ n: ' a', v: 1 }], 'the name " a"'],
      [
        [
          { n: 'a', v: 1 },
          { n: 'b', v: 1, vs: 'x' },
        ],
        'record 2 has 2 values',
      ],
      [[{ n: 'a', v: 1, secret_: 1 }], 'needs secret_ to be understood'],
      [[{ bver: 11, n: 'a', v: 1 }], 'version 11'],
      [[{ n: 'a', v: 1, t: 1e300 }], 'no calendar'],
    ];
    for (const [pack, why] of refused) expect(() => rows(pack)).toThrow(why);
    expect(() => senmlRows('[{', NOW)).toThrow(expect.objectContaining({ code: 'senml.malformed' }));
  });

  it('is written back as records that resolve to the same', () => {
    const pack = [
      { n: 'a', u: 'Cel', t: 1.767225600125e9, v: 21.5 },
      { n: 'b', t: 1.7672256e9, vd: 'aGkgCg' },
    ];
    const once = senmlRows(JSON.stringify(pack), NOW);
    expect(senmlRows(`[${once.map(senmlRecord).join(',')}]`, 0)).toEqual(once);
  });
});
