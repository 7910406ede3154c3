/** Publishes rows. Messages are handed to the broker in their order; a checkpoint waits until it has confirmed them. */
import type { MqttClient } from 'mqtt';
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { externalError } from '../../engine/errors.ts';
import type { Prepared, Sink, SinkContext, SinkReport } from '../../engine/graph/connector.ts';
import type { Timer } from '../../engine/ports.ts';
import { publicUrl } from '../outside.ts';
import { openEncoder, type PayloadEncoder } from '../payload/encode.ts';
import { connectMqtt, disconnectMqtt } from './connect.ts';
import type { MqttSinkOptions } from './options.ts';

/** Bytes and messages that may be without a confirmation before the sink waits. */
const MOST_BYTES = 4_194_304;
const MOST_MESSAGES = 256;
/** Messages of QoS 2 that brokers of MQTT 3.1.1, which cannot say how many, commonly take at a time. */
const USUAL_INFLIGHT = 20;

export async function openMqttSink(options: MqttSinkOptions, schema: Schema, context: SinkContext): Promise<Sink> {
  const encoder = await openEncoder(options.payload, schema);
  let most = MOST_MESSAGES;
  const client = await connectMqtt({
    what: `sink ${context.name}`,
    identity: `${context.identity ?? context.name}/sink`,
    options,
    context,
    // What the broker has not confirmed is sent again on the next connection of this process.
    more: { clean: true, queueQoSZero: true },
    limited: true,
    prepare: (connecting) => {
      connecting.on('connect', ({ properties }) => {
        most = Math.min(
          MOST_MESSAGES,
          properties?.receiveMaximum ?? (options.qos === 2 ? USUAL_INFLIGHT : MOST_MESSAGES),
        );
      });
    },
  });
  return new MqttSink(options, context, encoder, client, () => most);
}

class MqttSink implements Sink {
  readonly #options: MqttSinkOptions;
  readonly #context: SinkContext;
  readonly #encoder: PayloadEncoder;
  readonly #client: MqttClient;
  /** Messages that the broker takes without a confirmation. */
  readonly #most: () => number;
  #open = 0;
  #openBytes = 0;
  #failure: Error | undefined;
  #changed: PromiseWithResolvers<void> | undefined;
  #rows = 0;
  /** Runs while the broker is away. */
  #away: Timer | undefined;
  readonly #onAbort: () => void = () => this.#wake();

  constructor(
    options: MqttSinkOptions,
    context: SinkContext,
    encoder: PayloadEncoder,
    client: MqttClient,
    most: () => number,
  ) {
    this.#options = options;
    this.#context = context;
    this.#encoder = encoder;
    this.#client = client;
    this.#most = most;
    context.signal.addEventListener('abort', this.#onAbort);
    client.on('close', () => this.#lost());
    client.on('connect', () => this.#found());
  }

  write(batch: Batch): void | Promise<void> {
    const messages = this.#encoder.encode(batch, this.#options.maxMessage);
    this.#rows += batch.rows;
    return this.#publishAll(messages);
  }

  flush(): Promise<void> {
    return this.#confirmed(0);
  }

  async prepare(): Promise<Prepared> {
    await this.#confirmed(0);
    return { state: { rows: this.#rows } };
  }

  async commit(): Promise<void> {}

  async close(): Promise<SinkReport> {
    try {
      await this.#confirmed(0);
    } catch (error) {
      await this.abort();
      throw error;
    }
    this.#context.signal.removeEventListener('abort', this.#onAbort);
    await disconnectMqtt(this.#client, this.#context.ports);
    this.#found();
    return { rows: this.#rows, wrote: [this.#options.topic] };
  }

  async abort(): Promise<void> {
    this.#context.signal.removeEventListener('abort', this.#onAbort);
    await this.#client.endAsync(true);
    this.#found();
  }

  /** A broker that stays away for `retryFor` is given up. */
  #lost(): void {
    const { retryFor, url } = this.#options;
    this.#away ??= this.#context.ports.after(Number(retryFor / 1000n), () => {
      const message = `sink ${this.#context.name}: the broker at ${publicUrl(url)} has been away for too long`;
      this.#failure ??= externalError('mqtt.unreachable', message, { retry: true, hint: '`retryFor` says how long' });
      this.#wake();
    });
  }

  #found(): void {
    this.#away?.cancel();
    this.#away = undefined;
  }

  async #publishAll(messages: readonly Uint8Array[]): Promise<void> {
    for (const message of messages) {
      await this.#confirmed(this.#most() - 1, MOST_BYTES);
      this.#publish(message);
    }
  }

  #publish(message: Uint8Array): void {
    const { topic, qos, retain } = this.#options;
    this.#open += 1;
    this.#openBytes += message.length;
    this.#client.publish(topic, Buffer.from(message), { qos, retain }, (error) => {
      this.#open -= 1;
      this.#openBytes -= message.length;
      if (error) {
        const reason = `sink ${this.#context.name}: the broker does not take a message for ${topic}: ${error.message}`;
        this.#failure ??= externalError('mqtt.publish', reason, { cause: error });
      }
      this.#wake();
    });
  }

  /** Waits until no more messages and bytes than that are without a confirmation. */
  async #confirmed(messages: number, bytes = Number.POSITIVE_INFINITY): Promise<void> {
    while (this.#open > messages || this.#openBytes > bytes) {
      if (this.#failure !== undefined || this.#context.signal.aborted) break;
      this.#changed ??= Promise.withResolvers<void>();
      await this.#changed.promise;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #wake(): void {
    this.#changed?.resolve();
    this.#changed = undefined;
  }
}
