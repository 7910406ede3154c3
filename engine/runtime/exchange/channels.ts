/**
 * The ends of a fragment's channels: opened with it, watched for their connection, closed with it. Those of durable channels go on from what a
 * checkpoint has kept of them.
 */

import type { Channel, FragmentPlan, Outlet } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import { internalError } from '../../errors.ts';
import type { InletState, OutletState } from '../../state/checkpoint/state.ts';
import type { DurableEnds, DurableReceiver, DurableSender } from '../../transport/durable/durable.ts';
import type { ChannelEvents, ChannelStats, Receiver, Sender, Transport } from '../../transport/transport.ts';
import type { Control } from '../control.ts';

export interface ChannelOptions {
  /** Of this start of the region. */
  readonly epoch: number;
  /** Epochs of fragments of other regions. */
  readonly peers: ReadonlyMap<string, number>;
  /** What carries a channel; throws where nothing does. */
  readonly transport: (channel: Channel) => Transport;
  /** What carries durable channels; absent: whatever carries the others, within one process whose regions are one. */
  readonly durable?: (channel: Channel) => DurableEnds;
}

/** What a checkpoint has kept of the ends of durable channels. */
export interface DurablePast {
  readonly outlet: (channel: string) => OutletState | undefined;
  readonly inlet: (channel: string) => InletState | undefined;
}

/** There is no checkpoint, or it holds nothing of durable channels. */
export const NO_PAST: DurablePast = { outlet: () => undefined, inlet: () => undefined };

/** Milliseconds of silence after which the other end of a durable channel may be gone for good, once all is published. */
const SILENCE = 30_000;
/** Bytes of a durable channel that may wait at its receiver; what it keeps is the sender's. */
const WINDOW = 8 * 1_048_576;

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
  readonly #durableSenders = new Map<string, DurableSender>();
  readonly #durableReceivers = new Map<string, DurableReceiver>();
  readonly #watchers = new Map<string, () => void>();
  #closed = false;

  /** `onConnected` is called whenever none that has to be connected waits any more. */
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

  /** True where no channel waits but durable ones, which are there to go on without their other end. */
  get connected(): boolean {
    return ![...this.#waiting.keys()].some((id) => !this.#durableSenders.has(id) && !this.#durableReceivers.has(id));
  }

  isDurable({ transport }: Channel): boolean {
    return transport === 'durable' && this.#options.durable !== undefined;
  }

  durableSender(id: string): DurableSender | undefined {
    return this.#durableSenders.get(id);
  }

  durableReceiver(id: string): DurableReceiver | undefined {
    return this.#durableReceivers.get(id);
  }

  /** Called whenever the other end of a channel is heard again, or not any more. */
  watch(id: string, changed: () => void): void {
    this.#watchers.set(id, changed);
  }

  receiver(id: string): Receiver {
    const receiver = this.#receivers.get(id);
    if (receiver === undefined) throw internalError('runtime.no-channel', `channel ${id} was not opened`);
    return receiver;
  }

  /** `open` will be called while rows are held up. */
  reserve({ outlets }: FragmentPlan): void {
    for (const channel of outlets.flatMap(({ channels }) => channels)) {
      if (!this.isDurable(channel)) this.#options.transport(channel).reserve?.(channel.maxBytes);
    }
  }

  /** Opens every end that the plan has; the senders by outlet. Failures go to the control. */
  async open(
    plan: FragmentPlan,
    control: Control,
    past: DurablePast,
  ): Promise<readonly { readonly outlet: Outlet; readonly ends: readonly Sender[] }[]> {
    const incoming = plan.inlets.flatMap(({ channels }) => channels);
    const outgoing = plan.outlets.flatMap(({ channels }) => channels);
    for (const { id } of [...incoming, ...outgoing]) this.#waiting.set(id, 'the other end has not been heard yet');
    const opening = [
      ...incoming.map((channel) =>
        this.isDurable(channel)
          ? this.#openDurableReceiver(plan, channel, control, past.inlet(channel.id))
          : this.#openReceiver(plan, channel, control),
      ),
      ...outgoing.map((channel) =>
        this.isDurable(channel)
          ? this.#openDurableSender(plan, channel, control, past.outlet(channel.id))
          : this.#openSender(plan, channel, control),
      ),
    ];
    await Promise.all(opening.map((one) => one.catch((error: unknown) => control.failNode('cell', plan.name, error))));
    if (control.failure !== undefined) return [];
    return plan.outlets.map((outlet) => {
      const ends = outlet.channels.flatMap(({ id }) => this.#senders.get(id) ?? []);
      return { outlet, ends };
    });
  }

  /** Resolves when checkpoints of the other side cover what durable channels have sent, or it is published and the other side is silent. */
  async settled(): Promise<void> {
    await Promise.all(
      [...this.#durableSenders].map(async ([id, sender]) => {
        if (!this.#waiting.has(id)) this.#waiting.set(id, 'no checkpoint of the other side covers its last rows yet');
        await sender.settled(SILENCE);
        this.#waiting.delete(id);
      }),
    );
  }

  /** At a handover: others may open channels of these names. Who sent may still ask what was taken; the rest is for `close`. */
  async leave(): Promise<void> {
    this.#waiting.clear();
    await Promise.all([...this.#senders.values()].map((sender) => sender.close()));
    for (const receiver of this.#receivers.values()) {
      if (receiver.linger === undefined) await receiver.close();
      else receiver.linger();
    }
  }

  /** Called again it does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
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

  async #openDurableSender(
    plan: FragmentPlan,
    channel: Channel,
    control: Control,
    past: OutletState | undefined,
  ): Promise<void> {
    const { epoch, durable } = this.#options;
    const { id, maxBytes, onFull } = channel;
    const ends = durable?.(channel);
    if (ends === undefined) return;
    const options = {
      epoch,
      maxBytes,
      ...defined({ onFull }),
      ...(past === undefined ? {} : { restored: past.sent }),
    };
    const opening = ends.openSender(addressOf(plan, id), options, this.#events(id, control));
    const sender = await control.orDiscard(opening, (late) => late.close());
    if (sender === undefined) return;
    this.#senders.set(id, sender);
    this.#durableSenders.set(id, sender);
  }

  async #openDurableReceiver(
    plan: FragmentPlan,
    channel: Channel,
    control: Control,
    past: InletState | undefined,
  ): Promise<void> {
    const { epoch, durable } = this.#options;
    const ends = durable?.(channel);
    if (ends === undefined) return;
    const { id } = channel;
    const options = { epoch, maxBytes: WINDOW, ...(past === undefined ? {} : { restored: past.taken }) };
    const opening = ends.openReceiver(addressOf(plan, id), options, this.#events(id, control));
    const receiver = await control.orDiscard(opening, (late) => late.close());
    if (receiver === undefined) return;
    this.#receivers.set(id, receiver);
    this.#durableReceivers.set(id, receiver);
  }

  #events(id: string, control: Control): ChannelEvents {
    return {
      connected: () => {
        if (this.#waiting.delete(id) && this.connected) this.#onConnected();
        this.#watchers.get(id)?.();
      },
      disconnected: (reason) => {
        this.#waiting.set(id, reason);
        this.#watchers.get(id)?.();
      },
      failed: (error) => control.fail(error),
    };
  }
}

function addressOf({ namespace, app }: FragmentPlan, channel: string) {
  return { namespace, app, channel };
}
