/**
 * Memory of the canonical ABI: an arena for the arguments of a call, which the engine asks for through `cabi_realloc` and which is
 * taken back as a whole when the call has returned, and scratch space for text handed to the engine.
 *
 *   block   [ next: usize | size: usize | bytes ... ]      the newest one is written to; older ones wait for the reset
 */

const HEADER: usize = 16;
const FIRST_BLOCK: usize = 4096;

let block: usize = 0;
let used: usize = 0;

function capacityOf(at: usize): usize {
  return load<usize>(at, sizeof<usize>());
}

function addBlock(size: usize): void {
  let capacity = block == 0 ? FIRST_BLOCK : capacityOf(block) * 2;
  if (capacity < size) capacity = (size + 4095) & ~4095;
  const fresh = heap.alloc(HEADER + capacity);
  store<usize>(fresh, block);
  store<usize>(fresh, capacity, sizeof<usize>());
  block = fresh;
  used = 0;
}

/** 16-byte aligned memory that lasts until `resetArguments`. */
export function allocateArgument(size: usize): usize {
  const needed = (size + 15) & ~15;
  if (block == 0 || needed > capacityOf(block) - used) addBlock(needed);
  const at = block + HEADER + used;
  used += needed;
  return at;
}

/** Takes back all arguments; keeps the largest block for the next call. */
export function resetArguments(): void {
  if (block == 0) return;
  let older = load<usize>(block);
  store<usize>(block, 0);
  while (older != 0) {
    const next = load<usize>(older);
    heap.free(older);
    older = next;
  }
  used = 0;
}

let scratch: usize = 0;
let scratchSize: usize = 0;
let scratchUsed: usize = 0;

/** Text as UTF-8 in reused memory. */
export class Scratch {
  /** Bytes of the text last written. */
  static length: i32 = 0;

  /** Writes a text at the start; what was there before is gone. */
  static text(text: string): usize {
    scratchUsed = 0;
    Scratch.reserve(<usize>text.length * 3);
    return Scratch.write(text);
  }

  /** Writes a second text behind the first, which keeps its place: call `text` with the longer one first, or accept the cut. */
  static more(text: string): usize {
    const room = scratchSize - scratchUsed;
    if (<usize>text.length * 3 > room) text = text.substring(0, <i32>(room / 3));
    return Scratch.write(text);
  }

  private static reserve(bytes: usize): void {
    const size = bytes + 4096;
    if (size <= scratchSize) return;
    if (scratch != 0) heap.free(scratch);
    scratch = heap.alloc(size);
    scratchSize = size;
  }

  private static write(text: string): usize {
    const at = scratch + scratchUsed;
    const written = String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, at);
    Scratch.length = <i32>written;
    scratchUsed += written;
    return at;
  }
}
