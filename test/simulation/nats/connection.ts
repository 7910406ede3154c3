/** A client's connection to simulated servers, its calls and its subscriptions. What it does and when it fails is as by nats.js (`../../../engine/nats/nats-js`). */
import { defined } from '../../../engine/defined.ts';
import { type CloudskinError, externalError } from '../../../engine/errors.ts';
import {
  checkSubject,
  closed,
  disconnected,
  noResponders,
  payloadTooLarge,
  timedOut,
} from '../../../engine/nats/failures.ts';
import type {
  Headers,
  Message,
  Nats,
  PublishOptions,
  ServerInfo,
  Status,
  Subscription,
} from '../../../engine/nats/nats.ts';
import type { Ports } from '../../../engine/ports.ts';
import type { SimulatedNode } from './node.ts';
import type { Session, SessionClient } from './session.ts';
import { type Packet, sizeOf } from './subjects.ts';

/** Opens connections: knows which servers can be reached. */
export interface Dialer {
  /** Resolves with a session, or with undefined where no server is there. */
  dial(client: SessionClient): Promise<Session | undefined>;
}

interface Subscribed {
  readonly pattern: string;
  readonly queue: string;
  handle(packet: Packet): void;
}

const FIRST_DELAY = 50;
const LONGEST_DELAY = 2_000;
const NONE: Headers = Object.freeze({});

export class SimulatedConnection implements Omit<Nats, 'jetstream'>, SessionClient {
  readonly node: SimulatedNode;
  readonly name: string;
  readonly #dialer: Dialer;
  #session: Session | undefined;
  #info: ServerInfo;
  #closed = false;
  #closing: Promise<void> | undefined;
  #ids = 0;
  #inboxes = 0;
  readonly #subscriptions = new Map<number, Subscribed>();
  readonly #waiting = new Map<number, (error: CloudskinError) => void>();
  #calls = 0;
  readonly #statusListeners = new Set<(status: Status) => void>();
  readonly #errorListeners = new Set<(error: Error) => void>();
  #kept: Error[] = [];
  readonly #answers = new Map<string, (packet: Packet) => void>();

