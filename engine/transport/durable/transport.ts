/**
 * `durable` channels: items go through a JetStream stream of the near side, numbered by us, and stay in the sender's own log until a checkpoint of
 * the receiver covers them. Both ends talk over the subjects of the channel, as ends over core NATS do; the items are under
 *
 *     cs.<namespace>.<app>.ch.<channel>.items     stream cs_<namespace>_<app>_<channel>
 */
import type { Nats } from '../../nats/nats.ts';
import type { Ports } from '../../ports.ts';
import type { LogLimits, RecordLog } from '../../state/log/log.ts';
import { channelSubject } from '../nats.ts';
import { NatsPace, NatsPort } from '../nats-port.ts';
import { TIMING, type Timing } from '../protocol/datagram.ts';
import type { EndContext } from '../protocol/end.ts';
import type { ChannelAddress, ChannelEvents } from '../transport.ts';
import type {
  DurableEnds,
  DurableReceiver,
  DurableReceiverOptions,
  DurableSender,
  DurableSenderOptions,
} from './durable.ts';
import { KeptLog } from './kept-log.ts';
import { Publisher } from './publisher.ts';
import { DurableReceiverEnd } from './receiver.ts';
import { DurableSenderEnd } from './sender.ts';

export interface DurableOptions {
  /** Stays the caller's. */
  readonly nats: Nats;
  readonly ports: Ports;
  readonly timing?: Timing;
  /**
   * The channel's log on this agent's disk, the same each time. `known`: the record up to which it was safe; rejects with `log.lost` where it
   * has less.
   */
  readonly openLog: (address: ChannelAddress, limits: LogLimits, known: number) => Promise<RecordLog>;
  /** The JetStream domain of the channel's near side, as this end reaches it; absent: the server's own. */
  readonly domain?: (address: ChannelAddress) => string | undefined;
  readonly replicas?: number;
}

/** The bound may be exceeded by an item. */
const SPARE = 64 * 1024 * 1024;
/** Bytes of a piece of the log. */
const SMALLEST = 4 * 1024;
const LARGEST = 16 * 1024 * 1024;

export function durableStream({ namespace, app, channel }: ChannelAddress): string {
  return `cs_${namespace}_${app}_${channel}`;
}

export function durableSubject({ namespace, app, channel }: ChannelAddress): string {
  return `cs.${namespace}.${app}.ch.${channel}.items`;
}

export class DurableTransport implements DurableEnds {
  readonly #options: DurableOptions;
  readonly #pace: NatsPace;
  readonly #ends = new Set<{ close(): Promise<void> }>();

  constructor(options: DurableOptions) {
    this.#options = options;
    this.#pace = new NatsPace(options.nats);
  }

  /** Rejects with `log.lost` where the disk is older than the checkpoint, and as the log does. */
  async openSender(
    address: ChannelAddress,
    options: DurableSenderOptions,
    events: ChannelEvents,
  ): Promise<DurableSender> {
    const log = (known: number): Promise<RecordLog> => this.#options.openLog(address, limitsOf(options), known);
    const kept = await KeptLog.open(log, options.epoch, options.restored);
    const publisher = new Publisher({
      ...this.#publishing(address, options),
      kept,
      failed: (error) => sender.fail(error),
      stuck: (reason) => sender.stuck(reason),
    });
    const sender = new DurableSenderEnd(
      this.#context(address, events, 'data', () => sender),
      options,
      kept,
      publisher,
    );
    this.#ends.add(sender);
    publisher.start();
    return sender.open();
  }

  async openReceiver(
    address: ChannelAddress,
    options: DurableReceiverOptions,
    events: ChannelEvents,
  ): Promise<DurableReceiver> {
    const jetstream = this.#options.nats.jetstream(this.#options.domain?.(address));
    const context = this.#context(address, events, 'ack', () => receiver);
    const receiver = new DurableReceiverEnd(context, options, jetstream, durableStream(address));
    this.#ends.add(receiver);
    return receiver.open();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ends].map((end) => end.close()));
    this.#pace.close();
  }

  #publishing(address: ChannelAddress, { maxBytes, onFull = 'block' }: DurableSenderOptions) {
    const { nats, ports, domain, replicas } = this.#options;
    return {
      jetstream: nats.jetstream(domain?.(address)),
      ports,
      stream: durableStream(address),
      subject: durableSubject(address),
      // a message has to fit in, whatever the bound, and the last one stays
      maxBytes: maxBytes + 2 * nats.info.maxPayload,
      replicas,
      onFull,
      maxMessage: () => nats.info.maxPayload - HEADERS,
    };
  }

  #context(
    address: ChannelAddress,
    events: ChannelEvents,
    says: 'data' | 'ack',
    end: () => { close(): Promise<void> },
  ): EndContext {
    const { ports, timing = TIMING } = this.#options;
    const port = new NatsPort(this.#pace, {
      says: channelSubject(address, says),
      hears: channelSubject(address, says === 'data' ? 'ack' : 'data'),
      maxPayload: undefined,
      onClose: () => this.#ends.delete(end()),
    });
    return { address, port, ports, events, timing };
  }
}

function limitsOf({ maxBytes, onFull }: DurableSenderOptions): LogLimits {
  // the bound is the whole log's, and room is given back a piece at a time
  const segmentBytes = Math.max(SMALLEST, Math.min(LARGEST, Math.floor(maxBytes / 8)));
  if (onFull === 'dropOldest') return { maxBytes, onFull: 'drop-oldest', segmentBytes };
  return { maxBytes: maxBytes + SPARE, onFull: 'refuse', segmentBytes };
}

/** Room in a message for what JetStream is asked in headers. */
const HEADERS = 1024;
