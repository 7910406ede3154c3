/**
 * Output ports of a compiled cell: columns that are written row by row (`appendBytes`, `setNull`; fixed widths are stored in line) or gathered by a
 * selection, and brought together as one Arrow body. Layout in control.ts.
 *
 * Validity bits begin as ones and bits of booleans as zeros, so that only nulls and trues are written.
 */
import {
  BLOCK_ROWS,
  COLUMN_BYTES,
  COLUMN_BYTES_CAPACITY,
  COLUMN_FORM,
  COLUMN_LENGTH,
  COLUMN_NULLS,
  COLUMN_SHIFT,
  COLUMN_SIZE,
  COLUMN_VALIDITY,
  COLUMN_VALUES,
  FORM_BITS,
  FORM_BYTES,
  PORT_BODY,
  PORT_BODY_CAPACITY,
  PORT_CAPACITY,
  PORT_COLUMNS,
  PORT_HEAD,
  PORT_LAYOUT,
  PORT_ROWS,
} from './control';
import { allocate, blockSize, memoryFault, release } from './memory';

/** Bytes of text in one column after which a port is emptied. */
const FULL_BYTES: u32 = 4194304;

/** Once, before the port is used: sets the bits of `capacity` rows. */
export function portStart(port: u32): void {
  const rows = load<u32>(port, PORT_CAPACITY);
  const end = columnsEnd(port);
  for (let column = port + PORT_HEAD; column < end; column += COLUMN_SIZE) {
    const validity = load<u32>(column, COLUMN_VALIDITY);
    if (validity != 0) memory.fill(validity, 0xff, (rows + 7) >> 3);
  }
}

function columnsEnd(port: u32): u32 {
  return port + PORT_HEAD + load<u32>(port, PORT_COLUMNS) * COLUMN_SIZE;
}

/** True where the port must be emptied before it takes `rows` more. */
export function portFull(port: u32, rows: u32): bool {
  if (load<u32>(port, PORT_ROWS) + rows > load<u32>(port, PORT_CAPACITY)) return true;
  const end = columnsEnd(port);
  for (let column = port + PORT_HEAD; column < end; column += COLUMN_SIZE) {
    if (load<u32>(column, COLUMN_LENGTH) >= FULL_BYTES) return true;
  }
  return false;
}

/** Brings the columns together at PORT_BODY and writes the layout; returns the length of the body. */
export function portPack(port: u32): u32 {
  const rows = load<u32>(port, PORT_ROWS);
  const end = columnsEnd(port);
  let size: u64 = 0;
  for (let column = port + PORT_HEAD; column < end; column += COLUMN_SIZE) size += columnBytes(column, rows);
  if (size > 0x7fffffff) memoryFault();
  reserveBody(port, <u32>size);
  const body = load<u32>(port, PORT_BODY);
  let layout = load<u32>(port, PORT_LAYOUT);
  let at: u32 = 0;
  for (let column = port + PORT_HEAD; column < end; column += COLUMN_SIZE) {
    at = packColumn(column, rows, body, at, layout);
    layout += 32;
  }
  return at;
}

function reserveBody(port: u32, size: u32): void {
  const capacity = load<u32>(port, PORT_BODY_CAPACITY);
  if (size <= capacity && capacity != 0) return;
  if (capacity != 0) release(load<u32>(port, PORT_BODY), capacity);
  store<u32>(port, 0, PORT_BODY_CAPACITY);
  store<u32>(port, allocate(size), PORT_BODY);
  store<u32>(port, blockSize(size), PORT_BODY_CAPACITY);
}

function align(bytes: u32): u32 {
  return (bytes + 63) & ~63;
}

function validityBytes(column: u32, rows: u32): u32 {
  return load<u32>(column, COLUMN_NULLS) == 0 ? 0 : (rows + 7) >> 3;
}

function valuesBytes(column: u32, rows: u32): u32 {
  const form = load<u32>(column, COLUMN_FORM);
  if (form == FORM_BITS) return (rows + 7) >> 3;
  if (form == FORM_BYTES) return (rows + 1) << 2;
  return rows << load<u32>(column, COLUMN_SHIFT);
}

