/**
 * The open windows of an aggregate, and of a join, whose panes begin alike (join-layout.ts). A pane is found by the start of its window in an open-addressing directory, and closed in
 * the order of a binary heap; its groups lie in a hash table of its own, which is freed whole. Layout in control.ts.
 */
import {
  CURRENT_PANE,
  DIRECTORY,
  DIRECTORY_MASK,
  GROUPS_HINT,
  HEAP,
  HEAP_CAPACITY,
  PANE_BYTES,
  PANE_BYTES_END,
  PANE_CHUNKS,
  PANE_COUNT,
  PANE_END,
  PANE_INDEX,
  PANE_INDEX_BASE,
  PANE_INDEX_COUNT,
  PANE_NEXT,
  PANE_RECORDS,
  PANE_SHIFT,
  PANE_SIZE,
  PANE_SLOTS,
  PANE_START,
  RECORD_HASH,
  RECORD_KEYS,
  RECORD_NULLS,
  WATERMARK,
} from './control';
import { allocate, blockSize, release } from './memory';

/** What `openPane` returns where the row is late, and where the window's bounds are beyond int64. */
const LATE = 0;
const OUT_OF_RANGE = 1;

const SMALLEST_SLOTS: u32 = 16;
const LARGEST_FIRST_SLOTS: u32 = 1 << 21;
/** So many windows may be open for a new one to begin as large as the last one was. */
const FEW_PANES: u32 = 4;

/**
 * The pane of the window of `size` that holds `time`, opened if it is not open; or LATE, or OUT_OF_RANGE where its bounds
 * are not from `earliest` to `latest`.
 */
export function openPane(time: i64, size: i64, recordSize: u32, earliest: i64, latest: i64): u32 {
  return paneOf(time, size, recordSize, earliest, latest, true);
}

/** As `openPane`, but no row is late: a window that was closed is opened again. */
export function reopenPane(time: i64, size: i64, recordSize: u32, earliest: i64, latest: i64): u32 {
  return paneOf(time, size, recordSize, earliest, latest, false);
}

function paneOf(time: i64, size: i64, recordSize: u32, earliest: i64, latest: i64, judged: bool): u32 {
  let start = (time / size) * size;
  if (start > time) {
    if (start < i64.MIN_VALUE + size) return OUT_OF_RANGE;
    start -= size;
  }
  if (start < earliest || start > latest - size) return OUT_OF_RANGE;
  if (judged && start + size <= load<i64>(WATERMARK)) return LATE;
  let pane = findPane(start, size);
  if (pane == 0) pane = addPane(start, size, recordSize);
  store<u32>(CURRENT_PANE, pane);
  return pane;
}

function directorySlot(start: i64, size: i64): u32 {
  return <u32>((<u64>(start / size) * 0x9e3779b97f4a7c15) >> 32) & load<u32>(DIRECTORY_MASK);
}

export function findPane(start: i64, size: i64): u32 {
  const directory = load<u32>(DIRECTORY);
  if (directory == 0) return 0;
  const mask = load<u32>(DIRECTORY_MASK);
  let slot = directorySlot(start, size);
  let pane = load<u32>(directory + (slot << 2));
  while (pane != 0 && load<i64>(pane, PANE_START) != start) {
    slot = (slot + 1) & mask;
    pane = load<u32>(directory + (slot << 2));
  }
  return pane;
}

function addPane(start: i64, size: i64, recordSize: u32): u32 {
  reserveDirectory(load<u32>(PANE_COUNT) + 1, size);
  const pane = newPane(start, recordSize);
  enterPane(pane, size);
  return pane;
}

/** Takes in a pane whose start is set. */
export function enterPane(pane: u32, size: i64): void {
  const count = load<u32>(PANE_COUNT);
  reserveDirectory(count + 1, size);
  insertDirectory(pane, size);
  store<u32>(PANE_COUNT, count + 1);
  siftUp(count, pane);
}

/** 0 if there is none. */
export function earliestPane(): u32 {
  return load<u32>(PANE_COUNT) == 0 ? 0 : load<u32>(load<u32>(HEAP));
}

/** Takes the earliest pane out of directory and heap. */
export function leavePane(size: i64): void {
  const count = load<u32>(PANE_COUNT);
  const heap = load<u32>(HEAP);
  removeDirectory(load<u32>(heap), size);
  store<u32>(PANE_COUNT, count - 1);
  if (count > 1) siftDown(count - 1, load<u32>(heap + ((count - 1) << 2)));
}

