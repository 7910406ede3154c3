/** Physical values of a parquet column, as hyparquet decodes them, into a column of ours. */
import type { ColumnBuilder } from '../../../engine/batch/builder.ts';
import { fromHalf } from '../../../engine/batch/half.ts';
import type { DataType } from '../../../engine/batch/types.ts';
import type { ParquetColumn } from './columns.ts';
import { malformed } from './pages.ts';

type Put = (value: unknown, column: ColumnBuilder) => void;

/** Appends all chunks; null and undefined are null. Throws `parquet.malformed` where they are not `rows` values. */
export function appendChunks(
  source: ParquetColumn,
  chunks: readonly ArrayLike<unknown>[],
  rows: number,
  column: ColumnBuilder,
): void {
  const put = putterOf(source);
  let count = 0;
  for (const chunk of chunks) {
    count += chunk.length;
    if (count > rows) throw malformed(`more than ${rows} values`);
    for (let i = 0; i < chunk.length; i++) {
      const value = chunk[i];
      if (value === null || value === undefined) column.appendNull();
      else put(value, column);
    }
  }
  if (count !== rows) throw malformed(`${count} values where ${rows} are due`);
}

function putterOf({ field, element }: ParquetColumn): Put {
  const { type } = field;
  switch (type.kind) {
    case 'null':
      return (_, column) => column.appendNull();
    case 'bool':
      return (value, column) => column.appendBool(value === true || value === 1);
    case 'uint32':
      return (value, column) => column.appendNumber(Number(value) >>> 0);
    case 'uint64':
      return (value, column) => column.appendBigInt(BigInt.asUintN(64, value as bigint));
    case 'float16':
      return (value, column) => column.appendNumber(fromHalf(halfBits(value)));
    case 'utf8':
      return element.logical_type?.type === 'UUID' ? putUuid : putBytes;
    case 'binary':
      return putBytes;
    case 'timestamp':
      return element.type === 'INT96' ? putNanoseconds : putBigInt;
    default:
      return isWide(type) ? putBigInt : (value, column) => column.appendNumber(value as number);
  }
}

function isWide({ kind }: DataType): boolean {
  return kind === 'int64' || kind === 'duration';
}

const putBigInt: Put = (value, column) => column.appendBigInt(value as bigint);

/** To microseconds, rounded down. */
const putNanoseconds: Put = (value, column) => {
  const nanoseconds = value as bigint;
  const whole = nanoseconds / 1000n;
  column.appendBigInt(whole * 1000n > nanoseconds ? whole - 1n : whole);
};

const putBytes: Put = (value, column) => {
  if (!(value instanceof Uint8Array)) throw malformed('a value that is no bytes');
  column.appendBytes(value, 0, value.length);
};

const putUuid: Put = (value, column) => {
  const hex = Buffer.from(value as Uint8Array).toString('hex');
  column.appendString(
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
  );
};

function halfBits(value: unknown): number {
  const bytes = value as Uint8Array;
  return (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
}
