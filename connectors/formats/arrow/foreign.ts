/**
 * Reads columns of types that have no name of ours into apache-arrow's `Data`, from buffers that nobody has checked: lengths,
 * offsets, indices and type ids are made sure of, so that whoever reads the column later stays within it.
 */
import * as arrow from 'apache-arrow';
import { countOnes } from '../../../engine/batch/bits.ts';
import type { Cursor } from '../../../engine/batch/ipc-columns.ts';
import { userError } from '../../../engine/errors.ts';

/** Metadata versions before V5 give unions a validity buffer. */
const V5 = 4;
const VIEW_BYTES = 16;
const INLINE_BYTES = 12;
const MAX_DEPTH = 64;

export interface Source {
  readonly nodes: Float64Array;
  readonly buffers: Float64Array;
  readonly body: Uint8Array;
  readonly version: number;
  /** Data buffers of each view column, in order. */
  readonly variadic: readonly number[];
  readonly dictionaries: ReadonlyMap<number, arrow.Vector>;
}

function malformed(name: string, why: string): Error {
  return userError('batch.malformed', `column ${name} ${why}`);
}

/** Takes columns off a message one after the other. */
export class ForeignLoader {
  readonly #source: Source;
  #variadic = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  load(name: string, type: arrow.DataType, cursor: Cursor, rows?: number, depth = 0): arrow.Data {
    if (depth > MAX_DEPTH) throw malformed(name, `is nested more than ${MAX_DEPTH} deep`);
    const [length, nulls] = this.#node(name, cursor);
    if (rows !== undefined && length !== rows) throw malformed(name, `has ${length} values where ${rows} are due`);
    if (arrow.DataType.isNull(type)) return arrow.makeData({ type, length });
    if (arrow.DataType.isUnion(type)) return this.#union(name, type, cursor, length, depth);
    const validity = this.#bytes(name, cursor);
    if (nulls > 0 && validity.length * 8 < length) throw malformed(name, `has too few bits for ${length} rows`);
    const nullBitmap = nulls > 0 ? validity : new Uint8Array(0);
    const nullCount = nulls > 0 ? length - countOnes(validity, 0, length) : 0;
    const base = { length, nullCount, nullBitmap };
    if (arrow.DataType.isStruct(type)) {
      const children = type.children.map((child) => this.load(child.name, child.type, cursor, length, depth + 1));
      return arrow.makeData({ type, ...base, children });
    }
    if (arrow.DataType.isFixedSizeList(type)) {
      const child = this.#child(type, cursor, depth);
      if (child.length < length * type.listSize) throw malformed(name, `has ${child.length} items for ${length} lists`);
      return arrow.makeData({ type, ...base, child });
    }
    if (arrow.DataType.isDictionary(type)) return this.#dictionary(name, type, cursor, base);
    if (arrow.DataType.isUtf8View(type) || arrow.DataType.isBinaryView(type)) {
      return this.#views(name, type, cursor, base);
    }
    return this.#flatOrList(name, type, cursor, base, depth);
  }

  #flatOrList(name: string, type: arrow.DataType, cursor: Cursor, base: Base, depth: number): arrow.Data {
    const { length } = base;
    const is = arrow.DataType;
    if (is.isList(type) || is.isMap(type) || is.isLargeList(type)) {
      const bytes = this.#bytes(name, cursor);
      const child = this.#child(type as arrow.List, cursor, depth);
      const valueOffsets = offsets(name, bytes, length, is.isLargeList(type), child.length) as Int32Array;
      return arrow.makeData({ type: type as arrow.List, ...base, valueOffsets, child });
    }
    if (is.isUtf8(type) || is.isBinary(type) || is.isLargeUtf8(type) || is.isLargeBinary(type)) {
      const bytes = this.#bytes(name, cursor);
      const data = this.#bytes(name, cursor);
      const large = is.isLargeUtf8(type) || is.isLargeBinary(type);
      const valueOffsets = offsets(name, bytes, length, large, data.length) as Int32Array;
      return arrow.makeData({ type: type as arrow.Utf8, ...base, valueOffsets, data });
    }
    const bytes = this.#bytes(name, cursor);
    const least = is.isBool(type) ? (length + 7) >> 3 : length * widthOf(name, type);
    if (bytes.length < least) throw malformed(name, `has ${bytes.length} bytes where it needs ${least}`);
    const data = aligned(bytes.subarray(0, least)) as unknown as Int32Array;
    return arrow.makeData({ type: type as arrow.Int, ...base, data });
  }

  #child(type: arrow.List | arrow.FixedSizeList, cursor: Cursor, depth: number): arrow.Data {
    const [field] = type.children;
    if (field === undefined) throw malformed('list', 'has no item type');
    return this.load(field.name, field.type, cursor, undefined, depth + 1);
  }

  #dictionary(name: string, type: arrow.Dictionary, cursor: Cursor, base: Base): arrow.Data {
    const bytes = this.#bytes(name, cursor);
    const dictionary = this.#source.dictionaries.get(type.id);
    const width = type.indices.bitWidth / 8;
    if (bytes.length < base.length * width) throw malformed(name, `has ${bytes.length} bytes of indices`);
    const index = arrow.makeData({
      type: type.indices,
      length: base.length,
      nullCount: 0,
      data: aligned(bytes) as never,
    });
    if (dictionary === undefined) {
      if (base.nullCount < base.length) throw malformed(name, `uses dictionary ${type.id}, which has not come`);
      const empty = arrow.vectorFromArray([], type.dictionary);
      return arrow.makeData({ type, ...base, data: index.values, dictionary: empty });
    }
    for (let row = 0; row < base.length; row++) {
      const at = Number(index.values[row] ?? 0);
      if ((at >= 0 && at < dictionary.length) || isNullAt(base, row)) continue;
      throw malformed(name, `has index ${at} into a dictionary of ${dictionary.length}`);
    }
    return arrow.makeData({ type, ...base, data: index.values.subarray(0, base.length), dictionary });
  }

  #views(name: string, type: arrow.Utf8View | arrow.BinaryView, cursor: Cursor, base: Base): arrow.Data {
    const views = this.#bytes(name, cursor);
    if (views.length < base.length * VIEW_BYTES) throw malformed(name, `has ${views.length} bytes of views`);
    const count = this.#source.variadic[this.#variadic++] ?? 0;
    if (count < 0 || count > this.#source.buffers.length / 2) throw malformed(name, `has ${count} data buffers`);
    const variadicBuffers = Array.from({ length: count }, () => this.#bytes(name, cursor));
    const view = new DataView(views.buffer, views.byteOffset, views.byteLength);
    for (let row = 0; row < base.length; row++) {
      const length = view.getInt32(row * VIEW_BYTES, true);
      if (isNullAt(base, row) || (length >= 0 && length <= INLINE_BYTES)) continue;
      const buffer = variadicBuffers[view.getInt32(row * VIEW_BYTES + 8, true)];
      const offset = view.getInt32(row * VIEW_BYTES + 12, true);
      if (length < 0 || buffer === undefined || offset < 0 || offset + length > buffer.length) {
        throw malformed(name, `row ${row}, leaves its data`);
      }
    }
    return arrow.makeData({ type: type as arrow.Utf8View, ...base, views: aligned(views), variadicBuffers });
  }

  #union(name: string, type: arrow.Union, cursor: Cursor, length: number, depth: number): arrow.Data {
    if (this.#source.version < V5) this.#bytes(name, cursor);
    const dense = arrow.DataType.isDenseUnion(type);
    const typeIds = new Int8Array(aligned(this.#bytes(name, cursor)));
    const bytes = dense ? aligned(this.#bytes(name, cursor)) : new Uint8Array(0);
    const children = type.children.map((child) =>
      this.load(child.name, child.type, cursor, dense ? undefined : length, depth + 1),
    );
    if (typeIds.length < length || (dense && bytes.length < length * 4)) throw malformed(name, 'has too few type ids');
    const valueOffsets = new Int32Array(bytes.buffer, bytes.byteOffset, dense ? length : 0);
    for (let row = 0; row < length; row++) {
      const child = children[type.typeIdToChildIndex[typeIds[row] ?? -1] ?? -1];
      const at = dense ? (valueOffsets[row] ?? -1) : row;
      if (child === undefined || at < 0 || at >= child.length) throw malformed(name, `row ${row}, leaves its members`);
    }
    const ids = typeIds.subarray(0, length);
    if (dense) {
      const union = type as arrow.DenseUnion;
      return arrow.makeData({ type: union, length, nullCount: 0, typeIds: ids, valueOffsets, children });
    }
    return arrow.makeData({ type: type as arrow.SparseUnion, length, nullCount: 0, typeIds: ids, children });
  }

  #node(name: string, cursor: Cursor): readonly [number, number] {
    const length = this.#source.nodes[cursor.node * 2];
    const nulls = this.#source.nodes[cursor.node * 2 + 1];
    cursor.node++;
    if (
      length === undefined ||
      nulls === undefined ||
      length < 0 ||
      length > 0x7fff_ffff ||
      nulls < 0 ||
      nulls > length
    ) {
      throw malformed(name, `has ${length} rows, ${nulls} null`);
    }
    return [length, nulls];
  }

  #bytes(name: string, cursor: Cursor): Uint8Array {
    const at = this.#source.buffers[cursor.buffer * 2];
    const length = this.#source.buffers[cursor.buffer * 2 + 1];
    cursor.buffer++;
    if (at === undefined || length === undefined || at < 0 || at + length > this.#source.body.length) {
      throw malformed(name, 'has a buffer outside its body');
    }
    return this.#source.body.subarray(at, at + length);
  }
}

interface Base {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array;
}

function isNullAt({ nullBitmap }: Base, row: number): boolean {
  return nullBitmap.length > 0 && ((nullBitmap[row >> 3] ?? 0) & (1 << (row & 7))) === 0;
}

function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
}

