/** Key-value buckets of the simulation, in the layout that NATS has: a stream with one message a key. */
import { defined } from '../../../engine/defined.ts';
import { CloudskinError, externalError } from '../../../engine/errors.ts';
import { isWrongRevision } from '../../../engine/nats/compare-and-set.ts';
import { checkBucket, checkKey } from '../../../engine/nats/failures.ts';
import type {
  Change,
  Entry,
  KeyValue,
  KeyValueOptions,
  StoredMessage,
  StreamReader,
  Subscription,
  WatchListener,
} from '../../../engine/nats/nats.ts';
import type { Timer } from '../../../engine/ports.ts';
import type { JetStreamCalls } from './calls.ts';
import { lastOfEach, openReader } from './reader.ts';

const RETRY = 1_000;
const DELETED = { 'KV-Operation': 'DEL' };

export async function openKeyValue(js: JetStreamCalls, bucket: string, options: KeyValueOptions): Promise<KeyValue> {
  checkBucket(bucket);
  await js.ensure({
    name: `KV_${bucket}`,
    subjects: [`$KV.${bucket}.>`],
    storage: options.storage ?? 'file',
    lastOfSubject: true,
    discard: 'new',
    ...defined({ maxAge: options.ttl, maxBytes: options.maxBytes }),
  });
  return new Bucket(js, bucket);
}

class Bucket implements KeyValue {
  readonly #js: JetStreamCalls;
  readonly #bucket: string;
  readonly #stream: string;
  readonly #subject: string;

  constructor(js: JetStreamCalls, bucket: string) {
    this.#js = js;
    this.#bucket = bucket;
    this.#stream = `KV_${bucket}`;
    this.#subject = `$KV.${bucket}.`;
  }

  async get(key: string): Promise<Entry | undefined> {
    const message = await this.#last(key);
    if (message === undefined || isDeletion(message)) return undefined;
    return { key, value: message.data, revision: message.sequence, time: message.time };
  }

  put(key: string, value: Uint8Array): Promise<number> {
    return this.#publish(key, value);
  }

  async create(key: string, value: Uint8Array): Promise<number> {
    try {
      return await this.#publish(key, value, 0);
    } catch (error) {
      if (!isWrongRevision(error)) throw error;
      const last = await this.#last(key);
      if (last === undefined || !isDeletion(last)) throw error;
      return await this.#publish(key, value, last.sequence);
    }
  }

  update(key: string, value: Uint8Array, revision: number): Promise<number> {
    return this.#publish(key, value, revision);
  }

  async delete(key: string, revision?: number): Promise<void> {
    await this.#publish(key, new Uint8Array(0), revision, DELETED);
  }

  async keys(pattern = '>'): Promise<readonly string[]> {
    const messages = await lastOfEach(this.#js, this.#stream, `${this.#subject}${pattern}`);
    return messages.filter((message) => !isDeletion(message)).map(({ subject }) => this.#keyOf(subject));
  }

  async watch(pattern: string, listener: WatchListener): Promise<Subscription> {
    const watch = new Watch(this.#js, this.#stream, `${this.#subject}${pattern}`, listener, (message) => ({
      key: this.#keyOf(message.subject),
      value: isDeletion(message) ? undefined : message.data,
      revision: message.sequence,
      time: message.time,
    }));
    await watch.begin();
    return watch;
  }

  lastRevision(): Promise<number> {
    return this.#js.ask(`reading ${this.#stream}`, (server) => server.stream(this.#stream).lastSequence);
  }

  #keyOf(subject: string): string {
    return subject.slice(this.#subject.length);
  }

  async #last(key: string): Promise<StoredMessage | undefined> {
    return await this.#js.lastMessage(this.#stream, `${this.#subject}${checkKey(key)}`);
  }

  async #publish(
    key: string,
    value: Uint8Array,
    revision?: number,
    headers: Record<string, string> = {},
  ): Promise<number> {
    const subject = `${this.#subject}${checkKey(key)}`;
    const expected = revision === undefined ? {} : { 'Nats-Expected-Last-Subject-Sequence': String(revision) };
    try {
      const stored = await this.#js.store(this.#stream, subject, value, { headers: { ...headers, ...expected } });
      return stored.sequence;
    } catch (error) {
      if (!(error instanceof CloudskinError) || error.code !== 'nats.wrong-last-sequence') throw error;
      const message = `${key} of the bucket ${this.#bucket} does not stand at revision ${revision}`;
      throw externalError('nats.wrong-revision', message, { cause: error });
    }
  }
}

function isDeletion({ headers }: StoredMessage): boolean {
  return headers['KV-Operation'] !== undefined;
}

/** As `../../../engine/nats/nats-js/watch.ts`: a bucket that went back is read anew, and keys that are no longer there are told as deleted. */
class Watch implements Subscription {
  readonly #js: JetStreamCalls;
  readonly #stream: string;
  readonly #filter: string;
  readonly #listener: WatchListener;
  readonly #toChange: (message: StoredMessage) => Change;
  #reader: StreamReader | undefined;
  readonly #known = new Set<string>();
  #fresh: Set<string> | undefined;
  #wasCurrent = false;
  #closed = false;
  #timer: Timer | undefined;

  constructor(
    js: JetStreamCalls,
    stream: string,
    filter: string,
    listener: WatchListener,
    toChange: (message: StoredMessage) => Change,
  ) {
    this.#js = js;
    this.#stream = stream;
    this.#filter = filter;
    this.#listener = listener;
    this.#toChange = toChange;
  }

  async begin(): Promise<void> {
    this.#fresh = new Set();
    const reader = await openReader(this.#js, this.#stream, {
      filter: this.#filter,
      lastOfSubject: true,
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
    for (const key of gone) this.#take({ key, value: undefined, revision: 0, time: this.#js.client.ports.now() });
    if (this.#wasCurrent) return;
    this.#wasCurrent = true;
    this.#listener.current?.();
  }

  #again(error: CloudskinError): void {
    this.#reader = undefined;
    if (this.#closed) return;
    this.#js.client.report(error);
    this.#timer = this.#js.client.node.after(error.code === 'nats.stream-went-back' ? 0 : RETRY, () => {
      this.begin().catch((failed: unknown) => {
        if (!(failed instanceof CloudskinError)) throw failed;
        this.#again(failed);
      });
    });
  }
}
