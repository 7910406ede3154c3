/**
 * What the two ends of a page transfer say to each other, a datagram each:
 *
 *     hello    | kind 1 | number u32 | bytes of the memory, u32 |
 *     pages    | kind 2 | number u32 | zeros u32 | pages u32 | numbers of both, u32 each | pages, 4 KiB each |
 *     check    | kind 3 | number u32 | number of the last pages u32 | digest, 32 bytes |
 *     taken    | kind 4 | number u32 |                               answers hello and pages
 *     checked  | kind 5 | number u32 | 1 the same, 0 not |           answers check
 *
 * Every frame begins with the CRC-32 of the rest; one whose is wrong is as good as lost. Numbers count frames from 1; what is sent again keeps its number.
 */
import { crc32 } from 'node:zlib';
import { PAGE } from '../checkpoint/pages.ts';

export type PageFrame =
  | { readonly kind: 'hello'; readonly number: number; readonly length: number }
  | {
      readonly kind: 'pages';
      readonly number: number;
      /** Pages that are zeros now. */
      readonly zeros: readonly number[];
      readonly pages: readonly number[];
      /** `pages` one after the other. */
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'check'; readonly number: number; readonly last: number; readonly digest: Uint8Array }
  | { readonly kind: 'taken'; readonly number: number }
  | { readonly kind: 'checked'; readonly number: number; readonly same: boolean };

const KINDS = ['hello', 'pages', 'check', 'taken', 'checked'] as const;
const LEAD = 9;
const DIGEST = 32;

export function encodeFrame(frame: PageFrame): Uint8Array {
  const bytes = Buffer.allocUnsafe(lengthOf(frame));
  bytes[4] = KINDS.indexOf(frame.kind) + 1;
  bytes.writeUInt32LE(frame.number, 5);
  if (frame.kind === 'hello') bytes.writeUInt32LE(frame.length, LEAD);
  if (frame.kind === 'checked') bytes[LEAD] = frame.same ? 1 : 0;
  if (frame.kind === 'check') {
    bytes.writeUInt32LE(frame.last, LEAD);
    bytes.set(frame.digest, LEAD + 4);
  }
  if (frame.kind === 'pages') {
    bytes.writeUInt32LE(frame.zeros.length, LEAD);
    bytes.writeUInt32LE(frame.pages.length, LEAD + 4);
    let at = LEAD + 8;
    for (const number of frame.zeros) at = bytes.writeUInt32LE(number, at);
    for (const number of frame.pages) at = bytes.writeUInt32LE(number, at);
    bytes.set(frame.bytes, at);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

function lengthOf(frame: PageFrame): number {
  switch (frame.kind) {
    case 'hello':
      return LEAD + 4;
    case 'pages':
      return LEAD + 8 + (frame.zeros.length + frame.pages.length) * 4 + frame.bytes.length;
    case 'check':
      return LEAD + 4 + DIGEST;
    case 'taken':
      return LEAD;
    case 'checked':
      return LEAD + 1;
  }
}

/** Undefined for what is damaged, or none. `bytes` of pages are a view. */
export function decodeFrame(from: Uint8Array): PageFrame | undefined {
  const bytes = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
  if (bytes.length < LEAD || bytes.readUInt32LE(0) !== crc32(bytes.subarray(4))) return undefined;
  const kind = KINDS[(bytes[4] ?? 0) - 1];
  const number = bytes.readUInt32LE(5);
  if (kind === 'taken') return { kind, number };
  if (kind === 'checked') return { kind, number, same: bytes[LEAD] === 1 };
  if (kind === 'hello' && bytes.length === LEAD + 4) return { kind, number, length: bytes.readUInt32LE(LEAD) };
  if (kind === 'check' && bytes.length === LEAD + 4 + DIGEST) {
    return { kind, number, last: bytes.readUInt32LE(LEAD), digest: bytes.subarray(LEAD + 4) };
  }
  return kind === 'pages' && bytes.length >= LEAD + 8 ? decodePages(bytes, number) : undefined;
}

function decodePages(bytes: Buffer, number: number): PageFrame | undefined {
  const zeros = bytes.readUInt32LE(LEAD);
  const pages = bytes.readUInt32LE(LEAD + 4);
  const start = LEAD + 8 + (zeros + pages) * 4;
  if (bytes.length !== start + pages * PAGE) return undefined;
  const numbers = Array.from({ length: zeros + pages }, (_, index) => bytes.readUInt32LE(LEAD + 8 + index * 4));
  return {
    kind: 'pages',
    number,
    zeros: numbers.slice(0, zeros),
    pages: numbers.slice(zeros),
    bytes: bytes.subarray(start),
  };
}
