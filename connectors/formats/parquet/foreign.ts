/** Parquet's decimals and times of day as apache-arrow's, which carry them from source to sink. */
import * as arrow from 'apache-arrow';
import { fromArrowType } from '../../../engine/batch/arrow-types.ts';
import type { DataType } from '../../../engine/batch/types.ts';
import { malformed } from './pages.ts';

const DECIMAL = /^decimal(128|256)\((\d+), (\d+)\)$/;

/** The type that `columns.ts` named, with apache-arrow's type in it. */
export function withArrowType(type: DataType): DataType {
  if (type.kind !== 'foreign' || type.arrow !== undefined) return type;
  const decimal = DECIMAL.exec(type.text);
  if (decimal !== null) {
    return fromArrowType(new arrow.Decimal(Number(decimal[3]), Number(decimal[2]), Number(decimal[1])));
  }
  if (type.text === 'time32[ms]') return fromArrowType(new arrow.TimeMillisecond());
  return fromArrowType(type.text === 'time64[ns]' ? new arrow.TimeNanosecond() : new arrow.TimeMicrosecond());
}

/** A column of physical values: int32 and int64 as numbers and bigints, byte arrays big-endian. */
export function foreignData(type: DataType, chunks: readonly ArrayLike<unknown>[], rows: number): arrow.Data {
  if (type.kind !== 'foreign') throw malformed('a column that is not foreign');
  const of = type.arrow as arrow.DataType;
  const width = arrow.DataType.isDecimal(of) || arrow.DataType.isTime(of) ? of.bitWidth / 8 : 0;
  const bytes = new Uint8Array(rows * width);
  const nullBitmap = new Uint8Array((rows + 7) >> 3);
  let row = 0;
  for (const chunk of chunks) {
    if (row + chunk.length > rows) throw malformed(`more than ${rows} values`);
    for (let i = 0; i < chunk.length; i++, row++) {
      const value = chunk[i];
      if (value === null || value === undefined) continue;
      nullBitmap[row >> 3] = (nullBitmap[row >> 3] ?? 0) | (1 << (row & 7));
      put(bytes, row * width, width, unscaled(value));
    }
  }
  if (row !== rows) throw malformed(`${row} values where ${rows} are due`);
  const data =
    arrow.DataType.isTime(of) && width === 8 ? new BigInt64Array(bytes.buffer) : new Int32Array(bytes.buffer);
  const nullCount = rows - ones(nullBitmap);
  return arrow.makeData({ type: of as arrow.Int, length: rows, nullCount, nullBitmap, data: data as Int32Array });
}

function ones(bits: Uint8Array): number {
  let count = 0;
  for (const byte of bits) for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function unscaled(value: unknown): bigint {
  if (value instanceof Uint8Array) {
    if (value.length === 0) return 0n;
    return BigInt.asIntN(value.length * 8, BigInt(`0x${Buffer.from(value).toString('hex')}`));
  }
  return BigInt(value as number | bigint);
}

function put(bytes: Uint8Array, at: number, width: number, value: bigint): void {
  let rest = BigInt.asUintN(width * 8, value);
  for (let i = 0; i < width; i++) {
    bytes[at + i] = Number(rest & 255n);
    rest >>= 8n;
  }
}
