/**
 * Reads a simulated stream in order, over any number of reconnections: a consumer at the server hands out messages as far as there is room here;
 * after a loss another one is made from where we stand, as `../../../engine/nats/nats-js/reader.ts` does.
 */
import { defined } from '../../../engine/defined.ts';
import { CloudskinError } from '../../../engine/errors.ts';
import { wentBack } from '../../../engine/nats/failures.ts';
import { MessageQueue } from '../../../engine/nats/message-queue.ts';
import type { StoredMessage, StreamReader, Subscription } from '../../../engine/nats/nats.ts';
import type { ReaderOptions } from '../../../engine/nats/reading.ts';
import type { Timer } from '../../../engine/ports.ts';
import type { JetStreamCalls } from './calls.ts';
import { Consumer, type ConsumerStart } from './consumer.ts';
import type { Route } from './route.ts';
import type { ServerStreams } from './server-streams.ts';

const BOUND = 4 * 1024 * 1024;
const FIRST_RETRY = 50;
const LONGEST_RETRY = 2_000;
const TRIES_WITHOUT_STREAM = 5;
/** After such a time without a word a reader makes another consumer. */
const SILENCE = 3_000;

interface Made {
  readonly consumer: Consumer;
  readonly route: Route;
  readonly pending: number;
  readonly created: number;
  readonly lastSequence: number;
}

class Reader implements StreamReader {
  readonly #js: JetStreamCalls;
  readonly #stream: string;
  readonly #options: ReaderOptions;
  readonly #status: Subscription;
  readonly #queue = new MessageQueue((message) => this.#taken(message));
  #last = 0;
  #begun = false;
  #created: number | undefined;
  #pending = 0;
  #caughtUp = false;
  #generation = 0;
  #consumer: Consumer | undefined;
  #retries = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(js: JetStreamCalls, stream: string, options: ReaderOptions) {
    this.#js = js;
    this.#stream = stream;
    this.#options = options;
    this.#status = js.client.onStatus((status) => {
      if (status === 'reconnected') this.#remake(0);
      else if (status === 'closed') this.close();
    });
  }

  async open(): Promise<void> {
    try {
      await this.#make(this.#generation);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get pending(): number {
    return this.#pending;
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

  async #make(generation: number): Promise<void> {
    const made = await this.#js.ask(
      `reading ${this.#stream}`,
      (server, route) => this.#begin(server, route, generation),
      [...[1_000, 2_000, 4_000]],
    );
    if (this.#generation !== generation || this.#closed) {
      this.#drop(made.consumer);
      return;
    }
    this.#check(made);
    this.#consumer = made.consumer;
    this.#retries = 0;
    this.#pending = made.pending;
    made.route.onLoss(() => this.#js.client.run(() => this.#silent(generation)));
    if (made.pending === 0) this.#reachEnd();
    const { consumer } = made;
    this.#js.toDomain(
      50,
      () => undefined,
      () => consumer.pump(),
    );
  }

  /** At the server. */
  #begin(server: ServerStreams, route: Route, generation: number): Made {
    const stream = server.stream(this.#stream);
    const { created, lastSequence } = stream;
    const current = (): boolean => this.#generation === generation && !this.#closed;
    const end = {
      message: (message: StoredMessage, pending: number) => {
        if (current()) this.#take(message, pending);
      },
      gone: () => {
        if (current()) this.#remake(FIRST_RETRY);
      },
    };
    const consumer = new Consumer(stream, this.#start(), route, end, server.now());
    return { consumer, route, pending: consumer.pending, created, lastSequence };
  }

  #start(): ConsumerStart {
    const { startSequence = 1, startTime, filter, lastPerSubject, maxBytes = BOUND } = this.#options;
    const common = { room: maxBytes, ...defined({ filter }) };
    if (this.#begun) return { ...common, sequence: this.#last + 1 };
    if (lastPerSubject === true) return { ...common, sequence: 1, lastOfSubject: true };
    return { ...common, sequence: startSequence, ...defined({ time: startTime }) };
  }

  #check({ created, lastSequence }: Made): void {
    this.#created ??= created;
    if (created !== this.#created) throw wentBack(this.#stream, 'it was deleted and made again');
    if (lastSequence < this.#last) throw wentBack(this.#stream, `it ends at ${lastSequence}, ${this.#last} was read`);
  }

  #take(message: StoredMessage, pending: number): void {
    this.#last = message.sequence;
    this.#begun = true;
    this.#pending = pending;
    const own = { ...message, data: message.data.slice() };
    if (this.#options.deliver !== undefined) {
      this.#taken(own);
      this.#js.client.guard(() => this.#options.deliver?.(own));
    } else this.#queue.put(own);
    if (pending === 0) this.#reachEnd();
  }

  #taken(message: StoredMessage): void {
    const consumer = this.#consumer;
    if (consumer === undefined || this.#closed) return;
    this.#js.toDomain(
      50,
      () => undefined,
      () => consumer.taken(message.data.length),
    );
  }

  #reachEnd(): void {
    if (this.#caughtUp) return;
    this.#caughtUp = true;
    this.#options.caughtUp?.();
  }

  /** The way from the server was broken: the next heartbeats do not come. */
  #silent(generation: number): void {
    if (this.#generation === generation && !this.#closed && this.#js.client.connected) this.#remake(SILENCE);
  }

  #remake(wait: number): void {
    if (this.#closed) return;
    this.#forget();
    this.#timer?.cancel();
    this.#generation += 1;
    const generation = this.#generation;
    this.#timer = this.#js.client.node.after(wait, () => void this.#tryMake(generation));
  }

  async #tryMake(generation: number): Promise<void> {
    try {
      await this.#make(generation);
    } catch (error) {
      if (this.#generation !== generation || this.#closed) return;
      if (!(error instanceof CloudskinError)) throw error;
      this.#retries += 1;
      // while disconnected nothing is tried: reconnection begins anew
      if (error.code === 'nats.disconnected') return;
      const absent = error.code === 'nats.no-stream' && this.#retries <= TRIES_WITHOUT_STREAM;
      if (error.retry || absent) this.#remake(this.#delay());
      else this.#fail(error);
    }
  }

  #delay(): number {
    return Math.min(FIRST_RETRY * 2 ** this.#retries, LONGEST_RETRY) * (0.5 + this.#js.client.node.random.next());
  }

  #fail(error: CloudskinError): void {
    this.#stop();
    this.#queue.fail(error);
    this.#options.failed?.(error);
    this.#options.closed?.();
  }

  #forget(): void {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    if (consumer !== undefined) this.#drop(consumer);
  }

  #drop(consumer: Consumer): void {
    this.#js.toDomain(
      50,
      () => undefined,
      () => consumer.close(),
    );
  }
}

export async function openReader(js: JetStreamCalls, stream: string, options: ReaderOptions): Promise<StreamReader> {
  const reader = new Reader(js, stream, options);
  await reader.open();
  return reader;
}
