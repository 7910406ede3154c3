/**
 * Reads a stream in order, each message once, over any number of reconnections. The server holds an ephemeral consumer that it may
 * lose at any time (a restart, a lost leader): the truth is the sequence handed out last, kept here, from which a new consumer is made whenever
 * the old one is in doubt.
 *
 *     make consumer ──> pull (a bound in bytes) ──> messages … status (bound reached, expired) ──> pull …
 *          ^                                             │ number skipped, silence, reconnection, consumer gone
 *          └─────────────────────────────────────────────┘
 *
 * Messages carry the consumer's own running number: one that is skipped was lost on the way (core NATS carries them), which a hole in
 * the stream's sequences would not tell from a deletion or another subject.
 */

import { AckPolicy, type ConsumerConfig, type ConsumerInfo, DeliverPolicy, type StreamInfo } from '@nats-io/jetstream';
import { type Msg, nanos, nuid, type Subscription as RawSubscription } from '@nats-io/transport-node';
import { defined } from '../../defined.ts';
import type { CloudskinError } from '../../errors.ts';
import type { Timer } from '../../ports.ts';
import { wentBack } from '../failures.ts';
import { MessageQueue } from '../message-queue.ts';
import type { StoredMessage, StreamReader, Subscription } from '../nats.ts';
import type { ReaderOptions } from '../reading.ts';
import type { JetStreamCalls } from './api.ts';
import type { Connection } from './connection.ts';
import { type Place, placeOf } from './delivery.ts';
import { natsError } from './errors.ts';
import { recordOf } from './messages.ts';

const BOUND = 4 * 1024 * 1024;
/** The server says in such times that it is there; three in a row missing mean that the consumer is gone. */
const HEARTBEAT = 1_000;
const SILENCE = 3 * HEARTBEAT;
const LARGEST_BATCH = 1_000_000;
const EXPIRES = 15_000;
/** Long enough for a connection to be lost and found; then the server forgets the consumer by itself. */
const FORGOTTEN = 60_000;
const FIRST_RETRY = 50;
const LONGEST_RETRY = 2_000;
/** A cluster may give a consumer to a server that has just died and will never answer: a new one after such a time fares better. */
const FIRST_TIMEOUT = 1_000;
const LONGEST_TIMEOUT = 4_000;
const TRIES_AT_FIRST = 6;
/** A stream that is not there may be one whose servers have just come back: asked for again this often. */
const TRIES_WITHOUT_STREAM = 5;
/** Of a message beside its payload, about: counted towards the bound, so that many small messages have one too. */
const OVERHEAD = 64;

/** Resolves when the first consumer is there; rejects where that is not possible. */
export async function openReader(calls: JetStreamCalls, stream: string, options: ReaderOptions): Promise<StreamReader> {
  const reader = new Reader(calls, stream, options);
  await reader.open();
  return reader;
}

class Reader implements StreamReader {
  readonly #connection: Connection;
  readonly #calls: JetStreamCalls;
  readonly #stream: string;
  readonly #options: ReaderOptions;
  readonly #bound: number;
  readonly #status: Subscription;
  readonly #queue: MessageQueue;
  /** Bytes in the queue. */
  #queued = 0;
  #pending = 0;
  /** Of the message put in the queue last. */
  #last = 0;
  #begun = false;
  #caughtUp = false;
  /** Of the stream that is read: another one of this name has another. */
  #created = '';
  #consumer = '';
  #generation = 0;
  #delivered = 0;
  #inbox: RawSubscription | undefined;
  #pulling = false;
  /** The next message is larger than the bound: it comes alone. */
  #oversized = false;
  /** Messages that this consumer had given when the pull was made. */
  #pulledAt = 0;
  #batch = LARGEST_BATCH;
  #retries = 0;
  #timer: Timer | undefined;
  #heard = 0;
  #closed = false;

