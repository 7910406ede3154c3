/** The subscription: messages of a broker, confirmed when their rows are safe. */
import type { MqttClient } from 'mqtt';
import type { Schema, Value } from '../../engine/batch/types.ts';
import { defined } from '../../engine/defined.ts';
import { externalError, messageOf, userError } from '../../engine/errors.ts';
import type { Source, SourceContext } from '../../engine/graph/connector.ts';
import { type Acknowledgeable, Acknowledgements, type Remembering, remembering } from '../payload/acknowledged.ts';
import { openMessagePartition } from '../payload/partition.ts';
import { type Arrived, holdAcknowledgements } from './acknowledging.ts';
import { connectMqtt, disconnectMqtt } from './connect.ts';
import { Deliveries, WINDOW } from './deliveries.ts';
import type { MqttSourceOptions } from './options.ts';

/** Seconds that a broker of MQTT 5 keeps messages for a client that is away: for ever. */
const FOR_EVER = 0xffff_ffff;

export async function openMqttSource(
  options: MqttSourceOptions,
  schema: Schema,
  context: SourceContext,
): Promise<Source> {
  const { name } = context;
  const deliveries = new Deliveries();
  const remembered = await remembering(context, name, deliveries);
  const subscription = new Subscription(options, context, deliveries, remembered);
  await subscription.open();
  const acknowledgements = new Acknowledgements(remembered);
  const feed = acknowledgements.feed(() => subscription.next());
  const begin = Acknowledgements.begin;
  const inner = await openMessagePartition({ name, payload: options.payload, feed, begin }, schema, context);
  return { bounded: false, partitions: [acknowledgements.partition(inner)], close: () => subscription.close() };
}

class Subscription {
  readonly #options: MqttSourceOptions;
  readonly #context: SourceContext;
  readonly #deliveries: Deliveries;
  readonly #remembering: Remembering;
  readonly #queue: Acknowledgeable[] = [];
  #client: MqttClient | undefined;
  /** The broker has the session of the connection before. */
  #isResumed = false;
  #bytes = 0;
  /** What reading on waits for. */
  #room: (() => void) | undefined;
  #wake: (() => void) | undefined;
  #failure: unknown;
  #closed = false;
  readonly #onAbort: () => void = () => this.#wake?.();

