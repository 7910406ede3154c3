/**
 * The receiving end of the protocol: takes items in their order, asks again from where one is missing, and says what has come in, what has been
 * taken and how much more may come.
 *
 * What does not follow on is dropped rather than kept: carriers that lose something mostly lose all that was on its way. So the bound holds for
 * everything that waits here.
 */
import type { CloudskinError } from '../../errors.ts';
import { Counts } from '../counts.ts';
import type { ChannelStats, Item, Receiver, ReceiverOptions } from '../transport.ts';
import { Assembly } from './assembly.ts';
import { type EndContext, fenced, otherVersion, Signal } from './end.ts';
import {
  ACKNOWLEDGEMENT,
  emptyFrame,
  FLAG,
  type Frame,
  HEADER,
  KIND,
  readFrame,
  VERSION,
  writeFrame,
} from './frame.ts';
import { Heart } from './heart.ts';
import { Inbox } from './inbox.ts';
import { costOf, readRecord, recordEnd } from './records.ts';

/** Acknowledged at the latest when so much of the window has been taken. */
const SHARE = 1 / 4;
const LARGEST_WINDOW = 0xffff_ffff;

export class ProtocolReceiver implements Receiver {
  readonly #context: EndContext;
  readonly #options: ReceiverOptions;
  readonly #heart: Heart;
  readonly #ready = new Signal();
  readonly #inbox: Inbox;
  readonly #assembly = new Assembly();
  readonly #frame = emptyFrame();
  readonly #answer = emptyFrame();
  readonly #answerBytes = new Uint8Array(ACKNOWLEDGEMENT);
  readonly #answerView = new DataView(this.#answerBytes.buffer);
  /** All up to it have come in whole; the parts of the next are in the assembly. */
  #received: number;
  /** Bytes taken that the sender has not been told of. */
  #untold = 0;
  /** The sender wants to know at once when this item has been taken. */
  #hurry = -1;
  /** Where the sender was asked to go back to, and has not been seen to. */
  #asked: string | undefined;
  #stamp = 0;
  #stampedAt = 0;
  #greetings = 0;
  #due: { cancel(): void } | undefined;
  /** Only says what was taken. */
  #lingers = false;
  #over = false;
  readonly #count = new Counts();

  constructor(context: EndContext, options: ReceiverOptions) {
    this.#context = context;
    this.#options = options;
    const after = options.after ?? 0;
    this.#received = after;
    this.#inbox = new Inbox(after);
    this.#heart = new Heart(context, () => this.#greet());
  }

