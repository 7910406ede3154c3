/** The pages of an image: which of them a snapshot keeps, and the memory put together again. */
import { BUFFER_PAGES, PAGE, wholePages } from '../checkpoint/pages.ts';
import type { CellImage } from '../checkpoint/state.ts';
import { HERE, IN_BASE, ZEROS } from './format.ts';

const EMPTY: Buffer = Buffer.alloc(PAGE);

/** A byte for each page of the memory (format.ts); pages outside of the parts that matter count as zeros. */
export function kindsOf({ memory, ranges }: CellImage, base: Uint8Array | undefined): Uint8Array {
  const kinds = new Uint8Array(Math.ceil(memory.length / PAGE));
  const view = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
  for (const [first, end] of wholePages(ranges ?? [[0, memory.length]], memory.length)) {
    for (let page = first; page < end; page++) kinds[page] = kindOf(view, page, base);
  }
  return kinds;
}

function kindOf(memory: Buffer, page: number, base: Uint8Array | undefined): number {
  const from = page * PAGE;
  const to = Math.min(from + PAGE, memory.length);
  if (memory.compare(EMPTY, 0, to - from, from, to) === 0) return ZEROS;
  const isInBase = base !== undefined && to <= base.length && memory.compare(base, from, to, from, to) === 0;
  return isInBase ? IN_BASE : HERE;
}

/** The pages that are to be kept, of all images one behind the other, in pieces that are valid until the next one is asked for. */
export function* keptPages(
  images: readonly { readonly memory: Uint8Array; readonly kinds: Uint8Array }[],
): Generator<Uint8Array> {
  const buffer = Buffer.alloc(BUFFER_PAGES * PAGE);
  let filled = 0;
  for (const { memory, kinds } of images) {
    for (let page = kinds.indexOf(HERE); page !== -1; page = kinds.indexOf(HERE, page + 1)) {
      const bytes = memory.subarray(page * PAGE, (page + 1) * PAGE);
      buffer.set(bytes, filled * PAGE);
      buffer.fill(0, filled * PAGE + bytes.length, (filled + 1) * PAGE);
      filled += 1;
      if (filled < BUFFER_PAGES) continue;
      yield buffer;
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled * PAGE);
}

/** Pages taken one after the other out of the sections that hold them. Throws where there are fewer. */
export class PageSource {
  readonly #sections: readonly Uint8Array[];
  #section = 0;
  #at = 0;

  constructor(sections: readonly Uint8Array[]) {
    this.#sections = sections;
  }

  /** What `kinds` says, into a memory of zeros. */
  fill(memory: Uint8Array, kinds: Uint8Array, base: Uint8Array | undefined): void {
    for (const [page, kind] of kinds.entries()) {
      const from = page * PAGE;
      const room = Math.min(PAGE, memory.length - from);
      if (kind === HERE) memory.set(this.#next().subarray(0, room), from);
      else if (kind === IN_BASE) memory.set(mustHave(base, from, room), from);
      else if (kind !== ZEROS) throw new Error(`page ${page} is of an unknown kind`);
    }
  }

  end(): void {
    if (this.#section !== this.#sections.length) throw new Error('it has more pages than its tables say');
  }

  #next(): Uint8Array {
    const section = this.#sections[this.#section];
    const page = section?.subarray(this.#at, this.#at + PAGE);
    if (section === undefined || page?.length !== PAGE) throw new Error('a page is missing');
    this.#at += PAGE;
    if (this.#at === section.length) {
      this.#section += 1;
      this.#at = 0;
    }
    return page;
  }
}

function mustHave(base: Uint8Array | undefined, from: number, length: number): Uint8Array {
  const page = base?.subarray(from, from + length);
  if (page?.length !== length) throw new Error('the snapshot that it is a difference of has no such page');
  return page;
}
