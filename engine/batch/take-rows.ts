/** Rows of a batch in another order, or some of them: what `orderBy` hands on, and what goes to one partition of many. */
import { align64, type Batch, LAYOUT_WORDS } from './batch.ts';
import { getBit, setBit } from './bits.ts';
import { type BatchMemory, columnView } from './reader.ts';
import { byteWidth, type Field, isVariable } from './types.ts';

/** The rows at `indices`, in that order, in memory of their own (or in `memory`). No column may be foreign. */
export function takeRows(batch: Batch, indices: Uint32Array, memory?: BatchMemory): Batch {
  const { schema } = batch;
  const layout = new Int32Array(schema.fields.length * LAYOUT_WORDS);
  let at = 0;
  for (const [column, field] of schema.fields.entries()) at = plan(batch, column, field, indices, layout, at);
  const body = memory === undefined ? new Uint8Array(at) : lend(memory, at);
  for (const [column, field] of schema.fields.entries()) fill(batch, column, field, indices, layout, body);
  return { schema, rows: indices.length, body, layout };
}

/** `bytes` of the memory, with whatever is in it. */
function lend(memory: BatchMemory, bytes: number): Uint8Array {
  if (memory.body.length < bytes) memory.body = new Uint8Array(bytes + (bytes >> 2));
  return memory.body.subarray(0, bytes);
}

/** Lays out one column from `start` on; returns the end. */
function plan(
  batch: Batch,
  column: number,
  { type }: Field,
  indices: Uint32Array,
  layout: Int32Array,
  start: number,
): number {
  const rows = indices.length;
  const { validity, offsets } = columnView(batch, column);
  const nulls = type.kind === 'null' ? rows : countNulls(validity, indices);
  const data = isVariable(type) ? dataBytes(offsets, indices) : 0;
  const bits = (rows + 7) >> 3;
  const validityBytes = nulls === 0 || type.kind === 'null' ? 0 : bits;
  const fixed = type.kind === 'bool' ? bits : rows * byteWidth(type);
  const values = isVariable(type) ? (rows + 1) * 4 : fixed;
  const valuesAt = start + align64(validityBytes);
  const dataAt = valuesAt + align64(values);
  layout.set([nulls, start, validityBytes, valuesAt, values, data === 0 ? 0 : dataAt, data], column * LAYOUT_WORDS);
  return dataAt + align64(data);
}

function countNulls(validity: Uint8Array, indices: Uint32Array): number {
  if (validity.length === 0) return 0;
  let nulls = 0;
  for (let row = 0; row < indices.length; row++) if (!getBit(validity, indices[row] ?? 0)) nulls++;
  return nulls;
}

function dataBytes(offsets: Int32Array, indices: Uint32Array): number {
  let bytes = 0;
  for (let row = 0; row < indices.length; row++) {
    const from = indices[row] ?? 0;
    bytes += (offsets[from + 1] ?? 0) - (offsets[from] ?? 0);
  }
  return bytes;
}

function fill(
  batch: Batch,
  column: number,
  field: Field,
  indices: Uint32Array,
  layout: Int32Array,
  body: Uint8Array,
): void {
  const word = column * LAYOUT_WORDS;
  const view = columnView(batch, column);
  const part = (index: number): Uint8Array => {
    const offset = layout[word + index] ?? 0;
    return body.subarray(offset, offset + (layout[word + index + 1] ?? 0));
  };
  const validity = part(1);
  const values = part(3);
  if (validity.length > 0) takeBits(view.validity, indices, validity);
  if (field.type.kind === 'bool') takeBits(view.values as Uint8Array, indices, values);
  else if (isVariable(field.type)) takeVariable(view.offsets, view.data, indices, values, part(5));
  else takeFixed(view.values, byteWidth(field.type), indices, values);
}

function takeBits(source: Uint8Array, indices: Uint32Array, target: Uint8Array): void {
  target.fill(0);
  for (let row = 0; row < indices.length; row++) if (getBit(source, indices[row] ?? 0)) setBit(target, row, true);
}

/** Values of one, two, four or eight bytes; those of four and eight, which nearly all are, by words. */
function takeFixed(source: ArrayBufferView, width: number, indices: Uint32Array, target: Uint8Array): void {
  const { buffer, byteOffset, byteLength } = source;
  if (width < 4) {
    takeBytes(new Uint8Array(buffer, byteOffset, byteLength), width, indices, target);
    return;
  }
  const from = new Int32Array(buffer, byteOffset, byteLength >> 2);
  const to = new Int32Array(target.buffer, target.byteOffset, target.length >> 2);
  if (width === 4) takeWords(from, indices, to);
  else takePairs(from, indices, to);
}

function takeWords(source: Int32Array, indices: Uint32Array, target: Int32Array): void {
  for (let row = 0; row < indices.length; row++) target[row] = source[indices[row] ?? 0] ?? 0;
}

function takePairs(source: Int32Array, indices: Uint32Array, target: Int32Array): void {
  for (let row = 0; row < indices.length; row++) {
    const from = (indices[row] ?? 0) * 2;
    target[row * 2] = source[from] ?? 0;
    target[row * 2 + 1] = source[from + 1] ?? 0;
  }
}

function takeBytes(source: Uint8Array, width: number, indices: Uint32Array, target: Uint8Array): void {
  for (let row = 0; row < indices.length; row++) {
    const from = (indices[row] ?? 0) * width;
    for (let byte = 0; byte < width; byte++) target[row * width + byte] = source[from + byte] ?? 0;
  }
}

function takeVariable(
  offsets: Int32Array,
  source: Uint8Array,
  indices: Uint32Array,
  values: Uint8Array,
  data: Uint8Array,
): void {
  const target = new Int32Array(values.buffer, values.byteOffset, indices.length + 1);
  let used = 0;
  target[0] = 0;
  for (let row = 0; row < indices.length; row++) {
    const from = offsets[indices[row] ?? 0] ?? 0;
    const to = offsets[(indices[row] ?? 0) + 1] ?? 0;
    if (to > from) data.set(source.subarray(from, to), used);
    used += to - from;
    target[row + 1] = used;
  }
}
