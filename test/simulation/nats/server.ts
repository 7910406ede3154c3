/** A NATS server: who listens, where messages go, and whether it is up. */
import type { SimulatedClock } from './clock.ts';
import type { LinkEnd, LinkServer, Take } from './link.ts';
import { EPOCH } from './node.ts';
import type { SeededRandom } from './random.ts';
import type { Route } from './route.ts';
import { type Fate, type Home, ServerStreams } from './server-streams.ts';
import type { Session, SessionServer } from './session.ts';
import { Interest, type Listener, type Packet } from './subjects.ts';

export interface SimulatedServerOptions {
  readonly name: string;
  /** Its JetStream domain. */
  readonly domain?: string;
  readonly jetstream?: boolean;
  readonly version?: string;
  readonly maxPayload?: number;
  /** Bytes that may wait for one client; 64 MiB unless given. */
  readonly maxPending?: number;
}

const NOBODY: ReadonlySet<string> = new Set();

export class SimulatedServer implements LinkServer, SessionServer, Home {
  readonly options: SimulatedServerOptions;
  readonly maxPending: number;
  readonly sessions: Set<Session> = new Set();
  readonly links: LinkEnd[] = [];
  readonly streams: ServerStreams = new ServerStreams(this);
  /** Milliseconds that its clock is wrong by. */
  skew = 0;
  readonly #clock: SimulatedClock;
  readonly #random: SeededRandom;
  readonly #interest = new Interest();
  #up = true;
  #held: (() => void)[] | undefined;
  #starts = 1;

  constructor(options: SimulatedServerOptions, clock: SimulatedClock, random: SeededRandom) {
    this.options = options;
    this.maxPending = options.maxPending ?? 64 * 2 ** 20;
    this.#clock = clock;
    this.#random = random;
  }

  get up(): boolean {
    return this.#up;
  }

  get frozen(): boolean {
    return this.#held !== undefined;
  }

  /** Another one after each start. */
  get id(): string {
    return `${this.options.name}-${this.#starts}`;
  }

  now(): number {
    return EPOCH + this.#clock.now + this.skew;
  }

  /** What comes in while it stands still is done when it goes on. */
  run(task: () => void): void {
    if (this.#held !== undefined) this.#held.push(task);
    else if (this.#up) task();
  }

  freeze(): void {
    this.#held ??= [];
  }

  thaw(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const task of held) this.#clock.after(0, () => this.run(task));
  }

  /** As `kill -9`, or a power failure. */
  crash(): void {
    this.#up = false;
    this.#held = undefined;
    for (const session of [...this.sessions]) session.reset();
    for (const { link } of this.links) link.lose();
    this.streams.stop();
    this.#interest.clear();
  }

  start(fate: Fate = 'kept'): void {
    if (this.#up) throw new Error(`the server ${this.options.name} is running`);
    this.#up = true;
    this.#starts += 1;
    this.streams.start(fate);
    for (const { link } of this.links) link.reconnect();
  }

  listen(listener: Listener): void {
    this.#interest.add(listener);
    for (const end of this.links) end.announce(listener.pattern, listener.queue, 1);
  }

  unlisten(listener: Listener): void {
    if (!this.#up) return;
    this.#interest.delete(listener);
    for (const end of this.links) end.announce(listener.pattern, listener.queue, -1);
  }

  /** A server beyond a link has one more who listens: those beyond the other links hear of it. */
  heardFrom(from: LinkEnd, pattern: string, queue: string, change: 1 | -1): void {
    for (const end of this.links) if (end !== from) end.announce(pattern, queue, change);
  }

  /** Everything that the other side must know when the link comes up. */
  announceAll(to: LinkEnd): void {
    for (const { pattern, queue } of this.#interest.all()) to.announce(pattern, queue, 1);
    for (const end of this.links) {
      if (end === to) continue;
      for (const { pattern, queue, count } of end.listeners()) {
        for (let index = 0; index < count; index += 1) to.announce(pattern, queue, 1);
      }
    }
  }

  /** Hands a message on to everybody who listens; true where there is somebody. */
  publish(packet: Packet, from?: LinkEnd, served: ReadonlySet<string> = NOBODY): boolean {
    const groups = new Map<string, Listener[]>();
    let heard = false;
    for (const listener of this.#interest.of(packet.subject)) {
      if (listener.queue === '') {
        heard = true;
        listener.take(packet);
      } else if (!served.has(listener.queue)) {
        const members = groups.get(listener.queue);
        if (members === undefined) groups.set(listener.queue, [listener]);
        else members.push(listener);
      }
    }
    const now = new Set([...served, ...groups.keys()]);
    for (const members of groups.values()) this.#random.pick(members).take(packet);
    for (const end of this.links) {
      if (end === from) continue;
      const { plain, queues } = end.interest(packet.subject);
      const fresh = [...queues].filter((queue) => !now.has(queue));
      if (!plain && fresh.length === 0) continue;
      heard = true;
      end.forward(packet, new Set(now));
      for (const queue of fresh) now.add(queue);
    }
    return heard || groups.size > 0;
  }

  /** A question to JetStream of a domain goes to its server, over links; `none` where there is no way. */
  ask(domain: string | undefined, route: Route, take: Take, none: () => void): void {
    if (domain === undefined || domain === this.options.domain) {
      if (this.options.jetstream ?? true) take(this.streams, route);
      else route.send(50, none);
      return;
    }
    const end = this.links.find(({ other, link }) => link.up && other.server.leadsTo(domain, this));
    if (end === undefined) {
      route.send(50, none);
      return;
    }
    end.ask(200, (hop) => {
      const { server } = end.other;
      if (server.up) server.run(() => server.ask(domain, route.via(hop), take, none));
    });
  }

  leadsTo(domain: string, from: LinkServer): boolean {
    if (this.options.domain === domain) return true;
    return this.links.some(({ other, link }) => other.server !== from && link.up && other.server.leadsTo(domain, this));
  }
}
