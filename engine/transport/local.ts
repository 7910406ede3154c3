/**
 * Channels between worker threads of one process: a ring in shared memory, one copy in, none out. The ends find each other through the
 * agent's main thread, which runs a `LocalBroker` and gives each worker thread a port to it:
 *
 *     const broker = new LocalBroker();                                     // main thread
 *     const port = broker.connect();
 *     new Worker(file, { workerData: { port }, transferList: [port] });
 *     const transport = new LocalTransport(workerData.port);                // worker thread
 *
 * Where a worker thread ends, however it does, its ends have closed.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { FromBroker, ToBroker } from './local-messages.ts';
import type { Word } from './ring/ends.ts';
import { Meeting } from './ring/meeting.ts';
import { ringMemory, sharedWakes, WORD } from './ring/memory.ts';
import { RingReceiver } from './ring/receiver.ts';
import { RingSender } from './ring/sender.ts';
import { RingSpares } from './ring/spares.ts';
import type {
  ChannelAddress,
  ChannelEvents,
  Receiver,
  ReceiverOptions,
  Sender,
  SenderOptions,
  Transport,
} from './transport.ts';

/** Keeps no process alive. */
export class LocalBroker {
  readonly #meeting = new Meeting<SharedArrayBuffer>(
    (ring) => Atomics.add(ringMemory(ring, sharedWakes).words, WORD.generation, 1) + 1,
  );
  readonly #ports = new Set<MessagePort>();

  /** A port for one `LocalTransport`, to be transferred to its thread. */
  connect(): MessagePort {
    const { port1: here, port2: there } = new MessageChannel();
    const leaves = new Map<number, () => void>();
    here.on('message', (message: ToBroker) => {
      if (message.kind === 'close') {
        leaves.get(message.end)?.();
        leaves.delete(message.end);
      } else leaves.set(message.end, this.#add(here, message));
    });
    here.on('close', () => {
      this.#ports.delete(here);
      for (const leave of leaves.values()) leave();
      leaves.clear();
    });
    here.unref();
    this.#ports.add(here);
    return there;
  }

  close(): void {
    for (const port of this.#ports) port.close();
  }

  #add(port: MessagePort, message: Exclude<ToBroker, { kind: 'close' }>): () => void {
    const { end, address } = message;
    const hear = (word: Word<SharedArrayBuffer>): void => {
      const answer: FromBroker = { end, word };
      port.postMessage(answer);
    };
    return message.kind === 'sender'
      ? this.#meeting.addSender(address, { ...message, hear })
      : this.#meeting.addReceiver(address, { ...message, hear });
  }
}

export class LocalTransport implements Transport {
  readonly name = 'local';
  readonly #port: MessagePort;
  readonly #ends = new Map<number, RingSender | RingReceiver>();
  readonly #spares = new RingSpares((bytes) => new SharedArrayBuffer(bytes));
  #next = 1;

  /** The port is the transport's from here on. */
  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', ({ end, word }: FromBroker) => this.#hear(end, word));
    port.on('close', () => {
      for (const end of this.#ends.values()) end.hear({ kind: 'parted', reason: 'the main thread has closed' });
    });
  }

  async openSender(address: ChannelAddress, options: SenderOptions, events: ChannelEvents): Promise<Sender> {
    const ring = this.#spares.take(options.maxBytes);
    const { end, onClose } = this.#number();
    const memory = ringMemory(ring, sharedWakes);
    const sender = new RingSender({ address, events, options, memory, onClose });
    this.#ends.set(end, sender);
    this.#say({ kind: 'sender', end, address, epoch: options.epoch, after: options.after ?? 0, ring });
    return sender;
  }

  async openReceiver(address: ChannelAddress, options: ReceiverOptions, events: ChannelEvents): Promise<Receiver> {
    const { end, onClose } = this.#number();
    const receiver = new RingReceiver({ address, events, options, onClose });
    this.#ends.set(end, receiver);
    const { epoch, senderEpoch } = options;
    this.#say({ kind: 'receiver', end, address, epoch, senderEpoch });
    return receiver;
  }

  reserve(maxBytes: number): void {
    this.#spares.reserve(maxBytes);
  }

  async close(): Promise<void> {
    this.#spares.clear();
    await Promise.all([...this.#ends.values()].map((end) => end.close()));
    this.#port.close();
  }

  #number(): { readonly end: number; readonly onClose: () => void } {
    const end = this.#next++;
    const onClose = (): void => {
      if (this.#ends.delete(end)) this.#say({ kind: 'close', end });
    };
    return { end, onClose };
  }

  #say(message: ToBroker): void {
    this.#port.postMessage(message);
  }

  #hear(end: number, word: Word<SharedArrayBuffer>): void {
    const told = word.kind === 'ring' ? { ...word, ring: ringMemory(word.ring, sharedWakes) } : word;
    this.#ends.get(end)?.hear(told);
  }
}
