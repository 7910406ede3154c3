/**
 * Items as bytes. A record begins and ends at a multiple of 8:
 *
 *     0      1      2              4                8      12     16               16 + trace, padded
 *     | kind | idle | trace bytes  | payload bytes  | rows | 0    | trace (ASCII)  | payload, padded |     a batch
 *     | kind | idle | 0            | 0              | i64: time, or checkpoint    |                       watermark, barrier (`idle` is 1 at a handover), end
 */
import { internalError } from '../../errors.ts';
import type { Item, SentItem } from '../transport.ts';

const HEAD = 16;
const BATCH = 1;
const WATERMARK = 2;
const BARRIER = 3;
const END = 4;
/** What keeping an item takes besides its bytes: counted on both sides, so that a bound in bytes bounds tiny items too. */
const OVERHEAD = 128;
const LARGEST = 2 ** 31;

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** Bytes of its record. Throws `transport.too-large` from 2 GiB on. */
export function recordSize(item: SentItem): number {
  if (item.kind !== 'batch') return HEAD;
  const size = HEAD + padded(item.trace?.length ?? 0) + padded(item.payload.length);
  if (size < LARGEST && (item.trace?.length ?? 0) <= 0xffff) return size;
  throw internalError(
    'transport.too-large',
    `a batch of ${item.payload.length} bytes; a channel takes less than 2 GiB`,
  );
}

/** What a record of so many bytes counts against bounds and windows. */
export function costOf(size: number): number {
  return size + OVERHEAD;
}

/** Writes the record at `at`; `view` is of the same bytes. */
export function writeRecord(item: SentItem, bytes: Uint8Array, view: DataView, at: number): void {
  view.setUint8(at + 1, 0);
  view.setUint16(at + 2, 0, true);
  view.setUint32(at + 4, 0, true);
  switch (item.kind) {
    case 'batch':
      writeBatch(item, bytes, view, at);
      return;
    case 'watermark':
      view.setUint8(at, WATERMARK);
      view.setUint8(at + 1, item.idle ? 1 : 0);
      view.setBigInt64(at + 8, item.time, true);
      return;
    case 'barrier':
      view.setUint8(at, BARRIER);
      view.setUint8(at + 1, item.handover === true ? 1 : 0);
      view.setBigInt64(at + 8, BigInt(item.checkpoint), true);
      return;
    case 'end':
      view.setUint8(at, END);
      view.setBigInt64(at + 8, 0n, true);
      return;
  }
}

function writeBatch(item: Extract<SentItem, { kind: 'batch' }>, bytes: Uint8Array, view: DataView, at: number): void {
  const trace = item.trace ?? '';
  view.setUint8(at, BATCH);
  view.setUint16(at + 2, trace.length, true);
  view.setUint32(at + 4, item.payload.length, true);
  view.setUint32(at + 8, item.rows, true);
  view.setUint32(at + 12, 0, true);
  for (let index = 0; index < trace.length; index++) bytes[at + HEAD + index] = trace.charCodeAt(index);
  const { payload } = item;
  const start = at + HEAD + padded(trace.length);
  if (payload instanceof Uint8Array) bytes.set(payload, start);
  else payload.writeInto(bytes, start);
}

/** Bytes of the record at `at`; undefined where there is none that ends within the bytes. */
export function recordEnd(bytes: Uint8Array, view: DataView, at: number): number | undefined {
  if (at + HEAD > bytes.length) return undefined;
  const kind = view.getUint8(at);
  if (kind < BATCH || kind > END) return undefined;
  if (kind !== BATCH) return at + HEAD;
  const end = at + HEAD + padded(view.getUint16(at + 2, true)) + padded(view.getUint32(at + 4, true));
  return end <= bytes.length ? end : undefined;
}

/** The item of the record at `at`, which `recordEnd` has found whole; a batch's payload is a view. */
export function readRecord(bytes: Uint8Array, view: DataView, at: number): Item {
  switch (view.getUint8(at)) {
    case WATERMARK:
      return { kind: 'watermark', time: view.getBigInt64(at + 8, true), idle: view.getUint8(at + 1) !== 0 };
    case BARRIER: {
      const checkpoint = Number(view.getBigInt64(at + 8, true));
      return { kind: 'barrier', checkpoint, ...(view.getUint8(at + 1) === 0 ? {} : { handover: true as const }) };
    }
    case END:
      return { kind: 'end' };
    default:
      return readBatch(bytes, view, at);
  }
}

function readBatch(bytes: Uint8Array, view: DataView, at: number): Item {
  const traceBytes = view.getUint16(at + 2, true);
  const start = at + HEAD + padded(traceBytes);
  const payload = bytes.subarray(start, start + view.getUint32(at + 4, true));
  const rows = view.getUint32(at + 8, true);
  if (traceBytes === 0) return { kind: 'batch', payload, rows };
  const trace = Buffer.from(bytes.buffer, bytes.byteOffset + at + HEAD, traceBytes).toString('latin1');
  return { kind: 'batch', payload, rows, trace };
}
