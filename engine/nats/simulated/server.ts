/** A NATS server: who listens, where messages go, and the streams of its JetStream domain on a disk. */
import { externalError } from '../../errors.ts';
import type { SimulatedClock } from './clock.ts';
import type { LinkEnd } from './link.ts';
import { EPOCH } from './node.ts';
import type { SeededRandom } from './random.ts';
import type { Route } from './route.ts';
import type { Session } from './session.ts';
import { type FullConfig, SimulatedStream, type StreamImage } from './stream.ts';
import { Interest, type Listener, overlap, type Packet, sizeOf } from './subjects.ts';

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

/** `kept`: all that was stored, as after a kill. `unsynced-lost`: every stream as it was when it was last synced, as after a power failure. */
export type Fate = 'kept' | 'unsynced-lost' | Disk;
export type Disk = ReadonlyMap<string, StreamImage>;

const NOBODY: ReadonlySet<string> = new Set();

export class SimulatedServer {
  readonly options: SimulatedServerOptions;
  readonly maxPending: number;
  readonly sessions: Set<Session> = new Set();
  readonly links: LinkEnd[] = [];
  /** JetStream takes nothing while it is. */
  diskFull = false;
  /** Milliseconds that its clock is wrong by. */
  skew = 0;
  readonly #clock: SimulatedClock;
  readonly #random: SeededRandom;
  readonly #interest = new Interest();
  #streams = new Map<string, { readonly stream: SimulatedStream; readonly listeners: readonly Listener[] }>();
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
    for (const { stream } of this.#streams.values()) for (const consumer of [...stream.consumers]) consumer.close();
    this.#interest.clear();
  }

  start(fate: Fate = 'kept'): void {
    if (this.#up) throw new Error(`the server ${this.options.name} is running`);
    const disk = fate === 'kept' ? this.disk() : fate === 'unsynced-lost' ? this.#syncedDisk() : fate;
    this.#streams = new Map();
    this.#up = true;
    this.#starts += 1;
    for (const image of disk.values()) this.#mount(new SimulatedStream(image));
    for (const { link } of this.links) link.reconnect();
  }

  /** A copy of its disk. */
  disk(): Disk {
    return new Map([...this.#streams].map(([name, { stream }]) => [name, stream.image()]));
  }

  #syncedDisk(): Disk {
    return new Map([...this.#streams].map(([name, { stream }]) => [name, stream.synced]));
  }

  /** What is stored survives a power failure; of all streams, or of one. */
  sync(name?: string): void {
    for (const [key, { stream }] of this.#streams) if (name === undefined || name === key) stream.sync();
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
  ask(
    domain: string | undefined,
    route: Route,
    take: (server: SimulatedServer, route: Route) => void,
    none: () => void,
  ): void {
    if (domain === undefined || domain === this.options.domain) {
      if (this.options.jetstream ?? true) take(this, route);
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

  leadsTo(domain: string, from: SimulatedServer): boolean {
    if (this.options.domain === domain) return true;
    return this.links.some(({ other, link }) => other.server !== from && link.up && other.server.leadsTo(domain, this));
  }

  stream(name: string): SimulatedStream {
    const there = this.#streams.get(name);
    if (there === undefined) throw externalError('nats.no-stream', `there is no stream ${name}`);
    return there.stream;
  }

  findStream(name: string): SimulatedStream | undefined {
    return this.#streams.get(name)?.stream;
  }

  streamOf(subject: string): string | undefined {
    for (const [name, { stream }] of this.#streams) {
      if (stream.config.subjects.some((pattern) => overlap(pattern, subject))) return name;
    }
    return undefined;
  }

  ensureStream(config: FullConfig): SimulatedStream {
    this.#refuseOverlap(config);
    const there = this.#streams.get(config.name);
    if (there === undefined) {
      this.#refuseFull();
      return this.#mount(SimulatedStream.empty(config, this.now()));
    }
    for (const listener of there.listeners) this.unlisten(listener);
    there.stream.config = config;
    return this.#mount(there.stream);
  }

  deleteStream(name: string): boolean {
    const there = this.#streams.get(name);
    if (there === undefined) return false;
    this.#streams.delete(name);
    for (const listener of there.listeners) this.unlisten(listener);
    for (const consumer of [...there.stream.consumers]) consumer.gone();
    return true;
  }

  #refuseOverlap({ name, subjects }: FullConfig): void {
    for (const [other, { stream }] of this.#streams) {
      if (other === name) continue;
      const taken = stream.config.subjects.find((theirs) => subjects.some((ours) => overlap(ours, theirs)));
      if (taken !== undefined) throw externalError('nats.refused', `${name}: the stream ${other} holds ${taken}`);
    }
  }

  #refuseFull(): void {
    if (this.diskFull) throw externalError('nats.stream-full', 'insufficient storage', { retry: true });
  }

  #mount(stream: SimulatedStream): SimulatedStream {
    const listeners = stream.config.subjects.map(
      (pattern): Listener => ({ pattern, queue: '', take: (packet) => this.#store(stream, packet) }),
    );
    this.#streams.set(stream.config.name, { stream, listeners });
    for (const listener of listeners) this.listen(listener);
    return stream;
  }

  #store(stream: SimulatedStream, packet: Packet): void {
    const ack = this.store(stream, packet);
    if (packet.reply === '') return;
    const { reply: subject } = packet;
    const answer: Packet = { subject, data: new Uint8Array(0), headers: {}, reply: '', ack };
    if (sizeOf(answer) > 0) this.publish(answer);
  }

  store(stream: SimulatedStream, packet: Packet): ReturnType<SimulatedStream['store']> {
    if (this.diskFull && stream.config.storage !== 'memory') {
      return { error: externalError('nats.stream-full', 'insufficient storage', { retry: true }) };
    }
    return stream.store(packet, Math.floor(this.now()));
  }
}
