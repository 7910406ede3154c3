/**
 * The nats sink: publishes, and keeps what the server has not confirmed to have, so that it is sent again when the connection was lost: it
 * may then come twice. What becomes of it behind the server is up to who listens, unless they answer (`ack: reply`).
 */
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { Sink, SinkContext, SinkReport } from '../../engine/graph/connector.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { openEncoder, type PayloadEncoder } from '../payload/encode.ts';
import { connectFor } from './access.ts';
import type { NatsSinkOptions } from './options.ts';
import { type NatsPatience, persistNats } from './persisting.ts';

/** Bytes that may be unconfirmed before a write waits. */
const MOST_UNCONFIRMED = 4 * 1024 * 1024;
/** Requests under way at a time. */
const WINDOW = 64;
/** Of a message, for its headers. */
const RESERVE = 1024;

export async function openNatsSink(options: NatsSinkOptions, schema: Schema, context: SinkContext): Promise<Sink> {
  const encoder = await openEncoder(options.payload, schema);
  const nats = await connectFor(options, context);
  return new NatsSink(options, encoder, nats, context);
}

class NatsSink implements Sink {
  readonly #options: NatsSinkOptions;
  readonly #encoder: PayloadEncoder;
  readonly #nats: Nats;
  readonly #patience: NatsPatience;
  readonly #errors: { close(): void };
  #error: Error | undefined;
  #unconfirmed: Uint8Array[] = [];
  #bytes = 0;
  #rows = 0;

  constructor(options: NatsSinkOptions, encoder: PayloadEncoder, nats: Nats, context: SinkContext) {
    this.#options = options;
    this.#encoder = encoder;
    this.#nats = nats;
    this.#patience = { access: options, context };
    this.#errors = nats.onError((error) => {
      this.#error ??= error;
    });
  }

  write(batch: Batch): void | Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    this.#rows += batch.rows;
    const messages = this.#encoder.encode(batch, this.#nats.info.maxPayload - RESERVE);
    if (this.#options.ack === 'reply') return this.#ask(messages);
    for (const message of messages) {
      this.#nats.publish(this.#options.subject, message);
      this.#unconfirmed.push(message);
      this.#bytes += message.length;
    }
    if (this.#bytes > MOST_UNCONFIRMED) return this.#settle();
  }

  async flush(): Promise<void> {
    await this.#settle();
  }

  async close(): Promise<SinkReport> {
    try {
      await this.#settle();
      if (this.#error !== undefined) throw this.#error;
    } finally {
      await this.#end();
    }
    return { rows: this.#rows, wrote: [this.#options.subject] };
  }

  async abort(): Promise<void> {
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#errors.close();
    await this.#nats.close();
  }

  /** Until the server has what was published; what was on its way when the connection was lost is sent again. */
  async #settle(): Promise<void> {
    if (this.#unconfirmed.length === 0) return;
    let again = false;
    await persistNats(this.#patience, async () => {
      if (again && this.#nats.connected) {
        for (const message of this.#unconfirmed) this.#nats.publish(this.#options.subject, message);
      }
      again = true;
      await this.#nats.flush();
    });
    this.#unconfirmed = [];
    this.#bytes = 0;
  }

  async #ask(messages: readonly Uint8Array[]): Promise<void> {
    for (let at = 0; at < messages.length; at += WINDOW) {
      await Promise.all(messages.slice(at, at + WINDOW).map((message) => this.#askOnce(message)));
    }
  }

  /** Sends a message again until it is answered. */
  async #askOnce(message: Uint8Array): Promise<void> {
    const { subject, timeout } = this.#options;
    await persistNats(this.#patience, () => this.#nats.request(subject, message, Number(timeout / 1000n)));
  }
}
