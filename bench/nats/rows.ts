/** The rows of `bench nats`: 24 bytes each as Arrow, the same whichever way they go. */
import type { Batch } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import type { Schema } from '../../engine/batch/types.ts';

export const SCHEMA: Schema = {
  fields: [
    { name: 'key', type: { kind: 'int64' }, nullable: false },
    { name: 'at', type: { kind: 'int64' }, nullable: false },
    { name: 'value', type: { kind: 'float64' }, nullable: false },
  ],
};
export const ROW_BYTES = 24;

export function sample(rows: number): Batch {
  const builder = new BatchBuilder(SCHEMA, { rows });
  const [key, at, value] = builder.columns;
  for (let row = 0; row < rows; row++) {
    key?.appendNumber((row * 2_654_435_761) % 1000);
    at?.appendNumber(1_700_000_000_000 + row);
    value?.appendNumber(row * 0.25);
    builder.endRow();
  }
  return builder.finish();
}

export interface JsonRow {
  readonly key: number;
  readonly at: number;
  readonly value: number;
}

export function jsonRow(row: number): JsonRow {
  return { key: (row * 2_654_435_761) % 1000, at: 1_700_000_000_000 + row, value: row * 0.25 };
}
