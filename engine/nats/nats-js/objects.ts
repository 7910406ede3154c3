/**
 * Objects: chunks in `$OBJ.<bucket>.C.<id>`, then one message in `$OBJ.<bucket>.M.<name>` that names them, with a SHA-256. An object is there
 * once that last message is: a reader sees the old one or the new one. As NATS's own object store (ADR-20) but for the subjects: its `$O` is
 * neither kept apart between JetStream domains nor mapped into them, so that buckets of one name on both sides of a leaf node would
 * take each other's objects; `$OBJ` is. Deleting takes both away for good, because names of checkpoints never come again and marks of them
 * would pile up.
 */
import { createHash } from 'node:crypto';
import { DiscardPolicy, StorageType, type StreamInfo } from '@nats-io/jetstream';
import { headers, nuid } from '@nats-io/transport-node';
import { defined } from '../../defined.ts';
import { externalError, userError } from '../../errors.ts';
import { checkBucket } from '../failures.ts';
import type { Objects, ObjectsOptions } from '../nats.ts';
import { lastOfEach } from '../reading.ts';
import type { JetStreamCalls } from './api.ts';
import { openReader } from './reader.ts';
import { duplicateWindow, type WantedConfig } from './stream-config.ts';

const CHUNK = 512 * 1024;
/** Chunks on their way to the server at a time. */
const WINDOW = 8;
/** An object replaced while it is read is read again. */
const ATTEMPTS = 3;
const TIMEOUT = 20_000;

interface ObjectInfo {
  readonly name: string;
  readonly nuid: string;
  readonly size: number;
  readonly chunks: number;
  readonly digest: string;
  readonly deleted?: boolean;
}

export async function openObjects(calls: JetStreamCalls, bucket: string, options: ObjectsOptions): Promise<Objects> {
  checkBucket(bucket);
  return new ObjectBucket(calls, bucket, await calls.ensure(configOf(bucket, options)));
}

function configOf(bucket: string, options: ObjectsOptions): WantedConfig {
  return {
    name: `OBJ_${bucket}`,
    subjects: [`$OBJ.${bucket}.C.>`, `$OBJ.${bucket}.M.>`],
    storage: options.storage === 'memory' ? StorageType.Memory : StorageType.File,
    max_bytes: options.maxBytes ?? -1,
    discard: DiscardPolicy.New,
    duplicate_window: duplicateWindow(),
    allow_rollup_hdrs: true,
    allow_direct: true,
    ...defined({ num_replicas: options.replicas }),
  };
}

class ObjectBucket implements Objects {
  readonly #calls: JetStreamCalls;
  readonly #bucket: string;
  readonly #stream: string;
  readonly #bucketInfo: StreamInfo;

  constructor(calls: JetStreamCalls, bucket: string, info: StreamInfo) {
    this.#calls = calls;
    this.#bucket = bucket;
    this.#bucketInfo = info;
    this.#stream = `OBJ_${bucket}`;
  }

