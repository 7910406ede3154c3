/**
 * LZ4 frames, as Arrow's bodies are compressed with. Written from the format's descriptions (lz4_Block_format.md and
 * lz4_Frame_format.md of the LZ4 project) because no small library that is kept up reads frames with linked blocks.
 *
 *   frame  magic, flags, block size, [content size], [dictionary], header checksum, blocks, 0, [content checksum]
 *   block  uint32 bytes (top bit: stored as it is), data, [checksum]
 *   data   token (literals << 4 | match - 4), [more literals], literals, uint16 distance, [more match] ...
 */
import { userError } from '../../../engine/errors.ts';

const MAGIC = 0x184d2204;
const MIN_MATCH = 4;
/** The last match must begin this far before a block's end, and the last 5 bytes are literals. */
const MATCH_LIMIT = 12;
const LAST_LITERALS = 5;
const MAX_DISTANCE = 65_535;
const BLOCK_BYTES = 4 * 1024 * 1024;
const HASH_BITS = 14;

function corrupt(why: string): Error {
  return userError('lz4.corrupt', `LZ4 data is corrupt: ${why}`);
}

/** Decodes one frame that holds exactly `length` bytes. Throws `lz4.corrupt`, also where it holds more or fewer. */
export function decodeLz4(frame: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const header = readHeader(frame, view, length);
  const output = new Uint8Array(length);
  let at = header.end;
  let written = 0;
  for (;;) {
    if (at + 4 > frame.length) throw corrupt('it ends within a block');
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) break;
    const size = word & 0x7fff_ffff;
    if (at + size > frame.length) throw corrupt('it ends within a block');
    const block = frame.subarray(at, at + size);
    at += size + (header.blockChecksums ? 4 : 0);
    if (word >>> 31 === 0) written = decodeBlock(block, output, written);
    else {
      if (written + size > length) throw corrupt(`more than ${length} bytes`);
      output.set(block, written);
      written += size;
    }
  }
  if (written !== length) throw corrupt(`${written} bytes where ${length} are due`);
  if (header.contentChecksum && (at + 4 > frame.length || view.getUint32(at, true) !== xxh32(output))) {
    throw corrupt('the checksum differs');
  }
  return output;
}

/** Decodes one block, without a frame, that holds exactly `length` bytes. Throws `lz4.corrupt`. */
export function decodeLz4Block(block: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(length);
  const written = decodeBlock(block, output, 0);
  if (written !== length) throw corrupt(`${written} bytes where ${length} are due`);
  return output;
}

interface Header {
  readonly end: number;
  readonly blockChecksums: boolean;
  readonly contentChecksum: boolean;
}

function readHeader(frame: Uint8Array, view: DataView, length: number): Header {
  if (frame.length < 7 || view.getUint32(0, true) !== MAGIC) throw corrupt('it does not begin as a frame');
  const flags = frame[4] ?? 0;
  if (flags >> 6 !== 1) throw corrupt(`version ${flags >> 6}`);
  if ((flags & 1) !== 0) throw corrupt('it needs a dictionary');
  const sized = (flags & 8) !== 0;
  const end = 7 + (sized ? 8 : 0);
  if (frame.length < end) throw corrupt('it ends within its header');
  if (sized && view.getBigUint64(6, true) !== BigInt(length)) throw corrupt('its content size differs');
  return { end, blockChecksums: (flags & 16) !== 0, contentChecksum: (flags & 4) !== 0 };
}

/** Appends a block's bytes to `output` from `start` on, matches reaching back as far as they like; returns the new end. */
function decodeBlock(block: Uint8Array, output: Uint8Array, start: number): number {
  let at = 0;
  let end = start;
  while (at < block.length) {
    const token = block[at++] ?? 0;
    let literals = token >> 4;
    if (literals === 15) [literals, at] = readLength(block, at, 15);
    if (at + literals > block.length || end + literals > output.length) throw corrupt('literals leave the block');
    copyLiterals(block, at, output, end, literals);
    at += literals;
    end += literals;
    if (at === block.length) return end;
    if (at + 2 > block.length) throw corrupt('it ends within a match');
    const distance = (block[at] ?? 0) | ((block[at + 1] ?? 0) << 8);
    at += 2;
    let match = token & 15;
    if (match === 15) [match, at] = readLength(block, at, 15);
    match += MIN_MATCH;
    if (distance === 0 || distance > end || end + match > output.length) throw corrupt('a match leaves the data');
    copyMatch(output, end, distance, match);
    end += match;
  }
  return end;
}

function readLength(block: Uint8Array, from: number, base: number): [number, number] {
  let length = base;
  let at = from;
  for (;;) {
    const byte = block[at++];
    if (byte === undefined) throw corrupt('it ends within a length');
    length += byte;
    if (byte !== 255) return [length, at];
  }
}

function copyLiterals(block: Uint8Array, at: number, output: Uint8Array, end: number, count: number): void {
  if (count > 32) output.set(block.subarray(at, at + count), end);
  else for (let i = 0; i < count; i++) output[end + i] = block[at + i] ?? 0;
}

