/**
 * Channels over core NATS: one subject each way, datagrams as large as the server takes. NATS loses what is sent while a connection is down or to a
 * consumer that is too slow; the protocol asks for it again.
 *
 *     cs.<namespace>.<app>.ch.<channel>.data     sender to receiver
 *     cs.<namespace>.<app>.ch.<channel>.ack      receiver to sender
 *
 * Those of a handover are told apart by where they go to, since plans name them nowhere: `cs.<namespace>.<app>.ho.<site>.<channel>.<data|ack>`.
 */
import type { Nats } from '../nats/nats.ts';
import type { Ports } from '../ports.ts';
import { NatsPace, NatsPort } from './nats-port.ts';
import { TIMING, type Timing } from './protocol/datagram.ts';
import type { EndContext } from './protocol/end.ts';
import { ProtocolReceiver } from './protocol/receiver.ts';
import { ProtocolSender } from './protocol/sender.ts';
import type {
  ChannelAddress,
  ChannelEvents,
  Receiver,
  ReceiverOptions,
  Sender,
  SenderOptions,
  Transport,
} from './transport.ts';

export interface NatsTransportOptions {
  /** Stays the caller's. */
  readonly nats: Nats;
  readonly ports: Ports;
  readonly timing?: Timing;
  /** Bytes of the largest datagram, where a server further on takes less than the one that we are connected to. */
  readonly maxPayload?: number;
}

export function channelSubject({ namespace, app, channel, site }: ChannelAddress, way: 'data' | 'ack'): string {
  return `cs.${namespace}.${app}.${site === undefined ? 'ch' : `ho.${site}`}.${channel}.${way}`;
}

export class NatsTransport implements Transport {
  readonly name = 'nats';
  readonly #options: NatsTransportOptions;
  readonly #pace: NatsPace;
  readonly #ends = new Set<{ close(): Promise<void> }>();

  constructor(options: NatsTransportOptions) {
    this.#options = options;
    this.#pace = new NatsPace(options.nats);
  }

  async openSender(address: ChannelAddress, options: SenderOptions, events: ChannelEvents): Promise<Sender> {
    return this.#open(address, events, 'data', (context) => new ProtocolSender(context, options));
  }

  async openReceiver(address: ChannelAddress, options: ReceiverOptions, events: ChannelEvents): Promise<Receiver> {
    return this.#open(address, events, 'ack', (context) => new ProtocolReceiver(context, options));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ends].map((end) => end.close()));
    this.#pace.close();
  }

  #open<E extends ProtocolSender | ProtocolReceiver>(
    address: ChannelAddress,
    events: ChannelEvents,
    says: 'data' | 'ack',
    make: (context: EndContext) => E,
  ): E {
    const { ports, timing = TIMING, maxPayload } = this.#options;
    const port = new NatsPort(this.#pace, {
      says: channelSubject(address, says),
      hears: channelSubject(address, says === 'data' ? 'ack' : 'data'),
      maxPayload,
      onClose: () => this.#ends.delete(end),
    });
    const end = make({ address, port, ports, events, timing });
    this.#ends.add(end);
    end.open();
    return end;
  }
}