/** Room for one more in the heap, and a directory at most half full. */
function reserveDirectory(count: u32, size: i64): void {
  const had = load<u32>(HEAP_CAPACITY);
  if (count <= had) return;
  const capacity = had == 0 ? 64 : had << 1;
  const heap = allocate(capacity << 2);
  memory.copy(heap, load<u32>(HEAP), had << 2);
  if (had != 0) release(load<u32>(HEAP), had << 2);
  if (had != 0) release(load<u32>(DIRECTORY), had << 3);
  store<u32>(HEAP, heap);
  store<u32>(HEAP_CAPACITY, capacity);
  const directory = allocate(capacity << 3);
  memory.fill(directory, 0, capacity << 3);
  store<u32>(DIRECTORY, directory);
  store<u32>(DIRECTORY_MASK, (capacity << 1) - 1);
  for (let index: u32 = 0; index < count - 1; index++) insertDirectory(load<u32>(heap + (index << 2)), size);
}

function insertDirectory(pane: u32, size: i64): void {
  const directory = load<u32>(DIRECTORY);
  const mask = load<u32>(DIRECTORY_MASK);
  let slot = directorySlot(load<i64>(pane, PANE_START), size);
  while (load<u32>(directory + (slot << 2)) != 0) slot = (slot + 1) & mask;
  store<u32>(directory + (slot << 2), pane);
}

/** Takes a pane out and moves those up that had gone past its slot. */
function removeDirectory(pane: u32, size: i64): void {
  const directory = load<u32>(DIRECTORY);
  const mask = load<u32>(DIRECTORY_MASK);
  let hole = directorySlot(load<i64>(pane, PANE_START), size);
  while (load<u32>(directory + (hole << 2)) != pane) hole = (hole + 1) & mask;
  for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
    const other = load<u32>(directory + (slot << 2));
    if (other == 0) break;
    const home = directorySlot(load<i64>(other, PANE_START), size);
    if (((slot - home) & mask) >= ((slot - hole) & mask)) {
      store<u32>(directory + (hole << 2), other);
      hole = slot;
    }
  }
  store<u32>(directory + (hole << 2), 0);
}

function siftUp(from: u32, pane: u32): void {
  const heap = load<u32>(HEAP);
  const start = load<i64>(pane, PANE_START);
  let index = from;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = load<u32>(heap + (parent << 2));
    if (load<i64>(above, PANE_START) <= start) break;
    store<u32>(heap + (index << 2), above);
    index = parent;
  }
  store<u32>(heap + (index << 2), pane);
}

function siftDown(count: u32, pane: u32): void {
  const heap = load<u32>(HEAP);
  const start = load<i64>(pane, PANE_START);
  let index: u32 = 0;
  for (;;) {
    let child = (index << 1) + 1;
    if (child >= count) break;
    let below = load<u32>(heap + (child << 2));
    if (child + 1 < count) {
      const right = load<u32>(heap + ((child + 1) << 2));
      if (load<i64>(right, PANE_START) < load<i64>(below, PANE_START)) {
        below = right;
        child++;
      }
    }
    if (load<i64>(below, PANE_START) >= start) break;
    store<u32>(heap + (index << 2), below);
    index = child;
  }
  store<u32>(heap + (index << 2), pane);
}

/** The earliest pane whose window's end is not after the watermark, taken out of directory and heap; 0 if there is none. */
export function duePane(size: i64): u32 {
  const pane = earliestPane();
  if (pane == 0 || load<i64>(pane, PANE_START) + size > load<i64>(WATERMARK)) return 0;
  leavePane(size);
  if (load<u32>(CURRENT_PANE) == pane) store<u32>(CURRENT_PANE, 0);
  return pane;
}

function newPane(start: i64, recordSize: u32): u32 {
  // Many open windows each as large as the last one could fill the memory with empty tables.
  const hint = load<u32>(PANE_COUNT) < FEW_PANES ? load<u32>(GROUPS_HINT) : 0;
  let slots = SMALLEST_SLOTS;
  while (slots < LARGEST_FIRST_SLOTS && slots < hint << 1) slots <<= 1;
  const pane = allocate(PANE_SIZE);
  memory.fill(pane, 0, PANE_SIZE);
  store<i64>(pane, start, PANE_START);
  setTable(pane, slots, recordSize);
  store<u32>(pane, load<u32>(pane, PANE_RECORDS), PANE_NEXT);
  return pane;
}

