/** The receiving end of a copy of a memory: takes changes in their order and brings a memory of the same size to what the sender's is. */
import { PAGE, wholePages } from '../checkpoint/pages.ts';
import type { CellImage } from '../checkpoint/state.ts';
import type { PageChange } from './page-copy.ts';
import { PageDigest } from './page-digest.ts';

/** Where pages go: the memory of the cell that is to go on with them, or one of their own. */
export interface PageRoom {
  /** The memory with at least so many bytes. Throws where there cannot be as many. */
  room(bytes: number): Uint8Array;
}

export class PageTarget {
  readonly #target: PageRoom;
  readonly #digest = new PageDigest(0);
  #memory: Uint8Array = new Uint8Array(0);
  #length = 0;
  /** By page: it was taken. */
  #taken: Uint8Array = new Uint8Array(0);

  constructor(target: PageRoom) {
    this.#target = target;
  }

  /** As long as the sender's. */
  get memory(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }

  get digest(): Uint8Array {
    return this.#digest.digest();
  }

  /** Throws what `room` throws. */
  put({ length, zeros, pages, bytes }: Omit<PageChange, 'cell'>): void {
    if (length > this.#length) this.#grow(length);
    for (const page of zeros) {
      this.#memory.fill(0, page * PAGE, Math.min((page + 1) * PAGE, this.#length));
      this.#digest.zero(page);
      this.#taken[page] = 1;
    }
    for (const [index, page] of pages.entries()) {
      const from = bytes.subarray(index * PAGE, (index + 1) * PAGE);
      this.#memory.set(from.subarray(0, Math.min(PAGE, this.#length - page * PAGE)), page * PAGE);
      this.#digest.set(page, from);
      this.#taken[page] = 1;
    }
  }

  /** What was never sent is zeros in these parts, whatever the memory held. */
  finish(ranges: CellImage['ranges']): void {
    for (const [first, end] of wholePages(ranges ?? [[0, this.#length]], this.#length)) {
      for (let page = first; page < end; page++) {
        if (this.#taken[page] !== 1) this.#memory.fill(0, page * PAGE, Math.min((page + 1) * PAGE, this.#length));
      }
    }
  }

  #grow(length: number): void {
    this.#memory = this.#target.room(length);
    this.#length = length;
    this.#digest.grow(length);
    const taken = new Uint8Array(Math.ceil(length / PAGE));
    taken.set(this.#taken);
    this.#taken = taken;
  }
}

/** A memory of its own. */
export class OwnRoom implements PageRoom {
  #bytes: Uint8Array = new Uint8Array(0);

  room(bytes: number): Uint8Array {
    const grown = new Uint8Array(bytes);
    grown.set(this.#bytes.subarray(0, bytes));
    this.#bytes = grown;
    return grown;
  }
}
