/**
 * Key-value buckets in NATS's own layout (ADR-8: a stream `KV_<bucket>` with one message a subject `$KV.<bucket>.<key>`), so that the
 * `nats` command sees the same. What an implementation adds is the stream.
 */
import { defined } from '../defined.ts';
import { CloudskinError, externalError } from '../errors.ts';
import type { Ports } from '../ports.ts';
import { isWrongRevision } from './compare-and-set.ts';
import { checkKey } from './failures.ts';
import type { Entry, Headers, KeyValue, StoredMessage, Subscription, WatchListener } from './nats.ts';
import { lastOfEach, type OpenReader, type ReaderOptions } from './reading.ts';
import { watchKeys } from './watch.ts';

/** The stream of a bucket. Everything rejects with a `CloudskinError`. */
export interface BucketStream {
  readonly ports: Pick<Ports, 'now' | 'after'>;
  /** Of the leader, never of a replica that may lag: compare-and-set is built on it. */
  last(subject: string): Promise<StoredMessage | undefined>;
  /** Resolves to the sequence; rejects with `nats.wrong-last-sequence` where the last message of the subject is not `expectLastOfSubject`, 0 being none. */
  publish(subject: string, data: Uint8Array, options: BucketPublishOptions): Promise<number>;
  readonly read: OpenReader;
  lastSequence(): Promise<number>;
  report(error: CloudskinError): void;
}

export interface BucketPublishOptions {
  readonly headers?: Headers;
  readonly expectLastOfSubject?: number;
}

const OPERATION = 'KV-Operation';

export class Bucket implements KeyValue {
  readonly #bucket: string;
  readonly #stream: BucketStream;
  readonly #prefix: string;

  constructor(bucket: string, stream: BucketStream) {
    this.#bucket = bucket;
    this.#stream = stream;
    this.#prefix = `$KV.${bucket}.`;
  }

  async get(key: string): Promise<Entry | undefined> {
    const message = await this.#stream.last(this.#subjectOf(key));
    if (message === undefined || isDeletion(message)) return undefined;
    return { key, value: message.data, revision: message.sequence, time: message.time };
  }

  put(key: string, value: Uint8Array): Promise<number> {
    return this.#publish(key, value, {});
  }

  async create(key: string, value: Uint8Array): Promise<number> {
    try {
      return await this.update(key, value, 0);
    } catch (error) {
      if (!isWrongRevision(error)) throw error;
      // a deletion is a message, too
      const last = await this.#stream.last(this.#subjectOf(key));
      if (last === undefined || !isDeletion(last)) throw error;
      return await this.update(key, value, last.sequence);
    }
  }

  update(key: string, value: Uint8Array, revision: number): Promise<number> {
    return this.#publish(key, value, { expectLastOfSubject: revision });
  }

  async delete(key: string, revision?: number): Promise<void> {
    const mark = { headers: { [OPERATION]: 'DEL' }, ...defined({ expectLastOfSubject: revision }) };
    await this.#publish(key, new Uint8Array(0), mark);
  }

  async keys(pattern = '>'): Promise<readonly string[]> {
    const messages = await lastOfEach(this.#stream.read, `KV_${this.#bucket}`, `${this.#prefix}${pattern}`);
    return messages.filter((message) => !isDeletion(message)).map(({ subject }) => this.#keyOf(subject));
  }

  watch(pattern: string, listener: WatchListener): Promise<Subscription> {
    const stream = this.#stream;
    const watched = {
      ports: stream.ports,
      read: (options: ReaderOptions) => stream.read({ ...options, filter: `${this.#prefix}${pattern}` }),
      toChange: (message: StoredMessage) => ({
        key: this.#keyOf(message.subject),
        value: isDeletion(message) ? undefined : message.data,
        revision: message.sequence,
        time: message.time,
      }),
      report: (error: CloudskinError) => stream.report(error),
    };
    return watchKeys(watched, listener);
  }

  lastRevision(): Promise<number> {
    return this.#stream.lastSequence();
  }

  #subjectOf(key: string): string {
    return `${this.#prefix}${checkKey(key)}`;
  }

  #keyOf(subject: string): string {
    return subject.slice(this.#prefix.length);
  }

  async #publish(key: string, value: Uint8Array, options: BucketPublishOptions): Promise<number> {
    try {
      return await this.#stream.publish(this.#subjectOf(key), value, options);
    } catch (error) {
      if (!(error instanceof CloudskinError) || error.code !== 'nats.wrong-last-sequence') throw error;
      const message = `${key} of the bucket ${this.#bucket} does not stand at revision ${options.expectLastOfSubject}`;
      throw externalError('nats.wrong-revision', message, { cause: error });
    }
  }
}

function isDeletion({ headers }: StoredMessage): boolean {
  // Nats-Marker-Reason: the server's own mark of a key that has expired
  return headers[OPERATION] === 'DEL' || headers[OPERATION] === 'PURGE' || headers['Nats-Marker-Reason'] !== undefined;
}
