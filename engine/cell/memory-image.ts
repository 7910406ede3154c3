/** What a memory holds, without what is zero, so that another memory, or the same one later, can be brought to it. */
import { PAGE_BYTES } from './memory-pool.ts';

/** What is not zero is kept by pieces of this size. */
const PIECE = 4096;

/** Numbers of the pieces that are not zero. */
export type Footprint = ReadonlySet<number>;

export function footprintOf({ buffer }: WebAssembly.Memory): Footprint {
  const words = new Uint32Array(buffer);
  const count = buffer.byteLength / PIECE;
  return new Set(Array.from({ length: count }, (_, piece) => piece).filter((piece) => isFull(words, piece)));
}

function isFull(words: Uint32Array, piece: number): boolean {
  const end = ((piece + 1) * PIECE) / 4;
  for (let at = (piece * PIECE) / 4; at < end; at++) if (words[at] !== 0) return true;
  return false;
}

export class MemoryImage {
  /** Bytes that it keeps. */
  readonly size: number;
  /** Of the memory. */
  readonly #bytes: number;
  /** In order. */
  readonly #pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[];

  /** Of the memory as it is. Pieces that are zero belong to it, too, where one that is new, `before`, has something there. */
  constructor({ buffer }: WebAssembly.Memory, before?: Footprint) {
    const bytes = new Uint8Array(buffer);
    const words = new Uint32Array(buffer);
    const count = bytes.length / PIECE;
    const pieces: { at: number; bytes: Uint8Array }[] = [];
    let from = -1;
    for (let piece = 0; piece <= count; piece++) {
      const kept = piece < count && (before?.has(piece) || isFull(words, piece));
      if (kept && from < 0) from = piece * PIECE;
      if (kept || from < 0) continue;
      pieces.push({ at: from, bytes: bytes.slice(from, piece * PIECE) });
      from = -1;
    }
    this.#bytes = bytes.length;
    this.#pieces = pieces;
    this.size = pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
  }

  /** Brings a new memory to it, as `before` was: what neither it nor the image has touched stays so. */
  copyTo(memory: WebAssembly.Memory): void {
    const target = this.#room(memory);
    for (const { at, bytes } of this.#pieces) target.set(bytes, at);
  }

  /** Brings a memory to it whatever it holds: nothing of that is left. */
  restore(memory: WebAssembly.Memory): void {
    const target = this.#room(memory);
    let end = 0;
    for (const { at, bytes } of this.#pieces) {
      if (at > end) target.fill(0, end, at);
      target.set(bytes, at);
      end = at + bytes.length;
    }
    target.fill(0, end);
  }

  /** What tells a memory from it. */
  differenceOf(memory: WebAssembly.Memory): MemoryDifference {
    const words = new Uint32Array(memory.buffer);
    const count = memory.buffer.byteLength / PIECE;
    const changed: number[] = [];
    for (let piece = 0, run = 0; piece < count; piece++) {
      const at = piece * PIECE;
      while (at >= this.#endOf(run)) run++;
      const kept = this.#pieces[run];
      const same =
        kept === undefined || kept.at > at
          ? !isFull(words, piece)
          : Buffer.from(memory.buffer, at, PIECE).equals(kept.bytes.subarray(at - kept.at, at - kept.at + PIECE));
      if (!same) changed.push(piece);
    }
    return new MemoryDifference(memory, changed);
  }

  /** Where a run of pieces ends; behind the last there is no end. */
  #endOf(run: number): number {
    const piece = this.#pieces[run];
    return piece === undefined ? Number.POSITIVE_INFINITY : piece.at + piece.bytes.length;
  }

  #room(memory: WebAssembly.Memory): Uint8Array {
    const missing = this.#bytes - memory.buffer.byteLength;
    if (missing > 0) memory.grow(missing / PAGE_BYTES);
    return new Uint8Array(memory.buffer);
  }
}

/** The pieces of a memory that are not as an image has them. */
export class MemoryDifference {
  /** Bytes of the memory. */
  readonly memory: number;
  readonly #changed: Uint32Array;
  /** One behind the other. */
  readonly #bytes: Uint8Array;

  constructor({ buffer }: WebAssembly.Memory, changed: readonly number[]) {
    this.memory = buffer.byteLength;
    this.#changed = Uint32Array.from(changed);
    this.#bytes = new Uint8Array(changed.length * PIECE);
    for (const [index, piece] of changed.entries()) {
      this.#bytes.set(new Uint8Array(buffer, piece * PIECE, PIECE), index * PIECE);
    }
  }

  /** Bytes that it keeps. */
  get size(): number {
    return this.#bytes.length;
  }

  /** Makes of a memory that is at the image the one that it was taken of. */
  applyTo(memory: WebAssembly.Memory): void {
    const missing = this.memory - memory.buffer.byteLength;
    if (missing > 0) memory.grow(missing / PAGE_BYTES);
    const target = new Uint8Array(memory.buffer);
    for (const [index, piece] of this.#changed.entries()) {
      target.set(this.#bytes.subarray(index * PIECE, (index + 1) * PIECE), piece * PIECE);
    }
  }
}
