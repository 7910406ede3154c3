/**
 * The windowed inner join: takes rows into the windows that they fall into, and writes the pairs of a window that has closed to the output port, in
 * the order of the first side's rows and for each in that of the second's. Layout in join-layout.ts.
 */
import {
  COLUMN_FORM,
  COLUMN_SHIFT,
  COLUMN_SIZE,
  COLUMN_VALUES,
  FORM_BITS,
  FORM_BYTES,
  LATE_ROWS,
  PORT_HEAD,
  PORT_ROWS,
} from './control';
import {
  BLOCK_BYTES,
  BLOCK_END,
  BLOCK_HEAD,
  BLOCK_NEXT,
  BLOCK_TOP,
  JOIN_BODY,
  JOIN_BYTES,
  JOIN_FIRST,
  JOIN_FIRST_BLOCK,
  JOIN_INDEX,
  JOIN_LAYOUT,
  JOIN_MASK,
  JOIN_OUT_MICROS,
  JOIN_OUT_TICKS,
  JOIN_PORT,
  JOIN_REFUSED,
  JOIN_REFUSED_ROW,
  JOIN_ROWS,
  JOIN_SECOND,
  JOIN_SIDES,
  JOIN_SIZE,
  JOINED_HASH,
  JOINED_NEXT,
  JOINED_NULLS,
  JOINED_SIZE,
  JPANE_COUNT,
  JPANE_END,
  JPANE_FIRST,
  JPANE_LAST,
  JPANE_SIDE,
  JPANE_SIZE,
  JPANE_START,
  SIDE_COLUMN,
  SIDE_COLUMNS,
  SIDE_FIRST_SLOT,
  SIDE_FIXED,
  SIDE_GREATEST,
  SIDE_HEAD,
  SIDE_KEY_LIST,
  SIDE_KEYS,
  SIDE_LEAST,
  SIDE_MICROS,
  SIDE_OUTPUT,
  SIDE_TICKS,
  SIDE_TIME,
  SIDE_TIME_IS_END,
} from './join-layout';
import { allocate, blockSize, memoryFault, release } from './memory';
import { earliestPane, enterPane, findPane, leavePane } from './panes';
import { appendBytes, portFull, setNull } from './ports';

const FIRST_BLOCK: u32 = 256;
const LARGEST_BLOCK: u32 = 65536;
/** Words of a batch's layout a column. */
const LAYOUT_SHIFT: u32 = 5;

/** Takes `rows` rows of the batch in place; those whose window ends at or before `watermark` are late. */
export function joinTake(join: u32, which: u32, rows: u32, watermark: i64): void {
  const side = load<u32>(join + JOIN_SIDES + (which << 2));
  const layout = load<u32>(join, JOIN_LAYOUT);
  const body = load<u32>(join, JOIN_BODY);
  const timeColumn = layout + (load<u32>(side, SIDE_TIME) << LAYOUT_SHIFT);
  const times = body + load<u32>(timeColumn, 12);
  store<u32>(join, 0, JOIN_REFUSED);
  let pane: u32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    const ticks = load<i64>(times + (row << 3));
    if (
      isNull(body, timeColumn, row) ||
      ticks < load<i64>(side, SIDE_LEAST) ||
      ticks > load<i64>(side, SIDE_GREATEST)
    ) {
      refuse(join, row);
      continue;
    }
    const end = windowEnd(join, side, ticks);
    if (end <= watermark) {
      store<i64>(LATE_ROWS, load<i64>(LATE_ROWS) + 1);
      continue;
    }
    if (hasNullKey(side, body, layout, row)) continue;
    if (pane == 0 || load<i64>(pane, JPANE_END) != end) pane = paneOf(join, end);
    keep(join, pane + which * JPANE_SIDE, side, body, layout, row);
  }
}