  constructor(options: MqttSourceOptions, context: SourceContext, deliveries: Deliveries, remembering: Remembering) {
    this.#options = options;
    this.#context = context;
    this.#deliveries = deliveries;
    this.#remembering = remembering;
    context.signal.addEventListener('abort', this.#onAbort);
  }

  async open(): Promise<void> {
    const options = this.#options;
    const { name } = this.#context;
    const properties = {
      receiveMaximum: WINDOW,
      ...(options.clean ? {} : { sessionExpiryInterval: FOR_EVER }),
    };
    this.#client = await connectMqtt({
      what: `source ${name}`,
      identity: this.#context.identity ?? name,
      options,
      context: this.#context,
      // which session there is decides what is subscribed to, and that is said below
      more: { clean: options.clean, resubscribe: false, ...(options.version === '5' ? { properties } : {}) },
      prepare: (client) => this.#prepare(client),
    });
    await this.#begin(this.#client);
  }

  /** The next message; undefined once the source stops. */
  async next(): Promise<Acknowledgeable | undefined> {
    for (;;) {
      if (this.#closed || this.#context.signal.aborted) return undefined;
      if (this.#failure !== undefined) throw this.#failure;
      const message = this.#queue.shift();
      if (message !== undefined) {
        this.#bytes -= message.data.length;
        if (this.#bytes < this.#options.queue) this.#goOn();
        return message;
      }
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
      this.#wake = undefined;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#context.signal.removeEventListener('abort', this.#onAbort);
    this.#wake?.();
    this.#goOn();
    if (this.#client !== undefined) await disconnectMqtt(this.#client, this.#context.ports);
  }

  #prepare(client: MqttClient): void {
    if (this.#options.qos > 0) {
      holdAcknowledgements(client, {
        deliveries: this.#deliveries,
        keep: (note) => this.#remembering.keep(note),
        take: (message) => this.#take(message),
        whenRoom: (callback) => this.#whenRoom(callback),
        fail: (error) => this.#fail(error),
      });
    }
    // Called for every message after it was taken; while it does not call back, nothing more is read.
    client.handleMessage = (packet, callback): void => {
      if (packet.qos === 0)
        this.#take({ topic: packet.topic, payload: packet.payload as Buffer, packet, confirm: () => undefined });
      this.#whenRoom(callback);
    };
    client.on('close', () => this.#goOn());
    client.on('connect', ({ sessionPresent }) => {
      this.#isResumed = sessionPresent;
      this.#connectedAgain();
    });
  }

  /** A session of its own has no subscription and no message yet: identifiers of the last one are forgotten before it can have any. */
  async #begin(client: MqttClient): Promise<void> {
    const { topic, qos } = this.#options;
    const to = JSON.stringify([topic, qos]);
    if (this.#options.clean || !this.#isResumed) await this.#remembering.keep(this.#deliveries.newSessionNote());
    // a broker sends retained messages with every subscription
    else if (this.#deliveries.subscribed === to) return;
    await this.#subscribe(client);
    await this.#remembering.keep(this.#deliveries.subscribedNote(to));
  }

  #connectedAgain(): void {
    // of the first time `open` takes care
    const client = this.#client;
    if (client === undefined) return;
    this.#begin(client).catch((error: unknown) => {
      // what broke off is begun again with the next connection
      if (client.connected) this.#fail(error);
    });
  }

  async #subscribe(client: MqttClient): Promise<void> {
    const { topic, qos, retained, version } = this.#options;
    const topics = typeof topic === 'string' ? [topic] : [...topic];
    // those of topics that the session was subscribed to have come already
    const known = this.#deliveries.subscribed === '' ? 0 : 1;
    const options = version === '5' ? { qos, rh: retained === 'skip' ? 2 : known } : { qos };
    const granted = await client.subscribeAsync(topics, options).catch((error: unknown) => {
      const reason = messageOf(error);
      throw externalError(
        'mqtt.subscribe',
        `source ${this.#context.name} cannot subscribe to ${topics.join(', ')}: ${reason}`,
      );
    });
    const refused = granted.filter((grant) => grant.qos > 2).map((grant) => grant.topic);
    if (refused.length === 0) return;
    throw userError(
      'mqtt.subscribe',
      `source ${this.#context.name}: the broker refuses the subscription to ${refused.join(', ')}`,
    );
  }

  #take({ topic, payload, packet, pass, confirm, note }: Arrived): void {
    if (packet.retain && this.#options.retained === 'skip') {
      confirm();
      return;
    }
    const attached = this.#attached(topic, packet.retain, packet.qos);
    this.#bytes += payload.length;
    const remembered = defined({ pass, note });
    this.#queue.push({ data: payload, position: topic, attached, acknowledge: confirm, ...remembered });
    this.#wake?.();
  }

  #fail(error: unknown): void {
    if (this.#closed || this.#context.signal.aborted) return;
    this.#failure ??= error;
    this.#wake?.();
  }

  #attached(topic: string, retained: boolean, qos: number): readonly Value[] {
    const values: Readonly<Record<string, Value>> = {
      topic,
      received: BigInt(Math.trunc(this.#context.ports.now())),
      retained,
      qos,
    };
    return this.#context.attach.map((name) => values[name] ?? null);
  }

  #whenRoom(callback: () => void): void {
    if (this.#bytes < this.#options.queue || this.#closed) callback();
    else this.#room = callback;
  }

  #goOn(): void {
    const room = this.#room;
    this.#room = undefined;
    room?.();
  }
}
