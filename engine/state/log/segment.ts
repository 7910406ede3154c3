/**
 * The files of a log on disk. One is called by the number of its first record, `0000000000000001.log`:
 *
 *     header   "CSLG" | format u16 | 0 u16 | first u64 | first of the file before u64 | its bytes u64 | salt u32 | crc u32
 *     record   length u32 | crc u32 | sequence u64 | synced u64 | data
 *     mark     a record of length 2^31 without data; `sequence` is the one to come
 *
 * Little-endian. `crc` is CRC-32 of all else of the header; of a record, of everything after it, seeded with the salt, so that a record which holds
 * a piece of a log is not taken for one. `synced` says up to which record everything was safe when this one was written: if a record is unsound
 * that a later one says was safe, the file is corrupt; if none says so, it is what a crash leaves at the end of a log.
 */
import { crc32 } from 'node:zlib';

export const HEADER = 40;
export const RECORD = 24;
const FORMAT = 1;
const MAGIC = 0x474c_5343;
const MARK = 0x8000_0000;
/** Records may be as long as this, whatever a log's own bound is. */
export const LONGEST = 0x4000_0000;

export interface SegmentHead {
  readonly first: number;
  /** Of the file before; both 0 where there is none. */
  readonly previous: number;
  readonly previousBytes: number;
  readonly salt: number;
}

export interface RecordHead {
  readonly isMark: boolean;
  readonly length: number;
  readonly crc: number;
  readonly sequence: number;
  readonly synced: number;
}

export function segmentName(first: number): string {
  return `${String(first).padStart(16, '0')}.log`;
}

/** The number of the first record; undefined for other files. */
export function firstOf(name: string): number | undefined {
  return /^\d{16}\.log$/.test(name) ? Number(name.slice(0, 16)) : undefined;
}

export function encodeHead(head: SegmentHead): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt16LE(FORMAT, 4);
  writeWhole(bytes, head.first, 8);
  writeWhole(bytes, head.previous, 16);
  writeWhole(bytes, head.previousBytes, 24);
  bytes.writeUInt32LE(head.salt, 32);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 36)), 36);
  return bytes;
}

/** Or why it is none, as the end of a sentence. */
export function decodeHead(bytes: Buffer): SegmentHead | string {
  if (bytes.length < HEADER) return 'is shorter than its header';
  if (bytes.readUInt32LE(0) !== MAGIC) return 'does not begin as a log does';
  if (crc32(bytes.subarray(0, 36)) !== bytes.readUInt32LE(36)) return 'has a damaged header';
  const format = bytes.readUInt16LE(4);
  if (format !== FORMAT) return `has format ${format}, which this version does not know`;
  return {
    first: readWhole(bytes, 8),
    previous: readWhole(bytes, 16),
    previousBytes: readWhole(bytes, 24),
    salt: bytes.readUInt32LE(32),
  };
}

/** A record with its data; a mark where there is none. */
export function encodeRecord(
  data: Uint8Array | undefined,
  sequence: number,
  synced: number,
  { salt }: SegmentHead,
): Buffer {
  const bytes = Buffer.allocUnsafe(RECORD + (data?.length ?? 0));
  bytes.writeUInt32LE(data?.length ?? MARK, 0);
  writeWhole(bytes, sequence, 8);
  writeWhole(bytes, synced, 16);
  if (data !== undefined) bytes.set(data, RECORD);
  bytes.writeUInt32LE(crc32(bytes.subarray(8), salt), 4);
  return bytes;
}

/** Of `RECORD` bytes at `at`; whether they are sound is for `isSound` to say. */
export function decodeRecordHead(bytes: Buffer, at: number): RecordHead {
  const length = bytes.readUInt32LE(at);
  return {
    isMark: length === MARK,
    length: length === MARK ? 0 : length,
    crc: bytes.readUInt32LE(at + 4),
    sequence: readWhole(bytes, at + 8),
    synced: readWhole(bytes, at + 16),
  };
}

/** Whether the record at `at`, all of whose bytes are there, is as it was written. */
export function isSound(bytes: Buffer, at: number, { crc, length }: RecordHead, { salt }: SegmentHead): boolean {
  return crc32(bytes.subarray(at + 8, at + RECORD + length), salt) === crc;
}

function writeWhole(bytes: Buffer, value: number, at: number): void {
  bytes.writeBigUInt64LE(BigInt(value), at);
}

/** Greater than any number that was written where the bytes are none. */
function readWhole(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}
