/** One JetStream stream as its server keeps it: numbered messages, bounds, message ids, expectations. */
import { type CloudskinError, externalError } from '../../../engine/errors.ts';
import type { StoredMessage, StreamConfig, StreamState } from '../../../engine/nats/nats.ts';
import { type Acknowledgement, matches, type Packet } from './subjects.ts';

/** Who hands the stream out to a reader. */
export interface StreamConsumer {
  /** There may be more. */
  pump(): void;
  /** The stream is gone. */
  gone(): void;
  close(): void;
}

/** What buckets ask besides. */
export interface FullConfig extends StreamConfig {
  /** Only the last message of each subject is kept. */
  readonly lastOfSubject?: boolean;
}

/** Bytes that the server's files keep of a message besides its own. */
const OVERHEAD = 30;
const DUPLICATE_WINDOW = 120_000;

/** A stream's content at one moment: what a disk holds. */
export interface StreamImage {
  readonly config: FullConfig;
  readonly created: number;
  readonly messages: readonly StoredMessage[];
  readonly bytes: number;
  readonly lastSequence: number;
  readonly ids: ReadonlyMap<string, { readonly sequence: number; readonly at: number }>;
}

export class SimulatedStream {
  config: FullConfig;
  readonly created: number;
  readonly consumers: Set<StreamConsumer> = new Set();
  /** In the order of their sequences. */
  #messages: StoredMessage[];
  #bytes: number;
  #lastSequence: number;
  #ids: Map<string, { readonly sequence: number; readonly at: number }>;
  #synced: StreamImage;

  constructor(image: StreamImage) {
    this.config = image.config;
    this.created = image.created;
    this.#messages = [...image.messages];
    this.#bytes = image.bytes;
    this.#lastSequence = image.lastSequence;
    this.#ids = new Map(image.ids);
    this.#synced = image;
  }

  static empty(config: FullConfig, created: number): SimulatedStream {
    return new SimulatedStream({ config, created, messages: [], bytes: 0, lastSequence: 0, ids: new Map() });
  }

