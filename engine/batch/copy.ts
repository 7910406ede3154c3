/**
 * Copies, cuts, joins and narrows batches. All copying goes through `gather`: row ranges in, one compact body out.
 */
import { internalError } from '../errors.ts';
import { align64, type Batch, LAYOUT_WORDS } from './batch.ts';
import { copyBits, countOnes, fillOnes } from './bits.ts';
import { byteWidth, type Field, isVariable, type Schema } from './types.ts';

/** Memory that a caller lends again and again for copies; a copy into it is valid until the next one. */
export interface BatchMemory {
  body: Uint8Array;
}

/** Rows `from` to `to` of one column of a batch. */
export interface ColumnRange {
  readonly batch: Batch;
  readonly column: number;
  readonly from: number;
  readonly to: number;
}

/** What apache-arrow's `Data` can do, as far as this file needs it; `arrow.ts` makes them. */
interface ForeignData {
  slice(offset: number, length: number): unknown;
  readonly byteLength: number;
}

/** The same rows, compact, in memory of their own (or in `memory`). Foreign columns are shared: apache-arrow owns them. */
export function copyBatch(batch: Batch, memory?: BatchMemory): Batch {
  return copyRows(batch, 0, batch.rows, memory);
}

/** Rows `from` to `to` (exclusive), compact, in memory of their own (or in `memory`). */
export function copyRows(batch: Batch, from: number, to: number, memory?: BatchMemory): Batch {
  const columns = batch.schema.fields.map((_, column) => [{ batch, column, from, to }]);
  return gather(batch.schema, to - from, columns, memory);
}

/**
 * Rows `from` to `to` (exclusive). A view of the same memory where `from` is a multiple of 512, which keeps every buffer on 64 bytes;
 * else a compact copy (into `memory`, where given).
 */
export function sliceBatch(batch: Batch, from: number, to: number, memory?: BatchMemory): Batch {
  if (!(from >= 0 && from <= to && to <= batch.rows)) {
    throw internalError('batch.bad-slice', `rows ${from} to ${to} of a batch of ${batch.rows}`);
  }
  if (from === 0 && to === batch.rows) return batch;
  return from % 512 === 0 ? viewRows(batch, from, to) : copyRows(batch, from, to, memory);
}

/** The batches' rows in order; they must be of `schema`. Throws `batch.foreign-column` for foreign columns in several batches. */
export function concatBatches(schema: Schema, batches: readonly Batch[], memory?: BatchMemory): Batch {
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  const columns = schema.fields.map((_, column) =>
    batches.map((batch) => ({ batch, column, from: 0, to: batch.rows })),
  );
  return gather(schema, rows, columns, memory);
}

/**
 * A compact batch of `rows` rows. Each column's rows come, in order, from the ranges that `sources` gives it; types must be those of
 * `schema`. Throws `batch.foreign-column` for a foreign column of more than one range.
 */
export function assembleColumns(
  schema: Schema,
  rows: number,
  sources: readonly (readonly ColumnRange[])[],
  memory?: BatchMemory,
): Batch {
  return gather(schema, rows, sources, memory);
}

/** The columns at `indices`, in that order, as views; `schema` says how the result names them and which is its time. */
export function selectColumns(batch: Batch, indices: readonly number[], schema: Schema): Batch {
  const layout = new Int32Array(indices.length * LAYOUT_WORDS);
  const foreign = new Map<number, unknown>();
  for (const [to, from] of indices.entries()) {
    layout.set(batch.layout.subarray(from * LAYOUT_WORDS, (from + 1) * LAYOUT_WORDS), to * LAYOUT_WORDS);
    if (batch.foreign?.has(from)) foreign.set(to, batch.foreign.get(from));
  }
  return withForeign({ schema, rows: batch.rows, body: batch.body, layout }, foreign);
}

/** Bytes that a batch holds: body and foreign columns. */
export function batchBytes(batch: Batch): number {
  let bytes = batch.body.length;
  for (const data of batch.foreign?.values() ?? []) bytes += (data as ForeignData).byteLength;
  return bytes;
}

function withForeign(batch: Batch, foreign: ReadonlyMap<number, unknown>): Batch {
  return foreign.size === 0 ? batch : { ...batch, foreign };
}

