/**
 * Where each page of a cell's memory is kept: in which blob, at which place. A checkpoint writes the pages that have changed, and its table
 * refers to blobs of earlier ones for the rest. When only little of a blob is still referred to, its pages are written again, so that
 * it can go.
 *
 *     | pages, u32 | a pair for each page: blob number (u32, 0xffffffff for zeros), place in the blob (u32) |
 */
import { checksum } from './bytes.ts';
import type { TakenPages } from './pages.ts';

const NOWHERE = 0xffff_ffff;
/** Blobs that a table may refer to. */
const MOST_BLOBS = 16;
/** Of a blob's pages: below that share it is emptied. */
const LEAST_LIVE = 0.25;

/** A blob of pages. */
export interface PageBlob {
  readonly name: string;
  readonly pages: number;
  readonly bytes: number;
  readonly digest: string;
}

export class PageTable {
  #places: Uint32Array = new Uint32Array(0);
  readonly #blobs: PageBlob[] = [];
  readonly #live: number[] = [];

  /** Notes that pages are in `blob` (undefined where there are none) or have become zeros. */
  note(taken: TakenPages, blob: PageBlob | undefined, pageSize: number): void {
    this.#reserve(Math.ceil(taken.length / pageSize));
    for (const number of taken.zeros) this.#set(number, NOWHERE, 0);
    if (blob === undefined) return;
    const index = this.#add(blob);
    for (const [place, number] of taken.numbers.entries()) this.#set(number, index, place);
  }

  /** The blobs that pages are in. */
  get blobs(): readonly PageBlob[] {
    return this.#blobs.filter((_, index) => (this.#live[index] ?? 0) > 0);
  }

  /** The table as bytes; blobs are numbered as in `blobs`. */
  encode(): Uint8Array {
    const numbers = new Map<number, number>();
    for (const [index] of this.#blobs.entries()) if ((this.#live[index] ?? 0) > 0) numbers.set(index, numbers.size);
    const pages = this.#places.length / 2;
    const words = new Uint32Array(1 + pages * 2);
    words[0] = pages;
    for (let page = 0; page < pages; page++) {
      const blob = this.#places[page * 2] as number;
      words[1 + page * 2] = blob === NOWHERE ? NOWHERE : (numbers.get(blob) ?? NOWHERE);
      words[2 + page * 2] = this.#places[page * 2 + 1] as number;
    }
    return new Uint8Array(words.buffer);
  }

  /** Pages that are to be written again, so that the blobs they are in can go. */
  *toMove(): Generator<number> {
    const emptied = new Set<number>();
    let kept = 0;
    for (let index = this.#blobs.length - 1; index >= 0; index--) {
      const live = this.#live[index] ?? 0;
      if (live === 0) continue;
      kept += 1;
      if (live < (this.#blobs[index]?.pages ?? 0) * LEAST_LIVE || kept > MOST_BLOBS) emptied.add(index);
    }
    if (emptied.size === 0) return;
    for (let page = 0; page < this.#places.length / 2; page++) {
      if (emptied.has(this.#places[page * 2] as number)) yield page;
    }
  }

  #add(blob: PageBlob): number {
    // A blob without a live page gives its number to the next.
    const free = this.#live.indexOf(0);
    const index = free === -1 ? this.#blobs.length : free;
    this.#blobs[index] = blob;
    this.#live[index] = 0;
    return index;
  }

  #set(page: number, blob: number, place: number): void {
    const before = this.#places[page * 2] as number;
    if (before !== NOWHERE) this.#live[before] = (this.#live[before] ?? 0) - 1;
    if (blob !== NOWHERE) this.#live[blob] = (this.#live[blob] ?? 0) + 1;
    this.#places[page * 2] = blob;
    this.#places[page * 2 + 1] = place;
  }

  #reserve(pages: number): void {
    if (pages * 2 <= this.#places.length) return;
    const places = new Uint32Array(pages * 2).fill(NOWHERE);
    places.set(this.#places);
    this.#places = places;
  }
}

/** For every blob the pages that are in it: number of the page, place in the blob. Undefined where the bytes are no table. */
export function decodeTable(bytes: Uint8Array, blobs: number): readonly (readonly [number, number])[][] | undefined {
  if (bytes.length < 4 || bytes.length % 4 !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pages = view.getUint32(0, true);
  if (bytes.length !== 4 + pages * 8) return undefined;
  const found: [number, number][][] = Array.from({ length: blobs }, () => []);
  for (let page = 0; page < pages; page++) {
    const blob = view.getUint32(4 + page * 8, true);
    if (blob === NOWHERE) continue;
    const list = found[blob];
    if (list === undefined) return undefined;
    list.push([page, view.getUint32(8 + page * 8, true)]);
  }
  return found;
}

/** The blob of these bytes under a name. */
export async function pageBlob(name: string, parts: readonly Uint8Array[], pages: number): Promise<PageBlob> {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  return { name, pages, bytes, digest: await checksum(parts) };
}