function refuse(join: u32, row: u32): void {
  const refused = load<u32>(join, JOIN_REFUSED);
  if (refused == 0) store<u32>(join, row, JOIN_REFUSED_ROW);
  store<u32>(join, refused + 1, JOIN_REFUSED);
}

function isNull(body: u32, column: u32, row: u32): bool {
  if (load<u32>(column, 8) == 0) return false;
  return ((<u32>load<u8>(body + load<u32>(column, 4) + (row >> 3)) >> (row & 7)) & 1) == 0;
}

function floorDivide(value: i64, by: i64): i64 {
  const quotient = value / by;
  return value % by < 0 ? quotient - 1 : quotient;
}

function windowEnd(join: u32, side: u32, time: i64): i64 {
  const ticks = load<u32>(side, SIDE_TIME_IS_END) == 0 ? time : time - 1;
  const perMicro = load<i64>(side, SIDE_TICKS);
  const micros = perMicro > 1 ? floorDivide(ticks, perMicro) : ticks * load<i64>(side, SIDE_MICROS);
  const size = load<i64>(join, JOIN_SIZE);
  return (floorDivide(micros, size) + 1) * size;
}

function hasNullKey(side: u32, body: u32, layout: u32, row: u32): bool {
  let key = load<u32>(side, SIDE_KEY_LIST);
  const end = key + (load<u32>(side, SIDE_KEYS) << 2);
  for (; key < end; key += 4) if (isNull(body, layout + (load<u32>(key) << LAYOUT_SHIFT), row)) return true;
  return false;
}

/** The window that ends at `end`, opened where it is not. */
function paneOf(join: u32, end: i64): u32 {
  const size = load<i64>(join, JOIN_SIZE);
  const found = findPane(end - size, size);
  if (found != 0) return found;
  const made = allocate(JPANE_SIZE);
  memory.fill(made, 0, JPANE_SIZE);
  store<i64>(made, end - size, JPANE_START);
  store<i64>(made, end, JPANE_END);
  enterPane(made, size);
  takes(join, JPANE_SIZE);
  return made;
}

function takes(join: u32, bytes: i64): void {
  store<i64>(join, load<i64>(join, JOIN_BYTES) + bytes, JOIN_BYTES);
}

/** `lists` is the pane's lists of the side, as far as JPANE_FIRST and the like are added. */
function keep(join: u32, lists: u32, side: u32, body: u32, layout: u32, row: u32): void {
  const size = recordSize(side, body, layout, row);
  const record = room(join, lists, size);
  store<u32>(record, size, JOINED_SIZE);
  store<u32>(lists, load<u32>(lists, JPANE_COUNT) + 1, JPANE_COUNT);
  store<u32>(join, load<u32>(join, JOIN_ROWS) + 1, JOIN_ROWS);
  const slots = load<u32>(side, SIDE_FIRST_SLOT);
  memory.fill(record + JOINED_NULLS, 0, slots - JOINED_NULLS);
  const count = load<u32>(side, SIDE_COLUMNS);
  let text = load<u32>(side, SIDE_FIXED);
  for (let column: u32 = 0; column < count; column++) {
    const entry = layout + (column << LAYOUT_SHIFT);
    const slot = record + slots + (column << 3);
    if (isNull(body, entry, row)) {
      store<u64>(slot, 0);
      const byte = record + JOINED_NULLS + (column >> 3);
      store<u8>(byte, <u8>(<u32>load<u8>(byte) | ((<u32>1) << (column & 7))));
      continue;
    }
    const kind = side + SIDE_HEAD + column * SIDE_COLUMN;
    const values = body + load<u32>(entry, 12);
    const form = load<u32>(kind);
    if (form == FORM_BYTES) {
      const from = load<u32>(values + (row << 2));
      const length = load<u32>(values + (row << 2), 4) - from;
      memory.copy(record + text, body + load<u32>(entry, 20) + from, length);
      store<u32>(slot, text);
      store<u32>(slot, length, 4);
      text += length;
    } else if (form == FORM_BITS) {
      store<u64>(slot, (<u32>load<u8>(values + (row >> 3)) >> (row & 7)) & 1);
    } else if (load<u32>(kind, 4) == 3) {
      store<u64>(slot, load<u64>(values + (row << 3)));
    } else {
      store<u64>(slot, load<u32>(values + (row << 2)));
    }
  }
  store<u32>(record, hashOf(side, record, slots), JOINED_HASH);
}

