/**
 * Watches the keys of a bucket: every key as it is, then `current`, then every change. A bucket whose stream has gone back (a server
 * restored from an older disk) is read anew; keys that are no longer there are told as deleted.
 */
import type { CloudskinError } from '../../errors.ts';
import type { Timer } from '../../ports.ts';
import type { Change, StoredMessage, StreamReader, Subscription, WatchListener } from '../nats.ts';
import type { JetStreamCalls } from './api.ts';
import { natsError } from './errors.ts';
import { openReader } from './reading.ts';

const RETRY = 1_000;

export async function watchBucket(
  calls: JetStreamCalls,
  stream: string,
  filter: string,
  toChange: (message: StoredMessage) => Change,
  listener: WatchListener,
): Promise<Subscription> {
  const watch = new Watch(calls, stream, filter, toChange, listener);
  await watch.begin();
  return watch;
}

class Watch implements Subscription {
  readonly #calls: JetStreamCalls;
  readonly #stream: string;
  readonly #filter: string;
  readonly #toChange: (message: StoredMessage) => Change;
  readonly #listener: WatchListener;
  #reader: StreamReader | undefined;
  #known = new Set<string>();
  /** Keys seen since reading began anew; undefined once all are. */
  #fresh: Set<string> | undefined;
  #wasCurrent = false;
  #closed = false;
  #timer: Timer | undefined;

  constructor(
    calls: JetStreamCalls,
    stream: string,
    filter: string,
    toChange: (message: StoredMessage) => Change,
    listener: WatchListener,
  ) {
    this.#calls = calls;
    this.#stream = stream;
    this.#filter = filter;
    this.#toChange = toChange;
    this.#listener = listener;
  }

  async begin(): Promise<void> {
    this.#fresh = new Set();
    const reader = await openReader(this.#calls, this.#stream, {
      filter: this.#filter,
      lastPerSubject: true,
      deliver: (message) => this.#take(this.#toChange(message)),
      caughtUp: () => this.#current(),
      failed: (error) => this.#again(error),
    });
    if (this.#closed) reader.close();
    else this.#reader = reader;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#reader?.close();
  }

  #take(change: Change): void {
    if (this.#closed) return;
    this.#fresh?.add(change.key);
    if (change.value === undefined) this.#known.delete(change.key);
    else this.#known.add(change.key);
    this.#listener.change(change);
  }

  #current(): void {
    if (this.#closed) return;
    const gone = [...this.#known].filter((key) => this.#fresh?.has(key) === false);
    this.#fresh = undefined;
    for (const key of gone)
      this.#take({ key, value: undefined, revision: 0, time: this.#calls.connection.ports.now() });
    if (this.#wasCurrent) return;
    this.#wasCurrent = true;
    this.#listener.current?.();
  }

  /** The reader gave up: told, and tried again, because who watches has no other way to go on. */
  #again(error: CloudskinError): void {
    this.#reader = undefined;
    if (this.#closed) return;
    this.#calls.connection.report(error);
    const wait = error.code === 'nats.stream-went-back' ? 0 : RETRY;
    this.#timer = this.#calls.connection.ports.after(wait, () => {
      this.begin().catch((failed: unknown) => this.#again(natsError(failed, `watching ${this.#stream}`)));
    });
  }
}