/** A table of that many empty slots, and room for half as many records. */
function setTable(pane: u32, slots: u32, recordSize: u32): void {
  const table = allocate(slots << 2);
  memory.fill(table, 0, slots << 2);
  store<u32>(pane, table, PANE_SLOTS);
  store<u32>(pane, <u32>clz<u32>(slots) + 1, PANE_SHIFT);
  const bytes = (slots >> 1) * recordSize;
  const records = allocate(bytes);
  store<u32>(pane, records, PANE_RECORDS);
  store<u32>(pane, records + bytes, PANE_END);
}

function slotCount(pane: u32): u32 {
  return (<u32>1) << (32 - load<u32>(pane, PANE_SHIFT));
}

/** Doubles the table of a pane whose records are full. */
export function growPane(pane: u32, recordSize: u32): void {
  const slots = slotCount(pane);
  const oldSlots = load<u32>(pane, PANE_SLOTS);
  const oldRecords = load<u32>(pane, PANE_RECORDS);
  const bytes = load<u32>(pane, PANE_NEXT) - oldRecords;
  setTable(pane, slots << 1, recordSize);
  const records = load<u32>(pane, PANE_RECORDS);
  memory.copy(records, oldRecords, bytes);
  store<u32>(pane, records + bytes, PANE_NEXT);
  release(oldRecords, (slots >> 1) * recordSize);
  release(oldSlots, slots << 2);
  moveIndex(pane, records - oldRecords);
  const table = load<u32>(pane, PANE_SLOTS);
  const shift = load<u32>(pane, PANE_SHIFT);
  const mask = (slots << 1) - 1;
  for (let record = records; record < records + bytes; record += recordSize) {
    let slot = load<u32>(record, RECORD_HASH) >> shift;
    while (load<u32>(table + (slot << 2)) != 0) slot = (slot + 1) & mask;
    store<u32>(table + (slot << 2), record);
  }
}

/** Frees a pane that `duePane` handed out. */
export function releasePane(pane: u32, recordSize: u32): void {
  const slots = slotCount(pane);
  const records = load<u32>(pane, PANE_RECORDS);
  store<u32>(GROUPS_HINT, (load<u32>(pane, PANE_NEXT) - records) / recordSize);
  release(load<u32>(pane, PANE_SLOTS), slots << 2);
  release(records, (slots >> 1) * recordSize);
  const indexed = load<u32>(pane, PANE_INDEX_COUNT);
  if (indexed != 0) release(load<u32>(pane, PANE_INDEX), indexed << 2);
  let chunk = load<u32>(pane, PANE_CHUNKS);
  while (chunk != 0) {
    const next = load<u32>(chunk);
    release(chunk, load<u32>(chunk, 4));
    chunk = next;
  }
  release(pane, PANE_SIZE);
}

/** Groups from which on a pane has an index; entries that it has at least, and most entries a group. */
const FIRST_INDEXED: u64 = 16;
const SMALLEST_INDEX: u64 = 256;
const INDEX_PER_GROUP: u64 = 16;
const LARGEST_INDEX: u64 = 1048576;

/** The records have moved by `by` bytes. */
function moveIndex(pane: u32, by: u32): void {
  const index = load<u32>(pane, PANE_INDEX);
  const end = index + (load<u32>(pane, PANE_INDEX_COUNT) << 2);
  for (let entry = index; entry < end; entry += 4) {
    const record = load<u32>(entry);
    if (record != 0) store<u32>(entry, record + by);
  }
}

function keyOf(record: u32, wide: bool): i64 {
  return wide ? load<i64>(record, RECORD_KEYS) : <i64>load<i32>(record, RECORD_KEYS);
}

/**
 * Takes a new group into the pane's index. A key beyond its range extends it, as long as it then is not much larger than
 * there are groups; else only the hash table has the group.
 */
export function indexGroup(pane: u32, key: i64, record: u32, recordSize: u32, wide: bool): void {
  const count = <u64>load<u32>(pane, PANE_INDEX_COUNT);
  const base = load<i64>(pane, PANE_INDEX_BASE);
  if (<u64>(key - base) < count) {
    store<u32>(load<u32>(pane, PANE_INDEX) + ((<u32>(key - base)) << 2), record);
    return;
  }
  const first = load<u32>(pane, PANE_RECORDS);
  const groups = <u64>((load<u32>(pane, PANE_NEXT) - first) / recordSize);
  if (count == 0) {
    // Looked at again whenever the groups have doubled, since it takes a walk over all of them.
    if (groups >= FIRST_INDEXED && (groups & (groups - 1)) == 0) firstIndex(pane, groups, recordSize, wide);
    return;
  }
  const low = min<i64>(key, base);
  const high = max<i64>(key, base + <i64>(count - 1));
  const span = <u64>(high - low);
  if (span >= indexLimit(groups)) return;
  // With room on the side that grew, where that does not wrap around.
  const room = key < base && low > i64.MIN_VALUE + <i64>(span << 1);
  rebuildIndex(pane, room ? low - <i64>span : low, room ? span << 1 : span, recordSize, wide);
}

