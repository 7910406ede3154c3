/**
 * Key-value buckets in NATS's own layout (ADR-8: a stream `KV_<bucket>` with one message a subject `$KV.<bucket>.<key>`), so that the
 * `nats` command sees the same. Reads go to the stream's leader, never to a replica that may lag: compare-and-set is built on them.
 */

import { DiscardPolicy, StorageType, type StoredMsg, type StreamInfo } from '@nats-io/jetstream';
import { headers, type MsgHdrs, nanos } from '@nats-io/transport-node';
import { defined } from '../../defined.ts';
import { CloudskinError, externalError } from '../../errors.ts';
import { isWrongRevision } from '../compare-and-set.ts';
import { checkBucket, checkKey } from '../failures.ts';
import type { Change, Entry, KeyValue, KeyValueOptions, StoredMessage, Subscription, WatchListener } from '../nats.ts';
import type { JetStreamCalls } from './api.ts';
import { recordOf } from './messages.ts';
import { lastOfEach } from './reading.ts';
import { duplicateWindow, type WantedConfig } from './stream-config.ts';
import { watchBucket } from './watch.ts';

const OPERATION = 'KV-Operation';

export async function openKeyValue(calls: JetStreamCalls, bucket: string, options: KeyValueOptions): Promise<KeyValue> {
  checkBucket(bucket);
  return new Bucket(calls, bucket, await calls.ensure(configOf(bucket, options)));
}

function configOf(bucket: string, options: KeyValueOptions): WantedConfig {
  return {
    name: `KV_${bucket}`,
    subjects: [`$KV.${bucket}.>`],
    storage: options.storage === 'memory' ? StorageType.Memory : StorageType.File,
    num_replicas: options.replicas ?? 1,
    max_msgs_per_subject: 1,
    max_bytes: options.maxBytes ?? -1,
    max_age: nanos(options.ttl ?? 0),
    discard: DiscardPolicy.New,
    duplicate_window: duplicateWindow(undefined, options.ttl),
    deny_delete: true,
    allow_rollup_hdrs: true,
    allow_direct: true,
  };
}

class Bucket implements KeyValue {
  readonly #calls: JetStreamCalls;
  readonly #bucket: string;
  readonly #stream: string;
  readonly #subject: string;
  readonly #info: StreamInfo;

  constructor(calls: JetStreamCalls, bucket: string, info: StreamInfo) {
    this.#calls = calls;
    this.#bucket = bucket;
    this.#info = info;
    this.#stream = `KV_${bucket}`;
    this.#subject = `$KV.${bucket}.`;
  }

  async get(key: string): Promise<Entry | undefined> {
    const message = await this.#last(key);
    if (message === null || isDeletion(recordOf(message.header))) return undefined;
    return { key, value: message.data, revision: message.seq, time: message.time.getTime() };
  }

  put(key: string, value: Uint8Array): Promise<number> {
    return this.#publish(key, value);
  }

  async create(key: string, value: Uint8Array): Promise<number> {
    try {
      return await this.#publish(key, value, 0);
    } catch (error) {
      if (!isWrongRevision(error)) throw error;
      // a deletion is a message, too
      const last = await this.#last(key);
      if (last === null || !isDeletion(recordOf(last.header))) throw error;
      return await this.#publish(key, value, last.seq);
    }
  }

  update(key: string, value: Uint8Array, revision: number): Promise<number> {
    return this.#publish(key, value, revision);
  }

  async delete(key: string, revision?: number): Promise<void> {
    const made = headers();
    made.set(OPERATION, 'DEL');
    await this.#publish(key, new Uint8Array(0), revision, made);
  }

  async keys(pattern = '>'): Promise<readonly string[]> {
    const messages = await lastOfEach(this.#calls, this.#stream, `${this.#subject}${pattern}`);
    return messages.filter(({ headers }) => !isDeletion(headers)).map(({ subject }) => this.#keyOf(subject));
  }

  watch(pattern: string, listener: WatchListener): Promise<Subscription> {
    const toChange = (message: StoredMessage): Change => ({
      key: this.#keyOf(message.subject),
      value: isDeletion(message.headers) ? undefined : message.data,
      revision: message.sequence,
      time: message.time,
    });
    return watchBucket(this.#calls, this.#stream, `${this.#subject}${pattern}`, toChange, listener);
  }

  async lastRevision(): Promise<number> {
    return (await this.#calls.streamInfo(this.#stream)).state.last_seq;
  }

  #keyOf(subject: string): string {
    return subject.slice(this.#subject.length);
  }

  #last(key: string): Promise<StoredMsg | null> {
    return this.#calls.lastOf(this.#info, `${this.#subject}${checkKey(key)}`);
  }

  async #publish(key: string, value: Uint8Array, revision?: number, made?: MsgHdrs): Promise<number> {
    const subject = `${this.#calls.publishPrefix}${this.#subject}${checkKey(key)}`;
    try {
      const published = await this.#calls.publish(subject, value, {
        ...defined({ headers: made, expectLastOfSubject: revision }),
      });
      return published.sequence;
    } catch (error) {
      if (!(error instanceof CloudskinError) || error.code !== 'nats.wrong-last-sequence') throw error;
      const message = `${key} of the bucket ${this.#bucket} does not stand at revision ${revision}`;
      throw externalError('nats.wrong-revision', message, { cause: error });
    }
  }
}

function isDeletion(headers: Readonly<Record<string, string>>): boolean {
  // Nats-Marker-Reason: the server's own mark of a key that has expired
  return headers[OPERATION] === 'DEL' || headers[OPERATION] === 'PURGE' || headers['Nats-Marker-Reason'] !== undefined;
}
