/**
 * Memory of a compiled cell: an allocator of blocks with size classes (four to a doubling), and the arena that functions
 * put their temporary results into. Nothing is given back to the system; what is freed is used again for the same class.
 * Growth stops at HEAP_LIMIT: the code then sets FAULT and traps, and the host reports `cell.memory-limit`.
 */
import {
  ARENA_BASE,
  ARENA_END,
  ARENA_OLD,
  ARENA_TOP,
  FAULT,
  FAULT_MEMORY,
  FREE_LISTS,
  HEAP_END,
  HEAP_LIMIT,
  HEAP_TOP,
} from './control';

const PAGE: u64 = 65536;
/** Smallest block, and the alignment of every block. */
const SMALLEST: u32 = 64;
/** Bytes behind the last block that vector loads may read. */
const SLACK: u64 = 64;

/** Called once, before anything else: blocks are given out from `base` on. */
export function initialise(base: u32, limit: u32): void {
  store<u32>(HEAP_TOP, (base + 63) & ~63);
  store<u32>(HEAP_END, <u32>(<u64>memory.size() * PAGE - SLACK));
  store<u32>(HEAP_LIMIT, limit);
  const arena = allocate(4096);
  store<u32>(ARENA_BASE, arena);
  store<u32>(ARENA_TOP, arena);
  store<u32>(ARENA_END, arena + blockSize(4096));
}

/** The size class of a request: 0 for 64 bytes and less, then four classes to a doubling. */
function classOf(bytes: u32): u32 {
  if (bytes <= SMALLEST) return 0;
  const exponent = 31 - clz<u32>(bytes - 1);
  return ((exponent - 6) << 2) + (((bytes - 1) >> (exponent - 2)) & 3) + 1;
}

function classBytes(index: u32): u64 {
  if (index == 0) return SMALLEST;
  const exponent = 6 + ((index - 1) >> 2);
  const size = (<u64>(5 + ((index - 1) & 3))) << (exponent - 2);
  return (size + 63) & ~63;
}

/** The bytes that a block for `bytes` really has. */
export function blockSize(bytes: u32): u32 {
  return <u32>classBytes(classOf(bytes));
}

/** A block of at least `bytes` at an address that 64 divides; its content is undefined. */
export function allocate(bytes: u32): u32 {
  const index = classOf(bytes);
  const list = FREE_LISTS + (index << 2);
  const head = load<u32>(list);
  if (head != 0) {
    store<u32>(list, load<u32>(head));
    return head;
  }
  const top = load<u32>(HEAP_TOP);
  const end = <u64>top + classBytes(index);
  if (end > <u64>load<u32>(HEAP_END)) grow(end);
  store<u32>(HEAP_TOP, <u32>end);
  return top;
}

/** Gives a block back; `bytes` is what it was asked for with (or its block size). */
export function release(block: u32, bytes: u32): void {
  const list = FREE_LISTS + (classOf(bytes) << 2);
  store<u32>(block, load<u32>(list));
  store<u32>(list, block);
}

/** Grows the memory to hold `end` bytes: by an eighth at least, so that many small requests grow it rarely. */
function grow(end: u64): void {
  const limit = <u64>load<u32>(HEAP_LIMIT);
  if (end > limit) memoryFault();
  const have = <u64>memory.size();
  let wanted = (end + SLACK + PAGE - 1) / PAGE;
  const generous = have + (have >> 3);
  if (wanted < generous && generous * PAGE <= limit) wanted = generous;
  if (memory.grow(<i32>(wanted - have)) < 0) memoryFault();
  store<u32>(HEAP_END, <u32>(wanted * PAGE - SLACK));
}

/** Stops the cell: it would take more memory than it may. */
export function memoryFault(): void {
  store<u32>(FAULT, FAULT_MEMORY);
  unreachable();
}

/** `bytes` for a function's result, valid until the row is done. At an address that 8 divides. */
export function arenaAllocate(bytes: u32): u32 {
  const top = load<u32>(ARENA_TOP);
  const end = <u64>top + ((<u64>bytes + 7) & ~7);
  if (end > <u64>load<u32>(ARENA_END)) return arenaGrow(bytes);
  store<u32>(ARENA_TOP, <u32>end);
  return top;
}

/** A new chunk, twice the size; the old one stays readable until `arenaStart` (its first words chain it). */
function arenaGrow(bytes: u32): u32 {
  const base = load<u32>(ARENA_BASE);
  const had = <u64>(load<u32>(ARENA_END) - base);
  let size = had << 1;
  while (size < <u64>bytes + 8) size <<= 1;
  if (size > 0xffffffff) memoryFault();
  const note = allocate(64);
  store<u32>(note, load<u32>(ARENA_OLD));
  store<u32>(note, base, 4);
  store<u32>(note, <u32>had, 8);
  store<u32>(ARENA_OLD, note);
  const chunk = allocate(<u32>size);
  store<u32>(ARENA_BASE, chunk);
  store<u32>(ARENA_END, chunk + blockSize(<u32>size));
  store<u32>(ARENA_TOP, chunk + ((bytes + 7) & ~7));
  return chunk;
}

/** Called before a batch: empties the arena and frees the chunks that it outgrew. */
export function arenaStart(): void {
  let note = load<u32>(ARENA_OLD);
  while (note != 0) {
    const next = load<u32>(note);
    release(load<u32>(note, 4), load<u32>(note, 8));
    release(note, 64);
    note = next;
  }
  store<u32>(ARENA_OLD, 0);
  store<u32>(ARENA_TOP, load<u32>(ARENA_BASE));
}

/** Where this module's static data ends; the build checks that it is before STATIC_BASE. */
export function dataEnd(): usize {
  return __heap_base;
}
