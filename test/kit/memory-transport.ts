/** A transport within one thread, for tests of fragments: items are there at once unless a test holds a channel back. */
import type {
  ChannelAddress,
  ChannelEvents,
  ChannelStats,
  Item,
  Payload,
  Receiver,
  ReceiverOptions,
  Sender,
  SenderOptions,
  SentItem,
  Transport,
} from '../../engine/transport/transport.ts';

class Pipe {
  items: Item[] = [];
  queued = 0;
  taken = 0;
  held = false;
  deaf = false;
  maxBytes = 0;
  ends = new Set<string>();
  events: ChannelEvents[] = [];
  #wake: PromiseWithResolvers<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #drained: PromiseWithResolvers<void> | undefined;

  open(end: string, events: ChannelEvents): void {
    this.ends.add(end);
    this.events.push(events);
    if (this.ends.size === 2) for (const each of this.events) each.connected();
  }

  put(item: SentItem): void {
    const copy = item.kind === 'batch' ? { ...item, payload: copyOf(item.payload) } : item;
    this.items.push(copy);
    this.queued += sizeOf(copy);
    if (!this.held) this.#settle();
  }

  take(): Item | undefined {
    if (this.held) return undefined;
    const item = this.items.shift();
    if (item === undefined) return undefined;
    this.taken += 1;
    this.queued -= sizeOf(item);
    this.#settle();
    return item;
  }

  release(): void {
    this.held = false;
    this.#settle();
  }

  ready(): Promise<void> {
    if (this.items.length > 0 && !this.held) return Promise.resolve();
    this.#wake ??= Promise.withResolvers();
    return this.#wake.promise;
  }

  room(): Promise<void> | undefined {
    if (this.queued < this.maxBytes) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  drained(): Promise<void> {
    if (this.items.length === 0 && !this.deaf) return Promise.resolve();
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  close(): void {
    this.items = [];
    this.queued = 0;
    this.#wake?.resolve();
    this.#settle();
  }

  #settle(): void {
    if (this.items.length > 0) this.#wake = settle(this.#wake);
    if (this.queued < this.maxBytes) this.#room = settle(this.#room);
    if (this.items.length === 0 && !this.deaf) this.#drained = settle(this.#drained);
  }
}

function settle(waiting: PromiseWithResolvers<void> | undefined): undefined {
  waiting?.resolve();
  return undefined;
}

function sizeOf(item: Item): number {
  return item.kind === 'batch' ? item.payload.length : 16;
}

function copyOf(payload: Uint8Array | Payload): Uint8Array {
  const bytes = new Uint8Array(payload.length);
  if (payload instanceof Uint8Array) bytes.set(payload);
  else payload.writeInto(bytes, 0);
  return bytes;
}

export class MemoryTransport implements Transport {
  readonly name = 'memory';
  readonly #pipes = new Map<string, Pipe>();

  /** The receiver of a channel gets nothing until `release`. */
  hold(channel: string): void {
    this.#pipe(channel).held = true;
  }

  release(channel: string): void {
    this.#pipe(channel).release();
  }

  /** The sender of a channel is never told that everything was taken. */
  deafen(channel: string): void {
    this.#pipe(channel).deaf = true;
  }

  /** Items that wait in a channel. */
  waiting(channel: string): readonly Item[] {
    return this.#pipe(channel).items;
  }

  async openSender({ channel }: ChannelAddress, options: SenderOptions, events: ChannelEvents): Promise<Sender> {
    const pipe = this.#pipe(channel);
    pipe.maxBytes = options.maxBytes;
    pipe.open('sender', events);
    return {
      send: (item) => pipe.put(item),
      room: () => pipe.room(),
      drained: () => pipe.drained(),
      stats: statsOf(pipe),
      close: async () => pipe.close(),
    };
  }

  async openReceiver({ channel }: ChannelAddress, _options: ReceiverOptions, events: ChannelEvents): Promise<Receiver> {
    const pipe = this.#pipe(channel);
    pipe.open('receiver', events);
    return {
      take: () => pipe.take(),
      ready: () => pipe.ready(),
      get position() {
        return pipe.taken;
      },
      stats: statsOf(pipe),
      close: async () => pipe.close(),
    };
  }

  async close(): Promise<void> {
    for (const pipe of this.#pipes.values()) pipe.close();
  }

  #pipe(channel: string): Pipe {
    const pipe = this.#pipes.get(channel) ?? new Pipe();
    this.#pipes.set(channel, pipe);
    return pipe;
  }
}

function statsOf(pipe: Pipe): ChannelStats {
  return {
    get connected() {
      return pipe.ends.size === 2;
    },
    get queued() {
      return pipe.queued;
    },
    items: 0,
    bytes: 0,
    rows: 0,
    repeated: 0,
    dropped: 0,
    roundTrip: undefined,
  };
}
