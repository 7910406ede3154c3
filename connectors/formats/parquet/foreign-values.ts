/** Decimals and times of day, value by value, as parquet's writer takes them. */
import * as arrow from 'apache-arrow';
import type { ForeignValues } from './writer.ts';

/** Unscaled bigints of decimals; numbers or bigints of times. */
export const foreignValues: ForeignValues = (batch, column) => {
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
};
