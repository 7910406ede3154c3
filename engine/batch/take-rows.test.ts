import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anyTable, build, rowsOf } from '../../test/kit/tables.ts';
import { takeRows } from './take-rows.ts';

it('takes the rows asked for, of every type, into memory of its own and into memory that had others', () => {
  const memory = { body: new Uint8Array(1 << 12).fill(0xff) };
  fc.assert(
    fc.property(anyTable, fc.array(fc.nat(), { maxLength: 40 }), ({ schema, rows }, numbers) => {
      const batch = build(schema, rows);
      const picks = rows.length === 0 ? [] : numbers.map((number) => number % rows.length);
      const expected = picks.map((row) => rowsOf(batch)[row]);
      expect(rowsOf(takeRows(batch, Uint32Array.from(picks)))).toEqual(expected);
      expect(rowsOf(takeRows(batch, Uint32Array.from(picks), memory))).toEqual(expected);
    }),
  );
});