/** How far apart the keys of that many groups may lie. */
function indexLimit(groups: u64): u64 {
  return min<u64>(max<u64>(SMALLEST_INDEX, groups * INDEX_PER_GROUP), LARGEST_INDEX);
}

/** An index over the keys that there are, if they lie close enough. */
function firstIndex(pane: u32, groups: u64, recordSize: u32, wide: bool): void {
  const end = load<u32>(pane, PANE_NEXT);
  let low = i64.MAX_VALUE;
  let high = i64.MIN_VALUE;
  for (let record = load<u32>(pane, PANE_RECORDS); record < end; record += recordSize) {
    if (load<u32>(record, RECORD_NULLS) != 0) continue;
    low = min<i64>(low, keyOf(record, wide));
    high = max<i64>(high, keyOf(record, wide));
  }
  const span = <u64>(high - low);
  if (span >= indexLimit(groups)) return;
  rebuildIndex(pane, low, span, recordSize, wide);
}

/** From `low` on over at least `span`, with as much again behind it. */
function rebuildIndex(pane: u32, low: i64, span: u64, recordSize: u32, wide: bool): void {
  const size = <u32>min<u64>(max<u64>(SMALLEST_INDEX, (span + 1) << 1), LARGEST_INDEX);
  const start = low > i64.MAX_VALUE - <i64>size ? i64.MAX_VALUE - <i64>size : low;
  const count = load<u32>(pane, PANE_INDEX_COUNT);
  if (count != 0) release(load<u32>(pane, PANE_INDEX), count << 2);
  store<u32>(pane, 0, PANE_INDEX_COUNT);
  const index = allocate(size << 2);
  memory.fill(index, 0, size << 2);
  store<u32>(pane, index, PANE_INDEX);
  store<u32>(pane, size, PANE_INDEX_COUNT);
  store<i64>(pane, start, PANE_INDEX_BASE);
  const end = load<u32>(pane, PANE_NEXT);
  for (let record = load<u32>(pane, PANE_RECORDS); record < end; record += recordSize) {
    const offset = <u64>(keyOf(record, wide) - start);
    if (offset < <u64>size && load<u32>(record, RECORD_NULLS) == 0) store<u32>(index + ((<u32>offset) << 2), record);
  }
}

/** Room for `length` bytes that live as long as the pane. */
function paneBytes(pane: u32, length: u32): u32 {
  const top = load<u32>(pane, PANE_BYTES);
  const end = <u64>top + <u64>((length + 7) & ~7);
  if (end <= <u64>load<u32>(pane, PANE_BYTES_END)) {
    store<u32>(pane, <u32>end, PANE_BYTES);
    return top;
  }
  const last = load<u32>(pane, PANE_CHUNKS);
  const had = last == 0 ? 128 : load<u32>(last, 4);
  const wanted = max<u32>(min<u32>(had << 1, 65536), length + 16);
  const chunk = allocate(wanted);
  const size = blockSize(wanted);
  store<u32>(chunk, last);
  store<u32>(chunk, size, 4);
  store<u32>(pane, chunk, PANE_CHUNKS);
  store<u32>(pane, chunk + 8 + ((length + 7) & ~7), PANE_BYTES);
  store<u32>(pane, chunk + size, PANE_BYTES_END);
  return chunk + 8;
}

/** A copy of the bytes that lives as long as the pane. */
export function keepBytes(pane: u32, source: u32, length: u32): u32 {
  const copy = paneBytes(pane, length);
  memory.copy(copy, source, length);
  return copy;
}

/** Puts a copy of the bytes into an accumulator (address, length, capacity), over the old ones where there is room. */
export function replaceBytes(pane: u32, accumulator: u32, source: u32, length: u32): void {
  if (length > load<u32>(accumulator, 8) || load<u32>(accumulator) == 0) {
    const capacity = length <= 16 ? 16 : (<u32>1) << (32 - clz<u32>(length - 1));
    store<u32>(accumulator, paneBytes(pane, capacity));
    store<u32>(accumulator, capacity, 8);
  }
  memory.copy(load<u32>(accumulator), source, length);
  store<u32>(accumulator, length, 4);
}
