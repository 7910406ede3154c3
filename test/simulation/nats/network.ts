/**
 * The network of a simulation: servers, links between them, clients, and what happens to their connections. Everything comes from the seed:
 * delays, the order of what happens at once on different connections, what is lost.
 */
import type { Nats } from '../../../engine/nats/nats.ts';
import { SimulatedClient } from './client.ts';
import { SimulatedClock } from './clock.ts';
import { Link } from './link.ts';
import { SimulatedNode } from './node.ts';
import type { Latency } from './pipe.ts';
import { SeededRandom } from './random.ts';
import { SimulatedServer, type SimulatedServerOptions } from './server.ts';
import { Session, type SessionClient } from './session.ts';

/** Milliseconds after which a client gives up a server that does not answer: two pings of 5 s, and what of the first was over. */
const PING_GIVES_UP = { min: 10_000, max: 15_000 };
/** A server keeps the connection of a client that it does not hear of for so long. */
const SERVER_KEEPS = 120_000;
const DIAL_TIMEOUT = 5_000;
const NEAR: Latency = { min: 0.1, max: 2 };
const FAR: Latency = { min: 5, max: 40 };

interface Place {
  readonly servers: readonly SimulatedServer[];
  readonly latency: Latency;
  session: Session | undefined;
  /** No connection can be made. */
  refused: boolean;
  /** Packets are swallowed. */
  silent: boolean;
}

export class SimulatedNetwork {
  readonly clock: SimulatedClock = new SimulatedClock();
  readonly random: SeededRandom;
  readonly #places = new Map<SessionClient, Place>();
  #clients = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** A process of its own. */
  node(name: string): SimulatedNode {
    return new SimulatedNode(name, this.clock, this.random.fork(name));
  }

  server(options: SimulatedServerOptions): SimulatedServer {
    return new SimulatedServer(options, this.clock, this.random.fork(options.name));
  }

  /** A leaf node's connection; together they must have no cycle. */
  link(leaf: SimulatedServer, hub: SimulatedServer, latency: Latency = { ...FAR }): Link {
    const name = `${leaf.options.name} ${hub.options.name}`;
    return new Link(leaf, hub, this.clock, this.random.fork(name), latency);
  }

  /** Rejects where none of the servers is there. */
  async connect(
    node: SimulatedNode,
    servers: readonly SimulatedServer[],
    latency: Latency = { ...NEAR },
  ): Promise<Nats> {
    this.#clients += 1;
    const place: Place = { servers, latency, session: undefined, refused: false, silent: false };
    const client = new SimulatedClient(`${node.name}-${this.#clients}`, node, {
      dial: (dialing) => this.#dial(dialing, place),
    });
    this.#places.set(client, place);
    await client.open();
    node.onDeath(() => this.#places.delete(client));
    return client;
  }

  /** The connection is reset, and no other comes before `heal`. */
  cut(nats: Nats): void {
    const place = this.#place(nats);
    place.refused = true;
    place.session?.reset();
  }

  /** The connection is reset; the client may have another one at once. */
  reset(nats: Nats): void {
    this.#place(nats).session?.reset();
  }

  /** Nothing arrives and nobody is told: noticed by both ends when pings stay without an answer. */
  partition(nats: Nats): void {
    const place = this.#place(nats);
    place.silent = true;
    const { session } = place;
    if (session === undefined) return;
    session.hold();
    const { min, max } = PING_GIVES_UP;
    this.clock.after(this.random.between(min, max), () => {
      if (place.silent && place.session === session) session.client.run(() => session.client.lost(session));
    });
    this.clock.after(SERVER_KEEPS, () => {
      if (place.silent && place.session === session) session.end();
    });
  }

  heal(nats: Nats): void {
    const place = this.#place(nats);
    place.refused = false;
    if (!place.silent) return;
    place.silent = false;
    const { session } = place;
    if (session === undefined) return;
    // a client that has given the connection up resets it as soon as it can
    if ((nats as SimulatedClient).session !== session) session.end();
    session.release();
  }

  /** A server stands still: its clients give it up when pings stay without an answer, and cannot come back meanwhile. */
  freeze(server: SimulatedServer): void {
    server.freeze();
    const { min, max } = PING_GIVES_UP;
    for (const session of [...server.sessions]) {
      this.clock.after(this.random.between(min, max), () => {
        if (server.frozen && session.open) session.reset();
      });
    }
  }

  thaw(server: SimulatedServer): void {
    server.thaw();
  }

  latency(nats: Nats): Latency {
    return this.#place(nats).latency;
  }

  #place(nats: Nats): Place {
    const place = this.#places.get(nats as SimulatedClient);
    if (place === undefined) throw new Error('a client of another network, or of a process that is dead');
    return place;
  }

  async #dial(client: SessionClient, place: Place): Promise<Session | undefined> {
    const { latency } = place;
    const wait = (milliseconds: number): Promise<void> =>
      new Promise((resolve) => this.clock.after(milliseconds, () => client.run(resolve)));
    await wait(this.random.between(latency.min, latency.max) * 2);
    if (place.silent) {
      await wait(DIAL_TIMEOUT);
      return undefined;
    }
    const up = place.servers.filter((server) => server.up && !server.frozen);
    if (place.refused || up.length === 0) return undefined;
    const session = new Session(this.random.pick(up), client, this.clock, this.random, latency);
    place.session = session;
    return session;
  }
}
