/**
 * The sending end of the protocol: keeps items until they have been taken, sends as far as the receiver's window reaches, goes back where the
 * receiver asks it to.
 *
 *     kept    first ............ received ......... cursor ......... next
 *             (oldest not taken) (whole at the      (sent)           (of the item
 *                                 other end)                          to come)
 *
 * Where items were sent and nothing was heard of them, it asks (a probe that says where the cursor is) instead of sending them again: the answer says
 * which are missing. Only an answer moves the cursor back.
 */
import type { CloudskinError } from '../../errors.ts';
import { Counts } from '../counts.ts';
import type { ChannelStats, Sender, SenderOptions, SentItem } from '../transport.ts';
import { type EndContext, fenced, otherVersion, protocolError, Signal } from './end.ts';
import { emptyFrame, FLAG, type Frame, KIND, readFrame, VERSION } from './frame.ts';
import { Heart } from './heart.ts';
import { KeptItems } from './kept.ts';
import { Launcher } from './launcher.ts';
import { RoundTrip } from './round-trip.ts';

/** Milliseconds before a sender that waits only for its items to be taken asks whether it has missed the word. */
const PATIENT = 200;

export class ProtocolSender implements Sender {
  readonly #context: EndContext;
  readonly #options: SenderOptions;
  readonly #kept: KeptItems;
  readonly #heart: Heart;
  readonly #launcher: Launcher;
  readonly #roundTrip = new RoundTrip();
  readonly #room = new Signal();
  readonly #drained = new Signal();
  readonly #heard: Frame = emptyFrame();
  /** The highest epoch of a receiver that was heard; 0 before. */
  #receiverEpoch = 0;
  #window = 0;
  /** Whole at the other end: all up to `#received`, and `#receivedBytes` of the next. */
  #received: number;
  #receivedBytes = 0;
  /** Where the receiver last asked to go back to, and when. */
  #again = { sequence: -1, offset: 0, at: 0 };
  #asked = 0;
  #scheduled = false;
  #over = false;
  readonly #count = new Counts();

  constructor(context: EndContext, options: SenderOptions) {
    this.#context = context;
    this.#options = options;
    const after = options.after ?? 0;
    this.#received = after;
    this.#kept = new KeptItems(after + 1, options.maxBytes);
    this.#launcher = new Launcher(context, this.#kept);
    this.#heart = new Heart(context, () => this.#ask());
  }

  get stats(): ChannelStats {
    return {
      ...this.#count,
      connected: this.#heart.connected,
      repeated: this.#launcher.repeated,
      queued: this.#kept.cost,
      roundTrip: this.#roundTrip.milliseconds,
    };
  }

  /** To be called once the carrier is ready. */
  open(): this {
    this.#heart.begin((bytes) => this.#accept(bytes));
    return this;
  }

