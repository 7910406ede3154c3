/**
 * What one channel was given and what came out of it, by number: nothing may be lost, come twice or out of order, and nothing of an older
 * epoch may come at all. The ledger stands for the state that fragments would keep, so that new ends know where to go on.
 */
import type { Item } from '../../../engine/transport/transport.ts';

const HEAD = 12;

export class Ledger {
  readonly channel: string;
  readonly length: number;
  /** The number of the item that came last; of those from 1. */
  taken = 0;
  readonly #violate: (what: string) => void;

  constructor(channel: string, length: number, violate: (what: string) => void) {
    this.channel = channel;
    this.length = length;
    this.#violate = violate;
  }

  get complete(): boolean {
    return this.taken >= this.length;
  }

  /** The item with a number, as it is sent by a sender of an epoch; the last one ends the channel. */
  item(number: number, epoch: number, size: number): Item {
    if (number === this.length) return { kind: 'end' };
    if (number % 7 === 3) return { kind: 'watermark', time: BigInt(number) * 1000n, idle: false };
    if (number % 23 === 11) return { kind: 'barrier', checkpoint: number };
    const payload = new Uint8Array(HEAD + size);
    const view = new DataView(payload.buffer);
    view.setUint32(0, number, true);
    view.setUint32(4, epoch, true);
    view.setUint32(8, size, true);
    payload.fill(number & 0xff, HEAD);
    return { kind: 'batch', payload, rows: number };
  }

  /** `epoch`: of the sender that the receiver was told. */
  take(item: Item, epoch: number): void {
    const expected = this.taken + 1;
    const number = numberOf(item, this.length);
    if (number === undefined) {
      this.#violate(`${this.channel}: item ${expected} is damaged`);
      return;
    }
    if (item.kind === 'batch') this.#checkEpoch(item.payload, epoch, expected);
    // watermarks and ends have no number of their own
    if (number !== expected) {
      const what = number < expected ? 'came twice or late' : 'came though others before it did not';
      this.#violate(`${this.channel}: item ${number} ${what}, ${expected} was to come`);
    }
    this.taken = Math.max(this.taken, number);
  }

  #checkEpoch(payload: Uint8Array, epoch: number, expected: number): void {
    const from = new DataView(payload.buffer, payload.byteOffset).getUint32(4, true);
    if (from !== epoch) this.#violate(`${this.channel}: item ${expected} is of epoch ${from}, not ${epoch}`);
  }
}

function numberOf(item: Item, length: number): number | undefined {
  switch (item.kind) {
    case 'end':
      return length;
    case 'watermark':
      return Number(item.time / 1000n);
    case 'barrier':
      return item.checkpoint;
    case 'batch':
      return numberOfBatch(item.payload, item.rows);
  }
}

function numberOfBatch(payload: Uint8Array, rows: number): number | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload.length < HEAD || view.getUint32(0, true) !== rows || view.getUint32(8, true) !== payload.length - HEAD) {
    return undefined;
  }
  for (let at = HEAD; at < payload.length; at += 97) if (payload[at] !== (rows & 0xff)) return undefined;
  return rows;
}
