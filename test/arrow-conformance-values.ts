/** Batches as the plain values of `arrow-conformance-json.ts`, read from the buffers themselves, not by apache-arrow's accessors. */
import * as arrow from 'apache-arrow';
import type { Batch } from '../engine/batch/batch.ts';
import { valueReader } from '../engine/batch/reader.ts';
import type { Plain } from './arrow-conformance-json.ts';

export function rowsOfBatch(batch: Batch): Plain[][] {
  const readers = batch.schema.fields.map((field, column) => {
    if (field.type.kind === 'foreign') {
      const data = batch.foreign?.get(column) as arrow.Data;
      return (row: number) => value(data, row);
    }
    const read = valueReader(batch, column);
    const float = field.type.kind.startsWith('float');
    return (row: number): Plain => {
      const found = read(row);
      if (found instanceof Uint8Array) return hex(found);
      return typeof found === 'bigint' || (typeof found === 'number' && !float) ? found.toString() : found;
    };
  });
  return Array.from({ length: batch.rows }, (_, row) => readers.map((read) => read(row)));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}

function value(data: arrow.Data, row: number): Plain {
  const is = arrow.DataType;
  const { type } = data;
  if (is.isNull(type)) return null;
  if (is.isUnion(type)) return member(data, type, row);
  const at = row + data.offset;
  if (data.nullCount > 0 && ((data.nullBitmap[at >> 3] ?? 0) & (1 << (at & 7))) === 0) return null;
  if (is.isDictionary(type)) return looked(data, Number(data.values[row]));
  if (is.isStruct(type)) return data.children.map((child) => value(child, row));
  if (is.isList(type) || is.isLargeList(type) || is.isMap(type)) {
    return items(data, Number(data.valueOffsets[row]), Number(data.valueOffsets[row + 1]));
  }
  if (is.isFixedSizeList(type)) return items(data, row * type.listSize, (row + 1) * type.listSize);
  return scalar(data, row);
}

function items(data: arrow.Data, from: number, to: number): Plain[] {
  const [child] = data.children;
  if (child === undefined) throw new Error('a list without items');
  return Array.from({ length: to - from }, (_, i) => value(child, from + i));
}

function looked(data: arrow.Data, index: number): Plain {
  let rest = index;
  for (const chunk of data.dictionary?.data ?? []) {
    if (rest < chunk.length) return value(chunk, rest);
    rest -= chunk.length;
  }
  throw new Error(`index ${index} is not in its dictionary`);
}

function member(data: arrow.Data, type: arrow.Union, row: number): Plain {
  const id = data.typeIds[row] ?? -1;
  const child = data.children[type.typeIdToChildIndex[id] ?? -1];
  if (child === undefined) throw new Error(`member ${id} is not in its union`);
  return [id, value(child, type.mode === arrow.UnionMode.Dense ? Number(data.valueOffsets[row]) : row)];
}

function scalar(data: arrow.Data, row: number): Plain {
  const is = arrow.DataType;
  const { type, values } = data;
  const bytes = (width: number): Buffer => {
    const raw = values as Uint8Array;
    return Buffer.from(raw.buffer, raw.byteOffset + row * width, width);
  };
  if (is.isBool(type)) {
    const at = row + data.offset;
    return ((values[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
  }
  if (is.isFloat(type)) return values[row];
  if (is.isUtf8(type) || is.isLargeUtf8(type)) return text(data, row).toString();
  if (is.isBinary(type) || is.isLargeBinary(type)) return hex(text(data, row));
  if (is.isUtf8View(type)) return viewed(data, bytes(16)).toString();
  if (is.isBinaryView(type)) return hex(viewed(data, bytes(16)));
  if (is.isFixedSizeBinary(type)) return hex(bytes(type.byteWidth));
  if (is.isDecimal(type)) return signed(bytes(type.bitWidth / 8)).toString();
  if (is.isInterval(type)) return interval(type.unit, bytes([4, 8, 16][type.unit] ?? 0));
  return BigInt(values[row]).toString();
}

function text({ values, valueOffsets }: arrow.Data, row: number): Buffer {
  return Buffer.from((values as Uint8Array).subarray(Number(valueOffsets[row]), Number(valueOffsets[row + 1])));
}

function viewed({ variadicBuffers }: arrow.Data, view: Buffer): Buffer {
  const length = view.readInt32LE(0);
  if (length <= 12) return view.subarray(4, 4 + length);
  const from = view.readInt32LE(12);
  return Buffer.from((variadicBuffers[view.readInt32LE(8)] as Uint8Array).subarray(from, from + length));
}

function signed(littleEndian: Buffer): bigint {
  const bits = littleEndian.length * 8;
  return BigInt.asIntN(bits, BigInt(`0x${Buffer.from(littleEndian).reverse().toString('hex')}`));
}

function interval(unit: arrow.IntervalUnit, bytes: Buffer): Plain {
  if (unit === arrow.IntervalUnit.YEAR_MONTH) return bytes.readInt32LE(0).toString();
  const parts = [bytes.readInt32LE(0).toString(), bytes.readInt32LE(4).toString()];
  return unit === arrow.IntervalUnit.DAY_TIME ? parts : [...parts, bytes.readBigInt64LE(8).toString()];
}
