/**
 * Which pages of a cell's memory have changed since they were taken last. A copy of the memory as it was then is compared with it,
 * 64 KiB at a time and, where that differs, page by page; what differs is copied out and into the copy. Pages of zeros are known by their
 * number alone, and the copy has no part where the memory was never anything else.
 *
 *     memory   | 1 MiB ........ | 1 MiB ........ | 1 MiB ........ |
 *     copy     | 1 MiB          | (zeros)        | 1 MiB          |     chunks of `CopyBudget`
 *     taken      page 3, 4, 9                      page 520            in buffers of `PageBuffers`
 */

/** Bytes of a page: small, because changes lie scattered; 4 KiB compared with 64 KiB writes a sixth at 10 % of scattered changes. */
export const PAGE = 4096;
/** Pages of a buffer, and so of a blob: 4 MiB. */
export const BUFFER_PAGES = 1024;
/** Pages compared at once, and of a chunk of the copy. */
const BLOCK = 16;
const CHUNK = 256;
const ZEROS: Buffer = Buffer.alloc(CHUNK * PAGE);

/** Buffers for taken pages. Fresh memory is dear where it is first touched, so they are used again; `spare` of them are kept at most. */
export class PageBuffers {
  readonly #spare: Buffer[] = [];
  readonly #most: number;

  constructor(spare = 16) {
    this.#most = spare;
  }

  get(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_PAGES * PAGE);
  }

  give(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) if (this.#spare.length < this.#most) this.#spare.push(buffer);
  }
}

/** Bytes that the copies of all memories may take together. What goes beyond has no copy and is taken whole each time. */
export class CopyBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  chunk(): Buffer | undefined {
    if (this.#left < CHUNK * PAGE) return undefined;
    this.#left -= CHUNK * PAGE;
    return Buffer.alloc(CHUNK * PAGE);
  }

  give(chunks: number): void {
    this.#left += chunks * CHUNK * PAGE;
  }
}

/** Pages of one memory or of several, one behind the other in buffers of `BUFFER_PAGES`. */
export class TakenBytes {
  readonly buffers: Buffer[] = [];
  pages = 0;
  readonly #source: PageBuffers;

  constructor(source: PageBuffers) {
    this.#source = source;
  }

  add(memory: Buffer, from: number, to: number): void {
    const place = this.pages % BUFFER_PAGES;
    if (place === 0) this.buffers.push(this.#source.get());
    const buffer = this.buffers.at(-1);
    memory.copy(buffer as Buffer, place * PAGE, from, to);
    if (to - from < PAGE) buffer?.fill(0, place * PAGE + to - from, (place + 1) * PAGE);
    this.pages += 1;
  }

  /** Buffer `index` up to its last page. */
  view(index: number): Buffer {
    const pages = Math.min(BUFFER_PAGES, this.pages - index * BUFFER_PAGES);
    return (this.buffers[index] as Buffer).subarray(0, pages * PAGE);
  }

  release(): void {
    this.#source.give(this.buffers.splice(0));
    this.pages = 0;
  }
}

export interface TakenPages {
  /** Bytes of the memory. */
  readonly length: number;
  /** Numbers of the pages that were added to the bytes, in that order, rising. */
  readonly numbers: readonly number[];
  /** Numbers of pages that have become zeros or do not matter any more. */
  readonly zeros: readonly number[];
  /** Where in the bytes the first of `numbers` is. */
  readonly place: number;
  /** The tracker had taken nothing before: all other pages are zeros. */
  readonly isFirst: boolean;
}

export class PageTracker {
  readonly #budget: CopyBudget;
  readonly #chunks: (Buffer | undefined)[] = [];
  /** Chunks that differ from zeros, and for which there was no memory. */
  readonly #blind = new Set<number>();
  /** Pages that are not what the store has: to be taken again, whatever is in them. */
  #stale: Uint8Array = new Uint8Array(0);
  /** Pages that the store may have. */
  #kept: Uint8Array = new Uint8Array(0);
  #isFirst = true;

  constructor(budget: CopyBudget) {
    this.#budget = budget;
  }

