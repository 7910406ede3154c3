/**
 * Brings committed items into the near side's stream, in order and without a gap: each publication names the sequence that the stream must end
 * with, so that after one that failed none is stored. Where the stream is not as it should be (it went back, was made anew, another wrote to
 * it, an answer was lost) it looks at the last message that is there and goes on behind it.
 */
import { defined } from '../../defined.ts';
import { CloudskinError, externalError } from '../../errors.ts';
import type { JetStream, StreamState } from '../../nats/nats.ts';
import type { Ports, Timer } from '../../ports.ts';
import { Signal } from '../protocol/end.ts';
import type { KeptLog } from './kept-log.ts';
import { nextMessage, type Outgoing, readMessage, type Stored } from './messages.ts';

export interface PublisherOptions {
  readonly jetstream: JetStream;
  readonly ports: Ports;
  readonly kept: KeptLog;
  readonly stream: string;
  readonly subject: string;
  /** Of the stream's messages. */
  readonly maxBytes: number;
  readonly replicas: number | undefined;
  readonly onFull: 'block' | 'dropOldest';
  /** Of the largest message. */
  readonly maxMessage: () => number;
  /** It cannot go on. */
  failed(error: CloudskinError): void;
  /** For the status: why nothing is published, undefined where it is. */
  stuck(reason: string | undefined): void;
}

const WINDOW_MESSAGES = 32;
const WINDOW_BYTES = 4 * 1024 * 1024;
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;
/** A stream that nothing is written to is looked at this often. */
const LOOK = 5_000;

/** What trying again does not mend. */
const FINAL = /^(log\.|transport\.|internal\.|nats\.(permission|closed|unsupported|no-jetstream-account)$)/;

export class Publisher {
  readonly #options: PublisherOptions;
  /** What comes next: the item, and the byte of it. */
  #next = { item: 1, offset: 0 };
  /** The stream's last sequence, once all under way is stored. */
  #sequence = 0;
  #created = 0;
  /** First item of messages in the stream, and their sequences; rising. */
  #index: { first: number; sequence: number }[] = [];
  readonly #work = new Signal();
  /** Sequences of messages that were there before this publisher. */
  #old: { readonly first: number; readonly last: number } | undefined;
  /** Items that are needed no more; the sequence purged up to; the items that `#old` was last searched for. */
  #purgeTo = 0;
  #purgedTo = 0;
  #soughtFor = 0;
  #refill = false;
  /** The stream is empty and does not take what should follow: it is made anew. */
  #isStuck = false;
  #isEmpty = false;
  #pause = FIRST_PAUSE;
  #timer: Timer | undefined;
  #woken = false;
  #closed = false;
  #done: Promise<void> = Promise.resolve();
  published = 0;
  /** What the stream is known to hold. */
  stored: Stored = { item: 0, sequence: 0 };

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** There may be something to publish, or to look at. */
  wake(): void {
    this.#woken = true;
    this.#work.settle();
  }

  /** Items up to this one are needed no more in the stream. */
  forget(item: number): void {
    this.#purgeTo = Math.max(this.#purgeTo, item);
    this.wake();
  }

  /** The stream lacks something: all that is not covered is written to it anew. */
  refill(): void {
    this.#refill = true;
    this.wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.wake();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#resume();
        while (!this.#closed) {
          await this.#purge();
          await this.#publish();
          if (this.#refill) break;
          if (await this.#idle(LOOK)) await this.#look();
        }
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#closed) return;
    const { stream, failed, stuck, ports } = this.#options;
    if (!(error instanceof CloudskinError) || FINAL.test(error.code)) {
      this.#closed = true;
      const why = `publishing to ${stream} failed: ${error instanceof Error ? error.message : error}`;
      failed(error instanceof CloudskinError ? error : externalError('transport.durable', why, { cause: error }));
      return;
    }
    const isAside = error.code === 'nats.wrong-last-sequence';
    // looks again at once, unless that has not helped before
    if (isAside && this.#pause === FIRST_PAUSE) this.#pause *= 2;
    else {
      this.#isStuck = isAside && this.#isEmpty;
      stuck(error.message);
      await this.#idle(this.#pause * (0.5 + ports.random()));
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    }
  }

  /** Waits for `wake`, or so many milliseconds; true where it was the time. */
  async #idle(milliseconds: number): Promise<boolean> {
    let late = false;
    if (!this.#woken && !this.#closed) {
      this.#timer = this.#options.ports.after(milliseconds, () => {
        late = true;
        this.#work.settle();
      });
      await this.#work.wait();
      this.#timer.cancel();
    }
    this.#woken = false;
    return late;
  }

