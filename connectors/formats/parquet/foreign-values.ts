/** Decimals and times of day, value by value, as parquet's writer takes them. */
import * as arrow from 'apache-arrow';
import { toArrowSchema } from '../../../engine/batch/arrow-types.ts';
import type { Batch } from '../../../engine/batch/batch.ts';
import type { Schema } from '../../../engine/batch/types.ts';
import type { ForeignColumns } from './writer.ts';

export const foreignColumns: ForeignColumns = { values, schemaMessage };

function values(batch: Batch, column: number): (row: number) => unknown {
  const data = batch.foreign?.get(column);
  if (!arrow.isArrowData(data)) return () => null;
  const vector = new arrow.Vector([data]);
  if (!arrow.DataType.isDecimal(data.type)) return (row) => vector.get(row);
  return (row) => {
    const words = vector.get(row) as Uint32Array | null;
    if (words === null) return null;
    let value = 0n;
    for (let i = words.length - 1; i >= 0; i--) value = (value << 32n) | BigInt(words[i] ?? 0);
    return BigInt.asIntN(words.length * 32, value);
  };
}

function schemaMessage(schema: Schema): Uint8Array {
  const metadata = arrow.Message.encode(arrow.Message.from(toArrowSchema(schema)));
  const length = (metadata.length + 7) & ~7;
  const bytes = new Uint8Array(8 + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xffff_ffff, true);
  view.setUint32(4, length, true);
  bytes.set(metadata, 8);
  return bytes;
}