  constructor(name: string, node: SimulatedNode, dialer: Dialer) {
    this.name = name;
    this.node = node;
    this.#dialer = dialer;
    this.#info = infoOf(undefined);
    node.onDeath(() => this.#session?.reset());
    this.#listen(`_INBOX.${name}.*`, '', (packet) => {
      const answer = this.#answers.get(packet.subject);
      this.#answers.delete(packet.subject);
      answer?.(packet);
    });
  }

  /** Rejects with `nats.connect` where no server is there. */
  async open(): Promise<void> {
    const session = await this.#dialer.dial(this);
    if (session === undefined) throw externalError('nats.connect', 'no NATS server is there', { retry: true });
    this.#info = infoOf(session);
    this.#use(session);
  }

  get ports(): Ports {
    return this.node.ports;
  }

  get info(): ServerInfo {
    return this.#info;
  }

  get connected(): boolean {
    return this.#session !== undefined;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  get pendingBytes(): number {
    return this.#session?.pending ?? 0;
  }

  publish(subject: string, data: Uint8Array, options: PublishOptions = {}): void {
    checkSubject(subject);
    if (this.#closed) throw closed(`publishing to ${subject}`);
    if (data.length > this.#info.maxPayload) throw payloadTooLarge(`publishing ${data.length} bytes to ${subject}`);
    const { headers = NONE, reply = '' } = options;
    this.send({ subject, data: data.slice(), headers: copyOf(headers), reply });
  }

  /** Puts a message on the connection, if there is one; `asks`: a status comes back where nobody listens. */
  send(packet: Packet, asks = false): void {
    const session = this.#session;
    session?.toServer(sizeOf(packet), () => {
      if (session.server.publish(packet) || !asks) return;
      const { reply: subject } = packet;
      session.server.publish({ subject, data: new Uint8Array(0), headers: NONE, reply: '', status: 503 });
    });
  }

  subscribe(subject: string, handler: (message: Message) => void, options: { queue?: string } = {}): Subscription {
    checkSubject(subject);
    if (this.#closed) throw closed(`subscribing to ${subject}`);
    const id = this.#listen(subject, options.queue ?? '', (packet) => this.guard(() => handler(messageOf(packet))));
    return {
      close: () => {
        if (!this.#subscriptions.delete(id)) return;
        const session = this.#session;
        session?.toServer(20, () => session.unsubscribe(id));
      },
    };
  }

  async request(subject: string, data: Uint8Array, timeout: number, headers: Headers = NONE): Promise<Message> {
    checkSubject(subject);
    const doing = `asking ${subject}`;
    if (data.length > this.#info.maxPayload) throw payloadTooLarge(doing);
    const packet = { subject, data: data.slice(), headers: copyOf(headers) };
    const answer = await this.answerTo(doing, packet, Math.max(1, timeout));
    if (answer.status === 503) throw noResponders(doing);
    return messageOf(answer);
  }

  /** Publishes with a reply subject of our own and waits for what comes there, a status as well. */
  answerTo(doing: string, packet: Omit<Packet, 'reply'>, timeout: number): Promise<Packet> {
    this.#inboxes += 1;
    const reply = `_INBOX.${this.name}.${this.#inboxes}`;
    return this.call(doing, timeout, (answer) => {
      this.#answers.set(reply, answer);
      this.send({ ...packet, reply }, true);
      return () => this.#answers.delete(reply);
    });
  }

  async flush(): Promise<void> {
    await this.call<void>('flushing', undefined, (answer) => {
      const session = this.#session;
      session?.toServer(6, () => session.toClient(6, answer));
      return () => undefined;
    });
  }

  /** Runs what waits for an answer; `begin` hands back what takes it away again. Rejects at once when the connection is lost. */
  call<T>(
    doing: string,
    timeout: number | undefined,
    begin: (answer: (value: T) => void, fail: (error: CloudskinError) => void) => () => void,
  ): Promise<T> {
    if (this.#closed) return Promise.reject(closed(doing));
    if (!this.connected) return Promise.reject(disconnected(doing));
    return new Promise((resolve, reject) => {
      this.#calls += 1;
      const id = this.#calls;
      let end = (): void => undefined;
      const settle = (outcome: () => void): void => {
        if (!this.#waiting.delete(id)) return;
        timer?.cancel();
        end();
        outcome();
      };
      const fail = (error: CloudskinError): void => settle(() => reject(error));
      const timer = timeout === undefined ? undefined : this.node.after(timeout, () => fail(timedOut(doing)));
      this.#waiting.set(id, () => fail(this.#closed ? closed(doing) : disconnected(doing)));
      end = begin((value) => settle(() => resolve(value)), fail);
    });
  }

  onStatus(listener: (status: Status) => void): Subscription {
    this.#statusListeners.add(listener);
    return { close: () => void this.#statusListeners.delete(listener) };
  }

  onError(listener: (error: Error) => void): Subscription {
    this.#errorListeners.add(listener);
    for (const error of this.#kept.splice(0)) listener(error);
    return { close: () => void this.#errorListeners.delete(listener) };
  }

  report(error: Error): void {
    if (this.#errorListeners.size === 0) this.#kept.push(error);
    for (const listener of [...this.#errorListeners]) listener(error);
  }

  guard(task: () => void): void {
    try {
      task();
    } catch (thrown) {
      this.report(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  close(timeout = 2_000): Promise<void> {
    this.#closing ??= this.#close(timeout);
    return this.#closing;
  }

  async #close(timeout: number): Promise<void> {
    if (this.connected) {
      const late = Promise.withResolvers<void>();
      const timer = this.node.after(timeout, late.resolve);
      await Promise.race([this.flush().catch(() => undefined), late.promise]);
      timer.cancel();
    }
    const session = this.#session;
    this.#session = undefined;
    this.#closed = true;
    session?.end();
    this.#loseCalls();
    this.#subscriptions.clear();
    this.#emit('closed');
  }

  receive(session: Session, id: number, packet: Packet): void {
    if (session === this.#session) this.#subscriptions.get(id)?.handle(packet);
  }

  run(task: () => void): void {
    this.node.run(task);
  }

  lost(session: Session): void {
    if (session !== this.#session) return;
    this.#session = undefined;
    this.#loseCalls();
    this.#emit('disconnected');
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    for (let delay = FIRST_DELAY; !this.#closed; delay = Math.min(delay * 2, LONGEST_DELAY)) {
      await new Promise<void>((resolve) => this.node.after(delay * (0.5 + this.node.random.next()), resolve));
      if (this.#closed) return;
      const session = await this.#dialer.dial(this);
      if (session === undefined) continue;
      if (this.#closed) {
        session.end();
        return;
      }
      this.#info = infoOf(session);
      this.#use(session);
      this.#emit('reconnected');
      return;
    }
  }

  #use(session: Session): void {
    this.#session = session;
    for (const [id, { pattern, queue }] of this.#subscriptions) {
      session.toServer(pattern.length + 20, () => session.subscribe(id, pattern, queue));
    }
  }

  #listen(pattern: string, queue: string, handle: (packet: Packet) => void): number {
    this.#ids += 1;
    const id = this.#ids;
    this.#subscriptions.set(id, { pattern, queue, handle });
    const session = this.#session;
    session?.toServer(pattern.length + 20, () => session.subscribe(id, pattern, queue));
    return id;
  }

  #loseCalls(): void {
    for (const lose of [...this.#waiting.values()]) lose(disconnected(''));
  }

  #emit(status: Status): void {
    for (const listener of [...this.#statusListeners]) this.guard(() => listener(status));
  }
}

function infoOf(session: Session | undefined): ServerInfo {
  const { options, id } = session?.server ?? { options: { name: '' }, id: '' };
  const { name, domain, version = '2.15.2', maxPayload = 2 ** 20, jetstream = true } = options;
  return { id, name, version, maxPayload, jetstream, ...defined({ domain }) };
}

function messageOf({ subject, data, headers, reply }: Packet): Message {
  // every receiver has bytes of its own
  return { subject, data: data.slice(), headers, reply };
}

function copyOf(headers: Headers): Headers {
  for (const _ in headers) return { ...headers };
  return NONE;
}
