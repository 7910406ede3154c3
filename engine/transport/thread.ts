/** Channels between fragments of one thread: a ring in its memory, one copy in, none out. */
import { Meeting } from './ring/meeting.ts';
import { type RingMemory, ringMemory, threadWakes, WORD } from './ring/memory.ts';
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

/** One for a thread: all fragments of the thread share it. */
export class ThreadTransport implements Transport {
  readonly name = 'thread';
  readonly #meeting = new Meeting<RingMemory>(({ words }) => Atomics.add(words, WORD.generation, 1) + 1);
  readonly #ends = new Set<{ close(): Promise<void> }>();
  readonly #spares = new RingSpares((bytes) => new ArrayBuffer(bytes));

  async openSender(address: ChannelAddress, options: SenderOptions, events: ChannelEvents): Promise<Sender> {
    const memory = ringMemory(this.#spares.take(options.maxBytes), threadWakes());
    const onClose = (): void => {
      leave();
      this.#ends.delete(sender);
    };
    const sender = new RingSender({ address, events, options, memory, onClose });
    this.#ends.add(sender);
    const { epoch, after = 0 } = options;
    const leave = this.#meeting.addSender(address, { epoch, after, ring: memory, hear: (word) => sender.hear(word) });
    return sender;
  }

  async openReceiver(address: ChannelAddress, options: ReceiverOptions, events: ChannelEvents): Promise<Receiver> {
    const onClose = (): void => {
      leave();
      this.#ends.delete(receiver);
    };
    const receiver = new RingReceiver({ address, events, options, onClose });
    this.#ends.add(receiver);
    const { epoch, senderEpoch } = options;
    const leave = this.#meeting.addReceiver(address, { epoch, senderEpoch, hear: (word) => receiver.hear(word) });
    return receiver;
  }

  reserve(maxBytes: number): void {
    this.#spares.reserve(maxBytes);
  }

  async close(): Promise<void> {
    this.#spares.clear();
    await Promise.all([...this.#ends].map((end) => end.close()));
  }
}