  send(item: SentItem): void {
    if (this.#over) return;
    this.#kept.add(item);
    this.#count.add(item);
    this.#schedule();
  }

  room(): Promise<void> | undefined {
    if (this.#over || this.#kept.cost < this.#options.maxBytes) return undefined;
    return this.#room.wait();
  }

  drained(): Promise<void> {
    if (this.#over || this.#kept.cost === 0) return Promise.resolve();
    const wanted = this.#drained.wait();
    this.#hurry();
    return wanted;
  }

  async close(): Promise<void> {
    this.#end();
    this.#context.port.close();
  }

  #end(): void {
    this.#over = true;
    this.#heart.close();
    this.#kept.clear();
    this.#room.settle();
    this.#drained.settle();
  }

  #fail(error: CloudskinError): void {
    this.#end();
    this.#context.events.failed(error);
  }

  /** Items that come in one go leave together. */
  #schedule(): void {
    if (this.#scheduled || this.#over) return;
    this.#scheduled = true;
    void Promise.resolve().then(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#over || this.#receiverEpoch === 0) return;
    const launcher = this.#launcher;
    const unsure = this.#isUnsure();
    let sent = false;
    while (launcher.ready(this.#window)) {
      const room = this.#context.port.room();
      if (room !== undefined) {
        this.#resume(room);
        break;
      }
      launcher.launch(this.#head(KIND.items), this.#window);
      sent = true;
    }
    // counted from the first of which nothing has been heard, however many follow
    if (sent && !unsure) this.#heart.beatIn(this.#interval());
  }

  #resume(room: Promise<void>): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    void room.then(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #head(kind: number): Frame {
    const frame = this.#launcher.frame;
    frame.kind = kind;
    frame.flags = this.#drained.wanted || this.#isShort() ? FLAG.hurry : 0;
    frame.senderEpoch = this.#options.epoch;
    frame.receiverEpoch = this.#receiverEpoch;
    frame.stamp = this.#context.ports.monotonic();
    return frame;
  }

  /** It keeps all that it may, and the receiver, whose window is much larger, would see no reason to acknowledge. */
  #isShort(): boolean {
    const { maxBytes } = this.#options;
    return this.#kept.cost >= maxBytes && maxBytes * 2 < this.#window;
  }

  #ask(): void {
    if (this.#over) return;
    this.#launcher.probe(this.#head(KIND.probe));
    this.#heart.beatIn(this.#interval());
    this.#asked += 1;
  }

  /** The receiver may hold its word back for a moment, unless it is told. */
  #hurry(): void {
    if (this.#over || this.#receiverEpoch === 0 || !this.#allSent()) return;
    this.#launcher.probe(this.#head(KIND.probe));
    this.#heart.beatIn(this.#interval());
  }

  #allSent(): boolean {
    return this.#launcher.sequence >= this.#kept.next;
  }

  /** Milliseconds until the next question. */
  #interval(): number {
    const { keepAlive, ask, acknowledge } = this.#context.timing;
    if (this.#receiverEpoch !== 0 && this.#kept.cost === 0) return keepAlive;
    const unsure = this.#receiverEpoch === 0 || this.#isUnsure();
    const patience = Math.max(ask, this.#roundTrip.patience + acknowledge, unsure ? 0 : PATIENT);
    return Math.min(keepAlive, (this.#receiverEpoch === 0 ? ask : patience) * 2 ** Math.min(this.#asked, 10));
  }

  /** Something was sent of which nothing has been heard. */
  #isUnsure(): boolean {
    const { sequence, offset } = this.#launcher;
    return sequence > this.#received + 1 || (sequence === this.#received + 1 && offset > this.#receivedBytes);
  }

  #accept(bytes: Uint8Array): void {
    const frame = this.#heard;
    const { port, ports } = this.#context;
    if (this.#over || !readFrame(bytes, frame, port.checked)) return;
    const problem = this.#problemOf(frame);
    if (problem !== undefined) this.#fail(problem);
    // of a receiver that waits for an older sender, or that a newer one has replaced: it hears so from the next probe
    else if (frame.senderEpoch < this.#options.epoch || frame.receiverEpoch < this.#receiverEpoch) return;
    else if (frame.kind === KIND.acknowledgement) {
      if (frame.receiverEpoch > this.#receiverEpoch) this.#follow(frame);
      if (frame.stamp > 0) this.#roundTrip.sample(ports.monotonic() - frame.stamp - frame.held);
      this.#settle(frame);
      this.#heart.heard();
    }
  }

  #problemOf(frame: Frame): CloudskinError | undefined {
    const { address } = this.#context;
    const { epoch } = this.#options;
    if (frame.version !== VERSION) return otherVersion(address, frame.version);
    if (frame.senderEpoch > epoch) return fenced(address, 'a newer sender', frame.senderEpoch);
    if (frame.senderEpoch < epoch || frame.receiverEpoch < this.#receiverEpoch) return undefined;
    const { first, next } = this.#kept;
    if (frame.taken >= next || frame.sequence >= next) {
      return protocolError(
        address,
        `the receiver has item ${Math.max(frame.taken, frame.sequence)}, the next to be sent is ${next}`,
      );
    }
    if (frame.receiverEpoch === this.#receiverEpoch || frame.taken + 1 >= first) return undefined;
    return protocolError(
      address,
      `the receiver goes on after item ${frame.taken}, and items before ${first} are no longer kept`,
    );
  }

  /** A newer receiver goes on from where it says. */
  #follow(frame: Frame): void {
    this.#receiverEpoch = frame.receiverEpoch;
    this.#asked = 0;
    this.#received = frame.taken;
    this.#receivedBytes = 0;
    this.#again = { sequence: -1, offset: 0, at: 0 };
    this.#launcher.moveTo(frame.taken + 1, 0);
  }

  #settle(frame: Frame): void {
    const progress = this.#moveReceived(frame.sequence, frame.offset);
    const released = this.#release(frame.taken);
    this.#window = frame.total;
    if ((frame.flags & FLAG.again) !== 0) this.#goBack(frame.sequence + 1, frame.offset);
    if (progress || released) {
      this.#asked = 0;
      this.#heart.beatIn(this.#interval());
    }
    this.#pump();
    if (!released) return;
    if (this.#kept.cost < this.#options.maxBytes) this.#room.settle();
    if (this.#kept.cost === 0) this.#drained.settle();
  }

  #moveReceived(sequence: number, bytes: number): boolean {
    if (sequence < this.#received || (sequence === this.#received && bytes <= this.#receivedBytes)) return false;
    this.#received = sequence;
    this.#receivedBytes = bytes;
    return true;
  }

  #release(taken: number): boolean {
    if (taken < this.#kept.first) return false;
    this.#launcher.release(taken);
    return true;
  }

  #goBack(sequence: number, offset: number): void {
    // an answer that has been overtaken
    if (sequence !== this.#received + 1 || offset !== this.#receivedBytes) return;
    if (!this.#isUnsure()) return;
    const now = this.#context.ports.monotonic();
    const again = this.#again;
    // what was sent again for the same question is still on its way
    const known = again.sequence === sequence && again.offset === offset;
    if (known && now - again.at < (this.#roundTrip.milliseconds ?? 0)) return;
    this.#again = { sequence, offset, at: now };
    this.#asked = 0;
    this.#launcher.moveTo(sequence, offset);
  }
}
