/** Rows of a batch in another order: what `orderBy` hands on. */
import { align64, type Batch, LAYOUT_WORDS } from '../../batch/batch.ts';
import { getBit, setBit } from '../../batch/bits.ts';
import { type BatchMemory, columnView } from '../../batch/reader.ts';
import { byteWidth, type Field, isVariable } from '../../batch/types.ts';

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

/** `bytes` of the memory, empty. */
function lend(memory: BatchMemory, bytes: number): Uint8Array {
  if (memory.body.length < bytes) memory.body = new Uint8Array(bytes + (bytes >> 2));
  return memory.body.subarray(0, bytes).fill(0);
}

/** Lays out one column from `start` on; returns the end. */
function plan(
  batch: Batch,
  column: number,
  field: Field,
  indices: Uint32Array,
  layout: Int32Array,
  start: number,
): number {
  const rows = indices.length;
  const { validity, offsets } = columnView(batch, column);
  let nulls = 0;
  let data = 0;
  for (const row of indices) {
    if (validity.length > 0 && !getBit(validity, row)) nulls++;
    if (isVariable(field.type)) data += (offsets[row + 1] ?? 0) - (offsets[row] ?? 0);
  }
  if (field.type.kind === 'null') nulls = rows;
  const bits = (rows + 7) >> 3;
  const validityBytes = nulls === 0 || field.type.kind === 'null' ? 0 : bits;
  const fixed = field.type.kind === 'bool' ? bits : rows * byteWidth(field.type);
  const values = isVariable(field.type) ? (rows + 1) * 4 : fixed;
  const valuesAt = start + align64(validityBytes);
  const dataAt = valuesAt + align64(values);
  layout.set([nulls, start, validityBytes, valuesAt, values, data === 0 ? 0 : dataAt, data], column * LAYOUT_WORDS);
  return dataAt + align64(data);
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
  else takeFixed(new Uint8Array(view.values.buffer, view.values.byteOffset), byteWidth(field.type), indices, values);
}

function takeBits(source: Uint8Array, indices: Uint32Array, target: Uint8Array): void {
  for (let row = 0; row < indices.length; row++) if (getBit(source, indices[row] ?? 0)) setBit(target, row, true);
}

function takeFixed(source: Uint8Array, width: number, indices: Uint32Array, target: Uint8Array): void {
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
  for (let row = 0; row < indices.length; row++) {
    const from = offsets[indices[row] ?? 0] ?? 0;
    const to = offsets[(indices[row] ?? 0) + 1] ?? 0;
    data.set(source.subarray(from, to), used);
    used += to - from;
    target[row + 1] = used;
  }
}
