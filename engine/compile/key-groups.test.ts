/** Key groups follow from values alone and spread evenly. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyTable, build } from '../../test/kit/tables.ts';
import { sliceBatch } from '../batch/reader.ts';
import type { DataType, Value } from '../batch/types.ts';
import { KEY_GROUPS } from './fragment-plan.ts';
import { keyGroupsOf } from './key-groups.ts';

/** The groups of rows with one key. */
function groupsOf(type: DataType, values: readonly Value[]): number[] {
  return groupsOfRows(
    [type],
    values.map((value) => [value]),
  );
}

function groupsOfRows(types: readonly DataType[], rows: readonly (readonly Value[])[]): number[] {
  const fields = types.map((type, index) => ({ name: `k${index}`, type, nullable: true }));
  const out = new Uint8Array(rows.length);
  keyGroupsOf(
    build({ fields }, rows),
    types.map((_, index) => index),
    out,
  );
  return [...out];
}

describe('key groups', () => {
  it('never change: state in checkpoints is kept by them', () => {
    const texts = groupsOf({ kind: 'utf8' }, ['', 'a', 'machine-7', 'Übergröße', null]);
    const numbers = groupsOf({ kind: 'int64' }, [0n, 1n, -1n, 2n ** 62n, null]);
    const pairs = groupsOfRows(
      [{ kind: 'int32' }, { kind: 'utf8' }],
      [
        [1, 'b'],
        [2, null],
      ],
    );
    expect({ texts, numbers, pairs }).toMatchInlineSnapshot(`
      {
        "numbers": [
          32,
          69,
          84,
          99,
          23,
        ],
        "pairs": [
          85,
          117,
        ],
        "texts": [
          77,
          114,
          12,
          124,
          23,
        ],
      }
    `);
  });

  it('are the same for one value in any integer or float type', () => {
    const kinds = ['int8', 'int16', 'int32'] as const;
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: -128, max: 127 })), { minLength: 1 }), (values) => {
        const wide = groupsOf(
          { kind: 'int64' },
          values.map((value) => (value === null ? null : BigInt(value))),
        );
        for (const kind of kinds) expect(groupsOf({ kind }, values)).toEqual(wide);
        const floats = groupsOf({ kind: 'float64' }, values);
        expect(groupsOf({ kind: 'float32' }, values)).toEqual(floats);
      }),
    );
    expect(groupsOf({ kind: 'uint32' }, [4_294_967_295])).toEqual(groupsOf({ kind: 'int64' }, [4_294_967_295n]));
  });

  it('take zeros for one key, and all NaNs for one', () => {
    const [zero, minus, nan, other] = groupsOf({ kind: 'float64' }, [0, -0, Number.NaN, otherNan()]);
    expect(minus).toBe(zero);
    expect(other).toBe(nan);
  });

  it('do not depend on where in a batch a row is', () => {
    fc.assert(
      fc.property(anyTable, fc.nat(40), ({ schema, rows }, from) => {
        const columns = schema.fields.flatMap(({ type }, index) =>
          type.kind === 'foreign' || type.kind === 'float16' ? [] : [index],
        );
        const batch = build(schema, rows);
        const whole = new Uint8Array(rows.length);
        keyGroupsOf(batch, columns, whole);
        const start = Math.min(from, rows.length);
        const part = new Uint8Array(rows.length - start);
        keyGroupsOf(sliceBatch(batch, start, rows.length), columns, part);
        expect([...part]).toEqual([...whole.subarray(start)]);
      }),
    );
  });

  it('are evenly filled by numbers in a row and by names', () => {
    const keys = Array.from({ length: 128_000 }, (_, index) => index);
    for (const groups of [
      groupsOf({ kind: 'int32' }, keys),
      groupsOf(
        { kind: 'utf8' },
        keys.map((key) => `sensor-${key}`),
      ),
    ]) {
      const counts = new Array<number>(KEY_GROUPS).fill(0);
      for (const group of groups) counts[group] = (counts[group] ?? 0) + 1;
      // Of a fair hash the count of a group has a deviation of 32 around 1,000.
      expect(Math.min(...counts)).toBeGreaterThan(840);
      expect(Math.max(...counts)).toBeLessThan(1160);
    }
  });

  it('are all 0 where there is no key', () => {
    expect(groupsOfRows([], [[], []])).toEqual([0, 0]);
  });
});

function otherNan(): number {
  return new Float64Array(BigUint64Array.of(0xfff8_0000_0000_0001n).buffer)[0] ?? 0;
}
