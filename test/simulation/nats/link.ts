/**
 * A leaf node's connection to another server. Each side knows what the other side's clients listen to; messages go over only where somebody
 * listens. While it is down they are lost, and no word of who listens comes through: it is said again when the link is up.
 */
import type { SimulatedClock } from './clock.ts';
import { type Latency, Pipe } from './pipe.ts';
import type { SeededRandom } from './random.ts';
import type { Hop, Route } from './route.ts';
import type { ServerStreams } from './server-streams.ts';
import { hasWildcard, matches, type Packet, sizeOf } from './subjects.ts';

/** What one side has heard of the other's listeners: how many by queue and pattern. */
interface Heard {
  readonly pattern: string;
  readonly queue: string;
  readonly wild: boolean;
  count: number;
}

/** What a link asks of the servers at its ends. */
export interface LinkServer {
  readonly options: { readonly name: string };
  readonly up: boolean;
  readonly links: LinkEnd[];
  run(task: () => void): void;
  publish(packet: Packet, from?: LinkEnd, served?: ReadonlySet<string>): boolean;
  /** A server beyond a link has one more, or one fewer, who listens. */
  heardFrom(from: LinkEnd, pattern: string, queue: string, change: 1 | -1): void;
  /** Says everything that the other side must know when the link comes up. */
  announceAll(to: LinkEnd): void;
  /** Whether a domain is reached over it. */
  leadsTo(domain: string, from: LinkServer): boolean;
  ask(domain: string | undefined, route: Route, take: Take, none: () => void): void;
}

/** What a question to JetStream does at its server. */
export type Take = (streams: ServerStreams, route: Route) => void;

export class LinkEnd {
  readonly server: LinkServer;
  readonly link: Link;
  readonly #heard = new Map<string, Heard>();

  constructor(server: LinkServer, link: Link) {
    this.server = server;
    this.link = link;
  }

  get other(): LinkEnd {
    return this.link.otherThan(this);
  }

  send(bytes: number, deliver: () => void): void {
    this.link.pipeFrom(this)?.send(bytes, deliver);
  }

  /** A question goes to the other side. */
  ask(bytes: number, deliver: (hop: Hop) => void): void {
    const { other, link } = this;
    const { generation } = link;
    const hop: Hop = {
      get whole() {
        return link.up && link.generation === generation;
      },
      back: (size, task) => {
        if (link.generation === generation) other.send(size, task);
      },
      onLoss: (listener) => {
        // it may have been lost behind the answer's back
        if (link.generation === generation) link.onLoss(listener);
        else listener();
      },
    };
    this.send(bytes, () => deliver(hop));
  }

  /** Our side has one more, or one fewer, who listens. */
  announce(pattern: string, queue: string, change: 1 | -1): void {
    const { other } = this;
    this.send(pattern.length + 20, () => other.#hear(pattern, queue, change));
  }

  forget(): void {
    for (const { pattern, queue, count } of this.#heard.values()) {
      for (let index = 0; index < count; index += 1) this.server.heardFrom(this, pattern, queue, -1);
    }
    this.#heard.clear();
  }

  /** Whether the other side has listeners of a subject: outside of groups, and in which groups. */
  interest(subject: string): { readonly plain: boolean; readonly queues: ReadonlySet<string> } {
    let plain = false;
    const queues = new Set<string>();
    for (const { pattern, queue, wild } of this.#heard.values()) {
      if (wild ? !matches(pattern, subject) : pattern !== subject) continue;
      if (queue === '') plain = true;
      else queues.add(queue);
    }
    return { plain, queues };
  }

  /** `served`: groups that have a member who has it already. */
  forward(packet: Packet, served: ReadonlySet<string>): void {
    const { other } = this;
    this.send(sizeOf(packet), () => other.server.publish(packet, other, served));
  }

  #hear(pattern: string, queue: string, change: 1 | -1): void {
    const key = `${queue} ${pattern}`;
    const heard = this.#heard.get(key) ?? { pattern, queue, wild: hasWildcard(pattern), count: 0 };
    heard.count += change;
    if (heard.count > 0) this.#heard.set(key, heard);
    else this.#heard.delete(key);
    this.server.heardFrom(this, pattern, queue, change);
  }

  listeners(): readonly { readonly pattern: string; readonly queue: string; readonly count: number }[] {
    return [...this.#heard.values()];
  }
}

export class Link {
  readonly one: LinkEnd;
  readonly two: LinkEnd;
  readonly latency: Latency;
  /** Rises whenever the link is lost. */
  generation = 0;
  readonly #clock: SimulatedClock;
  readonly #random: SeededRandom;
  #pipes: readonly [Pipe, Pipe] | undefined;
  #wanted = true;
  readonly #listeners = new Set<() => void>();

  constructor(one: LinkServer, two: LinkServer, clock: SimulatedClock, random: SeededRandom, latency: Latency) {
    this.one = new LinkEnd(one, this);
    this.two = new LinkEnd(two, this);
    this.latency = latency;
    this.#clock = clock;
    this.#random = random;
    one.links.push(this.one);
    two.links.push(this.two);
    this.reconnect();
  }

  get up(): boolean {
    return this.#pipes !== undefined;
  }

  otherThan(end: LinkEnd): LinkEnd {
    return end === this.one ? this.two : this.one;
  }

  pipeFrom(end: LinkEnd): Pipe | undefined {
    return this.#pipes?.[end === this.one ? 0 : 1];
  }

  /** Does not come back before `heal`. */
  cut(): void {
    this.#wanted = false;
    this.lose();
  }

  heal(): void {
    this.#wanted = true;
    this.reconnect();
  }

  /** Nothing arrives and nothing is noticed, until `release`. */
  hold(): void {
    for (const pipe of this.#pipes ?? []) pipe.hold();
  }

  release(): void {
    for (const pipe of this.#pipes ?? []) pipe.release();
  }

  /** Called once, when the link is lost next. */
  onLoss(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** A server has died or the network is gone. */
  lose(): void {
    const pipes = this.#pipes;
    if (pipes === undefined) return;
    this.#pipes = undefined;
    this.generation += 1;
    for (const pipe of pipes) pipe.cut();
    for (const end of [this.one, this.two]) end.forget();
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }

  reconnect(): void {
    if (this.#pipes !== undefined || !this.#wanted || !this.one.server.up || !this.two.server.up) return;
    this.#pipes = [
      new Pipe(this.#clock, this.#random, this.latency),
      new Pipe(this.#clock, this.#random, this.latency),
    ];
    for (const end of [this.one, this.two]) end.server.announceAll(end);
  }
}
