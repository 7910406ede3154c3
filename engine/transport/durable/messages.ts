/**
 * The messages of a durable channel's stream: datagrams of the protocol (frame.ts), `items` and `part`. Their `sequence` is our number of the first
 * item, for good; the sender's epoch is the one in which the numbering began; in place of the receiver's epoch stands the oldest item that the sender still keeps where it gives
 * up the oldest at its bound (else 0): where what comes before it is missing, it was given up, and is counted, not asked for. `stamp` is the number of rows that were sent before the
 * first item.
 *
 * Within the stream numbers rise without a gap, since every publication names the stream's last sequence; what a server has lost is the only
 * exception.
 *
 * Both ends' own datagrams are those of the protocol, too. In a probe `offset` and `total` are, low and high, the oldest item, as above. An
 * acknowledgement goes on with
 *
 *     64     72     80
 *     | rows | lost |    f64: rows in front of the item that is awaited; how many of them never came
 *
 * and a probe with
 *
 *     48     56         64
 *     | item | sequence |    f64: the last whole item that is known to be stored, and the stream's sequence up to which it is
 */
import {
  ACKNOWLEDGEMENT,
  emptyFrame,
  type Frame,
  HEADER,
  KIND,
  readFrame,
  VERSION,
  writeFrame,
} from '../protocol/frame.ts';
import { recordEnd } from '../protocol/records.ts';

/** Bytes up to which items are gathered into one message. */
const GATHER = 256 * 1024;
const HALF = 2 ** 32;

/** Of an acknowledgement with what it tells of rows. */
export const REPORT: number = ACKNOWLEDGEMENT + 16;

/** What a receiver tells: the rows in front of what it awaits, and how many of them never came. */
export interface Told {
  readonly rows: number;
  readonly lost: number;
}

export function writeTold(view: DataView, { rows, lost }: Told): void {
  view.setFloat64(ACKNOWLEDGEMENT, rows, true);
  view.setFloat64(ACKNOWLEDGEMENT + 8, lost, true);
}

/** Undefined where the acknowledgement tells nothing of it. */
export function readTold(bytes: Uint8Array): Told | undefined {
  if (bytes.length < REPORT) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { rows: view.getFloat64(ACKNOWLEDGEMENT, true), lost: view.getFloat64(ACKNOWLEDGEMENT + 8, true) };
}

/** What a sender tells of the stream: its last whole item, and the sequence up to which that is there. */
export interface Stored {
  readonly item: number;
  readonly sequence: number;
}

/** Of a probe with what it tells of the stream. */
export const PROBE: number = HEADER + 16;

export function writeStored(view: DataView, { item, sequence }: Stored): void {
  view.setFloat64(HEADER, item, true);
  view.setFloat64(HEADER + 8, sequence, true);
}

/** Undefined where the probe tells nothing of it. */
export function readStored(bytes: Uint8Array): Stored | undefined {
  if (bytes.length < PROBE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { item: view.getFloat64(HEADER, true), sequence: view.getFloat64(HEADER + 8, true) };
}

export function setOldest(probe: Frame, oldest: number): void {
  probe.offset = oldest % HALF;
  probe.total = Math.floor(oldest / HALF);
}

export function oldestOf(probe: Frame): number {
  return probe.total * HALF + probe.offset;
}

/** An item as it is kept: its record, and the rows that were sent before it. */
export interface Kept {
  readonly record: Uint8Array;
  readonly rowsBefore: number;
}

export interface Outgoing {
  readonly bytes: Uint8Array;
  /** First item, and the item (and byte of it) after this message. */
  readonly first: number;
  readonly next: number;
  readonly offset: number;
}

/** The next message from an item, or from a byte of it on; undefined where the item cannot be read. */
export async function nextMessage(
  read: (item: number) => Promise<Kept | undefined>,
  from: { readonly item: number; readonly offset: number; readonly last: number },
  frame: { readonly born: number; readonly oldest: number; readonly maxBytes: number },
): Promise<Outgoing | undefined> {
  const first = await read(from.item);
  if (first === undefined) return undefined;
  if (from.offset > 0 || HEADER + first.record.length > frame.maxBytes) return part(first, from, frame);
  const records = [first.record];
  let size = HEADER + first.record.length;
  const limit = Math.min(GATHER, frame.maxBytes);
  let item = from.item + 1;
  for (; item <= from.last && size < limit; item++) {
    const record = (await read(item))?.record;
    if (record === undefined || size + record.length > limit) break;
    records.push(record);
    size += record.length;
  }
  const bytes = new Uint8Array(size);
  let at = HEADER;
  for (const record of records) {
    bytes.set(record, at);
    at += record.length;
  }
  write(bytes, { kind: KIND.items, sequence: from.item, stamp: first.rowsBefore }, frame);
  return { bytes, first: from.item, next: item, offset: 0 };
}

function part(
  { record, rowsBefore }: Kept,
  { item, offset }: { readonly item: number; readonly offset: number },
  frame: { readonly born: number; readonly oldest: number; readonly maxBytes: number },
): Outgoing {
  const length = Math.min(record.length - offset, (frame.maxBytes - HEADER) & ~7);
  const bytes = new Uint8Array(HEADER + length);
  bytes.set(record.subarray(offset, offset + length), HEADER);
  write(bytes, { kind: KIND.part, sequence: item, offset, total: record.length, stamp: rowsBefore }, frame);
  const whole = offset + length >= record.length;
  return { bytes, first: item, next: whole ? item + 1 : item, offset: whole ? 0 : offset + length };
}

function write(
  bytes: Uint8Array,
  what: Partial<Frame>,
  frame: { readonly born: number; readonly oldest: number },
): void {
  const head = { ...emptyFrame(), ...what, senderEpoch: frame.born, receiverEpoch: frame.oldest };
  // a disk is in between: damage is to be found
  writeFrame(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), head, bytes.length, false);
}

/** What a stored message holds; undefined where it is damaged or none of ours. */
export function readMessage(
  bytes: Uint8Array,
): (Frame & { readonly whole: boolean; readonly last: number }) | undefined {
  const frame = emptyFrame();
  if (!readFrame(bytes, frame, false) || frame.version !== VERSION) return undefined;
  if (frame.kind === KIND.part) {
    const whole = frame.offset + bytes.length - HEADER >= frame.total;
    return { ...frame, whole, last: whole ? frame.sequence : frame.sequence - 1 };
  }
  if (frame.kind !== KIND.items) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let last = frame.sequence - 1;
  for (let at = HEADER; at < bytes.length; last += 1) {
    const end = recordEnd(bytes, view, at);
    if (end === undefined) return undefined;
    at = end;
  }
  return { ...frame, whole: true, last };
}
