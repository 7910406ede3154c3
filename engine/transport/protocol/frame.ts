/**
 * The datagrams of the protocol, little-endian. A u64 is an integer up to 2^53. Every datagram begins with 48 bytes, so that a batch can be
 * kept with room in front of it and sent from where it lies:
 *
 *     0      1         2        4          8              16               24            32       36      40         48
 *     | kind | version | flags  | checksum | sender epoch | receiver epoch | sequence    | offset | total | stamp    |
 *     | u8   | u8      | u16    | u32      | u64          | u64            | u64         | u32    | u32   | f64      |
 *
 *     items             sequence: of the first item; then whole items (records.ts)
 *     part              sequence: of the item; offset: of this part in it; total: its bytes; then the part
 *     probe             sequence, offset: where the sender is; nothing follows
 *     acknowledgement   sequence: all up to it have come in whole; offset: bytes of the next one that have; total: the window
 *                       stamp: of the newest datagram heard; then
 *     48       56       64
 *     | taken  | held   |    u64: all up to it have been taken; f64: milliseconds between hearing and this
 *
 * The sender's epoch is the sender's own, or the one that the receiver was told; the receiver's epoch is the receiver's own, or the highest
 * that the sender has heard. The window is the credit: bytes (as `costOf` counts) that the receiver has room for behind the item `taken`;
 * the two make an absolute limit, so that an acknowledgement that is lost, repeated or late does no harm. `stamp` is the sender's clock in
 * milliseconds and comes back with the acknowledgement. The checksum is the CRC-32 of all else, 0 where the carrier checks.
 */
import { crc32 } from 'node:zlib';

export const HEADER = 48;
export const ACKNOWLEDGEMENT = 64;
export const VERSION = 1;

export const KIND = { items: 1, part: 2, probe: 3, acknowledgement: 4 } as const;
export const FLAG = {
  /** Of an acknowledgement: what was heard does not follow on `sequence` and `offset`; send again from there. */
  again: 1,
  /** Of a sender: it waits; acknowledge as soon as it can be. */
  hurry: 2,
} as const;

export interface Frame {
  kind: number;
  version: number;
  flags: number;
  senderEpoch: number;
  receiverEpoch: number;
  sequence: number;
  offset: number;
  total: number;
  stamp: number;
  /** Of an acknowledgement. */
  taken: number;
  held: number;
}

export function emptyFrame(): Frame {
  return {
    kind: 0,
    version: VERSION,
    flags: 0,
    senderEpoch: 0,
    receiverEpoch: 0,
    sequence: 0,
    offset: 0,
    total: 0,
    stamp: 0,
    taken: 0,
    held: 0,
  };
}

const HIGH = 2 ** 32;

function getInteger(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * HIGH + view.getUint32(at, true);
}

function setInteger(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % HIGH, true);
  view.setUint32(at + 4, Math.floor(value / HIGH), true);
}

/** Writes the head of a datagram of `length` bytes that begins at `view`'s first byte, last of all its checksum where one is wanted. */
export function writeFrame(view: DataView, frame: Frame, length: number, checked: boolean): void {
  view.setUint8(0, frame.kind);
  view.setUint8(1, VERSION);
  view.setUint16(2, frame.flags, true);
  view.setUint32(4, 0, true);
  setInteger(view, 8, frame.senderEpoch);
  setInteger(view, 16, frame.receiverEpoch);
  setInteger(view, 24, frame.sequence);
  view.setUint32(32, frame.offset, true);
  view.setUint32(36, frame.total, true);
  view.setFloat64(40, frame.stamp, true);
  if (frame.kind === KIND.acknowledgement) {
    setInteger(view, 48, frame.taken);
    view.setFloat64(56, frame.held, true);
  }
  if (!checked) view.setUint32(4, checksumOf(view, length), true);
}

/** Fills `into`; false where the bytes are no datagram of ours, or damaged. Of another version only `version` is filled in. */
export function readFrame(bytes: Uint8Array, into: Frame, checked: boolean): boolean {
  if (bytes.length < HEADER) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!checked && view.getUint32(4, true) !== checksumOf(view, bytes.length)) return false;
  into.kind = view.getUint8(0);
  into.version = view.getUint8(1);
  if (into.version !== VERSION) return true;
  into.flags = view.getUint16(2, true);
  into.senderEpoch = getInteger(view, 8);
  into.receiverEpoch = getInteger(view, 16);
  into.sequence = getInteger(view, 24);
  into.offset = view.getUint32(32, true);
  into.total = view.getUint32(36, true);
  into.stamp = view.getFloat64(40, true);
  if (into.kind === KIND.acknowledgement) {
    if (bytes.length < ACKNOWLEDGEMENT) return false;
    into.taken = getInteger(view, 48);
    into.held = view.getFloat64(56, true);
  }
  return into.kind >= KIND.items && into.kind <= KIND.acknowledgement;
}

/** Of everything but its own four bytes. */
function checksumOf(view: DataView, length: number): number {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, length);
  return crc32(bytes.subarray(8), crc32(bytes.subarray(0, 4)));
}
