/**
 * Where each page of a fragment's memories is kept: in which blob, at which place. A checkpoint writes the pages that have changed, of all cells
 * one behind the other, and its tables refer to blobs of earlier checkpoints for the rest. When only little of a blob is still referred
 * to, or there are too many of them, pages are written again, so that blobs can go.
 *
 *     table of a cell   | a pair for each page: number of the blob (u32, 0xffffffff for zeros), place in it (u32) |
 */
import type { Codec } from '../blobs/bytes.ts';
import { BUFFER_PAGES, PAGE, type TakenPages } from './pages.ts';

const NOWHERE = 0xffff_ffff;
/** Of a blob's pages: below that share it is emptied. */
const LEAST_LIVE = 0.25;
/** Blobs that a fragment may refer to: so many, and twice as many as its pages would fill. Then it goes back to half of the former. */
const MOST_BLOBS = 16;

/** A blob of pages as it is stored. */
export interface PageBlob {
  readonly name: string;
  readonly pages: number;
  readonly codec: Codec;
  readonly bytes: number;
  readonly digest: string;
}

interface Tracked {
  readonly blob: PageBlob;
  live: number;
}

export class PageTables {
  readonly #places = new Map<string, Uint32Array>();
  readonly #blobs: (Tracked | undefined)[] = [];

  /**
   * Notes where the pages are that a checkpoint took of its cells; cells that are not among `taken` are forgotten. `blobs` are the buffers of the
   * taken bytes, in their order.
   */
  note(taken: ReadonlyMap<string, TakenPages>, blobs: readonly PageBlob[]): void {
    for (const cell of this.#places.keys()) if (!taken.has(cell)) this.forget(cell);
    const indices = blobs.map((blob) => this.#add(blob));
    for (const [cell, { length, numbers, zeros, place, isFirst }] of taken) {
      if (isFirst) this.forget(cell);
      const places = this.#reserve(cell, length);
      for (const number of zeros) this.#set(places, number, NOWHERE, 0);
      for (const [index, number] of numbers.entries()) {
        const at = place + index;
        this.#set(places, number, indices[Math.floor(at / BUFFER_PAGES)] ?? NOWHERE, at % BUFFER_PAGES);
      }
    }
    for (const [index, tracked] of this.#blobs.entries()) if (tracked?.live === 0) this.#blobs[index] = undefined;
  }

  forget(cell: string): void {
    const places = this.#places.get(cell) ?? new Uint32Array(0);
    for (let page = 0; page < places.length / 2; page++) this.#set(places, page, NOWHERE, 0);
    this.#places.delete(cell);
  }

  /** The blobs that pages are in. */
  get blobs(): readonly PageBlob[] {
    return this.#blobs.flatMap((tracked) => (tracked === undefined ? [] : [tracked.blob]));
  }

  /** A cell's table as bytes; blobs are numbered as in `blobs`. */
  encode(cell: string): Uint8Array {
    let count = 0;
    const numbers = this.#blobs.map((tracked) => (tracked === undefined ? NOWHERE : count++));
    const words = Uint32Array.from(this.#places.get(cell) ?? []);
    for (let at = 0; at < words.length; at += 2) {
      if (words[at] !== NOWHERE) words[at] = numbers[words[at] as number] ?? NOWHERE;
    }
    return new Uint8Array(words.buffer);
  }

  /** By cell the pages that are to be written again, so that the blobs they are in can go. */
  toMove(): ReadonlyMap<string, readonly number[]> {
    const emptied = this.#toEmpty();
    const moved = new Map<string, number[]>();
    if (emptied.size === 0) return moved;
    for (const [cell, places] of this.#places) {
      const pages: number[] = [];
      for (let page = 0; page < places.length / 2; page++) {
        if (emptied.has(places[page * 2] as number)) pages.push(page);
      }
      if (pages.length > 0) moved.set(cell, pages);
    }
    return moved;
  }

  #toEmpty(): ReadonlySet<number> {
    const used = this.#blobs.flatMap((tracked, index) => (tracked === undefined ? [] : [{ ...tracked, index }]));
    const sorted = used.toSorted((a, b) => a.live - b.live);
    const live = used.reduce((sum, tracked) => sum + tracked.live, 0);
    const full = 2 * Math.ceil(live / BUFFER_PAGES);
    const tooMany = used.length > MOST_BLOBS + full ? used.length - MOST_BLOBS / 2 - full : 0;
    const emptied = sorted.filter((tracked, rank) => rank < tooMany || tracked.live < tracked.blob.pages * LEAST_LIVE);
    return new Set(emptied.map(({ index }) => index));
  }

  #add(blob: PageBlob): number {
    const free = this.#blobs.indexOf(undefined);
    const index = free === -1 ? this.#blobs.length : free;
    this.#blobs[index] = { blob, live: 0 };
    return index;
  }

  #set(places: Uint32Array, page: number, blob: number, place: number): void {
    const before = this.#blobs[places[page * 2] as number];
    if (before !== undefined) before.live -= 1;
    const after = this.#blobs[blob];
    if (after !== undefined) after.live += 1;
    places[page * 2] = blob;
    places[page * 2 + 1] = place;
  }

  #reserve(cell: string, length: number): Uint32Array {
    const known = this.#places.get(cell);
    // A memory that has become smaller has its last pages among the zeros.
    const words = Math.max(known?.length ?? 0, Math.ceil(length / PAGE) * 2);
    if (known?.length === words) return known;
    const places = new Uint32Array(words).fill(NOWHERE);
    if (known !== undefined) places.set(known);
    this.#places.set(cell, places);
    return places;
  }
}

/** For every blob the pages that are in it: number of the page, place in the blob. Undefined where the bytes are no table. */
export function decodeTable(bytes: Uint8Array, blobs: number): readonly (readonly [number, number])[][] | undefined {
  if (bytes.length % 8 !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: [number, number][][] = Array.from({ length: blobs }, () => []);
  for (let at = 0; at < bytes.length; at += 8) {
    const blob = view.getUint32(at, true);
    if (blob === NOWHERE) continue;
    const list = found[blob];
    if (list === undefined) return undefined;
    list.push([at / 8, view.getUint32(at + 4, true)]);
  }
  return found;
}
