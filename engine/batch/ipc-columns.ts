/**
 * Turns the nodes and buffers of a record batch message into a batch's layout, checking all that would otherwise be read out
 * of bounds: row counts, buffer lengths, offsets, and (when `validate` is set) every utf8 value.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { type Batch, LAYOUT_WORDS } from './batch.ts';
import { countOnes, getBit } from './bits.ts';
import { malformed } from './flatbuffer.ts';
import { byteWidth, type Field, isVariable, type Schema } from './types.ts';

/** Where in a message's lists the next column's node and buffers stand; readers of foreign columns move it on. */
export interface Cursor {
  node: number;
  buffer: number;
}

/** Nodes and buffers as `RecordBatchMessage` has them; buffers lie within `body`. */
export interface Pieces {
  readonly rows: number;
  readonly nodes: Float64Array;
  readonly buffers: Float64Array;
  readonly body: Uint8Array;
}

/** Reads a foreign column's `Data`, taking its nodes and buffers from the cursor on. */
export type ForeignLoader = (field: Field, cursor: Cursor) => unknown;

/**
 * The batch, a view of `pieces.body`. Without `validate` the sender is trusted to have written monotonic offsets, true null
 * counts and valid UTF-8; nothing else is.
 */
export function assembleBatch(schema: Schema, pieces: Pieces, validate: boolean, foreignLoader?: ForeignLoader): Batch {
  const layout = new Int32Array(schema.fields.length * LAYOUT_WORDS);
  const cursor: Cursor = { node: 0, buffer: 0 };
  let foreign: Map<number, unknown> | undefined;
  if (pieces.body.length > 0x7fff_ffff || pieces.rows > 0x7fff_ffff)
    throw malformed(`${pieces.rows} rows in one batch`);
  for (let index = 0; index < schema.fields.length; index++) {
    const field = schema.fields[index];
    if (field === undefined) break;
    if (field.type.kind === 'foreign') {
      if (foreignLoader === undefined) throw malformed(`column ${field.name} is of type ${field.type.text}`);
      foreign ??= new Map();
      foreign.set(index, foreignLoader(field, cursor));
    } else placeColumn(layout, index * LAYOUT_WORDS, field, pieces, cursor, validate);
  }
  if (cursor.node * 2 !== pieces.nodes.length || cursor.buffer * 2 !== pieces.buffers.length) {
    throw malformed(
      `${pieces.nodes.length / 2} columns and ${pieces.buffers.length / 2} buffers where the schema has ${cursor.node} and ${cursor.buffer}`,
    );
  }
  const batch = { schema, rows: pieces.rows, body: pieces.body, layout };
  return foreign === undefined ? batch : { ...batch, foreign };
}

function placeColumn(
  layout: Int32Array,
  word: number,
  field: Field,
  pieces: Pieces,
  cursor: Cursor,
  validate: boolean,
): void {
  const { rows, nodes } = pieces;
  const nulls = nodes[cursor.node * 2 + 1];
  if (nulls === undefined || nodes[cursor.node * 2] !== rows || nulls < 0 || nulls > rows) {
    throw malformed(
      `column ${field.name} has ${nodes[cursor.node * 2]} rows, ${nulls} null, where the batch has ${rows}`,
    );
  }
  cursor.node++;
  if (field.type.kind === 'null') {
    layout[word] = rows;
    return;
  }
  const bits = (rows + 7) >> 3;
  layout[word] = nulls;
  place(layout, word + 1, field, pieces, cursor, nulls === 0 ? 0 : bits, nulls === 0 ? 0 : bits);
  if (nulls > 0 && validate) recountNulls(layout, word, rows, pieces.body);
  const width = byteWidth(field.type);
  const variable = isVariable(field.type);
  const bytes = variable ? (rows === 0 ? 0 : (rows + 1) * 4) : field.type.kind === 'bool' ? bits : rows * width;
  place(layout, word + 3, field, pieces, cursor, bytes, bytes);
  if (!variable) return;
  place(layout, word + 5, field, pieces, cursor, 0, Number.POSITIVE_INFINITY);
  if (rows > 0) checkText(layout, word, field, rows, pieces.body, validate);
}

