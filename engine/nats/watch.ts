/**
 * Watches the keys of a bucket: every key as it is, then `current`, then every change. A bucket whose stream has gone back (a server
 * restored from an older disk) is read anew; keys that are no longer there are told as deleted.
 */
import { CloudskinError } from '../errors.ts';
import type { Ports, Timer } from '../ports.ts';
import type { Change, StoredMessage, StreamReader, Subscription, WatchListener } from './nats.ts';
import type { OpenReader } from './reading.ts';

const RETRY = 1_000;

export interface Watched {
  readonly ports: Pick<Ports, 'now' | 'after'>;
  /** Reads what is watched; rejects with a `CloudskinError`. */
  readonly read: OpenReader;
  toChange(message: StoredMessage): Change;
  /** Told where reading fails; it is tried again. */
  report(error: CloudskinError): void;
}

/** Rejects where it cannot be read at all. */
export async function watchKeys(watched: Watched, listener: WatchListener): Promise<Subscription> {
  const watch = new Watch(watched, listener);
  await watch.begin();
  return watch;
}

class Watch implements Subscription {
  readonly #watched: Watched;
  readonly #listener: WatchListener;
  #reader: StreamReader | undefined;
  readonly #known = new Set<string>();
  /** Keys seen since reading began anew; undefined once all are. */
  #fresh: Set<string> | undefined;
  #wasCurrent = false;
  #closed = false;
  #timer: Timer | undefined;

  constructor(watched: Watched, listener: WatchListener) {
    this.#watched = watched;
    this.#listener = listener;
  }

  async begin(): Promise<void> {
    this.#fresh = new Set();
    const reader = await this.#watched.read({
      lastPerSubject: true,
      deliver: (message) => this.#take(this.#watched.toChange(message)),
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
    for (const key of gone) this.#take({ key, value: undefined, revision: 0, time: this.#watched.ports.now() });
    if (this.#wasCurrent) return;
    this.#wasCurrent = true;
    this.#listener.current?.();
  }

  /** The reader gave up: told, and tried again, because who watches has no other way to go on. */
  #again(error: CloudskinError): void {
    this.#reader = undefined;
    if (this.#closed) return;
    this.#watched.report(error);
    this.#timer = this.#watched.ports.after(error.code === 'nats.stream-went-back' ? 0 : RETRY, () => {
      this.begin().catch((failed: unknown) => {
        if (!(failed instanceof CloudskinError)) throw failed;
        this.#again(failed);
      });
    });
  }
}
