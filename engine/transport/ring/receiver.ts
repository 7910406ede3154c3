/** The receiving end over a ring: batches are views of it until the next item is asked for. */
import type { CloudskinError } from '../../errors.ts';
import { Counts } from '../counts.ts';
import { fenced, protocolError, Signal } from '../protocol/end.ts';
import type { ChannelStats, Item, Receiver } from '../transport.ts';
import type { RingReceiverContext, Word } from './ends.ts';
import { RingReader } from './reader.ts';

export class RingReceiver implements Receiver {
  readonly #context: RingReceiverContext;
  readonly #ready = new Signal();
  #connected = false;
  readonly #count = new Counts();
  #reader: RingReader | undefined;
  #position: number;
  #watching = false;
  #over = false;

  constructor(context: RingReceiverContext) {
    this.#context = context;
    this.#position = context.options.after ?? 0;
  }

  get stats(): ChannelStats {
    return { ...this.#count, connected: this.#connected, queued: this.#reader?.used ?? 0, roundTrip: undefined };
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
    this.#count.add(item);
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
        this.#connected = true;
        events.connected();
        return;
      case 'parted':
        this.#connected = false;
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
    this.#connected = false;
    this.#reader?.wake();
  }

  #fail(error: CloudskinError): void {
    this.#end();
    this.#context.events.failed(error);
  }
}