function copyMatch(output: Uint8Array, end: number, distance: number, count: number): void {
  if (count > 32 && distance >= count) output.copyWithin(end, end - distance, end - distance + count);
  else for (let i = 0; i < count; i++) output[end + i] = output[end - distance + i] ?? 0;
}

/** One frame of independent blocks of at most 4 MiB, with its content size and without checksums. */
export function encodeLz4(input: Uint8Array): Uint8Array {
  const blocks = Math.ceil(input.length / BLOCK_BYTES);
  const frame = new Uint8Array(19 + blocks * 4 + input.length + Math.ceil(input.length / 255) + blocks * 16);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC, true);
  frame.set([0b0110_1000, 0x70], 4);
  view.setBigUint64(6, BigInt(input.length), true);
  frame[14] = (xxh32(frame.subarray(4, 14)) >>> 8) & 255;
  let at = 15;
  for (let from = 0; from < input.length; from += BLOCK_BYTES) {
    const block = input.subarray(from, from + BLOCK_BYTES);
    const end = encodeBlock(block, frame, at + 4);
    if (end - at - 4 < block.length) {
      view.setUint32(at, end - at - 4, true);
      at = end;
    } else {
      view.setUint32(at, (block.length | 0x8000_0000) >>> 0, true);
      frame.set(block, at + 4);
      at += 4 + block.length;
    }
  }
  return frame.subarray(0, at + 4).fill(0, at);
}

function encodeBlock(input: Uint8Array, output: Uint8Array, start: number): number {
  const table = new Int32Array(1 << HASH_BITS).fill(-1);
  const limit = input.length - MATCH_LIMIT;
  let end = start;
  let anchor = 0;
  let at = 0;
  while (at < limit) {
    const word = word32(input, at);
    const slot = Math.imul(word, -1_640_531_535) >>> (32 - HASH_BITS);
    const candidate = table[slot] ?? -1;
    table[slot] = at;
    if (candidate < 0 || at - candidate > MAX_DISTANCE || word32(input, candidate) !== word) {
      // Data that does not compress is stepped through ever faster.
      at += 1 + ((at - anchor) >> 6);
      continue;
    }
    let length = MIN_MATCH;
    while (at + length < input.length - LAST_LITERALS && input[candidate + length] === input[at + length]) length++;
    end = putSequence(output, end, input, anchor, at, at - candidate, length);
    at += length;
    anchor = at;
  }
  return putSequence(output, end, input, anchor, input.length, 0, 0);
}

/** Literals `from` to `to`, then a match; without one (`distance` 0) the block's last literals. */
function putSequence(
  output: Uint8Array,
  start: number,
  input: Uint8Array,
  from: number,
  to: number,
  distance: number,
  match: number,
): number {
  const literals = to - from;
  const more = distance === 0 ? 0 : match - MIN_MATCH;
  output[start] = (Math.min(literals, 15) << 4) | Math.min(more, 15);
  let end = putLength(output, start + 1, literals);
  output.set(input.subarray(from, to), end);
  end += literals;
  if (distance === 0) return end;
  output[end] = distance & 255;
  output[end + 1] = distance >> 8;
  return putLength(output, end + 2, more);
}

function putLength(output: Uint8Array, start: number, length: number): number {
  if (length < 15) return start;
  let end = start;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) output[end++] = 255;
  output[end] = rest;
  return end + 1;
}

function word32(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

const P1 = 0x9e3779b1 | 0;
const P2 = 0x85ebca77 | 0;
const P3 = 0xc2b2ae3d | 0;
const P4 = 0x27d4eb2f | 0;
const P5 = 0x165667b1 | 0;

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** xxHash32 with seed 0 (xxhash_spec.md), as LZ4 frames use it. */
function xxh32(bytes: Uint8Array): number {
  let at = 0;
  let hash = P5;
  if (bytes.length >= 16) {
    const lanes = Int32Array.of(P1 + P2, P2, 0, -P1);
    for (; at + 16 <= bytes.length; at += 16) {
      for (let lane = 0; lane < 4; lane++) {
        const mixed = (lanes[lane] ?? 0) + Math.imul(word32(bytes, at + lane * 4), P2);
        lanes[lane] = Math.imul(rotate(mixed | 0, 13), P1);
      }
    }
    const [a = 0, b = 0, c = 0, d = 0] = lanes;
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  }
  hash = (hash + bytes.length) | 0;
  for (; at + 4 <= bytes.length; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(word32(bytes, at), P3)) | 0, 17), P4);
  }
  for (; at < bytes.length; at++) hash = Math.imul(rotate((hash + Math.imul(bytes[at] ?? 0, P5)) | 0, 11), P1);
  hash = Math.imul(hash ^ (hash >>> 15), P2);
  hash = Math.imul(hash ^ (hash >>> 13), P3);
  return (hash ^ (hash >>> 16)) >>> 0;
}
