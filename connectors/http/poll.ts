/**
 * Rows fetched from an address, once or again and again; an answer that has not changed since (ETag, Last-Modified) gives none, where there is a journal also
 * after a restart.
 */
import { createHash } from 'node:crypto';
import type { Schema, Value } from '../../engine/batch/types.ts';
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import type { Source, SourceContext, SourceMemory } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import { pause } from '../outside.ts';
import { type Acknowledgeable, Acknowledgements, remembering } from '../payload/acknowledged.ts';
import { openMessagePartition } from '../payload/partition.ts';
import type { HttpSourceOptions } from './options.ts';
import { type Client, Refused, refusedError, send } from './request.ts';

export async function openPoll(options: HttpSourceOptions, schema: Schema, context: SourceContext): Promise<Source> {
  const { name } = context;
  const last = new LastAnswer();
  const remembered = await remembering(context, name, last);
  const poll = new Poll(options, context, last);
  const acknowledgements = new Acknowledgements(remembered);
  const feed = acknowledgements.feed(() => poll.next());
  const begin = Acknowledgements.begin;
  const inner = await openMessagePartition({ name, payload: options.payload, feed, begin }, schema, context);
  const partitions = [acknowledgements.partition(inner)];
  return { bounded: options.every === undefined, partitions, async close() {} };
}

type Validators = Readonly<Record<string, string>>;

interface Answer {
  /** Headers by which the server is asked whether it has changed; none where it did not give any. */
  readonly validators: Validators;
  /** Of the body. */
  readonly print: string;
  /** So many of its rows are safe, and more are to come; absent: all are. */
  readonly rows?: number;
}

/** The answer whose rows are safe. */
class LastAnswer implements SourceMemory {
  #answer: Answer | undefined;

  get validators(): Validators {
    return this.#answer?.rows === undefined ? (this.#answer?.validators ?? {}) : {};
  }

  /** How many rows of this body are safe, where it is one that broke off. */
  rowsOf(print: string): number | undefined {
    return this.#answer?.print === print ? this.#answer.rows : undefined;
  }

  add(note: Json): void {
    this.#answer = (note as unknown as Answer | null) ?? undefined;
  }

  all(): Json {
    return (this.#answer as unknown as Json | undefined) ?? null;
  }
}

class Poll {
  readonly #options: HttpSourceOptions;
  readonly #context: SourceContext;
  readonly #client: Client;
  readonly #last: LastAnswer;
  #validators: Validators;
  #count = 0;

  constructor(options: HttpSourceOptions, context: SourceContext, last: LastAnswer) {
    this.#options = options;
    this.#context = context;
    this.#last = last;
    this.#validators = last.validators;
    const { headers, token, timeout, retryFor } = options;
    this.#client = { what: `source ${context.name}`, headers, token, timeout, retryFor, context, reached: false };
  }

  async next(): Promise<Acknowledgeable | undefined> {
    const { url = '', every } = this.#options;
    const { signal } = this.#context;
    for (;;) {
      if (signal.aborted || (this.#count > 0 && every === undefined)) return undefined;
      if (this.#count > 0) await pause(Number((every ?? 0n) / 1000n), this.#context);
      if (signal.aborted) return undefined;
      this.#count += 1;
      const data = await this.#fetch(url);
      if (data !== undefined) return this.#messageOf(data, url);
    }
  }

  #messageOf(data: Uint8Array, url: string): Acknowledgeable {
    const validators = this.#validators;
    const print = createHash('sha256').update(data).digest('base64url').slice(0, 22);
    return {
      data,
      position: `${url} ${this.#count}`,
      attached: this.#attached(url),
      acknowledge: () => undefined,
      note: (rows) => ({ validators, print, ...defined({ rows }) }),
      // of what an earlier run was at
      ...defined({ pass: this.#count === 1 ? this.#last.rowsOf(print) : undefined }),
    };
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
