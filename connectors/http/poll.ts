/** Rows fetched from an address, once or again and again; an answer that has not changed since (ETag, Last-Modified) gives none. */
import type { Schema, Value } from '../../engine/batch/types.ts';
import { userError } from '../../engine/errors.ts';
import type { Source, SourceContext } from '../../engine/graph/connector.ts';
import { pause } from '../outside.ts';
import { type FedPayload, openMessagePartition } from '../payload/partition.ts';
import type { HttpSourceOptions } from './options.ts';
import { type Client, Refused, refusedError, send } from './request.ts';

export async function openPoll(options: HttpSourceOptions, schema: Schema, context: SourceContext): Promise<Source> {
  const poll = new Poll(options, context);
  const { name } = context;
  const partition = await openMessagePartition({ name, payload: options.payload, feed: poll }, schema, context);
  return { bounded: options.every === undefined, partitions: [partition], async close() {} };
}

class Poll {
  readonly #options: HttpSourceOptions;
  readonly #context: SourceContext;
  readonly #client: Client;
  #validators: Record<string, string> = {};
  #count = 0;

  constructor(options: HttpSourceOptions, context: SourceContext) {
    this.#options = options;
    this.#context = context;
    const { headers, token, timeout, retryFor } = options;
    this.#client = { what: `source ${context.name}`, headers, token, timeout, retryFor, context, reached: false };
  }

  async next(): Promise<FedPayload | undefined> {
    const { url = '', every } = this.#options;
    const { signal } = this.#context;
    for (;;) {
      if (signal.aborted || (this.#count > 0 && every === undefined)) return undefined;
      if (this.#count > 0) await pause(Number((every ?? 0n) / 1000n), this.#context);
      if (signal.aborted) return undefined;
      this.#count += 1;
      const data = await this.#fetch(url);
      if (data !== undefined) return { data, position: `${url} ${this.#count}`, attached: this.#attached(url) };
    }
  }

  /** Undefined where nothing has changed, or the source stops. */
  async #fetch(url: string): Promise<Uint8Array | undefined> {
    try {
      return await send(this.#client, url, { headers: this.#validators }, (response) => this.#take(response, url));
    } catch (error) {
      if (this.#context.signal.aborted) return undefined;
      throw error instanceof Refused ? refusedError(this.#client.what, url, error) : error;
    }
  }

  /** The answer has been seen once all of it is here: one that broke off is asked for again. */
  async #take(response: Response, url: string): Promise<Uint8Array | undefined> {
    if (response.status === 304) return undefined;
    const body = await bodyOf(response, this.#options.maxBody, url);
    const etag = response.headers.get('etag');
    const modified = response.headers.get('last-modified');
    this.#validators =
      etag !== null ? { 'if-none-match': etag } : modified !== null ? { 'if-modified-since': modified } : {};
    return body;
  }

  #attached(url: string): readonly Value[] {
    const values: Readonly<Record<string, Value>> = {
      path: url,
      received: BigInt(Math.trunc(this.#context.ports.now())),
      peer: null,
    };
    return this.#context.attach.map((name) => values[name] ?? null);
  }
}

async function bodyOf(response: Response, most: number, url: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece as Uint8Array);
    length += (piece as Uint8Array).length;
    if (length > most) {
      throw userError('http.too-large', `${url} gives more than ${most} bytes`, { hint: 'raise `maxBody`' });
    }
  }
  return Buffer.concat(pieces);
}