function recordSize(side: u32, body: u32, layout: u32, row: u32): u32 {
  let size: u64 = load<u32>(side, SIDE_FIXED);
  const count = load<u32>(side, SIDE_COLUMNS);
  for (let column: u32 = 0; column < count; column++) {
    if (load<u32>(side + SIDE_HEAD + column * SIDE_COLUMN) != FORM_BYTES) continue;
    const entry = layout + (column << LAYOUT_SHIFT);
    if (isNull(body, entry, row)) continue;
    const offsets = body + load<u32>(entry, 12) + (row << 2);
    size += load<u32>(offsets, 4) - load<u32>(offsets);
  }
  if (size > 0x7fffffff) memoryFault();
  return (<u32>size + 7) & ~7;
}

/** Room for a record of `size` bytes behind the last one. */
function room(join: u32, lists: u32, size: u32): u32 {
  let block = load<u32>(lists, JPANE_LAST);
  if (block == 0 || load<u32>(block, BLOCK_END) - load<u32>(block, BLOCK_TOP) < size) {
    const before = block == 0 ? FIRST_BLOCK >> 1 : load<u32>(block, BLOCK_BYTES);
    const wanted = max<u32>(size + BLOCK_HEAD, min<u32>(before << 1, LARGEST_BLOCK));
    const made = allocate(wanted);
    takes(join, blockSize(wanted));
    store<u32>(made, 0, BLOCK_NEXT);
    store<u32>(made, made + BLOCK_HEAD, BLOCK_TOP);
    store<u32>(made, made + blockSize(wanted), BLOCK_END);
    store<u32>(made, wanted, BLOCK_BYTES);
    if (block == 0) store<u32>(lists, made, JPANE_FIRST);
    else store<u32>(block, made, BLOCK_NEXT);
    store<u32>(lists, made, JPANE_LAST);
    block = made;
  }
  const record = load<u32>(block, BLOCK_TOP);
  store<u32>(block, record + size, BLOCK_TOP);
  return record;
}

function mix(hash: u32, word: u32): u32 {
  return rotl<u32>(hash ^ (rotl<u32>(word * 0xcc9e2d51, 15) * 0x1b873593), 13) * 5 + 0xe6546b64;
}

function hashOf(side: u32, record: u32, slots: u32): u32 {
  let hash: u32 = 0;
  let key = load<u32>(side, SIDE_KEY_LIST);
  const end = key + (load<u32>(side, SIDE_KEYS) << 2);
  for (; key < end; key += 4) {
    const column = load<u32>(key);
    const slot = record + slots + (column << 3);
    if (load<u32>(side + SIDE_HEAD + column * SIDE_COLUMN) == FORM_BYTES) {
      const from = record + load<u32>(slot);
      const length = load<u32>(slot, 4);
      for (let at: u32 = 0; at < length; at++) hash = mix(hash, load<u8>(from + at));
      hash = mix(hash, length);
    } else {
      hash = mix(mix(hash, load<u32>(slot)), load<u32>(slot, 4));
    }
  }
  hash = (hash ^ (hash >>> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >>> 13)) * 0xc2b2ae35;
  return hash ^ (hash >>> 16);
}