  async put(name: string, data: Uint8Array): Promise<void> {
    const old = await this.#info(name);
    const id = nuid.next();
    const chunks = await this.#putChunks(id, data).catch(async (error: unknown) => {
      await this.#purge(this.#chunks(id)).catch(() => undefined);
      throw error;
    });
    // once that is on its way the object may be there whatever is heard of it: its chunks stay
    await this.#putInfo({ name, nuid: id, size: data.length, chunks, digest: digestOf(data) });
    // the new object is there; chunks left over cost room and nothing else, and go with the next put or delete
    if (old !== undefined && old.chunks > 0) await this.#purge(this.#chunks(old.nuid)).catch(() => undefined);
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      const info = await this.#info(name);
      if (info === undefined) return undefined;
      const data = await this.#getChunks(info);
      if (data !== undefined && digestOf(data) === info.digest) return data;
      if (attempt === ATTEMPTS) {
        throw externalError(
          'nats.object-damaged',
          `the object ${name} in ${this.#bucket} is not whole: chunks are missing`,
        );
      }
    }
  }

  async delete(name: string): Promise<void> {
    const info = await this.#info(name);
    if (info === undefined) return;
    await this.#purge(this.#meta(name));
    if (info.chunks > 0) await this.#purge(this.#chunks(info.nuid));
  }

  async list(prefix = ''): Promise<readonly string[]> {
    const messages = await lastOfEach(
      (options) => openReader(this.#calls, this.#stream, options),
      this.#stream,
      `$OBJ.${this.#bucket}.M.>`,
    );
    return messages
      .flatMap(({ data }) => parseInfo(data)?.name ?? [])
      .filter((name) => name.startsWith(prefix))
      .sort();
  }

  async written(name: string): Promise<number | undefined> {
    const message = await this.#calls.lastOf(this.#bucketInfo, this.#meta(name));
    return message === null || parseInfo(message.data) === undefined ? undefined : message.time.getTime();
  }

  async #putChunks(id: string, data: Uint8Array): Promise<number> {
    const size = Math.min(CHUNK, this.#calls.connection.info.maxPayload - 1024);
    const subject = `${this.#calls.publishPrefix}${this.#chunks(id)}`;
    const under = new Set<Promise<void>>();
    let failure: unknown;
    let chunks = 0;
    for (let at = 0; at < data.length && failure === undefined; at += size) {
      const sent: Promise<void> = this.#calls
        .publish(subject, data.subarray(at, at + size), { timeout: TIMEOUT })
        .then(
          () => undefined,
          (error: unknown) => {
            failure ??= error;
          },
        )
        .then(() => void under.delete(sent));
      under.add(sent);
      chunks += 1;
      if (under.size >= WINDOW) await Promise.race(under);
    }
    await Promise.all(under);
    if (failure !== undefined) throw failure;
    return chunks;
  }

  async #putInfo(info: ObjectInfo): Promise<void> {
    const made = headers();
    made.set('Nats-Rollup', 'sub');
    const { connection, publishPrefix } = this.#calls;
    const text = JSON.stringify({
      ...info,
      description: '',
      bucket: this.#bucket,
      mtime: new Date(connection.ports.now()).toISOString(),
      options: { max_chunk_size: CHUNK },
      deleted: false,
    });
    const subject = `${publishPrefix}${this.#meta(info.name)}`;
    await this.#calls.publish(subject, new TextEncoder().encode(text), { headers: made });
  }

  async #getChunks(info: ObjectInfo): Promise<Uint8Array | undefined> {
    const data = new Uint8Array(info.size);
    if (info.chunks === 0) return data;
    const done = Promise.withResolvers<void>();
    // it may be settled before the reader is open, when nobody waits for it yet
    done.promise.catch(() => undefined);
    let at = 0;
    let chunks = 0;
    const reader = await openReader(this.#calls, this.#stream, {
      filter: this.#chunks(info.nuid),
      deliver: (message) => {
        if (at + message.data.length <= data.length) data.set(message.data, at);
        at += message.data.length;
        chunks += 1;
        if (chunks === info.chunks) done.resolve();
      },
      caughtUp: done.resolve,
      failed: done.reject,
      closed: done.resolve,
    });
    try {
      await done.promise;
    } finally {
      reader.close();
    }
    return at === data.length && chunks === info.chunks ? data : undefined;
  }

  async #info(name: string): Promise<ObjectInfo | undefined> {
    if (name === '') throw userError('nats.object', 'an object needs a name');
    const message = await this.#calls.lastOf(this.#bucketInfo, this.#meta(name));
    return message === null ? undefined : parseInfo(message.data);
  }

  #purge(filter: string): Promise<unknown> {
    return this.#calls.call(`purging ${this.#stream}`, (manager) => manager.streams.purge(this.#stream, { filter }));
  }

  #chunks(id: string): string {
    return `$OBJ.${this.#bucket}.C.${id}`;
  }

  #meta(name: string): string {
    return `$OBJ.${this.#bucket}.M.${padded(Buffer.from(name, 'utf8').toString('base64url'))}`;
  }
}

/** Undefined for the mark that other clients leave of a deleted object. */
function parseInfo(data: Uint8Array): ObjectInfo | undefined {
  const info: ObjectInfo = JSON.parse(new TextDecoder().decode(data));
  return info.deleted === true ? undefined : info;
}

function digestOf(data: Uint8Array): string {
  return `SHA-256=${padded(createHash('sha256').update(data).digest('base64url'))}`;
}

/** The layout asks for base64url with padding. */
function padded(text: string): string {
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}
