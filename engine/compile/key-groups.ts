/**
 * Which of the 128 key groups a row belongs to. The same for equal keys everywhere and for ever: rows are dealt to partitions by it, and state
 * is kept by it. It depends on the values and their order alone, not on the column, its width or the batch:
 *
 *     bool, integers, date32, timestamp, duration   the value in 64 bits (two's complement), its low word, then its high word
 *     float32, float64                              the bits of the value as a float64, low word, high word; -0 as 0, every NaN as 0x7ff80000 00000000
 *     utf8, binary                                  the bytes in words of four, little-endian, the last one filled with zeros; then their number
 *     null                                          one word, 0x9e3779b9
 *
 * The words of a row's keys go through MurmurHash3 (32 bits, seed 0, Austin Appleby, public domain), with the number of words in place of
 * the length in bytes in its finish; the group is the seven highest bits. A row without keys is in group 0. int32 and int64 of one value are
 * alike, since expressions widen; a decimal or other foreign type has no key group.
 */
import type { Batch } from '../batch/batch.ts';
import { type ColumnView, columnView } from '../batch/reader.ts';
import { formatType } from '../batch/types.ts';
import { internalError } from '../errors.ts';
import { KEY_GROUPS } from './fragment-plan.ts';

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;
const NULL_WORD = 0x9e3779b9;
/** Of a hash the seven highest bits. */
const GROUP_SHIFT = 32 - Math.log2(KEY_GROUPS);

/** Hashes under way and how many words went into each; kept from call to call, since fresh memory is dear. */
let hashes = new Int32Array(1024);
let lengths = new Int32Array(1024);

/** One 64-bit value as two words. */
const wide = new BigInt64Array(1);
const wideFloat = new Float64Array(wide.buffer);
const words = new Int32Array(wide.buffer);

/**
 * Writes the key group of each row of the batch to `out`, which has at least that many elements. Throws `internal.key-group` for
 * a column of a type that cannot be a key.
 */
export function keyGroupsOf(batch: Batch, keyColumns: readonly number[], out: Uint8Array): void {
  const { rows } = batch;
  if (keyColumns.length === 0) {
    out.fill(0, 0, rows);
    return;
  }
  if (hashes.length < rows) {
    hashes = new Int32Array(rows + (rows >> 1));
    lengths = new Int32Array(hashes.length);
  }
  hashes.fill(0, 0, rows);
  lengths.fill(0, 0, rows);
  for (const column of keyColumns) hashColumn(columnView(batch, column), rows);
  for (let row = 0; row < rows; row += 1) {
    out[row] = finish(hashes[row] ?? 0, lengths[row] ?? 0) >>> GROUP_SHIFT;
  }
}

function mix(hash: number, word: number): number {
  let k = Math.imul(word, C1);
  k = Math.imul((k << 15) | (k >>> 17), C2);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, length: number): number {
  let h = hash ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function hashColumn(view: ColumnView, rows: number): void {
  const { type, values, validity } = view;
  switch (type.kind) {
    case 'null':
      for (let row = 0; row < rows; row += 1) add(row, NULL_WORD);
      return;
    case 'bool':
      hashBits(values as Uint8Array, validity, rows);
      return;
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'date32':
      hashNarrow(values as Int32Array, validity, rows);
      return;
    case 'int64':
    case 'uint64':
    case 'timestamp':
    case 'duration':
      hashWide(new Int32Array(values.buffer, values.byteOffset, rows * 2), validity, rows);
      return;
    case 'float32':
    case 'float64':
      hashFloats(values as Float64Array, validity, rows);
      return;
    case 'utf8':
    case 'binary':
      hashBytes(view, rows);
      return;
    default:
      throw internalError('internal.key-group', `a column of type ${formatType(type)} cannot be a key`);
  }
}

function isNullAt(validity: Uint8Array, row: number): boolean {
  return validity.length > 0 && (((validity[row >> 3] ?? 0) >> (row & 7)) & 1) === 0;
}

function add(row: number, word: number): void {
  hashes[row] = mix(hashes[row] ?? 0, word);
  lengths[row] = (lengths[row] ?? 0) + 1;
}

function addWide(row: number, low: number, high: number): void {
  hashes[row] = mix(mix(hashes[row] ?? 0, low), high);
  lengths[row] = (lengths[row] ?? 0) + 2;
}

function hashBits(bits: Uint8Array, validity: Uint8Array, rows: number): void {
  for (let row = 0; row < rows; row += 1) {
    if (isNullAt(validity, row)) add(row, NULL_WORD);
    else addWide(row, ((bits[row >> 3] ?? 0) >> (row & 7)) & 1, 0);
  }
}

/** Up to 32 bits; the sign, where there is one, fills the high word. */
function hashNarrow(values: Int32Array, validity: Uint8Array, rows: number): void {
  for (let row = 0; row < rows; row += 1) {
    const value = values[row] ?? 0;
    if (isNullAt(validity, row)) add(row, NULL_WORD);
    else addWide(row, value | 0, value < 0 ? -1 : 0);
  }
}

function hashWide(halves: Int32Array, validity: Uint8Array, rows: number): void {
  for (let row = 0; row < rows; row += 1) {
    if (isNullAt(validity, row)) add(row, NULL_WORD);
    else addWide(row, halves[row * 2] ?? 0, halves[row * 2 + 1] ?? 0);
  }
}

function hashFloats(values: Float64Array, validity: Uint8Array, rows: number): void {
  for (let row = 0; row < rows; row += 1) {
    const value = values[row] ?? 0;
    if (isNullAt(validity, row)) {
      add(row, NULL_WORD);
      continue;
    }
    wideFloat[0] = value === 0 ? 0 : value;
    if (!Number.isNaN(value)) addWide(row, words[0] ?? 0, words[1] ?? 0);
    else addWide(row, 0, 0x7ff80000);
  }
}

function hashBytes({ offsets, data, validity }: ColumnView, rows: number): void {
  for (let row = 0; row < rows; row += 1) {
    if (isNullAt(validity, row)) {
      add(row, NULL_WORD);
      continue;
    }
    const start = offsets[row] ?? 0;
    const end = offsets[row + 1] ?? 0;
    let hash = hashes[row] ?? 0;
    let at = start;
    for (; at + 4 <= end; at += 4) hash = mix(hash, wordAt(data, at));
    if (at < end) hash = mix(hash, lastWord(data, at, end));
    hashes[row] = mix(hash, end - start);
    lengths[row] = (lengths[row] ?? 0) + ((end - start + 3) >> 2) + 1;
  }
}

function wordAt(data: Uint8Array, at: number): number {
  return (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8) | ((data[at + 2] ?? 0) << 16) | ((data[at + 3] ?? 0) << 24);
}

function lastWord(data: Uint8Array, from: number, end: number): number {
  let word = 0;
  for (let at = from; at < end; at += 1) word |= (data[at] ?? 0) << ((at - from) * 8);
  return word;
}
