/**
 * The sending end over a ring. The ring is the window: what has not been read is in it, and nothing can be lost. What does not fit in waits
 * here; it is at most one item more than the bound.
 */

import { Counts } from '../counts.ts';
import { fenced, Signal } from '../protocol/end.ts';
import { KeptItems } from '../protocol/kept.ts';
import type { ChannelStats, Sender, SentItem } from '../transport.ts';
import type { RingSenderContext, Word } from './ends.ts';
import { RingWriter } from './writer.ts';

export class RingSender implements Sender {
  readonly #context: RingSenderContext;
  readonly #writer: RingWriter;
  readonly #waiting: KeptItems;
  /** Bytes of the first waiting item that are in the ring already. */
  #written = 0;
  readonly #room = new Signal();
  readonly #drained = new Signal();
  #watching = false;
  #over = false;
  #connected = false;
  readonly #count = new Counts();

  constructor(context: RingSenderContext) {
    this.#context = context;
    this.#writer = new RingWriter(context.memory);
    this.#waiting = new KeptItems(1, context.options.maxBytes);
  }

  get stats(): ChannelStats {
    const queued = this.#writer.used + this.#waiting.cost;
    return { ...this.#count, connected: this.#connected, queued, roundTrip: undefined };
  }

  send(item: SentItem): void {
    if (this.#over) return;
    if (this.#waiting.cost > 0 || !this.#writer.write(item)) {
      this.#waiting.add(item);
      this.#watch();
    }
    this.#count.add(item);
  }

  room(): Promise<void> | undefined {
    if (this.#over || this.#hasRoom()) return undefined;
    const room = this.#room.wait();
    this.#watch();
    return room;
  }

  drained(): Promise<void> {
    if (this.#over || this.#isDrained()) return Promise.resolve();
    const drained = this.#drained.wait();
    this.#watch();
    return drained;
  }

  async close(): Promise<void> {
    this.#end();
    this.#context.onClose();
  }

  hear(word: Word): void {
    if (this.#over) return;
    const { address, events } = this.#context;
    if (word.kind === 'met') {
      this.#connected = true;
      events.connected();
    } else if (word.kind === 'parted') {
      this.#connected = false;
      events.disconnected(word.reason);
    } else if (word.kind === 'replaced') {
      this.#end();
      events.failed(fenced(address, `a newer ${word.who}`, word.epoch));
    }
  }

  #end(): void {
    this.#over = true;
    this.#connected = false;
    this.#waiting.clear();
    this.#room.settle();
    this.#drained.settle();
    this.#writer.wake();
  }

  #hasRoom(): boolean {
    return this.#writer.used + this.#waiting.cost < this.#context.options.maxBytes;
  }

  #isDrained(): boolean {
    return this.#waiting.cost === 0 && this.#writer.taken === this.#count.items % 2 ** 32;
  }

  /** One loop for everything that waits for the reader; ends when nothing does. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    void this.#follow();
  }

  async #follow(): Promise<void> {
    while (!this.#over) {
      // seen before anything is tried: what the reader does from here on ends the wait below
      const { used, taken } = this.#writer;
      this.#pump();
      if (this.#room.wanted && this.#hasRoom()) this.#room.settle();
      if (this.#drained.wanted && this.#isDrained()) this.#drained.settle();
      if (this.#waiting.cost === 0 && !this.#room.wanted && !this.#drained.wanted) break;
      await this.#writer.moved(() => this.#over || this.#writer.used !== used || this.#writer.taken !== taken);
    }
    // in the same turn: whoever begins to wait from here on starts another
    this.#watching = false;
  }

  #pump(): void {
    for (
      let item = this.#waiting.at(this.#waiting.first);
      item !== undefined;
      item = this.#waiting.at(this.#waiting.first)
    ) {
      const record = item.bytes.subarray(item.at, item.at + item.size);
      const went = this.#writer.writeRecord(record, this.#written);
      if (went === 0) return;
      this.#written += went;
      if (this.#written < item.size) continue;
      this.#written = 0;
      this.#waiting.drop();
    }
  }
}
