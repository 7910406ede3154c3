/**
 * A ring of bytes from one writer to one reader, in memory that two threads share or in one thread's own:
 *
 *     | control words | entries ........................................ |
 *
 *     entry  | u32 bytes | u32 kind | bytes |     whole: a record (records.ts); part, last: of a record too large for one entry;
 *                                                 skip: nothing more up to the end of the ring
 *
 * Entries lie at multiples of 8 and never go round the end. Positions count units of 8 bytes, modulo 2^32; the capacity is a power of two, so that
 * a position says where in the ring it is.
 */
export const UNIT = 8;
export const ENTRY = { skip: 0, whole: 1, part: 2, last: 3 } as const;
export const WORD = {
  /** Units written. */
  written: 0,
  /** Units that the reader has done with. */
  read: 1,
  /** Items taken, and items done with, modulo 2^32. */
  taken: 2,
  released: 3,
  readerWaits: 4,
  writerWaits: 5,
  /** Changes when the reader has something to tell to a writer that waits. */
  told: 6,
  /** Which reader may read: older ones find a higher number than theirs. */
  generation: 7,
  /** 1 while the reader has done with some parts of an item and not with all. */
  partial: 8,
} as const;

const CONTROL = 64;
const SMALLEST = 64 * 1024;
const LARGEST = 2 ** 30;

export type RingBuffer = SharedArrayBuffer | ArrayBuffer;

/** Bytes of memory for a ring that holds at least so many. */
export function ringBytes(maxBytes: number): number {
  return CONTROL + 2 ** Math.ceil(Math.log2(Math.min(LARGEST, Math.max(SMALLEST, maxBytes))));
}

/** How one thread is woken by another, or by itself. */
export interface Wakes {
  /** Resolves when the word is told of, or is no longer `value`. */
  wait(words: Int32Array, word: number, value: number): Promise<unknown>;
  tell(words: Int32Array, word: number): void;
}

export interface RingMemory {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly capacity: number;
  readonly wakes: Wakes;
}

export function ringMemory(buffer: RingBuffer, wakes: Wakes): RingMemory {
  const capacity = buffer.byteLength - CONTROL;
  return {
    words: new Int32Array(buffer, 0, CONTROL / 4),
    bytes: new Uint8Array(buffer, CONTROL),
    view: new DataView(buffer, CONTROL),
    capacity,
    wakes,
  };
}

/** Between threads. A wait does not keep the event loop alive. */
export const sharedWakes: Wakes = {
  wait: (words, word, value) => {
    const waiting = Atomics.waitAsync(words, word, value);
    return waiting.async ? waiting.value : Promise.resolve();
  },
  tell: (words, word) => {
    Atomics.notify(words, word);
  },
};

/** Within one thread: one for each ring. */
export function threadWakes(): Wakes {
  const waiting = new Map<number, PromiseWithResolvers<void>>();
  return {
    wait: (words, word, value) => {
      if (words[word] !== value) return Promise.resolve();
      const wait = waiting.get(word) ?? Promise.withResolvers<void>();
      waiting.set(word, wait);
      return wait.promise;
    },
    tell: (_words, word) => {
      waiting.get(word)?.resolve();
      waiting.delete(word);
    },
  };
}
