/** The reading side of a ring: one item at a time, a batch's payload as a view of the ring until the next is asked for. */
import { Assembly } from '../protocol/assembly.ts';
import { readRecord } from '../protocol/records.ts';
import type { Item } from '../transport.ts';
import { ENTRY, type RingMemory, UNIT, WORD } from './memory.ts';

const PREFIX = 8;

export class RingReader {
  readonly #memory: RingMemory;
  readonly #generation: number;
  readonly #assembly = new Assembly();
  /** An item that came in parts and is whole. */
  #whole: Uint8Array | undefined;
  /** Units of the entry that the caller reads. */
  #held = 0;

  /** `generation`: of the ring since this reader may read it. */
  constructor(memory: RingMemory, generation: number) {
    this.#memory = memory;
    this.#generation = generation;
  }

  /** False once another reader has taken over. */
  get current(): boolean {
    return Atomics.load(this.#memory.words, WORD.generation) === this.#generation;
  }

  get used(): number {
    return this.#waiting * UNIT;
  }

  /** Items that any reader has done with, and whether one is in the middle of another. */
  get released(): number {
    return Atomics.load(this.#memory.words, WORD.released) >>> 0;
  }

  get partial(): boolean {
    return Atomics.load(this.#memory.words, WORD.partial) !== 0;
  }

  /** Whether `take` has something; puts parts together as they come. */
  ready(): boolean {
    if (this.#whole !== undefined) return true;
    const { view, words, capacity } = this.#memory;
    while (this.#waiting > this.#held) {
      const at = (((Atomics.load(words, WORD.read) >>> 0) + this.#held) * UNIT) % capacity;
      const size = view.getUint32(at, true);
      const kind = view.getUint32(at + 4, true);
      if (kind === ENTRY.whole) return true;
      this.done();
      if (kind !== ENTRY.skip) this.#assemble(at + PREFIX, size, kind === ENTRY.last);
      this.#release((PREFIX + size) / UNIT);
      if (this.#whole !== undefined) return true;
    }
    return false;
  }

  /** The next item; `done` is called for the one before. */
  take(): Item | undefined {
    this.done();
    if (!this.ready()) return undefined;
    const { bytes, view, words, capacity } = this.#memory;
    Atomics.add(words, WORD.taken, 1);
    const whole = this.#whole;
    if (whole !== undefined) {
      this.#whole = undefined;
      Atomics.add(words, WORD.released, 1);
      this.#tell();
      return readRecord(whole, new DataView(whole.buffer, whole.byteOffset, whole.byteLength), 0);
    }
    const at = ((Atomics.load(words, WORD.read) >>> 0) * UNIT) % capacity;
    const item = readRecord(bytes, view, at + PREFIX);
    this.#held = (PREFIX + view.getUint32(at, true)) / UNIT;
    if (item.kind === 'batch') this.#tell();
    else this.done();
    return item;
  }

  /** The caller has done with the item it took last. */
  done(): void {
    if (this.#held === 0) return;
    const units = this.#held;
    this.#held = 0;
    // the reader that has taken over goes on from what this one held
    if (!this.current) return;
    Atomics.add(this.#memory.words, WORD.released, 1);
    this.#release(units);
  }

  /** Passes over items that an earlier reader has taken and not done with; false where there are not as many. */
  skip(items: number): boolean {
    const { words } = this.#memory;
    Atomics.store(words, WORD.taken, Atomics.load(words, WORD.released));
    for (let left = items; left > 0; left--) {
      if (this.take() === undefined) return false;
      this.done();
    }
    return true;
  }

  /** Resolves when `stop` holds; it is asked whenever something has come and after `wake`. */
  async waitFor(stop: () => boolean): Promise<void> {
    const { words, wakes } = this.#memory;
    while (!stop()) {
      const written = Atomics.load(words, WORD.written);
      Atomics.store(words, WORD.readerWaits, 1);
      if (stop()) return;
      await wakes.wait(words, WORD.written, written);
    }
  }

  wake(): void {
    const { words, wakes } = this.#memory;
    wakes.tell(words, WORD.written);
  }

  get #waiting(): number {
    const { words } = this.#memory;
    return (Atomics.load(words, WORD.written) - Atomics.load(words, WORD.read)) >>> 0;
  }

  #assemble(at: number, size: number, last: boolean): void {
    const { bytes, words } = this.#memory;
    const total = last ? this.#assembly.bytes + size : Number.MAX_SAFE_INTEGER;
    const whole = this.#assembly.add(bytes.subarray(at, at + size), total);
    Atomics.store(words, WORD.partial, last ? 0 : 1);
    if (whole === undefined) return;
    this.#whole = whole;
    this.#assembly.clear();
  }

  #release(units: number): void {
    Atomics.add(this.#memory.words, WORD.read, units);
    this.#tell();
  }

  /** A writer that waits is woken when it can go on for a while. */
  #tell(): void {
    const { words, wakes, capacity } = this.#memory;
    if (Atomics.load(words, WORD.writerWaits) === 0 || this.used > capacity / 2) return;
    Atomics.store(words, WORD.writerWaits, 0);
    Atomics.add(words, WORD.told, 1);
    wakes.tell(words, WORD.told);
  }
}
