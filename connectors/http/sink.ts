/**
 * Sends rows, one request after the other in their order, each with an Idempotency-Key by which a server knows it again. With checkpoints
 * requests are made once the checkpoint is complete that holds their bodies, so that a body and its key always belong together.
 */
import { randomUUID } from 'node:crypto';
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { externalError } from '../../engine/errors.ts';
import type { Prepared, Sink, SinkContext, SinkReport } from '../../engine/graph/connector.ts';
import { publicUrl } from '../outside.ts';
import { openEncoder, type PayloadEncoder } from '../payload/encode.ts';
import type { PayloadName } from '../payload/payload.ts';
import type { HttpSinkOptions } from './options.ts';
import { type Client, Refused, refusedError, send } from './request.ts';

const TYPES: Readonly<Record<PayloadName, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
  arrow: 'application/vnd.apache.arrow.stream',
  senml: 'application/senml+json',
};

/** The bodies `from` (inclusive) to `to` (exclusive) of the sink, counted from its beginning. */
interface HeldState {
  readonly generation: string;
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

export async function openHttpSink(options: HttpSinkOptions, schema: Schema, context: SinkContext): Promise<Sink> {
  const sink = new HttpSink(options, context, await openEncoder(options.payload, schema));
  if (context.restored !== undefined) await sink.restore(context.restored.prepared);
  return sink;
}

class HttpSink implements Sink {
  readonly #options: HttpSinkOptions;
  readonly #context: SinkContext;
  readonly #encoder: PayloadEncoder;
  readonly #client: Client;
  #generation: string = randomUUID();
  /** Bodies that are not sent yet. */
  #held: Uint8Array[] = [];
  #bytes = 0;
  #sent = 0;
  #rows = 0;

  constructor(options: HttpSinkOptions, context: SinkContext, encoder: PayloadEncoder) {
    this.#options = options;
    this.#context = context;
    this.#encoder = encoder;
    const { headers, token, timeout, retryFor } = options;
    const type = { 'content-type': TYPES[options.payload.format] };
    this.#client = {
      what: `sink ${context.name}`,
      headers: { ...type, ...headers },
      token,
      timeout,
      retryFor,
      context,
      reached: false,
    };
  }

  /** What is written from here on is of a new generation: bodies of later checkpoints may have been sent before this one was gone back to, and are not those to come. */
  async restore(prepared: Prepared): Promise<void> {
    const { generation, rows } = prepared.state as unknown as HeldState;
    const own = this.#generation;
    this.#generation = generation;
    this.#rows = rows;
    await this.commit(0, prepared);
    this.#generation = own;
  }

  write(batch: Batch): void | Promise<void> {
    const bodies = this.#encoder.encode(batch, this.#options.maxBody);
    this.#rows += batch.rows;
    this.#held.push(...bodies);
    if (!this.#context.checkpointed) return this.#sendHeld();
    for (const body of bodies) this.#bytes += body.length;
    if (this.#bytes <= this.#options.maxHeld) return;
    const message = `${this.#client.what} holds more than ${this.#options.maxHeld} bytes for the next checkpoint`;
    throw externalError('http.too-much-held', message, { hint: 'take checkpoints more often, or raise `maxHeld`' });
  }

  async prepare(): Promise<Prepared> {
    const to = this.#sent + this.#held.length;
    const state: HeldState = { generation: this.#generation, from: this.#sent, to, rows: this.#rows };
    return { state: { ...state }, frozen: [...this.#held] };
  }

  /** Sends what is held of the checkpoint and was not sent; after a restart again, under the same keys. */
  async commit(_checkpoint: number, prepared: Prepared): Promise<void> {
    const { from, to } = prepared.state as unknown as HeldState;
    for (let number = Math.max(from, this.#sent); number < to; number++) {
      await this.#send(number, prepared.frozen?.[number - from] ?? new Uint8Array(0));
      const body = this.#held.shift();
      this.#bytes -= body?.length ?? 0;
      this.#sent = number + 1;
    }
    // of a checkpoint without output, too, that the sink goes on from: numbers of bodies are never given twice
    this.#sent = Math.max(this.#sent, to);
  }

  async close(): Promise<SinkReport> {
    if (this.#context.checkpointed) await this.commit(0, await this.prepare());
    else await this.#sendHeld();
    return { rows: this.#rows, wrote: [publicUrl(this.#options.url)] };
  }

  async abort(): Promise<void> {}

  async #sendHeld(): Promise<void> {
    const bodies = this.#held;
    this.#held = [];
    for (const body of bodies) await this.#send(this.#sent++, body);
  }

  async #send(number: number, body: Uint8Array): Promise<void> {
    const { url, method, onRefused } = this.#options;
    const key = `${this.#context.identity ?? this.#context.name}/${this.#generation}/${number}`;
    try {
      const init = { method, body: body as Uint8Array<ArrayBuffer>, headers: { 'idempotency-key': key } };
      await send(this.#client, url, init, async (response) => response.body?.cancel());
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const refused = refusedError(this.#client.what, url, error);
      if (onRefused === 'fail') throw refused;
      await this.#context.stdout(`${refused.message}; the rows of this request are left out\n`);
    }
  }
}