function sameKeys(one: u32, first: u32, other: u32, second: u32): bool {
  const count = load<u32>(first, SIDE_KEYS);
  for (let key: u32 = 0; key < count; key++) {
    const left = load<u32>(load<u32>(first, SIDE_KEY_LIST) + (key << 2));
    const right = load<u32>(load<u32>(second, SIDE_KEY_LIST) + (key << 2));
    const a = one + load<u32>(first, SIDE_FIRST_SLOT) + (left << 3);
    const b = other + load<u32>(second, SIDE_FIRST_SLOT) + (right << 3);
    if (load<u32>(first + SIDE_HEAD + left * SIDE_COLUMN) != FORM_BYTES) {
      if (load<u64>(a) != load<u64>(b)) return false;
      continue;
    }
    const length = load<u32>(a, 4);
    if (length != load<u32>(b, 4)) return false;
    if (memory.compare(one + load<u32>(a), other + load<u32>(b), length) != 0) return false;
  }
  return true;
}

/**
 * Writes pairs of the windows that end at or before `watermark`, and frees those whose pairs are out. True where the port is full: empty
 * it and call again.
 */
export function joinNext(join: u32, watermark: i64): bool {
  let pane = earliestPane();
  while (pane != 0 && load<i64>(pane, JPANE_END) <= watermark) {
    if (load<u32>(join, JOIN_INDEX) == 0) begin(join, pane);
    if (pair(join, pane)) return true;
    finish(join, pane);
    pane = earliestPane();
  }
  return false;
}

/** Makes the index of the second side: heads of chains, then their tails. */
function begin(join: u32, pane: u32): void {
  const count = load<u32>(pane + JPANE_SIDE, JPANE_COUNT);
  let slots: u32 = 16;
  while (slots < count << 1) slots <<= 1;
  const index = allocate(slots << 3);
  memory.fill(index, 0, slots << 3);
  store<u32>(join, index, JOIN_INDEX);
  store<u32>(join, slots - 1, JOIN_MASK);
  for (let block = load<u32>(pane + JPANE_SIDE, JPANE_FIRST); block != 0; block = load<u32>(block, BLOCK_NEXT)) {
    const top = load<u32>(block, BLOCK_TOP);
    for (let record = block + BLOCK_HEAD; record < top; record += load<u32>(record, JOINED_SIZE)) {
      const head = index + ((load<u32>(record, JOINED_HASH) & (slots - 1)) << 2);
      const tail = head + (slots << 2);
      store<u32>(record, 0, JOINED_NEXT);
      if (load<u32>(head) == 0) store<u32>(head, record);
      else store<u32>(load<u32>(tail), record, JOINED_NEXT);
      store<u32>(tail, record);
    }
  }
  const first = load<u32>(pane, JPANE_FIRST);
  store<u32>(join, first, JOIN_FIRST_BLOCK);
  store<u32>(join, first == 0 ? 0 : first + BLOCK_HEAD, JOIN_FIRST);
  store<u32>(join, first == 0 ? 0 : chainOf(join, first + BLOCK_HEAD), JOIN_SECOND);
}

function chainOf(join: u32, record: u32): u32 {
  return load<u32>(load<u32>(join, JOIN_INDEX) + ((load<u32>(record, JOINED_HASH) & load<u32>(join, JOIN_MASK)) << 2));
}

/** True where the port is full. */
function pair(join: u32, pane: u32): bool {
  const port = load<u32>(join, JOIN_PORT);
  const a = load<u32>(join, JOIN_SIDES);
  const b = load<u32>(join, JOIN_SIDES + 4);
  let one = load<u32>(join, JOIN_FIRST);
  let other = load<u32>(join, JOIN_SECOND);
  while (one != 0) {
    const hash = load<u32>(one, JOINED_HASH);
    for (; other != 0; other = load<u32>(other, JOINED_NEXT)) {
      if (load<u32>(other, JOINED_HASH) != hash || !sameKeys(one, a, other, b)) continue;
      if (portFull(port, 1)) {
        store<u32>(join, one, JOIN_FIRST);
        store<u32>(join, other, JOIN_SECOND);
        return true;
      }
      write(join, port, load<i64>(pane, JPANE_END), one, other);
    }
    one = after(join, one);
    other = one == 0 ? 0 : chainOf(join, one);
  }
  return false;
}

