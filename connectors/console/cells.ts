/** Values as people read them in a table. What they lose (digits of floats, the ends of long texts) the other formats keep. */
import type { Batch } from '../../engine/batch/batch.ts';
import { getBit } from '../../engine/batch/bits.ts';
import { type ColumnView, columnView } from '../../engine/batch/reader.ts';
import type { DataType } from '../../engine/batch/types.ts';
import { valueText } from '../formats/text/values.ts';
import { printable } from './width.ts';

/** A column's value in a row; undefined for null. */
export type CellText = (row: number) => string | undefined;

const TEXT_LIMIT = 200;
const DIGITS = 6;
const FLOATS = new Set(['float16', 'float32', 'float64']);
const LEFT = new Set(['utf8', 'binary', 'bool', 'timestamp', 'date32', 'null', 'foreign']);

export function isRightAligned(type: DataType): boolean {
  return !LEFT.has(type.kind);
}

export function cellText(batch: Batch, column: number): CellText {
  const type = batch.schema.fields[column]?.type;
  if (type === undefined || type.kind === 'null') return () => undefined;
  if (type.kind === 'foreign') return () => `<${type.text}>`;
  const view = columnView(batch, column);
  const text = plainText(view);
  if (view.nullCount === 0) return text;
  return (row) => (getBit(view.validity, row) ? text(row) : undefined);
}

function plainText(view: ColumnView): (row: number) => string {
  const { offsets, data } = view;
  const { kind } = view.type;
  if (kind === 'utf8') {
    return (row) => printable(slice(data, offsets[row] as number, offsets[row + 1] as number).toString('utf8'));
  }
  if (kind === 'binary') {
    return (row) => slice(data, offsets[row] as number, offsets[row + 1] as number).toString('hex');
  }
  const text = valueText(view);
  if (kind === 'timestamp') return alignedTimes(view, text);
  if (!FLOATS.has(kind)) return text;
  return (row) => rounded(text(row));
}

/** `2024-01-31 10:00:00.000`: with a fraction in all rows of the batch, or, where all are whole seconds, in none. */
function alignedTimes(view: ColumnView, text: (row: number) => string): (row: number) => string {
  let fraction = '';
  for (let row = 0; row < view.rows && fraction === ''; row++) {
    const dot = text(row).indexOf('.');
    if (dot >= 0) fraction = text(row).slice(dot).replace(/\d/g, '0');
  }
  return (row) => {
    const plain = text(row).replace('T', ' ');
    if (fraction === '' || plain.includes('.')) return plain;
    return plain.endsWith('Z') ? `${plain.slice(0, -1)}${fraction}` : `${plain}${fraction}`;
  };
}

/** A long text is cut here already: what lies beyond would not be shown. */
function slice(data: Uint8Array, start: number, end: number): Buffer {
  const length = Math.min(end - start, TEXT_LIMIT * 4);
  return Buffer.from(data.buffer, data.byteOffset + start, length);
}

/** A float with at most six significant digits. */
function rounded(text: string): string {
  return text.length <= DIGITS + 1 ? text : String(Number(Number(text).toPrecision(DIGITS)));
}