/** Writes one buffer's place: at least `least` bytes of it must be there, at most `most` are taken. */
function place(
  layout: Int32Array,
  word: number,
  field: Field,
  { buffers, body }: Pieces,
  cursor: Cursor,
  least: number,
  most: number,
): void {
  const offset = buffers[cursor.buffer * 2];
  const length = buffers[cursor.buffer * 2 + 1];
  cursor.buffer++;
  if (offset === undefined || length === undefined) throw malformed(`column ${field.name} has no buffer`);
  if (length < least) throw malformed(`column ${field.name} has ${length} bytes where it needs ${least}`);
  if (offset < 0 || offset + length > body.length) {
    throw malformed(`column ${field.name} lies at ${offset} of ${length} bytes in a body of ${body.length}`);
  }
  const taken = Math.min(length, most);
  layout[word] = taken === 0 ? 0 : offset;
  layout[word + 1] = taken;
}

/** The null count is the bitmap's, whatever the message says. */
function recountNulls(layout: Int32Array, word: number, rows: number, body: Uint8Array): void {
  const at = layout[word + 1] ?? 0;
  const nulls = rows - countOnes(body.subarray(at, at + (layout[word + 2] ?? 0)), 0, rows);
  layout[word] = nulls;
  if (nulls === 0) layout[word + 2] = 0;
}

function checkText(
  layout: Int32Array,
  word: number,
  field: Field,
  rows: number,
  body: Uint8Array,
  validate: boolean,
): void {
  const offsets = offsetsOf(body, layout[word + 3] ?? 0, rows + 1);
  const length = layout[word + 6] ?? 0;
  const first = offsets[0] ?? 0;
  const last = offsets[rows] ?? 0;
  if (first < 0 || first > last || last > length) {
    throw malformed(`column ${field.name} has offsets ${first} to ${last} in ${length} bytes`);
  }
  if (!validate) return;
  let previous = first;
  for (let row = 1; row <= rows; row++) {
    const offset = offsets[row] ?? 0;
    if (offset < previous) throw malformed(`column ${field.name} has offset ${offset} after ${previous}`);
    previous = offset;
  }
  if (previous > length) throw malformed(`column ${field.name} has offset ${previous} in ${length} bytes`);
  if (field.type.kind !== 'utf8') return;
  const at = layout[word + 5] ?? 0;
  const text = body.subarray(at, at + length);
  if (wholeIsText(text, offsets, rows)) return;
  const validity = body.subarray(layout[word + 1] ?? 0, (layout[word + 1] ?? 0) + (layout[word + 2] ?? 0));
  checkEach(field, text, offsets, rows, validity);
}

/** Checks every utf8 value of a batch whose offsets are right; throws `batch.malformed` naming column and row. */
export function validateText(batch: Batch): void {
  for (const [index, field] of batch.schema.fields.entries()) {
    if (field.type.kind === 'utf8' && batch.rows > 0) {
      checkText(batch.layout, index * LAYOUT_WORDS, field, batch.rows, batch.body, true);
    }
  }
}

/** True where the text as a whole is UTF-8 and no value begins within a character. */
function wholeIsText(text: Uint8Array, offsets: Int32Array, rows: number): boolean {
  const used = text.subarray(offsets[0] ?? 0, offsets[rows] ?? 0);
  if (isAscii(used)) return true;
  if (!isUtf8(used)) return false;
  for (let row = 0; row < rows; row++) if (((text[offsets[row] ?? 0] ?? 0) & 0xc0) === 0x80) return false;
  return true;
}

/** Value by value; what lies under a null may be anything. */
function checkEach(field: Field, text: Uint8Array, offsets: Int32Array, rows: number, validity: Uint8Array): void {
  for (let row = 0; row < rows; row++) {
    if (validity.length > 0 && !getBit(validity, row)) continue;
    if (!isUtf8(text.subarray(offsets[row] ?? 0, offsets[row + 1] ?? 0))) {
      throw malformed(`column ${field.name}, row ${row}: not valid UTF-8`);
    }
  }
}

function offsetsOf(body: Uint8Array, at: number, count: number): Int32Array {
  const start = body.byteOffset + at;
  if (start % 4 === 0) return new Int32Array(body.buffer, start, count);
  return new Int32Array(body.slice(at, at + count * 4).buffer);
}