function viewRows(batch: Batch, from: number, to: number): Batch {
  const layout = batch.layout.slice();
  const rows = to - from;
  const foreign = new Map<number, unknown>();
  for (const [column, field] of batch.schema.fields.entries()) {
    const word = column * LAYOUT_WORDS;
    if (field.type.kind === 'foreign') foreign.set(column, foreignRows(batch, column, from, to));
    const nulls = countNulls({ batch, column, from, to }, field);
    layout[word] = nulls;
    layout[word + 1] = nulls === 0 ? 0 : (layout[word + 1] ?? 0) + from / 8;
    layout[word + 2] = nulls === 0 || field.type.kind === 'null' ? 0 : (rows + 7) >> 3;
    const width = isVariable(field.type) ? 4 : byteWidth(field.type);
    if (field.type.kind === 'bool') {
      layout[word + 3] = (layout[word + 3] ?? 0) + from / 8;
      layout[word + 4] = (rows + 7) >> 3;
    } else {
      layout[word + 3] = (layout[word + 3] ?? 0) + from * width;
      layout[word + 4] = (isVariable(field.type) ? rows + 1 : rows) * width;
    }
  }
  return withForeign({ schema: batch.schema, rows, body: batch.body, layout }, foreign);
}

function foreignRows(batch: Batch, column: number, from: number, to: number): unknown {
  const data = batch.foreign?.get(column);
  return from === 0 && to === batch.rows ? data : (data as ForeignData).slice(from, to - from);
}

/** The foreign columns of a gathered batch; each must come from one place, since only apache-arrow could join them. */
function gatherForeign(schema: Schema, columns: readonly (readonly ColumnRange[])[]): ReadonlyMap<number, unknown> {
  const foreign = new Map<number, unknown>();
  for (const [index, field] of schema.fields.entries()) {
    if (field.type.kind !== 'foreign') continue;
    const filled = columns[index]?.filter((range) => range.to > range.from) ?? [];
    if (filled.length > 1) {
      throw internalError('batch.foreign-column', `column ${field.name} of several batches cannot be joined`);
    }
    const range = filled[0] ?? columns[index]?.[0];
    if (range !== undefined) foreign.set(index, foreignRows(range.batch, range.column, range.from, range.to));
  }
  return foreign;
}

function countNulls({ batch, column, from, to }: ColumnRange, field: Field): number {
  if (field.type.kind === 'null') return to - from;
  const word = column * LAYOUT_WORDS;
  const length = batch.layout[word + 2] ?? 0;
  if (length === 0) return 0;
  const offset = batch.layout[word + 1] ?? 0;
  return to - from - countOnes(batch.body.subarray(offset, offset + length), from, to);
}

/** Where in the body the utf8 or binary data of a range of rows lies. */
function dataSpan({ batch, column, from, to }: ColumnRange): readonly [number, number] {
  const data = batch.layout[column * LAYOUT_WORDS + 5] ?? 0;
  return from === to ? [data, data] : [data + offsetAt(batch, column, from), data + offsetAt(batch, column, to)];
}

function offsetAt(batch: Batch, column: number, row: number): number {
  const at = (batch.layout[column * LAYOUT_WORDS + 3] ?? 0) + row * 4;
  const { body } = batch;
  return (body[at] ?? 0) | ((body[at + 1] ?? 0) << 8) | ((body[at + 2] ?? 0) << 16) | ((body[at + 3] ?? 0) << 24);
}

/** `count` offsets of a variable column from row `from` on; a copy where the body is not aligned. */
function offsetsFrom(batch: Batch, column: number, from: number, count: number): Int32Array {
  const at = (batch.layout[column * LAYOUT_WORDS + 3] ?? 0) + from * 4;
  const start = batch.body.byteOffset + at;
  if (start % 4 === 0) return new Int32Array(batch.body.buffer, start, count);
  return new Int32Array(new Uint8Array(batch.body.subarray(at, at + count * 4)).buffer);
}

function gather(
  schema: Schema,
  rows: number,
  columns: readonly (readonly ColumnRange[])[],
  memory: BatchMemory | undefined,
): Batch {
  const layout = new Int32Array(schema.fields.length * LAYOUT_WORDS);
  let at = 0;
  for (const [index, field] of schema.fields.entries()) {
    at = plan(layout, index * LAYOUT_WORDS, field, columns[index] ?? [], rows, at);
  }
  const body = lend(memory, at);
  for (const [index, field] of schema.fields.entries()) {
    if (field.type.kind !== 'foreign') fill(body, layout, index * LAYOUT_WORDS, field, columns[index] ?? [], rows);
  }
  return withForeign({ schema, rows, body, layout }, gatherForeign(schema, columns));
}

