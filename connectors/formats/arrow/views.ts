/**
 * Makes sliced columns of views fit to be written: apache-arrow 21 cuts their views a second time, and would write all the text that the
 * whole column points to with every slice.
 */
import * as arrow from 'apache-arrow';
import { copyBits } from '../../../engine/batch/bits.ts';

const VIEW_BYTES = 16;
const INLINE_BYTES = 12;

/** The same column with its views, wherever they are nested, compact and not sliced. */
export function compactViews(data: arrow.Data): arrow.Data {
  const is = arrow.DataType;
  if (is.isUtf8View(data.type) || is.isBinaryView(data.type)) return data.offset === 0 ? data : compact(data);
  if (data.children.length === 0 || !hasViews(data.type)) return data;
  const children = data.children.map(compactViews);
  return new arrow.Data(data.type, data.offset, data.length, data.nullCount, data, children);
}

function hasViews(type: arrow.DataType): boolean {
  const is = arrow.DataType;
  if (is.isUtf8View(type) || is.isBinaryView(type)) return true;
  return (type.children ?? []).some((child: arrow.Field) => hasViews(child.type));
}

function compact(data: arrow.Data): arrow.Data {
  const { length, values, variadicBuffers } = data;
  const from = values as Uint8Array;
  const views = new Uint8Array(from.subarray(0, length * VIEW_BYTES));
  const view = new DataView(views.buffer);
  const valid = (row: number): boolean => data.getValid(row);
  let size = 0;
  for (let row = 0; row < length; row++) if (valid(row)) size += outside(view, row);
  const text = new Uint8Array(size);
  let end = 0;
  for (let row = 0; row < length; row++) {
    const bytes = valid(row) ? outside(view, row) : 0;
    if (bytes === 0) continue;
    const source = variadicBuffers[view.getInt32(row * VIEW_BYTES + 8, true)] as Uint8Array;
    const at = view.getInt32(row * VIEW_BYTES + 12, true);
    text.set(source.subarray(at, at + bytes), end);
    view.setInt32(row * VIEW_BYTES + 8, 0, true);
    view.setInt32(row * VIEW_BYTES + 12, end, true);
    end += bytes;
  }
  const nullBitmap = new Uint8Array(data.nullCount === 0 ? 0 : (length + 7) >> 3);
  if (nullBitmap.length > 0) copyBits(data.nullBitmap, data.offset, nullBitmap, 0, length);
  const { nullCount } = data;
  const type = data.type as arrow.Utf8View;
  return arrow.makeData({ type, length, nullCount, nullBitmap, views, variadicBuffers: size === 0 ? [] : [text] });
}

/** Bytes of a value that lie outside its view. */
function outside(view: DataView, row: number): number {
  const length = view.getInt32(row * VIEW_BYTES, true);
  return length > INLINE_BYTES ? length : 0;
}
