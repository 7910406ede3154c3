/** A client's connection as its server has it: two pipes, and what the client listens to. */
import type { SimulatedClock } from './clock.ts';
import type { Take } from './link.ts';
import { type Latency, Pipe } from './pipe.ts';
import type { SeededRandom } from './random.ts';
import { Route } from './route.ts';
import { type Listener, type Packet, sizeOf } from './subjects.ts';

/** What a connection asks of its server. */
export interface SessionServer {
  readonly id: string;
  readonly options: {
    readonly name: string;
    readonly domain?: string;
    readonly version?: string;
    readonly maxPayload?: number;
    readonly jetstream?: boolean;
  };
  readonly up: boolean;
  readonly maxPending: number;
  readonly sessions: Set<Session>;
  listen(listener: Listener): void;
  unlisten(listener: Listener): void;
  /** Calls into the server, at once or when it goes on. */
  run(task: () => void): void;
  /** True where there is somebody who listens. */
  publish(packet: Packet): boolean;
  ask(domain: string | undefined, route: Route, take: Take, none: () => void): void;
}

export interface SessionClient {
  /** A message for the subscription `id`. */
  receive(session: Session, id: number, packet: Packet): void;
  /** The server, or the network, has ended the connection. */
  lost(session: Session): void;
  /** Calls into the client's process. */
  run(task: () => void): void;
}

export class Session {
  readonly server: SessionServer;
  readonly client: SessionClient;
  readonly route: Route = new Route(this);
  readonly #up: Pipe;
  readonly #down: Pipe;
  readonly #latency: Latency;
  readonly #clock: SimulatedClock;
  readonly #listeners = new Map<number, Listener>();
  #open = true;
  #held = false;

  constructor(
    server: SessionServer,
    client: SessionClient,
    clock: SimulatedClock,
    random: SeededRandom,
    latency: Latency,
  ) {
    this.server = server;
    this.client = client;
    this.#clock = clock;
    this.#latency = latency;
    this.#up = new Pipe(clock, random, latency);
    this.#down = new Pipe(clock, random, latency);
    server.sessions.add(this);
  }

  get open(): boolean {
    return this.#open;
  }

  /** Bytes that the server has not taken in. */
  get pending(): number {
    return this.#up.pending;
  }

  toServer(bytes: number, arrive: () => void): void {
    this.#up.send(bytes, () => {
      if (this.#open && this.server.up) this.server.run(arrive);
    });
  }

  toClient(bytes: number, arrive: () => void): void {
    if (!this.#open) return;
    this.#down.send(bytes, () => this.client.run(arrive));
    // a slow consumer: the server lets go of it
    if (this.#down.pending > this.server.maxPending) this.reset();
  }

  subscribe(id: number, pattern: string, queue: string): void {
    const listener: Listener = {
      pattern,
      queue,
      take: (packet) => this.toClient(sizeOf(packet), () => this.client.receive(this, id, packet)),
    };
    this.#listeners.set(id, listener);
    this.server.listen(listener);
  }

  unsubscribe(id: number): void {
    const listener = this.#listeners.get(id);
    if (listener === undefined) return;
    this.#listeners.delete(id);
    this.server.unlisten(listener);
  }

  /** A network that swallows everything. */
  hold(): void {
    this.#held = true;
    this.#up.hold();
    this.#down.hold();
  }

  release(): void {
    this.#held = false;
    this.#up.release();
    this.#down.release();
    if (!this.#open) this.#tell();
  }

  /** Ends at both ends; the client hears of it after a moment. */
  reset(): void {
    if (!this.#open) return;
    this.end();
    if (!this.#held) this.#tell();
  }

  #tell(): void {
    this.#clock.after(this.#latency.min, () => this.client.run(() => this.client.lost(this)));
  }

  /** Ends at the server's side. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#up.cut();
    this.#down.cut();
    this.server.sessions.delete(this);
    for (const id of [...this.#listeners.keys()]) this.unsubscribe(id);
  }
}
