/**
 * Memories for cells. A page that is touched for the first time costs far more than clearing one that was used before, so a closed
 * cell's memory is cleared and kept for the next.
 */
import { userError } from '../../errors.ts';

export const PAGE_BYTES = 65_536;
/** A memory that grew beyond this is given back to the system instead of being cleared. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;
const MAX_KEPT = 16;
/** Fresh memories begin with at least so many pages, so that they fit the next cell too. */
const FIRST_PAGES = 16;

interface Kept {
  readonly memory: WebAssembly.Memory;
  readonly maximum: number;
}

const kept: Kept[] = [];

/** A cleared memory of at least `pages` pages that can grow to `maximum` pages. */
export function acquireMemory(pages: number, maximum: number): WebAssembly.Memory {
  if (pages > maximum) {
    throw userError(
      'component.memory-limit',
      `the component needs ${pages * PAGE_BYTES} bytes of memory to begin with, its limit is ${maximum * PAGE_BYTES}`,
    );
  }
  const index = kept.findIndex((entry) => entry.maximum === maximum && pagesOf(entry.memory) >= pages);
  const found = index < 0 ? undefined : kept.splice(index, 1)[0];
  if (found !== undefined) return found.memory;
  return new WebAssembly.Memory({ initial: Math.min(maximum, Math.max(pages, FIRST_PAGES)), maximum });
}

export function releaseMemory(memory: WebAssembly.Memory, maximum: number): void {
  if (kept.length >= MAX_KEPT || memory.buffer.byteLength > MAX_KEPT_BYTES) return;
  new Uint8Array(memory.buffer).fill(0);
  kept.push({ memory, maximum });
}

function pagesOf(memory: WebAssembly.Memory): number {
  return memory.buffer.byteLength / PAGE_BYTES;
}
