/**
 * One channel of the simulation: a sender and a receiver in processes of their own, replaced when their process dies, when they are moved, or
 * both at once at a new epoch of the sender. What has been replaced may live on for a while, as a zombie does.
 */
import type { Nats } from '../../../engine/nats/nats.ts';
import { NatsTransport } from '../../../engine/transport/nats.ts';
import { emptyFrame, KIND, readFrame } from '../../../engine/transport/protocol/frame.ts';
import type { ChannelEvents, Receiver, Sender } from '../../../engine/transport/transport.ts';
import type { SimulatedNode } from '../nats/node.ts';
import type { SeededRandom } from '../nats/random.ts';
import type { Stage } from '../stage.ts';
import { onTheWay } from './datagrams.ts';
import { Ledger } from './ledger.ts';

/** A process with a connection. */
export interface Process {
  readonly node: SimulatedNode;
  /** What its ends are given: the connection, or one with a bug in it. */
  readonly nats: Nats;
  readonly connection: Nats;
}

export interface LaneOptions {
  readonly channel: string;
  readonly stage: Stage;
  readonly random: SeededRandom;
  /** Items, with the end. */
  readonly items: number;
  readonly maxBytes: number;
  readonly largest: number;
  /** The processes that host its ends at first. */
  readonly from: number;
  readonly to: number;
  /** The process of this number now; another one after a restart. */
  readonly process: (index: number) => Process;
}

/** Milliseconds at most between two items sent, and between two looks of the receiver. */
const PACE = 400;
const SLACK = 4_096;