/** Offsets that rise and stay within `limit`. */
function offsets(
  name: string,
  bytes: Uint8Array,
  rows: number,
  large: boolean,
  limit: number,
): Int32Array | BigInt64Array {
  const count = rows + 1;
  if (bytes.length === 0 && rows === 0) return large ? new BigInt64Array(1) : new Int32Array(1);
  if (bytes.length < count * (large ? 8 : 4)) throw malformed(name, `has ${bytes.length} bytes of offsets`);
  const { buffer, byteOffset } = aligned(bytes);
  const values = large ? new BigInt64Array(buffer, byteOffset, count) : new Int32Array(buffer, byteOffset, count);
  let last = 0;
  for (let row = 0; row < count; row++) {
    const offset = Number(values[row] ?? -1);
    if (offset < last || offset > limit) throw malformed(name, `has offset ${offset} after ${last} of ${limit}`);
    last = offset;
  }
  return values;
}

/** Bytes of a fixed-width value. */
function widthOf(name: string, type: arrow.DataType): number {
  const is = arrow.DataType;
  if (is.isInt(type) || is.isTime(type) || is.isDecimal(type)) return type.bitWidth / 8;
  if (is.isFloat(type)) return 2 << type.precision;
  if (is.isFixedSizeBinary(type)) return type.byteWidth;
  if (is.isDate(type)) return type.unit === arrow.DateUnit.DAY ? 4 : 8;
  if (is.isTimestamp(type) || is.isDuration(type)) return 8;
  if (is.isInterval(type)) return [4, 8, 16][type.unit] ?? 16;
  throw malformed(name, `is of type ${type}, which cannot be read`);
}
