/** A real nats-server as the world of test/contract/nats: every client comes through a relay of its own, which a test cuts. */
import { connectNats } from '../../../engine/nats/client.ts';
import type { Nats } from '../../../engine/nats/nats.ts';
import { hasNats, type NatsServer, type NatsVersion, NO_NATS, startNats } from '../../kit/nats-server.ts';
import { Relay } from '../../kit/relay.ts';
import type { NatsWorld, NatsWorldMaker } from './world.ts';

export function realNats(version: NatsVersion): NatsWorldMaker {
  return {
    name: `the ${version} nats-server`,
    ...(hasNats(version) ? {} : { missing: NO_NATS[version] }),
    make: async () => new RealWorld(await startNats({ version })),
  };
}

class RealWorld implements NatsWorld {
  readonly #server: NatsServer;
  readonly #relays = new Map<Nats, Relay>();

  constructor(server: NatsServer) {
    this.#server = server;
  }

  async connect(): Promise<Nats> {
    const relay = await Relay.start(this.#server.port);
    const nats = await connectNats({ servers: `nats://127.0.0.1:${relay.port}` });
    this.#relays.set(nats, relay);
    nats.onStatus((status) => {
      if (status === 'closed') void this.#forget(nats);
    });
    return nats;
  }

  async cut(nats: Nats): Promise<void> {
    const lost = untilStatus(nats, 'disconnected');
    this.#relays.get(nats)?.cut();
    await lost;
  }

  async heal(nats: Nats): Promise<void> {
    const found = untilStatus(nats, 'reconnected');
    this.#relays.get(nats)?.heal();
    await found;
  }

  restart(): Promise<void> {
    return this.#server.restart();
  }

  backup(): Promise<unknown> {
    return this.#server.backup();
  }

  async restore(backup: unknown): Promise<void> {
    await this.#server.restore(String(backup));
  }

  pass(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  now(): number {
    return Date.now();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#relays.keys()].map((nats) => nats.close()));
    await this.#server.stop();
  }

  async #forget(nats: Nats): Promise<void> {
    const relay = this.#relays.get(nats);
    this.#relays.delete(nats);
    await relay?.close();
  }
}

function untilStatus(nats: Nats, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const listening = nats.onStatus((status) => {
      if (status !== wanted) return;
      listening.close();
      resolve();
    });
  });
}
