/** The writing side of a ring. */

import { recordSize, writeRecord } from '../protocol/records.ts';
import type { SentItem } from '../transport.ts';
import { ENTRY, type RingMemory, UNIT, WORD } from './memory.ts';

const PREFIX = 8;

export class RingWriter {
  readonly #memory: RingMemory;
  readonly #largest: number;

  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#largest = Math.floor(memory.capacity / 2 / UNIT) * UNIT - PREFIX;
  }

  /** Bytes in the ring that the reader has not done with. */
  get used(): number {
    const { words } = this.#memory;
    return ((Atomics.load(words, WORD.written) - Atomics.load(words, WORD.read)) >>> 0) * UNIT;
  }

  get taken(): number {
    return Atomics.load(this.#memory.words, WORD.taken) >>> 0;
  }

  /** False where the item does not fit in now, or never does in one entry. */
  write(item: SentItem): boolean {
    const size = recordSize(item);
    if (size > this.#largest) return false;
    const at = this.#reserve(size);
    if (at === undefined) return false;
    const { bytes, view } = this.#memory;
    writeRecord(item, bytes, view, at + PREFIX);
    this.#publish(at, size, ENTRY.whole);
    return true;
  }

  /** Writes a record, from `offset` on, as far as there is room; how many bytes went. */
  writeRecord(record: Uint8Array, offset: number): number {
    const rest = record.length - offset;
    const size = Math.min(rest, this.#largest);
    const at = this.#reserve(size);
    if (at === undefined) return 0;
    this.#memory.bytes.set(record.subarray(offset, offset + size), at + PREFIX);
    const kind = size < rest ? ENTRY.part : offset > 0 ? ENTRY.last : ENTRY.whole;
    this.#publish(at, size, kind);
    return size;
  }

  /** Resolves when the reader has moved on a good deal, or `done` already holds. */
  async moved(done: () => boolean): Promise<void> {
    const { words, wakes } = this.#memory;
    const told = Atomics.load(words, WORD.told);
    Atomics.store(words, WORD.writerWaits, 1);
    if (!done()) await wakes.wait(words, WORD.told, told);
  }

  /** Ends every `moved` of this side. */
  wake(): void {
    const { words, wakes } = this.#memory;
    Atomics.add(words, WORD.told, 1);
    wakes.tell(words, WORD.told);
  }

  /** Where an entry of so many bytes may begin. An empty ring begins anew, so that a quiet stream stays in warm memory. */
  #reserve(size: number): number | undefined {
    const { capacity, words, view } = this.#memory;
    const length = PREFIX + size;
    const { used } = this;
    const at = ((Atomics.load(words, WORD.written) >>> 0) * UNIT) % capacity;
    const rest = capacity - at;
    const skip = rest < length || (used === 0 && at >= length);
    if (used + length + (skip ? rest : 0) > capacity) return undefined;
    if (!skip) return at;
    view.setUint32(at, rest - PREFIX, true);
    view.setUint32(at + 4, ENTRY.skip, true);
    Atomics.add(words, WORD.written, rest / UNIT);
    return 0;
  }

  #publish(at: number, size: number, kind: number): void {
    const { words, view, wakes } = this.#memory;
    view.setUint32(at, size, true);
    view.setUint32(at + 4, kind, true);
    Atomics.add(words, WORD.written, (PREFIX + size) / UNIT);
    if (Atomics.exchange(words, WORD.readerWaits, 0) === 1) wakes.tell(words, WORD.written);
  }
}