function columnBytes(column: u32, rows: u32): u64 {
  return (
    <u64>align(validityBytes(column, rows)) +
    <u64>align(valuesBytes(column, rows)) +
    <u64>align(load<u32>(column, COLUMN_LENGTH))
  );
}

function packColumn(column: u32, rows: u32, body: u32, start: u32, layout: u32): u32 {
  let at = start;
  const validity = validityBytes(column, rows);
  store<u32>(layout, load<u32>(column, COLUMN_NULLS));
  store<u32>(layout, at, 4);
  store<u32>(layout, validity, 8);
  memory.copy(body + at, load<u32>(column, COLUMN_VALIDITY), validity);
  at += align(validity);
  const values = valuesBytes(column, rows);
  store<u32>(layout, at, 12);
  store<u32>(layout, values, 16);
  memory.copy(body + at, load<u32>(column, COLUMN_VALUES), values);
  at += align(values);
  const length = load<u32>(column, COLUMN_LENGTH);
  store<u32>(layout, length == 0 ? 0 : at, 20);
  store<u32>(layout, length, 24);
  memory.copy(body + at, load<u32>(column, COLUMN_BYTES), length);
  return at + align(length);
}

/** Empties the port. */
export function portReset(port: u32): void {
  const rows = load<u32>(port, PORT_ROWS);
  const end = columnsEnd(port);
  for (let column = port + PORT_HEAD; column < end; column += COLUMN_SIZE) {
    if (load<u32>(column, COLUMN_NULLS) != 0) {
      memory.fill(load<u32>(column, COLUMN_VALIDITY), 0xff, (rows + 7) >> 3);
      store<u32>(column, 0, COLUMN_NULLS);
    }
    if (load<u32>(column, COLUMN_FORM) == FORM_BITS) memory.fill(load<u32>(column, COLUMN_VALUES), 0, (rows + 7) >> 3);
    store<u32>(column, 0, COLUMN_LENGTH);
  }
  store<u32>(port, 0, PORT_ROWS);
}

/** Marks row `row` of the column as null. */
export function setNull(column: u32, row: u32): void {
  const byte = load<u32>(column, COLUMN_VALIDITY) + (row >> 3);
  store<u8>(byte, <u8>(<u32>load<u8>(byte) & ~((<u32>1) << (row & 7))));
  store<u32>(column, load<u32>(column, COLUMN_NULLS) + 1, COLUMN_NULLS);
}

/** The address at which `more` bytes of text can be put, 16 beyond them included. */
function reserveBytes(column: u32, more: u32): u32 {
  const length = load<u32>(column, COLUMN_LENGTH);
  const needed = <u64>length + more + 16;
  const capacity = load<u32>(column, COLUMN_BYTES_CAPACITY);
  if (needed > <u64>capacity) {
    if (needed > 0x7fffffff) memoryFault();
    const wanted = <u32>max<u64>(needed, min<u64>((<u64>capacity) << 1, 0x7fffffff));
    const grown = allocate(wanted);
    memory.copy(grown, load<u32>(column, COLUMN_BYTES), length);
    if (capacity != 0) release(load<u32>(column, COLUMN_BYTES), capacity);
    store<u32>(column, grown, COLUMN_BYTES);
    store<u32>(column, blockSize(wanted), COLUMN_BYTES_CAPACITY);
  }
  return load<u32>(column, COLUMN_BYTES) + length;
}

/** Writes text as the value of row `row`, which follows the last one written. */
export function appendBytes(column: u32, row: u32, source: u32, length: u32): void {
  const target = reserveBytes(column, length);
  if (length <= 16) v128.store(target, v128.load(source));
  else memory.copy(target, source, length);
  const end = load<u32>(column, COLUMN_LENGTH) + length;
  store<u32>(column, end, COLUMN_LENGTH);
  store<u32>(load<u32>(column, COLUMN_VALUES) + (row << 2), end, 4);
}