/** The record of the first side behind another, or 0. */
function after(join: u32, record: u32): u32 {
  const next = record + load<u32>(record, JOINED_SIZE);
  const block = load<u32>(join, JOIN_FIRST_BLOCK);
  if (next < load<u32>(block, BLOCK_TOP)) return next;
  const following = load<u32>(block, BLOCK_NEXT);
  store<u32>(join, following, JOIN_FIRST_BLOCK);
  return following == 0 ? 0 : following + BLOCK_HEAD;
}

function write(join: u32, port: u32, end: i64, one: u32, other: u32): void {
  const row = load<u32>(port, PORT_ROWS);
  const size = load<i64>(join, JOIN_SIZE);
  let column = port + PORT_HEAD;
  store<i64>(load<u32>(column, COLUMN_VALUES) + (row << 3), ticksOf(join, end - size));
  column += COLUMN_SIZE;
  store<i64>(load<u32>(column, COLUMN_VALUES) + (row << 3), ticksOf(join, end));
  column = writeSide(load<u32>(join, JOIN_SIDES), one, column + COLUMN_SIZE, row);
  writeSide(load<u32>(join, JOIN_SIDES + 4), other, column, row);
  store<u32>(port, row + 1, PORT_ROWS);
}

function ticksOf(join: u32, micros: i64): i64 {
  const perMicro = load<i64>(join, JOIN_OUT_TICKS);
  return perMicro > 1 ? micros * perMicro : micros / load<i64>(join, JOIN_OUT_MICROS);
}

/** Returns the port's column behind those of the side. */
function writeSide(side: u32, record: u32, from: u32, row: u32): u32 {
  const count = load<u32>(side, SIDE_OUTPUT);
  let slot = record + load<u32>(side, SIDE_FIRST_SLOT);
  let column = from;
  for (let index: u32 = 0; index < count; index++) {
    const form = load<u32>(column, COLUMN_FORM);
    const values = load<u32>(column, COLUMN_VALUES);
    if (((<u32>load<u8>(record + JOINED_NULLS + (index >> 3)) >> (index & 7)) & 1) != 0) setNull(column, row);
    if (form == FORM_BYTES) appendBytes(column, row, record + load<u32>(slot), load<u32>(slot, 4));
    else if (form == FORM_BITS) {
      const byte = values + (row >> 3);
      store<u8>(byte, <u8>(<u32>load<u8>(byte) | (load<u32>(slot) << (row & 7))));
    } else if (load<u32>(column, COLUMN_SHIFT) == 3) store<u64>(values + (row << 3), load<u64>(slot));
    else store<u32>(values + (row << 2), load<u32>(slot));
    slot += 8;
    column += COLUMN_SIZE;
  }
  return column;
}

function finish(join: u32, pane: u32): void {
  release(load<u32>(join, JOIN_INDEX), (load<u32>(join, JOIN_MASK) + 1) << 3);
  store<u32>(join, 0, JOIN_INDEX);
  leavePane(load<i64>(join, JOIN_SIZE));
  for (let which: u32 = 0; which < 2; which++) {
    const lists = pane + which * JPANE_SIDE;
    store<u32>(join, load<u32>(join, JOIN_ROWS) - load<u32>(lists, JPANE_COUNT), JOIN_ROWS);
    let block = load<u32>(lists, JPANE_FIRST);
    while (block != 0) {
      const next = load<u32>(block, BLOCK_NEXT);
      const bytes = load<u32>(block, BLOCK_BYTES);
      takes(join, -(<i64>blockSize(bytes)));
      release(block, bytes);
      block = next;
    }
  }
  takes(join, -(<i64>JPANE_SIZE));
  release(pane, JPANE_SIZE);
}
