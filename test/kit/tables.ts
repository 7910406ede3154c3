/** For tests: tables of every plain type with hostile values, and batches as rows of values. */
import fc from 'fast-check';
import type { Batch } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import { valueReader } from '../../engine/batch/reader.ts';
import type { DataType, Field, Schema, Value } from '../../engine/batch/types.ts';

export interface Table {
  readonly schema: Schema;
  readonly rows: readonly (readonly Value[])[];
}

export function build(schema: Schema, rows: readonly (readonly Value[])[], builder?: BatchBuilder): Batch {
  const target = builder ?? new BatchBuilder(schema, { rows: 1 });
  for (const row of rows) {
    for (const [index, column] of target.columns.entries()) column.append(row[index] ?? null);
    target.endRow();
  }
  return target.finish();
}

/** Every value, read one by one; binary values are copied out. */
export function rowsOf(batch: Batch): Value[][] {
  const readers = batch.schema.fields.map((_, column) => valueReader(batch, column));
  return Array.from({ length: batch.rows }, (_, row) =>
    readers.map((read) => {
      const value = read(row);
      return value instanceof Uint8Array ? new Uint8Array(value) : value;
    }),
  );
}

const big = (bits: number, signed: boolean): fc.Arbitrary<Value> =>
  signed ? fc.bigInt(-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n) : fc.bigInt(0n, 2n ** BigInt(bits) - 1n);

const unit = fc.constantFrom('s', 'ms', 'us', 'ns' as const);

/** A type with the values it may hold. */
const columns: readonly fc.Arbitrary<{ readonly type: DataType; readonly value: fc.Arbitrary<Value> }>[] = [
  fc.constant({ type: { kind: 'null' }, value: fc.constant(null) }),
  fc.constant({ type: { kind: 'bool' }, value: fc.boolean() }),
  fc.constant({ type: { kind: 'int8' }, value: fc.integer({ min: -128, max: 127 }) }),
  fc.constant({ type: { kind: 'int16' }, value: fc.integer({ min: -32_768, max: 32_767 }) }),
  fc.constant({ type: { kind: 'int32' }, value: fc.integer() }),
  fc.constant({ type: { kind: 'date32' }, value: fc.integer() }),
  fc.constant({ type: { kind: 'uint8' }, value: fc.nat(255) }),
  fc.constant({ type: { kind: 'uint16' }, value: fc.nat(65_535) }),
  fc.constant({ type: { kind: 'uint32' }, value: fc.nat(4_294_967_295) }),
  fc.constant({ type: { kind: 'int64' }, value: big(64, true) }),
  fc.constant({ type: { kind: 'uint64' }, value: big(64, false) }),
  fc.constant({ type: { kind: 'float32' }, value: fc.float() }),
  fc.constant({ type: { kind: 'float64' }, value: fc.double() }),
  fc.constant({
    type: { kind: 'float16' },
    value: fc.constantFrom(0, -0, 1.5, -2, 65_504, 2 ** -24, Number.NaN),
  }),
  fc.constant({ type: { kind: 'utf8' }, value: fc.string({ unit: 'binary', maxLength: 60 }) }),
  fc.constant({ type: { kind: 'utf8' }, value: fc.string({ unit: 'grapheme', maxLength: 12 }) }),
  fc.constant({ type: { kind: 'binary' }, value: fc.uint8Array({ maxLength: 40 }) }),
  unit.map((u) => ({ type: { kind: 'timestamp', unit: u }, value: big(64, true) })),
  unit.map((u) => ({ type: { kind: 'timestamp', unit: u, timezone: 'Europe/Madrid' }, value: big(64, true) })),
  unit.map((u) => ({ type: { kind: 'duration', unit: u }, value: big(64, true) })),
];

/** Up to five columns of any plain types, up to 40 rows, with and without nulls. */
export const anyTable: fc.Arbitrary<Table> = fc
  .array(fc.tuple(fc.oneof(...columns), fc.constantFrom(0, 0.2, 0.9, 'required' as const)), {
    minLength: 1,
    maxLength: 5,
  })
  .chain((picked) => {
    const fields: Field[] = picked.map(([{ type }, nulls], index) => ({
      name: `c${index}`,
      type,
      nullable: nulls !== 'required' || type.kind === 'null',
    }));
    const row = fc.tuple(
      ...picked.map(([{ value }, nulls]) =>
        nulls === 'required' || nulls === 0
          ? value
          : fc.oneof(
              { weight: nulls * 10, arbitrary: fc.constant(null) },
              { weight: 10 - nulls * 10, arbitrary: value },
            ),
      ),
    );
    return fc.array(row, { maxLength: 40 }).map((rows) => ({ schema: { fields }, rows }));
  });
