/**
 * What a fragment of the old plan sends to an heir in another thread, one after the other over a channel of their own (`way.ts`), each a payload:
 *
 *     | kind u8 | 0 | cell u16 | bytes of the text, u32 | time, f64 | text, JSON | bytes |
 *
 *     begin      which cells follow, by their number, of what code
 *     pages      of cell `cell`: its length, pages that are zeros, pages, and these one after the other; while it runs, and at the cut
 *     settled    copying ahead has come as far as it goes: how far, and the pause that is to be expected
 *     rest       a piece of the snapshot without its memories (snapshot-bytes.ts)
 *     left       all of it has been sent: when the fragment was cut, and the digest of each memory
 *     closed     no channel of the fragment is open any more
 *
 * `time` is the sender's clock that never goes back when it was written, in milliseconds, so that the receiver can tell how long ago the cut was.
 */
import { parseValue, stringifyValue } from '../../json.ts';
import type { PageChange } from '../../state/precopy/page-copy.ts';
import type { Payload } from '../../transport/transport.ts';

/** A cell whose memory follows. */
export interface ParcelCell {
  readonly cell: string;
  /** Of its code: hex SHA-256. */
  readonly module: string;
}

export interface Settled {
  /** Of copies ahead; 0: nothing was. */
  readonly rounds: number;
  /** Milliseconds; absent: nothing was copied ahead. */
  readonly predicted?: number;
}

export interface Left {
  /** By the sender's clock; and half of what a word takes there and back, in milliseconds. */
  readonly leftAt: number;
  readonly way: number;
  /** By cell, hex. */
  readonly digests: ReadonlyMap<string, string>;
}

interface Words {
  readonly begin: { readonly cells: readonly ParcelCell[] };
  readonly settled: Settled;
  readonly left: Left;
  readonly closed: Readonly<Record<string, never>>;
}

export type Parcel =
  | { readonly [Kind in keyof Words]: { readonly kind: Kind; readonly word: Words[Kind] } }[keyof Words]
  | { readonly kind: 'pages'; readonly change: PageChange }
  | { readonly kind: 'rest'; readonly bytes: Uint8Array };

const KINDS = ['begin', 'pages', 'settled', 'rest', 'left', 'closed'] as const;
const HEAD = 16;
/** Of pages: bytes of the memory, how many are zeros, how many follow. */
const COUNTS = 12;

class Frame implements Payload {
  readonly length: number;
  readonly #kind: (typeof KINDS)[number];
  readonly #cell: number;
  readonly #time: number;
  readonly #text: Uint8Array;
  readonly #bytes: Uint8Array;

  constructor(kind: (typeof KINDS)[number], cell: number, time: number, text: Uint8Array, bytes: Uint8Array) {
    this.#kind = kind;
    this.#cell = cell;
    this.#time = time;
    this.#text = text;
    this.#bytes = bytes;
    this.length = HEAD + text.length + bytes.length;
  }

  writeInto(bytes: Uint8Array, at: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEAD);
    view.setUint8(0, KINDS.indexOf(this.#kind));
    view.setUint8(1, 0);
    view.setUint16(2, this.#cell, true);
    view.setUint32(4, this.#text.length, true);
    view.setFloat64(8, this.#time, true);
    bytes.set(this.#text, at + HEAD);
    bytes.set(this.#bytes, at + HEAD + this.#text.length);
  }
}

const NOTHING = new Uint8Array(0);

export function wordParcel<Kind extends keyof Words>(kind: Kind, word: Words[Kind], time: number): Payload {
  return new Frame(kind, 0, time, Buffer.from(stringifyValue(word)), NOTHING);
}

export function restParcel(bytes: Uint8Array, time: number): Payload {
  return new Frame('rest', 0, time, NOTHING, bytes);
}

/** The change's bytes are taken when the payload is written. */
export function pagesParcel({ cell, length, zeros, pages, bytes }: PageChange, time: number): Payload {
  const text = Buffer.allocUnsafe(COUNTS + (zeros.length + pages.length) * 4);
  let at = text.writeUInt32LE(length, 0);
  at = text.writeUInt32LE(zeros.length, at);
  at = text.writeUInt32LE(pages.length, at);
  for (const page of zeros) at = text.writeUInt32LE(page, at);
  for (const page of pages) at = text.writeUInt32LE(page, at);
  return new Frame('pages', cell, time, text, bytes);
}

/** Views of the payload. Throws any error where it is none. */
export function readParcel(payload: Uint8Array): { readonly parcel: Parcel; readonly time: number } {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const kind = KINDS[bytes.readUInt8(0)];
  const time = bytes.readDoubleLE(8);
  const start = HEAD + bytes.readUInt32LE(4);
  const text = bytes.subarray(HEAD, start);
  switch (kind) {
    case undefined:
      throw new Error('it is no parcel');
    case 'rest':
      return { parcel: { kind, bytes: bytes.subarray(start) }, time };
    case 'pages':
      return { parcel: { kind, change: readPages(bytes.readUInt16LE(2), text, bytes.subarray(start)) }, time };
    default:
      return { parcel: { kind, word: parseValue(text.toString()) } as Parcel, time };
  }
}

function readPages(cell: number, text: Buffer, bytes: Uint8Array): PageChange {
  const [length, zeros, pages] = [text.readUInt32LE(0), text.readUInt32LE(4), text.readUInt32LE(8)];
  const numbers = Array.from({ length: zeros + pages }, (_, index) => text.readUInt32LE(COUNTS + index * 4));
  return { cell, length, zeros: numbers.slice(0, zeros), pages: numbers.slice(zeros), bytes };
}