export class Lane {
  readonly ledger: Ledger;
  readonly #options: LaneOptions;
  #senderEpoch = 1;
  #receiverEpoch = 1;
  #sender: Sender | undefined;
  #receiver: Receiver | undefined;
  /** Rises with every replacement: loops of older ends stop. */
  #senderLife = 0;
  #receiverLife = 0;
  /** Receivers that have been replaced, stand still, and go on when the sender hears of a successor. */
  readonly #frozen: { readonly receiver: Receiver; readonly epoch: number }[] = [];
  #drained = false;
  #to: number;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#to = options.to;
    this.ledger = new Ledger(options.channel, options.items, (what) => options.stage.violate(what));
  }

  get done(): boolean {
    return this.ledger.complete && this.#drained;
  }

  get from(): Process {
    return this.#options.process(this.#options.from);
  }

  get to(): Process {
    return this.#options.process(this.#to);
  }

  get phase(): string {
    const sender = this.#sender;
    if (sender === undefined || !this.from.node.alive || !this.to.node.alive) return 'switching';
    if (!sender.stats.connected) return 'connecting';
    if (this.ledger.complete) return 'draining';
    if (sender.stats.queued >= this.#options.maxBytes) return 'blocked';
    return sender.stats.queued > 0 ? 'flowing' : 'idle';
  }

  open(): void {
    void this.#openReceiver(0);
    void this.#openSender();
  }

  /** Another receiver, maybe of another process, goes on from what has been taken; the old one is let be, or ended. */
  replaceReceiver(zombie: boolean, to: number = this.#to): void {
    this.#to = to;
    const old = this.#receiver;
    this.#receiver = undefined;
    this.#receiverEpoch += 1;
    if (!zombie) void old?.close();
    else if (old !== undefined) this.#frozen.push({ receiver: old, epoch: this.#receiverEpoch - 1 });
    void this.#openReceiver(this.#takenOfEpoch);
  }

  /** Both ends begin anew, from what has been taken: a recovery. */
  replaceBoth(zombie: boolean): void {
    const [sender, receiver] = [this.#sender, this.#receiver];
    this.#sender = undefined;
    this.#receiver = undefined;
    this.#senderEpoch += 1;
    this.#receiverEpoch += 1;
    this.#drained = false;
    this.#base = this.ledger.taken;
    if (!zombie) for (const end of [sender, receiver]) void end?.close();
    void this.#openReceiver(0);
    void this.#openSender();
  }

  /** What the ends keep must stay within their bounds. */
  check(): void {
    const { channel, maxBytes, largest, stage } = this.#options;
    const bound = maxBytes + largest + SLACK;
    for (const [name, end] of [
      ['sender', this.#sender],
      ['receiver', this.#receiver],
    ] as const) {
      const queued = end?.stats.queued ?? 0;
      if (queued > bound) stage.violate(`${channel}: the ${name} keeps ${queued} bytes, ${maxBytes} were allowed`);
    }
  }

  /** Taken before this epoch of the sender. */
  #base = 0;

  get #takenOfEpoch(): number {
    return this.ledger.taken - this.#base;
  }

  async #openSender(): Promise<void> {
    this.#senderLife += 1;
    const life = this.#senderLife;
    const { channel, items, largest, maxBytes, random, stage } = this.#options;
    const process = this.from;
    const { ports } = process.node;
    const epoch = this.#senderEpoch;
    const base = this.#base;
    const address = { namespace: 'n', app: 'a', channel };
    const nats = onTheWay(process.nats, 'in', (_, data) => this.#heardBySender(data));
    const transport = new NatsTransport({ nats, ports });
    const sender = await transport.openSender(
      address,
      { epoch, maxBytes },
      this.#events('sender', epoch, () => this.#senderLife === life),
    );
    if (this.#senderLife !== life) return;
    this.#sender = sender;
    for (let number = base + 1; number <= items; number += 1) {
      await sender.room();
      const item = this.ledger.item(number, epoch, random.integer(0, largest));
      sender.send(item);
      if (item.kind === 'batch') stage.batches += 1;
      // zombies go on sending, and hear at last that they are
      if (random.chance(0.7)) await new Promise<void>((resolve) => ports.after(random.next() ** 3 * PACE, resolve));
    }
    await sender.drained();
    if (this.#senderLife !== life) return;
    this.#drained = true;
    if (!this.ledger.complete) stage.violate(`${channel}: drained, though ${this.ledger.taken} of ${items} were taken`);
  }

  /** The worst moment for a zombie to go on: its word comes after that of its successor. What it takes is nobody's. */
  #heardBySender(data: Uint8Array): Uint8Array {
    const frame = emptyFrame();
    if (this.#frozen.length === 0 || !readFrame(data, frame, true) || frame.kind !== KIND.acknowledgement) return data;
    for (const one of [...this.#frozen]) {
      if (one.epoch >= frame.receiverEpoch) continue;
      this.#frozen.splice(this.#frozen.indexOf(one), 1);
      while (one.receiver.take() !== undefined);
    }
    return data;
  }

  async #openReceiver(after: number): Promise<void> {
    this.#receiverLife += 1;
    const life = this.#receiverLife;
    const { channel, maxBytes, random } = this.#options;
    const process = this.to;
    const { ports } = process.node;
    const [epoch, senderEpoch] = [this.#receiverEpoch, this.#senderEpoch];
    const address = { namespace: 'n', app: 'a', channel };
    const transport = new NatsTransport({ nats: process.nats, ports });
    const current = (): boolean => this.#receiverLife === life;
    const options = { epoch, senderEpoch, maxBytes, after };
    const receiver = await transport.openReceiver(address, options, this.#events('receiver', epoch, current));
    if (!current()) return;
    this.#receiver = receiver;
    while (current()) {
      await receiver.ready();
      // a zombie takes nothing more: what it took would be another one's
      for (let item = current() ? receiver.take() : undefined; item !== undefined; item = receiver.take()) {
        this.ledger.take(item, senderEpoch);
        if (random.chance(0.3)) break;
      }
      if (this.ledger.complete) return;
      await new Promise<void>((resolve) => ports.after(random.next() ** 3 * PACE, resolve));
    }
  }

  #events(end: string, epoch: number, current: () => boolean): ChannelEvents {
    const { channel, stage } = this.#options;
    const say = (what: string): void => stage.say(`${channel} ${end} of epoch ${epoch}: ${what}`);
    return {
      connected: () => say('connected'),
      disconnected: (reason) => say(`disconnected: ${reason}`),
      failed: (error) => {
        say(`failed: ${error.message}`);
        if (current()) stage.violate(`${channel}: the ${end} of epoch ${epoch} failed: ${error.message}`);
      },
    };
  }
}
