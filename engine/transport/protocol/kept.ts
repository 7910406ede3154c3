/**
 * Items that a sender keeps until they are acknowledged, each written once, in memory that is used again:
 *
 *     | room for a datagram's head | record ............ | slack: small items that follow |
 *     0                            HEADER                HEADER + size
 *
 * Small ones have only their record and are gathered into a datagram when they are sent.
 */
import type { SentItem } from '../transport.ts';
import { HEADER } from './frame.ts';
import { costOf, recordSize, writeRecord } from './records.ts';

/** Records from here on are sent from where they lie. */
const LARGE = 8 * 1024;
const SLACK = 128;
const GRAIN = 16 * 1024;
/** Buffers kept free for what comes. */
const FREE = 1024;

export interface Kept {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the record begins: `HEADER`, or 0 where there is no room in front of it. */
  readonly at: number;
  readonly size: number;
  readonly cost: number;
  /** Datagrams under way from this memory. */
  writing: number;
  /** One of them has been written. */
  readonly written: () => void;
}

interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export class KeptItems {
  readonly #items: (Kept | undefined)[] = [];
  #head = 0;
  /** Sequence of the first item. */
  #first: number;
  #cost = 0;
  readonly #free: Memory[] = [];
  #freeBytes = 0;
  readonly #maxFree: number;

  /** `first`: the sequence of the item that comes first. */
  constructor(first: number, maxBytes: number) {
    this.#first = first;
    this.#maxFree = maxBytes * 1.5;
  }

  /** Sequence of the oldest item; of the next that will come, where there is none. */
  get first(): number {
    return this.#first;
  }

  /** Sequence of the next item that will come. */
  get next(): number {
    return this.#first + this.#items.length - this.#head;
  }

  /** What all items cost. */
  get cost(): number {
    return this.#cost;
  }

  at(sequence: number): Kept | undefined {
    return this.#items[this.#head + sequence - this.#first];
  }

  /** Takes the item's bytes. */
  add(item: SentItem): void {
    const size = recordSize(item);
    const large = size >= LARGE;
    const at = large ? HEADER : 0;
    const memory = large ? this.#take(HEADER + size + SLACK) : memoryOf(size);
    writeRecord(item, memory.bytes, memory.view, at);
    const cost = costOf(size);
    this.#cost += cost;
    const kept: Kept = { bytes: memory.bytes, view: memory.view, at, size, cost, writing: 0, written };
    function written(): void {
      kept.writing -= 1;
    }
    this.#items.push(kept);
  }

  /** Lets go of the oldest item; what it cost. */
  drop(): number {
    const item = this.#items[this.#head];
    if (item === undefined) return 0;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    this.#first += 1;
    this.#cost -= item.cost;
    // a repetition that is still being written must not find other bytes there
    if (item.at > 0 && item.writing === 0) this.#give(item);
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item.cost;
  }

  clear(): void {
    this.#first = this.next;
    this.#items.length = 0;
    this.#head = 0;
    this.#cost = 0;
    this.#free.length = 0;
    this.#freeBytes = 0;
  }

  /** Memory that has been touched before is much quicker than new. */
  #take(size: number): Memory {
    for (let index = this.#free.length - 1; index >= 0; index--) {
      const memory = this.#free[index];
      if (memory === undefined || memory.bytes.length < size || memory.bytes.length > size * 2 + GRAIN) continue;
      this.#free.splice(index, 1);
      this.#freeBytes -= memory.bytes.length;
      return memory;
    }
    return memoryOf(Math.ceil(size / GRAIN) * GRAIN);
  }

  #give({ bytes, view }: Memory): void {
    while (this.#free.length >= FREE || this.#freeBytes + bytes.length > this.#maxFree) {
      const oldest = this.#free.shift();
      if (oldest === undefined) return;
      this.#freeBytes -= oldest.bytes.length;
    }
    this.#free.push({ bytes, view });
    this.#freeBytes += bytes.length;
  }
}

function memoryOf(size: number): Memory {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}