  get messages(): readonly StoredMessage[] {
    return this.#messages;
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  image(): StreamImage {
    return {
      config: this.config,
      created: this.created,
      messages: [...this.#messages],
      bytes: this.#bytes,
      lastSequence: this.#lastSequence,
      ids: new Map(this.#ids),
    };
  }

  /** What a power failure leaves. */
  get synced(): StreamImage {
    return this.#synced;
  }

  sync(): void {
    this.#synced = this.image();
  }

  state(now: number): StreamState {
    this.#expire(now);
    return {
      name: this.config.name,
      messages: this.#messages.length,
      bytes: this.#bytes,
      firstSequence: this.#messages[0]?.sequence ?? this.#lastSequence + 1,
      lastSequence: this.#lastSequence,
      created: this.created,
      config: publicConfig(this.config),
    };
  }

  store(packet: Packet, now: number): Acknowledgement {
    this.#expire(now);
    const { headers, subject } = packet;
    const id = headers['Nats-Msg-Id'];
    const known = id === undefined ? undefined : this.#known(id, now);
    if (known !== undefined) return { sequence: known, duplicate: true };
    const wrong = this.#unexpected(headers['Nats-Expected-Last-Sequence'], this.#lastSequence);
    if (wrong !== undefined) return { error: wrong };
    const ofSubject = headers['Nats-Expected-Last-Subject-Sequence'];
    if (ofSubject !== undefined) {
      const last = this.last(subject)?.sequence ?? 0;
      const changed = this.#unexpected(ofSubject, last);
      if (changed !== undefined) return { error: changed };
    }
    const full = this.#full(packet);
    if (full !== undefined) return { error: full };
    this.#append(packet, id, now);
    return { sequence: this.#lastSequence, duplicate: false };
  }

  message(sequence: number, now: number): StoredMessage | undefined {
    this.#expire(now);
    const message = this.#messages[this.indexOf(sequence)];
    return message?.sequence === sequence ? message : undefined;
  }

  last(subject: string, now?: number): StoredMessage | undefined {
    if (now !== undefined) this.#expire(now);
    for (let index = this.#messages.length - 1; index >= 0; index -= 1) {
      const message = this.#messages[index];
      if (message !== undefined && message.subject === subject) return message;
    }
    return undefined;
  }

  /** The last message of each subject that matches, in order. */
  lastOfEach(pattern: string, now: number): StoredMessage[] {
    this.#expire(now);
    const found = new Map<string, StoredMessage>();
    for (const message of this.#messages) if (matches(pattern, message.subject)) found.set(message.subject, message);
    return [...found.values()].sort((a, b) => a.sequence - b.sequence);
  }

  purgeBefore(sequence: number): void {
    this.#removeFirst(this.indexOf(sequence));
  }

  purgeSubject(pattern: string): void {
    this.#keep(({ subject }) => !matches(pattern, subject));
  }

  /** Of the first message whose sequence is at least this. */
  indexOf(sequence: number): number {
    let [low, high] = [0, this.#messages.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#messages[middle]?.sequence ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #append(packet: Packet, id: string | undefined, now: number): void {
    const { subject, headers } = packet;
    if (this.config.lastOfSubject === true || headers['Nats-Rollup'] === 'sub') this.#removeSubject(subject);
    this.#lastSequence += 1;
    const message = { subject, data: packet.data, headers, sequence: this.#lastSequence, time: now };
    this.#messages.push(message);
    this.#bytes += sizeOf(message);
    if (id !== undefined) this.#ids.set(id, { sequence: this.#lastSequence, at: now });
    this.#bound();
    for (const consumer of this.consumers) consumer.pump();
  }

  #known(id: string, now: number): number | undefined {
    const window = this.config.duplicateWindow ?? DUPLICATE_WINDOW;
    for (const [old, { at }] of this.#ids) {
      if (at + window > now) break;
      this.#ids.delete(old);
    }
    return this.#ids.get(id)?.sequence;
  }

  #unexpected(expected: string | undefined, last: number): CloudskinError | undefined {
    if (expected === undefined || Number(expected) === last) return undefined;
    return externalError('nats.wrong-last-sequence', `wrong last sequence: ${last}, not ${expected}`);
  }

  #full(packet: Packet): CloudskinError | undefined {
    const { discard, maxMessages, maxBytes, lastOfSubject, name } = this.config;
    if (discard !== 'new') return undefined;
    const replaced = lastOfSubject === true ? this.last(packet.subject) : undefined;
    const bytes = this.#bytes + sizeOf(packet) - (replaced === undefined ? 0 : sizeOf(replaced));
    const tooMany = maxMessages !== undefined && replaced === undefined && this.#messages.length >= maxMessages;
    if (!tooMany && (maxBytes === undefined || bytes <= maxBytes)) return undefined;
    return externalError('nats.stream-full', `the stream ${name} is full`, { retry: true });
  }

  #bound(): void {
    const { maxMessages, maxBytes } = this.config;
    if (maxMessages !== undefined) this.#removeFirst(this.#messages.length - maxMessages);
    if (maxBytes === undefined) return;
    while (this.#bytes > maxBytes && this.#messages.length > 0) this.#removeFirst(1);
  }

  #expire(now: number): void {
    const { maxAge } = this.config;
    if (maxAge === undefined) return;
    let old = 0;
    for (const { time } of this.#messages) {
      if (time + maxAge > now) break;
      old += 1;
    }
    this.#removeFirst(old);
  }

  #removeFirst(count: number): void {
    if (count <= 0) return;
    for (const message of this.#messages.splice(0, count)) this.#bytes -= sizeOf(message);
  }

  #removeSubject(subject: string): void {
    this.#keep((message) => message.subject !== subject);
  }

  #keep(wanted: (message: StoredMessage) => boolean): void {
    const kept = this.#messages.filter(wanted);
    if (kept.length === this.#messages.length) return;
    this.#messages = kept;
    this.#bytes = kept.reduce((sum, message) => sum + sizeOf(message), 0);
  }
}

function sizeOf(message: Packet | StoredMessage): number {
  return message.data.length + message.subject.length + OVERHEAD;
}

/** As a server says it: its defaults in words. */
function publicConfig({ lastOfSubject: _, ...config }: FullConfig): StreamConfig {
  return {
    storage: 'file',
    replicas: 1,
    discard: 'old',
    denyDelete: false,
    duplicateWindow: Math.min(DUPLICATE_WINDOW, config.maxAge ?? DUPLICATE_WINDOW),
    ...config,
  };
}
