/** The sending end of a durable channel: its log, its publisher, and its talk with the receiver. */
import type { CloudskinError } from '../../errors.ts';
import type { Json } from '../../json.ts';
import { Counts } from '../counts.ts';
import { type EndContext, fenced, otherVersion, protocolError, Signal } from '../protocol/end.ts';
import { emptyFrame, FLAG, KIND, readFrame, VERSION, writeFrame } from '../protocol/frame.ts';
import { Heart } from '../protocol/heart.ts';
import { RoundTrip } from '../protocol/round-trip.ts';
import type { ChannelStats, SentItem } from '../transport.ts';
import type { DurableSender, DurableSenderOptions } from './durable.ts';
import type { KeptLog } from './kept-log.ts';
import { PROBE, readTold, setOldest, writeStored } from './messages.ts';
import { Numbers } from './numbers.ts';
import type { Publisher } from './publisher.ts';

/** Milliseconds between two looks at what is published. */
const LOOK = 500;
/** Share of the bound that may wait to be written where the oldest is given up. */
const UNSYNCED = 1 / 4;

export class DurableSenderEnd implements DurableSender {
  readonly #context: EndContext;
  readonly #options: DurableSenderOptions;
  readonly #kept: KeptLog;
  readonly #publisher: Publisher;
  readonly #heart: Heart;
  readonly #roundTrip = new RoundTrip();
  readonly #room = new Signal();
  readonly #coveredSignal = new Signal();
  /** Something has changed for who waits in `settled`. */
  readonly #look = new Signal();
  readonly #heard = emptyFrame();
  readonly #said = emptyFrame();
  readonly #bytes = new Uint8Array(PROBE);
  readonly #view = new DataView(this.#bytes.buffer);
  #receiverEpoch = 0;
  #over = false;
  readonly #count = new Counts();

  /** `publisher` of the same log. */
  constructor(context: EndContext, options: DurableSenderOptions, kept: KeptLog, publisher: Publisher) {
    this.#context = context;
    this.#options = options;
    this.#kept = kept;
    this.#publisher = publisher;
    this.#heart = new Heart(context, () => this.#say());
  }

  get stats(): ChannelStats {
    return {
      ...this.#count,
      connected: this.#heart.connected,
      lost: this.#kept.lost,
      queued: this.#kept.waiting,
      roundTrip: this.#roundTrip.milliseconds,
    };
  }

