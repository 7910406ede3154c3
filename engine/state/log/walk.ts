/** Walks through the records of one file of a log, from the front; and looks behind an unsound one for what says whether it was safe. */
import type { FileHandle } from 'node:fs/promises';
import { decodeRecordHead, HEADER, isSound, LONGEST, RECORD, type RecordHead, type SegmentHead } from './segment.ts';

export type Step =
  | { readonly kind: 'record'; readonly at: number; readonly head: RecordHead; readonly data: Buffer }
  /** No more whole records before the limit. */
  | { readonly kind: 'end'; readonly at: number }
  /** `why` is the end of a sentence. */
  | { readonly kind: 'unsound'; readonly at: number; readonly why: string };

const CHUNK = 256 * 1024;

export class SegmentWalk {
  readonly #handle: FileHandle;
  readonly #head: SegmentHead;
  #buffer: Buffer = Buffer.alloc(0);
  /** Where in the file the buffer begins, and where the next record does. */
  #base = HEADER;
  #at = HEADER;
  #sequence: number;

  constructor(handle: FileHandle, head: SegmentHead) {
    this.#handle = handle;
    this.#head = head;
    this.#sequence = head.first;
  }

  /** Of the next record. */
  get sequence(): number {
    return this.#sequence;
  }

  get at(): number {
    return this.#at;
  }

  /** `limit`: bytes of the file that count; it may rise from call to call. The data is a view that nobody writes to again. */
  async next(limit: number): Promise<Step> {
    const at = this.#at;
    if (at >= limit) return { kind: 'end', at };
    if (limit - at < RECORD) return { kind: 'unsound', at, why: 'it is cut off' };
    const start = await this.#have(RECORD, limit);
    if (start === undefined) return { kind: 'unsound', at, why: 'it cannot be read whole' };
    const head = decodeRecordHead(this.#buffer, start);
    if (head.length > LONGEST || at + RECORD + head.length > limit)
      return { kind: 'unsound', at, why: 'it is cut off, or its length is damaged' };
    const whole = await this.#have(RECORD + head.length, limit);
    if (whole === undefined) return { kind: 'unsound', at, why: 'it cannot be read whole' };
    if (!isSound(this.#buffer, whole, head, this.#head)) return { kind: 'unsound', at, why: 'its checksum is wrong' };
    if (head.sequence !== this.#sequence) {
      return { kind: 'unsound', at, why: `it is number ${head.sequence} where ${this.#sequence} is due` };
    }
    this.#at = at + RECORD + head.length;
    if (!head.isMark) this.#sequence += 1;
    return { kind: 'record', at, head, data: this.#buffer.subarray(whole + RECORD, whole + RECORD + head.length) };
  }

  /** Where in the buffer the next `bytes` of the file are; undefined where the file is shorter than it was. */
  async #have(bytes: number, limit: number): Promise<number | undefined> {
    const start = this.#at - this.#base;
    if (start + bytes <= this.#buffer.length) return start;
    const wanted = Math.min(limit - this.#at, Math.max(bytes, CHUNK));
    const buffer = Buffer.allocUnsafeSlow(wanted);
    const read = await readFully(this.#handle, buffer, this.#at);
    if (read < bytes) return undefined;
    this.#buffer = buffer.subarray(0, read);
    this.#base = this.#at;
    return 0;
  }
}

/** Bytes read; fewer than the buffer's only at the end of the file. */
export async function readFully(handle: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let read = 0;
  while (read < buffer.length) {
    const { bytesRead } = await handle.read(buffer, read, buffer.length - read, position + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return read;
}

/**
 * The greatest number that sound records behind `from` say was safe, 0 where there is none: every byte is tried as the beginning of a
 * record, because the lengths before cannot be trusted.
 */
export async function syncedBehind(
  handle: FileHandle,
  head: SegmentHead,
  from: number,
  size: number,
  after: number,
): Promise<number> {
  const rest = Buffer.allocUnsafeSlow(Math.max(0, size - from));
  const length = await readFully(handle, rest, from);
  let synced = 0;
  for (let at = 0; at + RECORD <= length; ) {
    const found = plausible(rest, at, length, after) ? decodeRecordHead(rest, at) : undefined;
    if (found !== undefined && isSound(rest, at, found, head)) {
      synced = Math.max(synced, found.synced);
      at += RECORD + found.length;
    } else at += 1;
  }
  return synced;
}

/** Cheap, for it is asked of every byte: numbers in a segment are near to each other. */
function plausible(bytes: Buffer, at: number, length: number, after: number): boolean {
  const size = bytes.readUInt32LE(at);
  if (size !== 0x8000_0000 && at + RECORD + size > length) return false;
  const sequence = bytes.readUInt32LE(at + 8) + bytes.readUInt32LE(at + 12) * 2 ** 32;
  return sequence >= after && sequence - after <= length;
}