  /**
   * Takes what has changed in `ranges` (bytes, rising and apart) of `memory`; outside them pages count as zeros. With `window` it looks
   * at pages from inclusive to exclusive only, and says nothing of others.
   */
  take(
    memory: Uint8Array,
    ranges: readonly (readonly [number, number])[],
    bytes: TakenBytes,
    window: readonly [number, number] = [0, Number.POSITIVE_INFINITY],
  ): TakenPages {
    this.#reserve(Math.ceil(memory.length / PAGE));
    const [from, to] = window;
    const view = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
    const taken = { numbers: [] as number[], zeros: [] as number[] };
    const place = bytes.pages;
    let next = from;
    for (const [first, end] of wholePages(ranges, memory.length)) {
      if (end <= from) continue;
      if (first >= to) break;
      this.#leave(next, first, taken.zeros);
      this.#compare(view, Math.max(first, from), Math.min(end, to), taken, bytes);
      next = Math.min(end, to);
    }
    this.#leave(next, Math.min(to, this.#stale.length), taken.zeros);
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return { length: memory.length, ...taken, place, isFirst };
  }

  /** Has these pages taken next time though they may not change. */
  retake(numbers: Iterable<number>): void {
    for (const number of numbers) {
      this.#stale[number] = 1;
      this.#kept[number] = 1;
    }
  }

  /** The memory is gone. */
  close(): void {
    this.#budget.give(this.#chunks.splice(0).filter((chunk) => chunk !== undefined).length);
  }

  /** Pages that do not matter any more. */
  #leave(first: number, end: number, zeros: number[]): void {
    for (let number = this.#kept.indexOf(1, first); number !== -1 && number < end; ) {
      this.#kept[number] = 0;
      this.#stale[number] = 1;
      zeros.push(number);
      number = this.#kept.indexOf(1, number + 1);
    }
  }

  #compare(memory: Buffer, first: number, end: number, taken: Writable, bytes: TakenBytes): void {
    for (let page = first; page < end; ) {
      const until = Math.min(end, (Math.floor(page / BLOCK) + 1) * BLOCK);
      if (!this.#isSame(memory, page, until)) {
        for (let number = page; number < until; number++) this.#takePage(memory, number, taken, bytes);
      }
      page = until;
    }
  }

  /** Of pages of one block. */
  #isSame(memory: Buffer, first: number, end: number): boolean {
    const chunk = Math.floor(first / CHUNK);
    if (this.#blind.has(chunk)) return false;
    for (let number = first; number < end; number++) if (this.#stale[number] === 1) return false;
    const from = first * PAGE;
    const to = Math.min(end * PAGE, memory.length);
    const base = chunk * CHUNK * PAGE;
    return memory.compare(this.#chunks[chunk] ?? ZEROS, from - base, to - base, from, to) === 0;
  }

  #takePage(memory: Buffer, number: number, taken: Writable, bytes: TakenBytes): void {
    if (this.#isSame(memory, number, number + 1)) return;
    const from = number * PAGE;
    const to = Math.min(from + PAGE, memory.length);
    const isZero = memory.compare(ZEROS, 0, to - from, from, to) === 0;
    this.#copy(memory, number, from, to, isZero);
    const wasKept = this.#kept[number] === 1;
    this.#stale[number] = 0;
    this.#kept[number] = isZero ? 0 : 1;
    if (!isZero) {
      taken.numbers.push(number);
      bytes.add(memory, from, to);
    } else if (wasKept) taken.zeros.push(number);
  }

  #copy(memory: Buffer, number: number, from: number, to: number, isZero: boolean): void {
    const chunk = Math.floor(number / CHUNK);
    if (this.#chunks[chunk] === undefined) {
      if (isZero || this.#blind.has(chunk)) return;
      this.#chunks[chunk] = this.#budget.chunk();
    }
    const copy = this.#chunks[chunk];
    if (copy === undefined) this.#blind.add(chunk);
    else memory.copy(copy, from - chunk * CHUNK * PAGE, from, to);
  }

  #reserve(pages: number): void {
    if (pages <= this.#stale.length) return;
    for (const name of ['stale', 'kept'] as const) {
      const flags = new Uint8Array(pages);
      flags.set(name === 'stale' ? this.#stale : this.#kept);
      if (name === 'stale') this.#stale = flags;
      else this.#kept = flags;
    }
  }
}

interface Writable {
  readonly numbers: number[];
  readonly zeros: number[];
}

/** The pages that `ranges` touch, from inclusive to exclusive. */
export function* wholePages(
  ranges: readonly (readonly [number, number])[],
  length: number,
): Generator<readonly [number, number]> {
  let next = 0;
  for (const [from, to] of ranges) {
    const first = Math.max(next, Math.floor(from / PAGE));
    next = Math.max(first, Math.ceil(Math.min(to, length) / PAGE));
    if (next > first) yield [first, next];
  }
}