  open(): this {
    this.#heart.begin(
      (bytes) => this.#accept(bytes),
      () => {
        this.#say();
        this.#publisher.wake();
      },
    );
    return this;
  }

  get lost(): number {
    return this.#kept.lost;
  }

  send(item: SentItem): void {
    if (this.#over || item.kind === 'barrier') return;
    try {
      this.#kept.add(item);
    } catch (error) {
      this.fail(error as CloudskinError);
      return;
    }
    this.#count.add(item);
  }

  room(): Promise<void> | undefined {
    if (this.#over) return undefined;
    const { maxBytes, onFull } = this.#options;
    try {
      if (onFull !== 'dropOldest') return this.#kept.log.bytes >= maxBytes ? this.#room.wait() : this.#logRoom();
      // only what is on the disk can be given up
      return this.#kept.unsynced > maxBytes * UNSYNCED ? this.#sync() : this.#logRoom();
    } catch (error) {
      this.fail(error as CloudskinError);
      return undefined;
    }
  }

  async drained(): Promise<void> {
    if (!this.#over) await this.#kept.sync();
  }

  mark(): Json {
    return this.#kept.mark();
  }

  commit(mark: Json): void {
    if (this.#over) return;
    this.#kept.commit(Numbers.from(mark).last);
    this.#publisher.wake();
  }

  covered(): Promise<void> {
    if (this.#over || this.#kept.covered >= this.#kept.committed) return Promise.resolve();
    return this.#coveredSignal.wait();
  }

  async settled(silence: number): Promise<void> {
    const { ports } = this.#context;
    let heard = ports.monotonic();
    while (!this.#over && this.#kept.covered < this.#kept.committed) {
      const isPublished = this.#publisher.published >= this.#kept.committed;
      if (!isPublished || this.#heart.connected) heard = ports.monotonic();
      else if (ports.monotonic() - heard >= silence) return;
      const again = ports.after(Math.min(silence, LOOK), () => this.#look.settle());
      await this.#look.wait();
      again.cancel();
    }
  }

  async close(): Promise<void> {
    this.#end();
    this.#context.port.close();
    await this.#publisher.close();
    await this.#kept.close();
  }

  /** The channel cannot go on. */
  fail(error: CloudskinError): void {
    if (this.#over) return;
    this.#end();
    this.#context.events.failed(error);
  }

  /** Nothing is published now: the other end hears nothing new. */
  stuck(reason: string | undefined): void {
    if (reason !== undefined) this.#heart.lost(reason);
  }

  #logRoom(): Promise<void> | undefined {
    return this.#kept.log.room(0)?.catch((error: CloudskinError) => this.fail(error));
  }

  #sync(): Promise<void> {
    return this.#kept.sync().catch((error: CloudskinError) => this.fail(error));
  }

  #end(): void {
    this.#over = true;
    this.#heart.close();
    this.#room.settle();
    this.#coveredSignal.settle();
    this.#look.settle();
  }

  #say(): void {
    if (this.#over) return;
    const { port, ports, timing } = this.#context;
    const said = this.#said;
    said.kind = KIND.probe;
    said.senderEpoch = this.#options.epoch;
    said.receiverEpoch = this.#receiverEpoch;
    said.sequence = this.#kept.committed + 1;
    setOldest(said, this.#options.onFull === 'dropOldest' ? this.#kept.oldest : 0);
    said.stamp = ports.monotonic();
    writeStored(this.#view, this.#publisher.stored);
    writeFrame(this.#view, said, PROBE, port.checked);
    port.send(this.#bytes);
    this.#heart.beatIn(this.#heart.connected ? timing.keepAlive : Math.min(timing.keepAlive, timing.ask * 4));
  }

  #accept(bytes: Uint8Array): void {
    const frame = this.#heard;
    const { address, port, ports } = this.#context;
    if (this.#over || !readFrame(bytes, frame, port.checked)) return;
    if (frame.version !== VERSION) this.fail(otherVersion(address, frame.version));
    else if (frame.senderEpoch > this.#kept.born) this.fail(fenced(address, 'a newer numbering', frame.senderEpoch));
    else if (frame.kind === KIND.acknowledgement && frame.receiverEpoch >= this.#receiverEpoch) {
      this.#receiverEpoch = frame.receiverEpoch;
      if (frame.stamp > 0) this.#roundTrip.sample(ports.monotonic() - frame.stamp - frame.held);
      this.#heart.heard();
      // it has read nothing yet, or something of an earlier numbering
      if (frame.senderEpoch < this.#kept.born) return;
      const told = readTold(bytes);
      if (told !== undefined) this.#kept.hear(told);
      this.#cover(frame.taken);
      if ((frame.flags & FLAG.again) !== 0) this.#repair(frame.sequence);
    }
  }

  /** The receiver has found a hole behind this item; where it is of what was given up it goes on with what it has. */
  #repair(item: number): void {
    const { oldest } = this.#kept;
    if (item + 1 >= oldest) this.#publisher.refill();
    if (this.#options.onFull === 'dropOldest') this.#say();
    else if (item + 1 < oldest) {
      const what = `the receiver lacks items from ${item + 1} on, and those before ${oldest} are no longer kept`;
      this.fail(protocolError(this.#context.address, what));
    }
  }

  #cover(item: number): void {
    if (item <= this.#kept.covered) return;
    this.#publisher.forget(item);
    this.#kept.cover(item).then(
      () => {
        this.#room.settle();
        if (this.#kept.covered < this.#kept.committed) return;
        this.#coveredSignal.settle();
        this.#look.settle();
      },
      (error: CloudskinError) => this.fail(error),
    );
  }
}
