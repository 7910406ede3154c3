/** The JetStream of one server: its streams, what they take in, and the disk that they are on. */
import { externalError } from '../../../engine/errors.ts';
import { type FullConfig, SimulatedStream, type StreamImage } from './stream.ts';
import { type Acknowledgement, type Listener, overlap, type Packet } from './subjects.ts';

/** `kept`: all that was stored, as after a kill. `unsynced-lost`: every stream as it was when it was last synced, as after a power failure. */
export type Fate = 'kept' | 'unsynced-lost' | Disk;
export type Disk = ReadonlyMap<string, StreamImage>;

/** The server that it is part of. */
export interface Home {
  now(): number;
  listen(listener: Listener): void;
  unlisten(listener: Listener): void;
  publish(packet: Packet): boolean;
}

export class ServerStreams {
  /** Nothing is stored while it is. */
  diskFull = false;
  readonly #home: Home;
  #streams = new Map<string, { readonly stream: SimulatedStream; readonly listeners: readonly Listener[] }>();

  constructor(home: Home) {
    this.#home = home;
  }

  now(): number {
    return this.#home.now();
  }

  get names(): readonly string[] {
    return [...this.#streams.keys()];
  }

  /** A copy of the disk. */
  disk(): Disk {
    return new Map([...this.#streams].map(([name, { stream }]) => [name, stream.image()]));
  }

  /** What is stored survives a power failure; of all streams, or of one. */
  sync(name?: string): void {
    for (const [key, { stream }] of this.#streams) if (name === undefined || name === key) stream.sync();
  }

  stop(): void {
    for (const { stream } of this.#streams.values()) for (const consumer of [...stream.consumers]) consumer.close();
  }

  start(fate: Fate): void {
    const disk = typeof fate === 'string' ? this.#left(fate) : fate;
    this.#streams = new Map();
    for (const image of disk.values()) this.#mount(new SimulatedStream(image));
  }

  #left(fate: 'kept' | 'unsynced-lost'): Disk {
    if (fate === 'kept') return this.disk();
    return new Map([...this.#streams].map(([name, { stream }]) => [name, stream.synced]));
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
    for (const listener of there.listeners) this.#home.unlisten(listener);
    there.stream.config = config;
    return this.#mount(there.stream);
  }

  deleteStream(name: string): boolean {
    const there = this.#streams.get(name);
    if (there === undefined) return false;
    this.#streams.delete(name);
    for (const listener of there.listeners) this.#home.unlisten(listener);
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
    for (const listener of listeners) this.#home.listen(listener);
    return stream;
  }

  #store(stream: SimulatedStream, packet: Packet): void {
    const ack = this.store(stream, packet);
    if (packet.reply === '') return;
    this.#home.publish({ subject: packet.reply, data: new Uint8Array(0), headers: {}, reply: '', ack });
  }

  store(stream: SimulatedStream, packet: Packet): Acknowledgement {
    if (this.diskFull && stream.config.storage !== 'memory') {
      return { error: externalError('nats.stream-full', 'insufficient storage', { retry: true }) };
    }
    return stream.store(packet, Math.floor(this.now()));
  }
}