  /** Makes the stream sure and finds where to go on. */
  async #resume(): Promise<void> {
    const { jetstream, stream, subject, maxBytes, replicas, onFull, kept } = this.#options;
    if (this.#isStuck) await jetstream.deleteStream(stream);
    this.#isStuck = false;
    const state = await jetstream.ensureStream({
      name: stream,
      subjects: [subject],
      maxBytes,
      discard: onFull === 'block' ? 'new' : 'old',
      ...defined({ replicas }),
    });
    if (this.#refill) {
      await jetstream.purgeBefore(stream, state.lastSequence + 1);
      this.#refill = false;
      return this.#resume();
    }
    this.#isEmpty = state.messages === 0;
    this.#created = state.created;
    this.#sequence = state.lastSequence;
    this.#index = [];
    this.#soughtFor = -1;
    this.#purgedTo = state.firstSequence;
    this.#old = state.messages > 0 ? { first: state.firstSequence, last: state.lastSequence } : undefined;
    this.stored = { item: await this.#lastItem(state), sequence: state.lastSequence };
    const item = Math.max(this.stored.item + 1, kept.covered + 1, kept.oldest);
    this.#next = { item, offset: 0 };
    this.published = item - 1;
  }

  /** The last item that is whole in the stream; 0 where there is none. */
  async #lastItem(state: StreamState): Promise<number> {
    const { jetstream, stream, kept } = this.#options;
    if (state.messages === 0) return 0;
    const message = await jetstream.message(stream, state.lastSequence);
    const last = message === undefined ? undefined : readMessage(message.data);
    if (last === undefined) {
      // damaged, or not ours: what the stream holds cannot be relied on
      this.#refill = true;
      throw externalError('nats.wrong-last-sequence', `the last message of ${stream} is damaged`, { retry: true });
    }
    if (last.senderEpoch < kept.born) {
      // of an app of this name that was there before
      this.#refill = true;
      throw externalError('nats.wrong-last-sequence', `the stream ${stream} is of an earlier deployment`, {
        retry: true,
      });
    }
    if (last.senderEpoch > kept.born) {
      const hint = 'the near side was deployed anew, or restored from another checkpoint';
      throw externalError('transport.fenced', `the numbering of the stream ${stream} has begun anew`, { hint });
    }
    if (last.last > kept.committed) {
      throw externalError(
        'transport.durable-behind',
        `the stream ${stream} holds items up to ${last.last}, this end's checkpoint only up to ${kept.committed}`,
        {
          hint: "the near side's checkpoint is older than what it has published: its disk was put back to an older state",
        },
      );
    }
    return last.last;
  }

  async #publish(): Promise<void> {
    const { kept, maxMessage, onFull } = this.#options;
    const flight: { done: Promise<void>; bytes: number }[] = [];
    let bytes = 0;
    const failure = { error: undefined as unknown };
    while (!this.#closed && !this.#refill && failure.error === undefined && this.#next.item <= kept.committed) {
      const { oldest } = kept;
      const given = onFull === 'dropOldest' ? oldest : 0;
      const frame = { born: kept.born, oldest: given, maxBytes: maxMessage() };
      if (this.#next.item < oldest) this.#next = { item: oldest, offset: 0 };
      const from = { ...this.#next, last: kept.committed };
      const message = await nextMessage((item) => kept.read(item), from, frame);
      // given up at the bound in the meantime
      if (message === undefined && this.#next.item < kept.oldest) continue;
      if (message === undefined) throw new Error(`item ${this.#next.item} cannot be read`);
      flight.push({ done: this.#send(message, failure), bytes: message.bytes.length });
      bytes += message.bytes.length;
      while (flight.length >= WINDOW_MESSAGES || (bytes > WINDOW_BYTES && flight.length > 0)) {
        const oldest = flight.shift();
        await oldest?.done;
        bytes -= oldest?.bytes ?? 0;
      }
    }
    await Promise.all(flight.map(({ done }) => done));
    if (failure.error !== undefined) throw failure.error;
  }

  /** Never rejects: the first failure is kept, those that follow from it are not. */
  async #send(message: Outgoing, failure: { error: unknown }): Promise<void> {
    const { jetstream, subject } = this.#options;
    const expectLastSequence = this.#sequence;
    this.#sequence += 1;
    this.#next = { item: message.next, offset: message.offset };
    try {
      const { sequence } = await jetstream.publish(subject, message.bytes, { expectLastSequence });
      this.#index.push({ first: message.first, sequence });
      this.#isEmpty = false;
      this.published = Math.max(this.published, message.next - 1);
      this.stored = { item: message.next - 1, sequence };
      this.#pause = FIRST_PAUSE;
      this.#options.stuck(undefined);
    } catch (error) {
      failure.error ??= error;
    }
  }

  /** Whether the stream is still the one that was written to. */
  async #look(): Promise<void> {
    const { jetstream, stream } = this.#options;
    const state = await jetstream.streamState(stream);
    if (state?.created === this.#created && state.lastSequence === this.#sequence) return;
    throw externalError('nats.wrong-last-sequence', `the stream ${stream} is not as it was left`, { retry: true });
  }

  /** Purges messages in front of the last one that begins with an item that is needed, or with the one before. */
  async #purge(): Promise<void> {
    const { jetstream, stream, kept } = this.#options;
    this.#purgeTo = Math.max(this.#purgeTo, kept.oldest - 1);
    const end = this.#index.findLastIndex(({ first }) => first <= this.#purgeTo + 1);
    const sequence = end > 0 || this.#old === undefined ? this.#index[end]?.sequence : await this.#findOld(this.#old);
    if (sequence === undefined || sequence <= this.#purgedTo) return;
    // a stream that went back must not be purged up to where it was: servers of 2.9 take that and nothing more
    await this.#look();
    await jetstream.purgeBefore(stream, sequence);
    this.#purgedTo = sequence;
    if (end <= 0) return;
    this.#index.splice(0, end);
    this.#old = undefined;
  }

  /** The same among messages that were there before, whose items are not known: by bisection. */
  async #findOld({ first, last }: { readonly first: number; readonly last: number }): Promise<number | undefined> {
    if (this.#purgeTo === this.#soughtFor) return undefined;
    const { jetstream, stream } = this.#options;
    let [low, high] = [first, last];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const message = await jetstream.message(stream, middle);
      const begins = message === undefined ? undefined : readMessage(message.data)?.sequence;
      if (begins === undefined || begins <= this.#purgeTo + 1) low = middle;
      else high = middle - 1;
    }
    this.#soughtFor = this.#purgeTo;
    return low;
  }
}
