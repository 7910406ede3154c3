/** Object buckets of the simulation: chunks, then one message that names them, as `../../../engine/nats/nats-js/objects.ts` keeps them. */
import { defined } from '../../../engine/defined.ts';
import { externalError, userError } from '../../../engine/errors.ts';
import { checkBucket } from '../../../engine/nats/failures.ts';
import type { Objects, ObjectsOptions, StoredMessage } from '../../../engine/nats/nats.ts';
import { lastOfEach } from '../../../engine/nats/reading.ts';
import type { JetStreamCalls } from './calls.ts';
import { openReader } from './reader.ts';

const CHUNK = 512 * 1024;
const ATTEMPTS = 3;
const TIMEOUT = 20_000;

interface ObjectInfo {
  readonly name: string;
  readonly id: string;
  readonly size: number;
  readonly chunks: number;
}

export async function openObjects(js: JetStreamCalls, bucket: string, options: ObjectsOptions): Promise<Objects> {
  checkBucket(bucket);
  await js.ensure({
    name: `OBJ_${bucket}`,
    subjects: [`$OBJ.${bucket}.C.>`, `$OBJ.${bucket}.M.>`],
    storage: options.storage ?? 'file',
    discard: 'new',
    ...defined({ maxBytes: options.maxBytes }),
  });
  return new ObjectBucket(js, bucket);
}

class ObjectBucket implements Objects {
  readonly #js: JetStreamCalls;
  readonly #stream: string;
  readonly #subject: string;
  readonly #bucket: string;

  constructor(js: JetStreamCalls, bucket: string) {
    this.#js = js;
    this.#bucket = bucket;
    this.#stream = `OBJ_${bucket}`;
    this.#subject = `$OBJ.${bucket}`;
  }

  async put(name: string, data: Uint8Array): Promise<void> {
    const old = await this.#info(name);
    const { client } = this.#js;
    const id = `${client.name}-${Math.floor(client.node.random.next() * 2 ** 40).toString(36)}`;
    const info: ObjectInfo = { name, id, size: data.length, chunks: Math.ceil(data.length / CHUNK) };
    await this.#putChunks(info, data.slice());
    const text = new TextEncoder().encode(JSON.stringify(info));
    await this.#store(`M.${keyOf(name)}`, text, { 'Nats-Rollup': 'sub' });
    if (old !== undefined && old.chunks > 0) await this.#purge(`C.${old.id}`).catch(() => undefined);
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      const info = await this.#info(name);
      if (info === undefined) return undefined;
      const data = await this.#chunks(info);
      if (data !== undefined) return data;
      if (attempt === ATTEMPTS) {
        throw externalError('nats.object-damaged', `the object ${name} in ${this.#bucket} is not whole`);
      }
    }
  }

  async delete(name: string): Promise<void> {
    const info = await this.#info(name);
    if (info === undefined) return;
    await this.#purge(`M.${keyOf(name)}`);
    if (info.chunks > 0) await this.#purge(`C.${info.id}`);
  }

  async list(prefix = ''): Promise<readonly string[]> {
    const messages = await lastOfEach(
      (options) => openReader(this.#js, this.#stream, options),
      this.#stream,
      `${this.#subject}.M.>`,
    );
    const names = messages.map((message) => infoOf(message).name);
    return names.filter((name) => name.startsWith(prefix)).sort();
  }

  async written(name: string): Promise<number | undefined> {
    return (await this.#js.lastMessage(this.#stream, `${this.#subject}.M.${keyOf(name)}`))?.time;
  }

  async #putChunks({ id, chunks }: ObjectInfo, data: Uint8Array): Promise<void> {
    const puts = Array.from({ length: chunks }, (_, index) =>
      this.#store(`C.${id}`, data.subarray(index * CHUNK, (index + 1) * CHUNK)),
    );
    const failed = (await Promise.allSettled(puts)).find((put) => put.status === 'rejected');
    if (failed === undefined) return;
    await this.#purge(`C.${id}`).catch(() => undefined);
    throw failed.reason;
  }

  async #chunks({ id, size, chunks }: ObjectInfo): Promise<Uint8Array | undefined> {
    const subject = `${this.#subject}.C.${id}`;
    const found = await this.#js.ask(`reading ${this.#stream}`, (server) =>
      server.stream(this.#stream).messages.filter((message) => message.subject === subject),
    );
    if (found.length !== chunks) return undefined;
    const data = new Uint8Array(size);
    let at = 0;
    for (const message of found) {
      data.set(message.data, at);
      at += message.data.length;
    }
    return data;
  }

  async #info(name: string): Promise<ObjectInfo | undefined> {
    if (name === '') throw userError('nats.object', 'an object needs a name');
    const message = await this.#js.lastMessage(this.#stream, `${this.#subject}.M.${keyOf(name)}`);
    return message === undefined ? undefined : infoOf(message);
  }

  async #store(subject: string, data: Uint8Array, headers: Record<string, string> = {}): Promise<void> {
    await this.#js.store(this.#stream, `${this.#subject}.${subject}`, data, { headers, timeout: TIMEOUT });
  }

  #purge(subject: string): Promise<void> {
    const pattern = `${this.#subject}.${subject}`;
    return this.#js.ask(`purging ${this.#stream}`, (server) => server.stream(this.#stream).purgeSubject(pattern));
  }
}

function keyOf(name: string): string {
  return Buffer.from(name, 'utf8').toString('base64url');
}

function infoOf(message: StoredMessage): ObjectInfo {
  return JSON.parse(new TextDecoder().decode(message.data)) as ObjectInfo;
}
