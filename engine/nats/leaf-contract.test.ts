/** The contract of streams and buckets once more, of a hub's JetStream domain through a leaf node, as an edge agent uses the cloud's. */
import { afterAll, beforeAll, describe } from 'vitest';
import { bucketContract } from '../../test/contract/nats/buckets.ts';
import { streamContract } from '../../test/contract/nats/streams.ts';
import type { NatsWorld } from '../../test/contract/nats.ts';
import { type HubAndLeaf, startHubAndLeaf } from '../../test/kit/nats-cluster.ts';
import { hasNats } from '../../test/kit/nats-server.ts';
import { connectNats } from './client.ts';
import type { Nats } from './nats.ts';

/** Clients of the leaf, for whom JetStream is the hub's. */
class LeafWorld implements NatsWorld {
  readonly #servers: HubAndLeaf;
  readonly #clients: Nats[] = [];

  constructor(servers: HubAndLeaf) {
    this.#servers = servers;
  }

  async connect(): Promise<Nats> {
    const nats = await connectNats({ servers: this.#servers.leaf.url });
    this.#clients.push(nats);
    const far = nats.jetstream.bind(nats);
    return Object.assign(nats, { jetstream: (domain = 'hub') => far(domain) });
  }

  pass(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  now(): number {
    return Date.now();
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((nats) => nats.close()));
    await this.#servers.stop();
  }

  cut = unused;
  heal = unused;
  restart = unused;
  backup = unused;
  restore = unused;
}

function unused(): Promise<never> {
  throw new Error('these parts of the contract harm nothing');
}

describe.skipIf(!hasNats())('NATS through a leaf node', () => {
  let made: NatsWorld | undefined;
  const world = (): NatsWorld => {
    if (made === undefined) throw new Error('the world was not made');
    return made;
  };
  beforeAll(async () => {
    made = new LeafWorld(await startHubAndLeaf());
  });
  afterAll(() => made?.close());
  describe('streams', () => streamContract(world));
  describe('buckets', () => bucketContract(world));
});
