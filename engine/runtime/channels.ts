/** The ends of a fragment's channels: opened with it, watched for their connection, closed with it. */
import type { Channel, FragmentPlan, Outlet } from '../compile/fragment-plan.ts';
import { internalError } from '../errors.ts';
import type { ChannelEvents, ChannelStats, Receiver, Sender, Transport } from '../transport/transport.ts';
import type { Control } from './control.ts';

export interface ChannelOptions {
  /** Of this start of the region. */
  readonly epoch: number;
  /** Epochs of fragments of other regions. */
  readonly peers: ReadonlyMap<string, number>;
  /** What carries a channel; throws where nothing does. */
  readonly transport: (channel: Channel) => Transport;
}

export const NO_CHANNELS: ChannelOptions = {
  epoch: 1,
  peers: new Map(),
  transport: ({ id }) => {
    throw internalError('runtime.no-transport', `nothing carries channel ${id}`);
  },
};

interface Waiting {
  readonly channel: string;
  readonly reason: string;
}

export class Channels {
  readonly #options: ChannelOptions;
  readonly #onConnected: () => void;
  readonly #waiting = new Map<string, string>();
  readonly #senders = new Map<string, Sender>();
  readonly #receivers = new Map<string, Receiver>();

  /** `onConnected` is called whenever no channel waits any more. */
  constructor(options: ChannelOptions, onConnected: () => void) {
    this.#options = options;
    this.#onConnected = onConnected;
  }

  /** Channels that are not connected, and why. */
  get waiting(): readonly Waiting[] {
    return [...this.#waiting].map(([channel, reason]) => ({ channel, reason }));
  }

  get stats(): ReadonlyMap<string, ChannelStats> {
    return new Map([...this.#senders, ...this.#receivers].map(([id, { stats }]) => [id, stats]));
  }

  receiver(id: string): Receiver {
    const receiver = this.#receivers.get(id);
    if (receiver === undefined) throw internalError('runtime.no-channel', `channel ${id} was not opened`);
    return receiver;
  }

  /** Opens every end that the plan has; the senders by outlet. Failures go to the control. */
  async open(
    plan: FragmentPlan,
    control: Control,
  ): Promise<readonly { readonly outlet: Outlet; readonly ends: readonly Sender[] }[]> {
    const incoming = plan.inlets.flatMap(({ channels }) => channels);
    const outgoing = plan.outlets.flatMap(({ channels }) => channels);
    for (const { id } of [...incoming, ...outgoing]) this.#waiting.set(id, 'the other end has not been heard yet');
    const opening = [
      ...incoming.map((channel) => this.#openReceiver(plan, channel, control)),
      ...outgoing.map((channel) => this.#openSender(plan, channel, control)),
    ];
    await Promise.all(opening.map((one) => one.catch((error: unknown) => control.failNode('cell', plan.name, error))));
    if (control.failure !== undefined) return [];
    return plan.outlets.map((outlet) => {
      const ends = outlet.channels.flatMap(({ id }) => this.#senders.get(id) ?? []);
      return { outlet, ends };
    });
  }

  async close(): Promise<void> {
    const ends = [...this.#senders.values(), ...this.#receivers.values()];
    this.#waiting.clear();
    await Promise.all(ends.map((end) => end.close()));
  }

  async #openSender(plan: FragmentPlan, channel: Channel, control: Control): Promise<void> {
    const { epoch, transport } = this.#options;
    const { id, maxBytes } = channel;
    const options = { epoch, maxBytes };
    const opening = transport(channel).openSender(addressOf(plan, id), options, this.#events(id, control));
    const sender = await control.orDiscard(opening, (late) => late.close());
    if (sender !== undefined) this.#senders.set(id, sender);
  }

  async #openReceiver(plan: FragmentPlan, channel: Channel, control: Control): Promise<void> {
    const { epoch, peers, transport } = this.#options;
    const { id, maxBytes, from } = channel;
    const options = { epoch, senderEpoch: peers.get(from) ?? epoch, maxBytes };
    const opening = transport(channel).openReceiver(addressOf(plan, id), options, this.#events(id, control));
    const receiver = await control.orDiscard(opening, (late) => late.close());
    if (receiver !== undefined) this.#receivers.set(id, receiver);
  }

  #events(id: string, control: Control): ChannelEvents {
    return {
      connected: () => {
        if (this.#waiting.delete(id) && this.#waiting.size === 0) this.#onConnected();
      },
      disconnected: (reason) => {
        this.#waiting.set(id, reason);
      },
      failed: (error) => control.fail(error),
    };
  }
}

function addressOf({ namespace, app }: FragmentPlan, channel: string) {
  return { namespace, app, channel };
}
