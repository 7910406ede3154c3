/**
 * The receiving end of a durable channel: reads the near side's stream in the order of our numbers. What it has had is dropped; where a number
 * is missing it stops and asks the sender, who writes the rest anew. Only what the sender says it gave up is passed over.
 */
import { CloudskinError, externalError, internalError } from '../../errors.ts';
import type { Json } from '../../json.ts';
import type { JetStream, StreamReader } from '../../nats/nats.ts';
import { Counts } from '../counts.ts';
import { Assembly } from '../protocol/assembly.ts';
import { channelName, type EndContext, fenced, otherVersion, Signal } from '../protocol/end.ts';
import { emptyFrame, FLAG, type Frame, HEADER, KIND, readFrame, VERSION, writeFrame } from '../protocol/frame.ts';
import { Heart } from '../protocol/heart.ts';
import { Inbox } from '../protocol/inbox.ts';
import { costOf, readRecord, recordEnd } from '../protocol/records.ts';
import type { ChannelStats, Item } from '../transport.ts';
import type { DurableReceiver, DurableReceiverOptions } from './durable.ts';
import { oldestOf, REPORT, readMessage, readStored, type Stored, type Told, writeTold } from './messages.ts';
import { positionOf } from './position.ts';

const PAUSE = 250;
const LONGEST_PAUSE = 5_000;
/** What trying again does not mend. */
const FINAL = /^nats\.(permission|closed|unsupported)$/;

export class DurableReceiverEnd implements DurableReceiver {
  readonly #context: EndContext;
  readonly #options: DurableReceiverOptions;
  readonly #jetstream: JetStream;
  readonly #stream: string;
  readonly #heart: Heart;
  readonly #inbox: Inbox;
  readonly #assembly = new Assembly();
  readonly #ready = new Signal();
  /** There is room again, or it is over. */
  readonly #moved = new Signal();
  /** The stream is worth another look, or it is over. */
  readonly #wake = new Signal();
  readonly #heard = emptyFrame();
  readonly #answer = emptyFrame();
  readonly #answerBytes = new Uint8Array(REPORT);
  readonly #answerView = new DataView(this.#answerBytes.buffer);
  #received: number;
  #acknowledged: number;
  /** The epoch in which the sender's numbering began; 0 while it is not known. */
  #born: number;
  #senderEpoch = 0;
  /** The last item that the sender had committed, by its last word. */
  #committed = 0;
  /** The item that was found missing; the stream is read on, but nothing is taken in until it comes. */
  #missing = 0;
  /** The oldest item that the sender keeps, by its last word; undefined while it is asked. */
  #oldest: number | undefined = 0;
  readonly #told = new Signal();
  #stamp = 0;
  #stampedAt = 0;
  #pause = PAUSE;
  #reader: StreamReader | undefined;
  /** The stream's sequence up to which the reader's messages were taken in. */
  #readTo = 0;
  #reading: Promise<void> = Promise.resolve();
  #over = false;
  /** Rows in front of the item to come, by the sender's count; those in the inbox included. */
  #rows: number;
  lost: number;
  /** The same of items that were taken; what was passed over behind them, by the item behind the gap. */
  #settled: Told;
  #passed: { readonly item: number; readonly rows: number }[] = [];
  readonly #count = new Counts();

  constructor(context: EndContext, options: DurableReceiverOptions, jetstream: JetStream, stream: string) {
    this.#context = context;
    this.#options = options;
    this.#jetstream = jetstream;
    this.#stream = stream;
    const { born, after, rows, lost } = positionOf(options.restored);
    this.#born = born;
    this.#rows = rows;
    this.lost = lost;
    this.#settled = { rows, lost };
    this.#received = after;
    this.#acknowledged = after;
    this.#inbox = new Inbox(after);
    this.#heart = new Heart(context, () => this.#say());
  }