  get stats(): ChannelStats {
    const queued = this.#inbox.cost + this.#assembly.bytes;
    return { ...this.#count, connected: this.#heart.connected, queued, roundTrip: undefined };
  }

  /** To be called once the carrier is ready. */
  open(): this {
    this.#heart.begin((bytes) => this.#accept(bytes));
    return this;
  }

  get position(): number {
    return this.#inbox.taken;
  }

  take(): Item | undefined {
    if (this.#over || this.#lingers) return undefined;
    const item = this.#inbox.take();
    if (item === undefined) return undefined;
    this.#untold += this.#inbox.takenCost;
    if (this.#untold >= this.#options.maxBytes * SHARE || this.#inbox.taken === this.#hurry) this.#acknowledge();
    else this.#acknowledgeSoon();
    return item;
  }

  ready(): Promise<void> {
    if (this.#inbox.size > 0 || this.#over || this.#lingers) return Promise.resolve();
    return this.#ready.wait();
  }

  linger(): void {
    if (this.#over) return;
    this.#acknowledge();
    this.#lingers = true;
    this.#heart.close();
    this.#due?.cancel();
    this.#inbox.clear();
    this.#assembly.clear();
    this.#ready.settle();
  }

  async close(): Promise<void> {
    this.#end();
    this.#ready.settle();
    this.#context.port.close();
  }

  #end(): void {
    // what has been taken is the sender's to forget
    if (!this.#over && this.#untold > 0) this.#acknowledge();
    this.#over = true;
    this.#heart.close();
    this.#due?.cancel();
    this.#inbox.clear();
    this.#assembly.clear();
  }

  #fail(error: CloudskinError): void {
    this.#end();
    this.#context.events.failed(error);
  }

  /** Until the sender is heard it is greeted soon and then less often, later as often as the timing says. */
  #greet(): void {
    if (this.#over) return;
    this.#acknowledge();
    const { keepAlive, ask } = this.#context.timing;
    const soon = this.#heart.connected ? keepAlive : Math.min(keepAlive, ask * 2 ** Math.min(this.#greetings, 10));
    this.#greetings += 1;
    this.#heart.beatIn(soon);
  }

  #accept(bytes: Uint8Array): void {
    const frame = this.#frame;
    const { port, ports } = this.#context;
    if (this.#over) return;
    if (!readFrame(bytes, frame, port.checked)) {
      this.#count.dropped += 1;
      return;
    }
    const problem = this.#problemOf(frame);
    if (this.#lingers) {
      if (problem === undefined && frame.kind !== KIND.acknowledgement) this.#acknowledge();
      return;
    }
    if (problem !== undefined) this.#fail(problem);
    else if (frame.kind === KIND.acknowledgement) return;
    else if (frame.senderEpoch < this.#options.senderEpoch) {
      // it hears from the answer that it has been replaced
      this.#count.dropped += 1;
      this.#acknowledgeSoon();
    } else {
      this.#stamp = frame.stamp;
      this.#stampedAt = ports.monotonic();
      this.#acceptBody(bytes);
      this.#heart.heard();
    }
  }

  #problemOf(frame: Frame): CloudskinError | undefined {
    const { address } = this.#context;
    const { epoch, senderEpoch } = this.#options;
    if (frame.version !== VERSION) return otherVersion(address, frame.version);
    if (frame.senderEpoch > senderEpoch) return fenced(address, 'a newer sender', frame.senderEpoch);
    if (frame.receiverEpoch > epoch) return fenced(address, 'a newer receiver', frame.receiverEpoch);
    return undefined;
  }

  #acceptBody(bytes: Uint8Array): void {
    const { kind, flags, sequence, offset } = this.#frame;
    const before = this.#received;
    if (kind === KIND.probe) this.#answerProbe(sequence, offset);
    else if (kind === KIND.part) this.#acceptPart(bytes, sequence, offset);
    else this.#acceptItems(bytes, sequence);
    if ((flags & FLAG.hurry) !== 0) this.#hurry = kind === KIND.probe ? sequence - 1 : Math.max(this.#received, before);
    if (this.#inbox.size > 0) this.#ready.settle();
  }

  #answerProbe(sequence: number, offset: number): void {
    const missing = sequence > this.#received + 1 || (sequence === this.#received + 1 && offset > this.#assembly.bytes);
    if (missing) this.#count.repeated += 1;
    this.#acknowledge(missing ? FLAG.again : 0);
  }

  #acceptItems(bytes: Uint8Array, first: number): void {
    if (first > this.#received + 1) this.#askAgain();
    else if (this.#putAll(bytes, first)) this.#acknowledgeSoon();
    else this.#count.dropped += 1;
  }

  #putAll(bytes: Uint8Array, first: number): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let sequence = first;
    for (let at = HEADER; at < bytes.length; sequence += 1) {
      const end = recordEnd(bytes, view, at);
      if (end === undefined) return false;
      if (sequence <= this.#received) this.#count.dropped += 1;
      else if (!this.#put(readRecord(bytes, view, at), end - at)) return false;
      at = end;
    }
    return true;
  }

  #acceptPart(bytes: Uint8Array, sequence: number, offset: number): void {
    const have = this.#assembly.bytes;
    const { total } = this.#frame;
    if (sequence > this.#received + 1 || (sequence === this.#received + 1 && offset > have)) this.#askAgain();
    else if (sequence <= this.#received || offset < have || !this.#hasRoom(total)) {
      this.#count.dropped += 1;
      this.#acknowledgeSoon();
    } else {
      this.#asked = undefined;
      const whole = this.#assembly.add(bytes.subarray(HEADER), total);
      if (whole !== undefined && !this.#putAssembled(whole)) this.#count.dropped += 1;
      this.#acknowledgeSoon();
    }
  }

  #putAssembled(whole: Uint8Array): boolean {
    const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
    const end = recordEnd(whole, view, 0);
    if (end !== undefined) return this.#put(readRecord(whole, view, 0), end);
    this.#assembly.clear();
    return false;
  }

  #put(item: Item, size: number): boolean {
    if (!this.#hasRoom(size)) return false;
    this.#received += 1;
    this.#asked = undefined;
    this.#assembly.clear();
    this.#inbox.put(item, costOf(size), this.#received);
    this.#count.add(item);
    return true;
  }

  /** A sender that keeps to the window never finds it missing. */
  #hasRoom(size: number): boolean {
    return this.#inbox.size === 0 || this.#inbox.cost + costOf(size) <= this.#options.maxBytes;
  }

  /** At once, but only once for a place: probes ask for the rest. */
  #askAgain(): void {
    this.#count.dropped += 1;
    const place = `${this.#received}+${this.#assembly.bytes}`;
    if (this.#asked === place) return;
    this.#asked = place;
    this.#count.repeated += 1;
    this.#acknowledge(FLAG.again);
  }

  #acknowledgeSoon(): void {
    const { ports, timing } = this.#context;
    this.#due ??= ports.after(timing.acknowledge, () => this.#acknowledge());
  }

  #acknowledge(flags = 0): void {
    if (this.#over) return;
    const { ports, port } = this.#context;
    this.#due?.cancel();
    this.#due = undefined;
    this.#untold = 0;
    const answer = this.#answer;
    answer.kind = KIND.acknowledgement;
    answer.flags = flags;
    answer.senderEpoch = this.#options.senderEpoch;
    answer.receiverEpoch = this.#options.epoch;
    answer.sequence = this.#received;
    answer.offset = this.#assembly.bytes;
    answer.total = Math.min(LARGEST_WINDOW, this.#options.maxBytes);
    answer.stamp = this.#stamp;
    answer.taken = this.#inbox.taken;
    answer.held = ports.monotonic() - this.#stampedAt;
    this.#stamp = 0;
    writeFrame(this.#answerView, answer, ACKNOWLEDGEMENT, port.checked);
    port.send(this.#answerBytes);
  }
}
