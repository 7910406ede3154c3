/**
 * Memories for cells. A page that is touched for the first time costs far more than clearing one that was used before, so the memory of a
 * cell that has ended is cleared in full and kept for the next. Bounded in bytes; each thread that runs cells has a pool.
 */
import { userError } from '../errors.ts';

export const PAGE_BYTES = 65_536;
/** A memory that grew beyond this is given back to the system instead of being cleared. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;
/** Bytes that the pool keeps at most. */
const MAX_POOL_BYTES = 64 * 1024 * 1024;

interface Kept {
  readonly memory: WebAssembly.Memory;
  readonly maximum: number;
}

/** The one given back last at the end. */
const kept: Kept[] = [];
let keptBytes = 0;

/** A cleared memory of at least `pages` pages that can grow to `maximum` pages. */
export function acquireMemory(pages: number, maximum: number): WebAssembly.Memory {
  if (pages > maximum) {
    throw userError(
      'component.memory-limit',
      `the component needs ${pages * PAGE_BYTES} bytes of memory to begin with, its limit is ${maximum * PAGE_BYTES}`,
    );
  }
  const index = kept.findLastIndex((entry) => entry.maximum === maximum && pagesOf(entry.memory) >= pages);
  const found = index < 0 ? undefined : kept.splice(index, 1)[0];
  if (found === undefined) return new WebAssembly.Memory({ initial: pages, maximum });
  keptBytes -= found.memory.buffer.byteLength;
  return found.memory;
}

/** Takes a memory back that nothing uses any more. */
export function releaseMemory(memory: WebAssembly.Memory, maximum: number): void {
  const bytes = memory.buffer.byteLength;
  if (bytes > MAX_KEPT_BYTES || keptBytes + bytes > MAX_POOL_BYTES) return;
  new Uint8Array(memory.buffer).fill(0);
  kept.push({ memory, maximum });
  keptBytes += bytes;
}

/** Makes the pool hold at least `count` memories of `pages` pages, touched, so that as many cells start without waiting for fresh ones. */
export function prepareMemories(count: number, pages: number, maximum: number): void {
  let missing = count;
  for (const { memory, maximum: other } of kept) if (other === maximum && pagesOf(memory) >= pages) missing -= 1;
  for (; missing > 0; missing -= 1) releaseMemory(new WebAssembly.Memory({ initial: pages, maximum }), maximum);
}

export function memoryPoolSize(): { readonly memories: number; readonly bytes: number; readonly maxBytes: number } {
  return { memories: kept.length, bytes: keptBytes, maxBytes: MAX_POOL_BYTES };
}

function pagesOf(memory: WebAssembly.Memory): number {
  return memory.buffer.byteLength / PAGE_BYTES;
}