  constructor(calls: JetStreamCalls, stream: string, options: ReaderOptions) {
    const { connection } = calls;
    this.#connection = connection;
    this.#calls = calls;
    this.#stream = stream;
    this.#options = options;
    this.#bound = options.maxBytes ?? BOUND;
    this.#queue = new MessageQueue((message) => {
      this.#queued -= sizeOf(message);
      this.#pull();
    });
    this.#status = connection.onStatus((status) => {
      if (status === 'reconnected') this.#remake('at once');
      else if (status === 'closed') this.close();
    });
  }

  /** Makes the first consumer; rejects where that is not possible. */
  async open(): Promise<void> {
    for (;;) {
      try {
        await this.#make(this.#generation);
        return;
      } catch (error) {
        const known = natsError(error, `reading ${this.#stream}`);
        this.#retries += 1;
        if (known.code === 'nats.timeout' && this.#retries < TRIES_AT_FIRST) continue;
        this.close();
        throw known;
      }
    }
  }

  get pending(): number {
    return this.#pending + this.#queue.length;
  }

  next(): Promise<StoredMessage | undefined> {
    return this.#queue.next();
  }

  close(): void {
    if (this.#closed) return;
    this.#stop();
    this.#queue.close();
    this.#options.closed?.();
  }

  #stop(): void {
    this.#closed = true;
    this.#status.close();
    this.#timer?.cancel();
    this.#forget();
  }

  /** A consumer from where we stand. */
  async #make(generation: number): Promise<void> {
    const timeout = Math.min(FIRST_TIMEOUT * 2 ** this.#retries, LONGEST_TIMEOUT);
    const info = await this.#calls.streamInfo(this.#stream, [timeout]);
    if (this.#generation !== generation || this.#closed) return;
    this.#check(info);
    const inbox = `${this.#connection.inboxPrefix}.${nuid.next()}`;
    const name = `cs-${nuid.next()}`;
    const made = await this.#calls.addConsumer(this.#stream, this.#config(name), timeout);
    if (this.#generation !== generation || this.#closed) {
      this.#calls.deleteConsumer(this.#stream, name);
      return;
    }
    this.#use(made, inbox, generation);
  }

  #use(made: ConsumerInfo, inbox: string, generation: number): void {
    this.#consumer = made.name;
    this.#delivered = 0;
    this.#retries = 0;
    this.#pending = made.num_pending;
    this.#inbox = this.#connection.nc.subscribe(inbox, {
      callback: (error, msg) => {
        if (this.#generation === generation && !this.#closed) this.#guarded(error, msg);
      },
    });
    this.#heard = this.#connection.ports.monotonic();
    this.#watch(generation);
    if (made.num_pending === 0) this.#reachEnd();
    this.#pull();
  }

  /** The stream must be the one that we read, and hold what we have read. */
  #check(info: StreamInfo): void {
    if (this.#created === '') this.#created = info.created;
    const another = info.created !== this.#created;
    if (!another && info.state.last_seq >= this.#last) return;
    throw wentBack(
      this.#stream,
      another
        ? 'it was deleted and made again'
        : `it ends at ${info.state.last_seq} though ${this.#last} has been read: its server lost messages or was restored`,
    );
  }

  #config(name: string): Partial<ConsumerConfig> {
    return {
      name,
      ...this.#start(),
      ack_policy: AckPolicy.None,
      inactive_threshold: nanos(FORGOTTEN),
      num_replicas: 1,
      mem_storage: true,
      max_waiting: 4,
      ...defined({ filter_subject: this.#options.filter }),
    };
  }

  #start(): Pick<ConsumerConfig, 'deliver_policy' | 'opt_start_seq' | 'opt_start_time'> {
    const { startSequence, startTime, lastPerSubject } = this.#options;
    if (this.#begun) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: this.#last + 1 };
    if (lastPerSubject === true) return { deliver_policy: DeliverPolicy.LastPerSubject };
    if (startTime !== undefined) {
      return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(startTime).toISOString() };
    }
    if (startSequence === undefined || startSequence <= 1) return { deliver_policy: DeliverPolicy.All };
    return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: startSequence };
  }

  #pull(): void {
    if (this.#pulling || this.#closed || this.#inbox === undefined || !this.#connection.connected) return;
    const room = this.#bound - this.#queued;
    if (room < this.#bound / 2) return;
    this.#pulling = true;
    this.#heard = this.#connection.ports.monotonic();
    this.#pulledAt = this.#delivered;
    this.#batch = this.#oversized ? 1 : LARGEST_BATCH;
    const request = {
      batch: this.#batch,
      max_bytes: this.#oversized ? this.#connection.info.maxPayload + 4096 : room,
      expires: nanos(EXPIRES),
      idle_heartbeat: nanos(HEARTBEAT),
    };
    this.#oversized = false;
    const subject = `${this.#calls.prefix}.CONSUMER.MSG.NEXT.${this.#stream}.${this.#consumer}`;
    this.#connection.nc.publish(subject, JSON.stringify(request), { reply: this.#inbox.getSubject() });
  }

  /** An error thrown by a listener of ours must not end the connection. */
  #guarded(error: Error | null, msg: Msg): void {
    try {
      this.#take(error, msg);
    } catch (thrown) {
      this.#connection.report(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  #take(error: Error | null, msg: Msg): void {
    if (error !== null) {
      this.#fail(natsError(error, `reading ${this.#stream}`));
      return;
    }
    this.#heard = this.#connection.ports.monotonic();
    const { code } = msg.headers ?? { code: 0 };
    if (code !== 0 && (msg.reply ?? '') === '') {
      this.#hear(code, msg.headers?.description ?? '');
      return;
    }
    const place = placeOf(msg.reply ?? '');
    if (place === undefined || place.consumer !== this.#consumer) return;
    this.#delivered += 1;
    if (place.delivered !== this.#delivered) {
      this.#remake('at once');
      return;
    }
    this.#put(msg, place);
    // a batch that is full ends without a word
    if (this.#delivered - this.#pulledAt < this.#batch) return;
    this.#pulling = false;
    this.#pull();
  }

  #put(msg: Msg, place: Place): void {
    // a start beyond the end is taken by servers of 2.9 as the end
    if (place.sequence < (this.#options.startSequence ?? 0)) {
      if (place.pending === 0) this.#reachEnd();
      return;
    }
    this.#last = place.sequence;
    this.#begun = true;
    this.#pending = place.pending;
    const message: StoredMessage = {
      subject: msg.subject,
      data: msg.data,
      headers: recordOf(msg.headers),
      sequence: place.sequence,
      time: place.time,
    };
    if (this.#options.deliver !== undefined) this.#options.deliver(message);
    else {
      this.#queued += sizeOf(message);
      this.#queue.put(message);
    }
    if (place.pending === 0) this.#reachEnd();
  }

  /** A word of the server about the pull. */
  #hear(code: number, description: string): void {
    const text = description.toLowerCase();
    if (code === 100) {
      // silence on a pull that is under way: nothing waits
      if (text.includes('idle heartbeat')) this.#reachEnd();
      return;
    }
    const tooLarge = code === 409 && text.includes('message size exceeds');
    if (tooLarge && this.#pulledAt === this.#delivered) this.#oversized = true;
    if (tooLarge || code === 408 || code === 404 || (code === 409 && text.includes('batch completed'))) {
      this.#pulling = false;
      this.#pull();
      if (code === 408) void this.#verify(this.#generation);
      return;
    }
    // consumer deleted, leadership change, server shutdown, no responders: what it was is told by making another
    this.#remake('soon');
  }

  #reachEnd(): void {
    if (this.#caughtUp) return;
    this.#caughtUp = true;
    this.#options.caughtUp?.();
  }

  /** Nothing came for a while: the consumer may have sent what was lost on its way through a cluster. */
  async #verify(generation: number): Promise<void> {
    const before = this.#delivered;
    const info = await this.#calls.consumerInfo(this.#stream, this.#consumer).catch(() => undefined);
    if (this.#generation !== generation || this.#closed || this.#delivered !== before) return;
    if (info === undefined || info.delivered.consumer_seq > before) this.#remake('at once');
  }

  #watch(generation: number): void {
    this.#timer?.cancel();
    this.#timer = this.#connection.ports.after(HEARTBEAT, () => {
      if (this.#generation !== generation || this.#closed) return;
      const silent = this.#connection.ports.monotonic() - this.#heard > SILENCE;
      // where nobody asks nobody answers, and a consumer forgotten meanwhile is noticed by the next pull
      if (silent && this.#pulling) this.#remake('at once');
      else this.#watch(generation);
    });
  }

  #remake(when: 'at once' | 'soon'): void {
    if (this.#closed) return;
    this.#forget();
    this.#timer?.cancel();
    this.#generation += 1;
    const generation = this.#generation;
    const delay = Math.min(FIRST_RETRY * 2 ** this.#retries, LONGEST_RETRY);
    const wait = when === 'at once' && this.#retries === 0 ? 0 : delay * (0.5 + this.#connection.ports.random());
    this.#timer = this.#connection.ports.after(wait, () => void this.#tryMake(generation));
  }

  async #tryMake(generation: number): Promise<void> {
    try {
      await this.#make(generation);
    } catch (error) {
      if (this.#generation !== generation || this.#closed) return;
      const known = natsError(error, `reading ${this.#stream}`);
      this.#retries += 1;
      // while disconnected nothing is tried: reconnection begins anew
      if (known.code === 'nats.disconnected') return;
      const absent = known.code === 'nats.no-stream' && this.#retries <= TRIES_WITHOUT_STREAM;
      if (known.retry || absent) this.#remake('soon');
      else this.#fail(known);
    }
  }

  #fail(error: CloudskinError): void {
    if (this.#closed) return;
    this.#stop();
    this.#queue.fail(error);
    this.#options.failed?.(error);
    this.#options.closed?.();
  }

  #forget(): void {
    const inbox = this.#inbox;
    this.#inbox = undefined;
    this.#pulling = false;
    if (inbox === undefined) return;
    if (!this.#connection.nc.isClosed()) inbox.unsubscribe();
    if (this.#connection.connected) this.#calls.deleteConsumer(this.#stream, this.#consumer);
  }
}

function sizeOf(message: StoredMessage): number {
  return message.data.length + message.subject.length + OVERHEAD;
}