/** Text of the selected rows, to the rows from `row` on. */
export function gatherBytes(column: u32, row: u32, offsets: u32, bytes: u32, selection: u32, count: u32): void {
  if (isRun(selection, count)) return copyRun(column, row, offsets, bytes, load<u32>(selection), count);
  for (let index: u32 = 0; index < count; index++) {
    const entry = offsets + (load<u32>(selection + (index << 2)) << 2);
    const start = load<u32>(entry);
    appendBytes(column, row + index, bytes + start, load<u32>(entry, 4) - start);
  }
}

/** True where the selection is a run of neighbouring rows. */
function isRun(selection: u32, count: u32): bool {
  return count > 0 && load<u32>(selection + ((count - 1) << 2)) - load<u32>(selection) == count - 1;
}

function copyRun(column: u32, row: u32, offsets: u32, bytes: u32, first: u32, count: u32): void {
  const entry = offsets + (first << 2);
  const start = load<u32>(entry);
  const length = load<u32>(entry + (count << 2)) - start;
  const target = reserveBytes(column, length);
  memory.copy(target, bytes + start, length);
  const shift = load<u32>(column, COLUMN_LENGTH) - start;
  const to = load<u32>(column, COLUMN_VALUES) + (row << 2) + 4;
  for (let at: u32 = 0; at < count << 2; at += 4) store<u32>(to + at, load<u32>(entry + at, 4) + shift);
  store<u32>(column, load<u32>(column, COLUMN_LENGTH) + length, COLUMN_LENGTH);
}

export function gather8(target: u32, source: u32, selection: u32, count: u32): void {
  gather<u8>(target, source, selection, count);
}

export function gather16(target: u32, source: u32, selection: u32, count: u32): void {
  gather<u16>(target, source, selection, count);
}

export function gather32(target: u32, source: u32, selection: u32, count: u32): void {
  gather<u32>(target, source, selection, count);
}

export function gather64(target: u32, source: u32, selection: u32, count: u32): void {
  gather<u64>(target, source, selection, count);
}

function gather<T>(target: u32, source: u32, selection: u32, count: u32): void {
  if (isRun(selection, count)) {
    memory.copy(target, source + load<u32>(selection) * <u32>sizeof<T>(), count * <u32>sizeof<T>());
    return;
  }
  let to = target;
  const end = selection + (count << 2);
  for (let at = selection; at < end; at += 4) {
    store<T>(to, load<T>(source + load<u32>(at) * <u32>sizeof<T>()));
    to += <u32>sizeof<T>();
  }
}

/** Bits of the selected rows, to the bits from `row` on, which are zeros. */
export function gatherBits(target: u32, row: u32, source: u32, selection: u32, count: u32): void {
  for (let index: u32 = 0; index < count; index++) {
    const from = load<u32>(selection + (index << 2));
    const bit = (<u32>load<u8>(source + (from >> 3)) >> (from & 7)) & 1;
    const to = row + index;
    const byte = target + (to >> 3);
    store<u8>(byte, <u8>(<u32>load<u8>(byte) | (bit << (to & 7))));
  }
}

/** Marks as null those rows from `row` on whose selected row is null by the bits at `validity`. */
export function gatherNulls(column: u32, row: u32, validity: u32, selection: u32, count: u32): void {
  for (let index: u32 = 0; index < count; index++) {
    const from = load<u32>(selection + (index << 2));
    if (((<u32>load<u8>(validity + (from >> 3)) >> (from & 7)) & 1) == 0) setNull(column, row + index);
  }
}

/** Selects `count` rows from `base` on. */
export function selectRun(selection: u32, base: u32, count: u32): void {
  let row = i32x4.add(i32x4.splat(base), i32x4(0, 1, 2, 3));
  const end = selection + (min<u32>(count, BLOCK_ROWS) << 2);
  for (let at = selection; at < end; at += 16) {
    v128.store(at, row);
    row = i32x4.add(row, i32x4.splat(4));
  }
}

/** For every byte the positions of its ones in order, eight u32 each: how a mask becomes row numbers. Takes 8 KiB. */
export function fillPositions(table: u32): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let next = table + (byte << 5);
    for (let position: u32 = 0; position < 8; position++) {
      if (((byte >> position) & 1) == 0) continue;
      store<u32>(next, position);
      next += 4;
    }
  }
}