  get stats(): ChannelStats {
    const queued = this.#inbox.cost + this.#assembly.bytes;
    return { ...this.#count, connected: this.#heart.connected, lost: this.lost, queued, roundTrip: undefined };
  }

  open(): this {
    this.#heart.begin((bytes) => this.#accept(bytes));
    this.#reading = this.#read();
    return this;
  }

  get position(): number {
    return this.#inbox.taken;
  }

  get current(): boolean {
    return this.#heart.connected && this.position >= this.#committed;
  }

  take(): Item | undefined {
    if (this.#over) return undefined;
    const item = this.#inbox.take();
    this.#settle(item?.kind === 'batch' ? item.rows : 0);
    if (this.#inbox.cost < this.#options.maxBytes) this.#moved.settle();
    return item;
  }

  ready(): Promise<void> {
    if (this.#over || this.#inbox.size > 0) return Promise.resolve();
    return this.#ready.wait();
  }

  snapshot(): Json {
    return { born: this.#born, after: this.position, ...this.#settled };
  }

  acknowledge(snapshot: Json): void {
    const { born, after } = positionOf(snapshot);
    if (born !== this.#born || after <= this.#acknowledged) return;
    this.#acknowledged = Math.min(after, this.position);
    this.#say();
  }

  async close(): Promise<void> {
    this.#end();
    this.#ready.settle();
    this.#context.port.close();
    await this.#reading;
  }

  #end(): void {
    this.#over = true;
    this.#heart.close();
    this.#moved.settle();
    this.#told.settle();
    this.#wake.settle();
    this.#reader?.close();
  }

  #fail(error: CloudskinError): void {
    if (this.#over) return;
    this.#end();
    this.#context.events.failed(error);
  }

  /** Reads for as long as the channel is open, from the stream's beginning whenever the stream is not what it was. */
  async #read(): Promise<void> {
    while (!this.#over) {
      try {
        this.#assembly.clear();
        this.#readTo = 0;
        this.#reader = await this.#jetstream.read(this.#stream, { maxBytes: this.#options.maxBytes });
        await this.#follow(this.#reader);
      } catch (error) {
        const known = error instanceof CloudskinError;
        const other = known
          ? error
          : internalError('transport.durable', `reading ${this.#stream}: ${error}`, { cause: error });
        if (other.domain !== 'external' || FINAL.test(other.code)) this.#fail(other);
      }
      this.#reader?.close();
      this.#reader = undefined;
      if (this.#over) return;
      await this.#rest();
    }
  }

  async #rest(): Promise<void> {
    const { ports } = this.#context;
    const timer = ports.after(this.#pause * (0.5 + ports.random()), () => this.#wake.settle());
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    await this.#wake.wait();
    timer.cancel();
  }

  async #follow(reader: StreamReader): Promise<void> {
    for (;;) {
      while (this.#inbox.cost >= this.#options.maxBytes && !this.#over) await this.#moved.wait();
      const message = this.#over ? undefined : await reader.next();
      if (message === undefined || this.#over) return;
      this.#pause = PAUSE;
      await this.#takeIn(message.data);
      this.#readTo = message.sequence;
    }
  }

  async #takeIn(bytes: Uint8Array): Promise<void> {
    const message = readMessage(bytes);
    if (message !== undefined && !this.#isOurs(message.senderEpoch)) return;
    if (message !== undefined && message.sequence > this.#received + 1) await this.#passOver(message);
    if (message === undefined || message.sequence > this.#received + 1) this.#miss();
    else if (message.kind === KIND.part) this.#takePart(bytes, message);
    else this.#takeItems(bytes, HEADER, message);
    if (this.#inbox.size > 0) this.#ready.settle();
  }

  /** Passes over what the sender gave up at its bound in front of a message, before it wrote it or since. */
  async #passOver({ sequence, receiverEpoch }: Frame): Promise<void> {
    let oldest = receiverEpoch;
    if (oldest > 0 && oldest < sequence) {
      this.#missing = this.#received + 1;
      this.#oldest = undefined;
      this.#say();
      while (this.#oldest === undefined && !this.#over) await this.#told.wait();
      oldest = Math.max(oldest, this.#oldest ?? 0);
    }
    if (oldest <= this.#received + 1) return;
    this.#received = Math.min(sequence, oldest) - 1;
    this.#assembly.clear();
  }

  /** Messages of an earlier numbering may still be there; a later one has nothing to do with where this end is. */
  #isOurs(born: number): boolean {
    if (born > this.#born && this.#received === 0 && this.#acknowledged === 0) this.#born = born;
    if (born > this.#born) {
      const what = `the sender has begun anew, this end goes on after item ${this.#received} of the old numbering`;
      this.#fail(
        externalError('transport.durable-anew', `${channelName(this.#context.address)}: ${what}`, {
          hint: 'deploy both sides anew, or restore the near side from its checkpoint',
        }),
      );
    }
    return born === this.#born;
  }

  /** An item with so many rows was taken: a checkpoint now holds it, and what was passed over before it. */
  #settle(taken: number): void {
    let { rows, lost } = this.#settled;
    rows += taken;
    while (this.#passed[0] !== undefined && this.#passed[0].item <= this.position) {
      lost += this.#passed[0].rows;
      rows += this.#passed[0].rows;
      this.#passed.shift();
    }
    this.#settled = { rows, lost };
  }

  /** Something is missing, or damaged: asked for until it comes. */
  #miss(): void {
    this.#count.dropped += 1;
    if (this.#missing === this.#received + 1) return;
    this.#missing = this.#received + 1;
    this.#count.repeated += 1;
    this.#say();
  }

  /**
   * A stream that went back and was filled again holds other items where the reader has been, and a reader that was cut off meanwhile goes on behind
   * them: what the sender has stored is read from the stream's beginning.
   */
  #checkRead({ item, sequence }: Stored): void {
    if (item <= this.#received || this.#readTo < sequence || this.#missing === this.#received + 1) return;
    this.#readTo = 0;
    this.#count.repeated += 1;
    this.#reader?.close();
  }

  #takePart(bytes: Uint8Array, message: Frame): void {
    const { sequence, offset, total } = message;
    if (sequence <= this.#received) {
      this.#count.dropped += 1;
      return;
    }
    // a sender that went on after a failure begins an item again
    if (offset === 0) this.#assembly.clear();
    if (offset > this.#assembly.bytes) this.#miss();
    else if (offset === this.#assembly.bytes) {
      const whole = this.#assembly.add(bytes.subarray(HEADER), total);
      if (whole !== undefined) this.#takeItems(whole, 0, message);
    }
  }

  #takeItems(bytes: Uint8Array, from: number, { sequence, stamp: rowsBefore }: Frame): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let number = sequence;
    if (sequence === this.#received + 1 && rowsBefore > this.#rows) this.#countLost(sequence, rowsBefore);
    for (let at = from; at < bytes.length; number += 1) {
      const end = recordEnd(bytes, view, at) ?? bytes.length;
      if (number <= this.#received) this.#count.dropped += 1;
      else this.#put(readRecord(bytes, view, at), costOf(end - at));
      at = end;
    }
  }

  /** What was passed over before this item is known now. */
  #countLost(item: number, rowsBefore: number): void {
    const rows = rowsBefore - this.#rows;
    this.lost += rows;
    this.#rows = rowsBefore;
    this.#passed.push({ item, rows });
  }

  #put(item: Item, cost: number): void {
    this.#received += 1;
    this.#assembly.clear();
    this.#inbox.put(item, cost, this.#received);
    this.#count.add(item);
    if (item.kind === 'batch') this.#rows += item.rows;
  }

  #say(): void {
    if (this.#over) return;
    const { port, ports, timing } = this.#context;
    const answer = this.#answer;
    answer.kind = KIND.acknowledgement;
    answer.flags = this.#missing === this.#received + 1 ? FLAG.again : 0;
    answer.senderEpoch = this.#born;
    answer.receiverEpoch = this.#options.epoch;
    answer.sequence = this.#received;
    answer.taken = this.#acknowledged;
    answer.stamp = this.#stamp;
    answer.held = ports.monotonic() - this.#stampedAt;
    this.#stamp = 0;
    writeTold(this.#answerView, { rows: this.#rows, lost: this.lost });
    writeFrame(this.#answerView, answer, REPORT, port.checked);
    port.send(this.#answerBytes);
    this.#heart.beatIn(this.#heart.connected ? timing.keepAlive : Math.min(timing.keepAlive, timing.ask * 4));
  }

  #accept(bytes: Uint8Array): void {
    const frame = this.#heard;
    const { address, port, ports } = this.#context;
    if (this.#over || !readFrame(bytes, frame, port.checked)) return;
    if (frame.version !== VERSION) this.#fail(otherVersion(address, frame.version));
    else if (frame.receiverEpoch > this.#options.epoch)
      this.#fail(fenced(address, 'a newer receiver', frame.receiverEpoch));
    else if (frame.kind === KIND.probe && frame.senderEpoch >= this.#senderEpoch) {
      this.#senderEpoch = frame.senderEpoch;
      this.#stamp = frame.stamp;
      this.#stampedAt = ports.monotonic();
      this.#oldest = oldestOf(frame);
      this.#committed = frame.sequence - 1;
      this.#told.settle();
      const stored = readStored(bytes);
      if (stored !== undefined) this.#checkRead(stored);
      const wasConnected = this.#heart.connected;
      this.#heart.heard();
      if (wasConnected) return;
      this.#say();
      this.#wake.settle();
    }
  }
}
