/** A NATS server for the suites of connectors of servers: behind a relay, asked by its own monitoring who listens. */
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { freePort, type NatsServer, startNats } from '../kit/nats-server.ts';
import { Relay } from '../kit/relay.ts';
import { until } from '../kit/until.ts';
import type { Refusal, ServedWorld } from './served-connector.ts';

export class NatsWorld implements ServedWorld {
  readonly relay: Relay;
  /** A connection of the test's own, which goes past the relay. */
  readonly nats: Nats;
  readonly #server: NatsServer;
  readonly #monitor: number;
  #count = 0;

  private constructor(server: NatsServer, relay: Relay, nats: Nats, monitor: number) {
    this.#server = server;
    this.relay = relay;
    this.nats = nats;
    this.#monitor = monitor;
  }

  static async start(): Promise<NatsWorld> {
    const monitor = await freePort();
    const server = await startNats({ config: `http: "127.0.0.1:${monitor}"` });
    const relay = await Relay.start(server.port);
    return new NatsWorld(server, relay, await connectNats({ servers: server.url }), monitor);
  }

  /** Goes through what `cut` cuts. */
  get url(): string {
    return `nats://127.0.0.1:${this.relay.port}`;
  }

  fresh(): string {
    this.#count += 1;
    return `p${this.#count}`;
  }

  cut(): void {
    this.relay.cut();
  }

  heal(): void {
    this.relay.heal();
  }

  async kill(): Promise<void> {
    await this.#server.kill();
  }

  async start(): Promise<void> {
    await this.#server.restart();
    await until(() => this.nats.connected);
  }

  /** Resolves once somebody listens to the subject. */
  async listened(subject: string): Promise<void> {
    await until(async () => {
      const response = await fetch(`http://127.0.0.1:${this.#monitor}/subsz?subs=1&test=${subject}`);
      const { subscriptions_list: found = [] } = (await response.json()) as { subscriptions_list?: unknown[] };
      return found.length > 0;
    });
  }

  async stop(): Promise<void> {
    await this.nats.close();
    await this.relay.close();
    await this.#server.stop();
  }
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A row as a message. */
export function messageOf([id, text]: readonly unknown[]): Uint8Array {
  return bytesOf(JSON.stringify({ id: Number(id), text }));
}

/** Where no server is; who is let in is `access.test.ts`. */
export function natsRefusals(more: object): Refusal[] {
  return [
    {
      title: 'there is no server',
      options: () => ({ url: 'nats://127.0.0.1:1', retryFor: '100ms', ...more }),
      code: 'nats.connect',
    },
  ];
}
