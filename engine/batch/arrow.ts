/**
 * Batches to and from apache-arrow's RecordBatches: the border to the public API and to connectors. Slices, missing
 * validity and foreign types of apache-arrow are taken as they come. Import lazily (see `arrow-types.ts`).
 */
import * as arrow from 'apache-arrow';
import { userError } from '../errors.ts';
import { fromArrowSchema, toArrowSchema } from './arrow-types.ts';
import { align64, type Batch, LAYOUT_WORDS } from './batch.ts';
import { copyBits } from './bits.ts';
import { copyBatch } from './copy.ts';
import { columnView } from './reader.ts';
import { byteWidth, type Field, isVariable, type Schema } from './types.ts';

export { fromArrowSchema, fromArrowType, TIME_KEY, toArrowSchema, toArrowType, typeText } from './arrow-types.ts';

/** The buffers of one column, compact; bits are copied from bit `bit` of their source. */
interface Part {
  readonly bytes: Uint8Array;
  readonly length: number;
  /** For bitmaps: the first bit, and how many. */
  readonly bit?: number;
  readonly bits?: number;
  /** Subtracted from every int32, for offsets. */
  readonly rebase?: number;
}

/**
 * A batch of its own memory with the record batch's rows; foreign columns keep apache-arrow's memory. `schema` must be what
 * `fromArrowSchema` makes of the record batch's; give it to spare the conversion. Throws `batch.malformed` for buffers shorter than
 * their rows need and for offsets that fall or leave their data.
 */
export function fromRecordBatch(record: arrow.RecordBatch, schema: Schema = fromArrowSchema(record.schema)): Batch {
  const layout = new Int32Array(schema.fields.length * LAYOUT_WORDS);
  const foreign = new Map<number, unknown>();
  const parts: { readonly part: Part; readonly at: number }[] = [];
  let at = 0;
  for (const [index, field] of schema.fields.entries()) {
    const data = record.data.children[index];
    if (data === undefined) throw malformed(field, 'is missing');
    if (field.type.kind === 'foreign') {
      foreign.set(index, data);
      continue;
    }
    const word = index * LAYOUT_WORDS;
    layout[word] = field.type.kind === 'null' ? record.numRows : data.nullCount;
    for (const [position, part] of columnParts(field, data, record.numRows).entries()) {
      layout[word + 1 + position * 2] = at;
      layout[word + 2 + position * 2] = part.length;
      parts.push({ part, at });
      at += align64(part.length);
    }
  }
  const body = new Uint8Array(at);
  for (const entry of parts) put(body, entry.at, entry.part);
  const batch = { schema, rows: record.numRows, body, layout };
  return foreign.size === 0 ? batch : { ...batch, foreign };
}

export interface ToRecordBatchOptions {
  /** False: the record batch views the batch's memory and is valid only as long. True unless given. */
  readonly copy?: boolean;
}

/** The same rows as a RecordBatch. `schema` must be `toArrowSchema(batch.schema)`; give it to spare the conversion. */
export function toRecordBatch(
  batch: Batch,
  options: ToRecordBatchOptions = {},
  schema: arrow.Schema = toArrowSchema(batch.schema),
): arrow.RecordBatch {
  const source = options.copy === false ? batch : copyBatch(batch);
  const children = schema.fields.map((field, index) => columnData(source, field.type, index));
  const type = new arrow.Struct(schema.fields);
  const data = arrow.makeData({ type, length: batch.rows, nullCount: 0, children });
  return new arrow.RecordBatch(schema, data);
}

function columnData(batch: Batch, type: arrow.DataType, index: number): arrow.Data {
  const foreign = batch.foreign?.get(index);
  if (foreign !== undefined && arrow.isArrowData(foreign)) return foreign;
  const length = batch.rows;
  if (arrow.DataType.isNull(type)) return arrow.makeData({ type, length });
  const { nullCount, validity, values, offsets, data } = columnView(batch, index);
  const nullBitmap = nullCount === 0 ? null : validity;
  // `makeData` is overloaded type by type and looks at `type` alone; the casts stand for all types of the same buffers.
  if (arrow.DataType.isUtf8(type) || arrow.DataType.isBinary(type)) {
    return arrow.makeData({ type: type as arrow.Utf8, length, nullCount, nullBitmap, valueOffsets: offsets, data });
  }
  const fixed = values as arrow.Int['TArray'];
  return arrow.makeData({ type: type as arrow.Int, length, nullCount, nullBitmap, data: fixed });
}

function columnParts(field: Field, data: arrow.Data, rows: number): readonly Part[] {
  const none: Part = { bytes: new Uint8Array(0), length: 0 };
  if (field.type.kind === 'null') return [none, none, none];
  if (data.length < rows) throw malformed(field, `has ${data.length} of ${rows} rows`);
  const validity = data.nullCount === 0 ? none : bitmap(field, bytesOf(data.nullBitmap), data.offset, rows);
  if (field.type.kind === 'bool') return [validity, bitmap(field, bytesOf(data.values), data.offset, rows), none];
  const values = bytesOf(data.values);
  if (isVariable(field.type)) return [validity, ...variableParts(field, data, rows, values)];
  const length = rows * byteWidth(field.type);
  if (values.length < length) throw malformed(field, `has ${values.length} bytes of values for ${rows} rows`);
  return [validity, { bytes: values, length }, none];
}

function bitmap(field: Field, bytes: Uint8Array, bit: number, rows: number): Part {
  if (bytes.length * 8 < bit + rows) throw malformed(field, `has ${bytes.length} bytes of bits for ${rows} rows`);
  return { bytes, bit, bits: rows, length: (rows + 7) >> 3 };
}

function variableParts(field: Field, data: arrow.Data, rows: number, values: Uint8Array): readonly [Part, Part] {
  const offsets = data.valueOffsets as Int32Array | undefined;
  if (rows === 0 || offsets === undefined) {
    if (rows > 0) throw malformed(field, 'has no offsets');
    return [
      { bytes: new Uint8Array(4), length: 4 },
      { bytes: values, length: 0 },
    ];
  }
  if (offsets.length < rows + 1) throw malformed(field, `has ${offsets.length} offsets for ${rows} rows`);
  const first = offsets[0] ?? 0;
  let last = first;
  for (let row = 1; row <= rows; row++) {
    const offset = offsets[row] ?? 0;
    if (offset < last) throw malformed(field, `has offset ${offset} after ${last}`);
    last = offset;
  }
  if (first < 0 || last > values.length)
    throw malformed(field, `has offsets ${first} to ${last} in ${values.length} bytes`);
  return [
    { bytes: bytesOf(offsets), length: (rows + 1) * 4, rebase: first },
    { bytes: values.subarray(first, last), length: last - first },
  ];
}

function put(body: Uint8Array, at: number, part: Part): void {
  if (part.bit !== undefined) {
    copyBits(part.bytes, part.bit, body.subarray(at), 0, part.bits ?? 0);
    return;
  }
  body.set(part.bytes.subarray(0, part.length), at);
  if (!part.rebase) return;
  const offsets = new Int32Array(body.buffer, at, part.length >> 2);
  for (let i = 0; i < offsets.length; i++) offsets[i] = (offsets[i] ?? 0) - part.rebase;
}

function bytesOf(values: unknown): Uint8Array {
  if (!ArrayBuffer.isView(values)) return new Uint8Array(0);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function malformed(field: Field, what: string): Error {
  return userError('batch.malformed', `column ${field.name} ${what}`);
}