function lend(memory: BatchMemory | undefined, bytes: number): Uint8Array {
  if (memory === undefined) return new Uint8Array(bytes);
  if (memory.body.length < bytes) memory.body = new Uint8Array(bytes + (bytes >> 1));
  return memory.body.subarray(0, bytes);
}

/** Lays out one column's buffers from `start` on; returns the end. */
function plan(
  layout: Int32Array,
  word: number,
  field: Field,
  ranges: readonly ColumnRange[],
  rows: number,
  start: number,
): number {
  if (field.type.kind === 'foreign') return start;
  let nulls = 0;
  let data = 0;
  for (const range of ranges) {
    nulls += countNulls(range, field);
    if (!isVariable(field.type)) continue;
    const [from, to] = dataSpan(range);
    data += to - from;
  }
  const bits = (rows + 7) >> 3;
  const validity = nulls === 0 || field.type.kind === 'null' ? 0 : bits;
  const width = byteWidth(field.type);
  const values = isVariable(field.type) ? (rows + 1) * 4 : field.type.kind === 'bool' ? bits : rows * width;
  const valuesAt = start + align64(validity);
  const dataAt = valuesAt + align64(values);
  const end = dataAt + align64(data);
  if (end > 0x7fff_ffff) throw internalError('batch.too-large', `${end} bytes in one batch`);
  layout.set([nulls, start, validity, valuesAt, values, data === 0 ? 0 : dataAt, data], word);
  return end;
}

function fill(
  body: Uint8Array,
  layout: Int32Array,
  word: number,
  field: Field,
  ranges: readonly ColumnRange[],
  rows: number,
): void {
  for (const part of [1, 3, 5]) zeroTail(body, layout[word + part] ?? 0, layout[word + part + 1] ?? 0);
  const validity = bytesOf(body, layout, word + 1);
  const values = bytesOf(body, layout, word + 3);
  const data = bytesOf(body, layout, word + 5);
  const width = byteWidth(field.type);
  let row = 0;
  let used = 0;
  for (const range of ranges) {
    const { batch, column, from, to } = range;
    const source = bytesOf(batch.body, batch.layout, column * LAYOUT_WORDS + 3);
    const count = to - from;
    if (validity.length > 0) fillValidity(validity, row, range);
    if (field.type.kind === 'bool') copyBits(source, from, values, row, count);
    else if (width > 0) values.set(source.subarray(from * width, to * width), row * width);
    else if (isVariable(field.type)) used += fillVariable(values, data, row, used, range);
    row += count;
  }
  if (isVariable(field.type) && rows === 0) values.fill(0);
}

function fillValidity(validity: Uint8Array, row: number, { batch, column, from, to }: ColumnRange): void {
  const source = bytesOf(batch.body, batch.layout, column * LAYOUT_WORDS + 1);
  if (source.length === 0) fillOnes(validity, row, to - from);
  else copyBits(source, from, validity, row, to - from);
}

/** Returns the bytes of data added. */
function fillVariable(values: Uint8Array, data: Uint8Array, row: number, used: number, range: ColumnRange): number {
  const { batch, column, from, to } = range;
  if (from === to) return 0;
  const [start, end] = dataSpan(range);
  data.set(batch.body.subarray(start, end), used);
  const shift = used - offsetAt(batch, column, from);
  if (values.byteOffset % 4 !== 0) throw internalError('batch.unaligned', 'a body of ours must lie on 64 bytes');
  const offsets = new Int32Array(values.buffer, values.byteOffset, values.length >> 2);
  const source = offsetsFrom(batch, column, from, to - from + 1);
  for (let i = 0; i < source.length; i++) offsets[row + i] = (source[i] ?? 0) + shift;
  return end - start;
}

/** A bitmap's last byte is written bit by bit and padding is never written: both start from zero. */
function zeroTail(body: Uint8Array, offset: number, length: number): void {
  if (length > 0) body.fill(0, offset + length - 1, offset + align64(length));
}

function bytesOf(body: Uint8Array, layout: Int32Array, word: number): Uint8Array {
  const offset = layout[word] ?? 0;
  return body.subarray(offset, offset + (layout[word + 1] ?? 0));
}
