/** The mqtt connector keeps the contract of connectors of servers, in both versions of the protocol. */
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll } from 'vitest';
import type { Refusal, ServedWorld } from '../../test/contract/served-connector.ts';
import { messageOf } from '../../test/contract/served-nats.ts';
import { servedSink } from '../../test/contract/served-sink.ts';
import { servedSource } from '../../test/contract/served-source.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../../test/kit/mosquitto.ts';
import { Relay } from '../../test/kit/relay.ts';
import { mqtt as connector } from './mqtt.ts';

class MqttWorld implements ServedWorld {
  readonly relay: Relay;
  readonly #broker: Mosquitto;
  /** Of the test's own, past the relay. */
  client: MqttClient;
  #count = 0;

  private constructor(broker: Mosquitto, relay: Relay, client: MqttClient) {
    this.#broker = broker;
    this.relay = relay;
    this.client = client;
  }

  static async start(): Promise<MqttWorld> {
    const broker = await startMosquitto();
    return new MqttWorld(broker, await Relay.start(broker.port), await listener(broker.url));
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.relay.port}`;
  }

  fresh(): string {
    this.#count += 1;
    return `p/${this.#count}`;
  }

  cut(): void {
    this.relay.cut();
  }

  heal(): void {
    this.relay.heal();
  }

  /** What it holds is written down first, which a broker does now and then: what it had not would be gone. */
  async kill(): Promise<void> {
    await this.#broker.save();
    await this.#broker.kill();
  }

  async start(): Promise<void> {
    await this.#broker.start();
    while (!this.client.connected) await new Promise((resolve) => this.client.once('connect', resolve));
  }

  async stop(): Promise<void> {
    await this.client.endAsync(true);
    await this.relay.close();
    await this.#broker.stop();
  }
}

/** The broker keeps for it what comes while it is cut off. */
async function listener(url: string): Promise<MqttClient> {
  const properties = { sessionExpiryInterval: 3600 };
  const more = { clean: false, clientId: 'test', protocolVersion: 5, reconnectPeriod: 50, properties } as const;
  const client = await connectAsync(url, more);
  client.on('error', () => undefined);
  return client;
}

const missing = hasMosquitto() ? undefined : 'mosquitto is not installed';
const AT_LEAST_ONCE = 'output is seen as it is written';
const refusals: Refusal[] = [
  {
    title: 'there is no broker',
    options: () => ({ url: 'mqtt://127.0.0.1:1', topic: 'x', retryFor: '100ms' }),
    code: 'mqtt.unreachable',
  },
  {
    title: 'the broker refuses who connects',
    options: async () => ({ url: await strict(), topic: 'x', username: 'plant', password: 'wrong', retryFor: '5s' }),
    code: 'mqtt.refused',
  },
];

/** Of a broker that knows one user. */
async function strict(): Promise<string> {
  const broker = await startMosquitto({ user: { name: 'plant', password: 'right' } });
  strictOnes.push(broker);
  return broker.url;
}
const strictOnes: Mosquitto[] = [];

for (const version of ['3.1.1', '5']) {
  servedSource({
    title: `mqtt ${version}`,
    connector,
    missing,
    start: () => MqttWorld.start(),
    place: async (world: MqttWorld) => {
      const topic = world.fresh();
      const clientId = `${topic}-${version}`;
      const send = async (messages: readonly Uint8Array[]): Promise<void> => {
        const sending = messages.map((message) => world.client.publishAsync(topic, Buffer.from(message), { qos: 1 }));
        await Promise.all(sending);
      };
      return {
        options: { url: world.url, topic, version, clientId, keepAlive: '1s', queue: '1MB' },
        publish: (rows) => send(rows.map(messageOf)),
        poison: () => send([Buffer.from('no json')]),
      };
    },
    passed: (world) => world.relay.passed,
    bound: 16_000_000,
    keepsForKnown: true,
    exceptions: { 'goes on from every position': 'the broker knows what was acknowledged, and nothing else' },
    refusals,
  });

  servedSink({
    title: `mqtt ${version}`,
    connector,
    missing,
    start: () => MqttWorld.start(),
    place: async (world: MqttWorld) => {
      const topic = world.fresh();
      const seen: number[] = [];
      const hear = (from: string, message: Buffer): void => {
        if (from === topic) seen.push(JSON.parse(message.toString()).id);
      };
      world.client.on('message', hear);
      await world.client.subscribeAsync(topic, { qos: 1 });
      return {
        options: { url: world.url, topic, version },
        collected: async () => [...seen],
        close: async () => void world.client.off('message', hear),
      };
    },
    repeats: true,
    little: { options: {} },
    exceptions: {
      'shows output when its checkpoint is complete, once, however often it is committed': AT_LEAST_ONCE,
      'a checkpoint that was given up goes with the next': AT_LEAST_ONCE,
      'leaves nothing behind when it is aborted before its checkpoint': AT_LEAST_ONCE,
      'goes on from a checkpoint that was not committed': AT_LEAST_ONCE,
      'goes on from a checkpoint that was committed, and one without output': AT_LEAST_ONCE,
    },
    refusals,
  });
}

afterAll(async () => {
  for (const broker of strictOnes) await broker.stop();
});
