/** The receiving end over a ring: batches are views of it until the next item is asked for. */
import type { CloudskinError } from '../../errors.ts';
import { fenced, protocolError, Signal } from '../protocol/end.ts';
import type { ChannelStats, Item, Receiver } from '../transport.ts';
import type { RingReceiverContext, Word } from './ends.ts';
import { RingReader } from './reader.ts';

export class RingReceiver implements Receiver {
  readonly stats: ChannelStats;
  readonly #context: RingReceiverContext;
  readonly #ready = new Signal();
  readonly #count = { items: 0, bytes: 0, rows: 0, connected: false };
  #reader: RingReader | undefined;
  #position: number;
  #watching = false;
  #over = false;

  constructor(context: RingReceiverContext) {
    this.#context = context;
    this.#position = context.options.after ?? 0;
    this.stats = this.#makeStats();
  }

  get position(): number {
    return this.#position;
  }

  take(): Item | undefined {
    const reader = this.#reader;
    if (reader === undefined || this.#over || !reader.current) return undefined;
    const item = reader.take();
    if (item === undefined) return undefined;
    this.#position += 1;
    this.#count.items += 1;
    if (item.kind !== 'batch') return item;
    this.#count.bytes += item.payload.length;
    this.#count.rows += item.rows;
    return item;
  }

  ready(): Promise<void> {
    if (this.#over || this.#reader?.ready() === true) return Promise.resolve();
    const ready = this.#ready.wait();
    this.#watch();
    return ready;
  }

  async close(): Promise<void> {
    this.#end();
    this.#ready.settle();
    this.#context.onClose();
  }

  hear(word: Word): void {
    if (this.#over) return;
    const { address, events } = this.#context;
    switch (word.kind) {
      case 'ring':
        this.#attach(word);
        return;
      case 'met':
        this.#count.connected = true;
        events.connected();
        return;
      case 'parted':
        this.#count.connected = false;
        events.disconnected(word.reason);
        return;
      case 'replaced':
        this.#fail(fenced(address, `a newer ${word.who}`, word.epoch));
        return;
    }
  }

  #attach({ ring, generation, after }: Extract<Word, { kind: 'ring' }>): void {
    const reader = new RingReader(ring, generation);
    const released = after + reader.released;
    if (reader.partial || this.#position < released) {
      const why = reader.partial ? 'is in the middle of the next' : 'are no longer kept';
      const message = `the receiver goes on after item ${this.#position}, and those up to ${released} ${why}`;
      this.#fail(protocolError(this.#context.address, message));
      return;
    }
    if (!reader.skip(this.#position - released)) {
      const message = `the receiver goes on after item ${this.#position}, which has not been sent`;
      this.#fail(protocolError(this.#context.address, message));
      return;
    }
    this.#reader = reader;
    if (this.#ready.wanted) this.#watch();
  }

  #watch(): void {
    const reader = this.#reader;
    if (this.#watching || reader === undefined) return;
    this.#watching = true;
    void reader
      .waitFor(() => this.#over || this.#reader !== reader || reader.ready())
      .finally(() => {
        this.#watching = false;
        if (!this.#over && this.#reader?.ready() === true) this.#ready.settle();
        else if (this.#ready.wanted) this.#watch();
      });
  }

  #end(): void {
    if (!this.#over) this.#reader?.done();
    this.#over = true;
    this.#count.connected = false;
    this.#reader?.wake();
  }

  #fail(error: CloudskinError): void {
    this.#end();
    this.#context.events.failed(error);
  }

  #makeStats(): ChannelStats {
    const { connected, items, bytes, rows, queued } = {
      connected: () => this.#count.connected,
      items: () => this.#count.items,
      bytes: () => this.#count.bytes,
      rows: () => this.#count.rows,
      queued: () => this.#reader?.used ?? 0,
    };
    return {
      get connected() {
        return connected();
      },
      get items() {
        return items();
      },
      get bytes() {
        return bytes();
      },
      get rows() {
        return rows();
      },
      repeated: 0,
      dropped: 0,
      get queued() {
        return queued();
      },
      roundTrip: undefined,
    };
  }
}
