/** Channels over links that lose, delay and repeat datagrams as a seed says; ends of one channel meet whoever opens them. */
import type { Ports } from '../../engine/ports.ts';
import { TIMING } from '../../engine/transport/protocol/datagram.ts';
import { ProtocolReceiver } from '../../engine/transport/protocol/receiver.ts';
import { ProtocolSender } from '../../engine/transport/protocol/sender.ts';
import type {
  ChannelAddress,
  ChannelEvents,
  Receiver,
  ReceiverOptions,
  Sender,
  SenderOptions,
  Transport,
} from '../../engine/transport/transport.ts';
import { type LinkFaults, LossyLink } from './lossy-link.ts';

export class LossyTransport implements Transport {
  readonly name = 'lossy';
  readonly #ports: Ports;
  readonly #faults: LinkFaults;
  readonly #links = new Map<string, LossyLink>();

  constructor(ports: Ports, faults: LinkFaults) {
    this.#ports = ports;
    this.#faults = faults;
  }

  async openSender(address: ChannelAddress, options: SenderOptions, events: ChannelEvents): Promise<Sender> {
    const port = this.#link(address).senderPort();
    return new ProtocolSender({ address, port, ports: this.#ports, events, timing: TIMING }, options).open();
  }

  async openReceiver(address: ChannelAddress, options: ReceiverOptions, events: ChannelEvents): Promise<Receiver> {
    const port = this.#link(address).receiverPort();
    return new ProtocolReceiver({ address, port, ports: this.#ports, events, timing: TIMING }, options).open();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Loses everything of channels whose names hold this. */
  cut(part: string): void {
    for (const [channel, link] of this.#links) if (channel.includes(part)) link.cut();
  }

  #link({ channel }: ChannelAddress): LossyLink {
    const seed = (this.#faults.seed ?? 1) + this.#links.size;
    const link = this.#links.get(channel) ?? new LossyLink(this.#ports, { ...this.#faults, seed });
    this.#links.set(channel, link);
    return link;
  }
}
