/**
 * One connection to a NATS server or cluster, by nats.js. It reconnects for ever; calls that wait for an answer fail at once with
 * `nats.disconnected` when the connection is lost, and while it is: what became of them is not known.
 */

import type { Socket } from 'node:net';
import type { NatsConnectionImpl } from '@nats-io/nats-core/internal';
import { errors, type NatsConnection } from '@nats-io/transport-node';
import { defined } from '../../defined.ts';
import { externalError } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import { checkSubject, closed, disconnected, payloadTooLarge } from '../failures.ts';
import type { Headers, Message, Nats, PublishOptions, ServerInfo, Status, Subscription } from '../nats.ts';
import { natsError } from './errors.ts';
import { headersOf, ReceivedMessage } from './messages.ts';

/** The class behind the interface too: how much is buffered, and writing it, are not in the interface. */
export type LiveConnection = NatsConnection & NatsConnectionImpl;

/** The socket is not part of the type of a transport. */
interface SocketTransport {
  readonly socket?: Socket;
}

/** Payloads below are copied at once and written together; larger ones are written at once, which copies them too. */
const COPY_BELOW = 16 * 1024;
/** Errors kept until somebody listens. */
const KEPT_ERRORS = 16;

export class Connection implements Omit<Nats, 'jetstream'> {
  readonly nc: LiveConnection;
  readonly ports: Ports;
  #info: ServerInfo;
  #connected = true;
  #closing: Promise<void> | undefined;
  #closed = false;
  readonly #waiting = new Set<() => void>();
  readonly #statusListeners = new Set<(status: Status) => void>();
  readonly #errorListeners = new Set<(error: Error) => void>();
  #kept: Error[] = [];

  constructor(nc: LiveConnection, ports: Ports) {
    this.nc = nc;
    this.ports = ports;
    this.#info = serverInfo(nc);
    void this.#follow();
    void nc.closed().then((error) => this.#end(error instanceof Error ? error : undefined));
  }

  get info(): ServerInfo {
    return this.#info;
  }

  get inboxPrefix(): string {
    return this.nc.options.inboxPrefix ?? '_INBOX';
  }

  get connected(): boolean {
    // nats.js knows at once, the status follows some turns later
    return this.#connected && this.nc.protocol.connected;
  }

  get pendingBytes(): number {
    const { outbound, transport } = this.nc.protocol;
    return outbound.size() + ((transport as SocketTransport).socket?.writableLength ?? 0);
  }

  publish(subject: string, data: Uint8Array, options: PublishOptions = {}): void {
    checkSubject(subject);
    if (this.#closed) throw closed(`publishing to ${subject}`);
    if (data.length > this.#info.maxPayload) throw payloadTooLarge(`publishing ${data.length} bytes to ${subject}`);
    if (!this.connected) return;
    try {
      this.nc.publish(subject, this.take(data), {
        ...(options.headers === undefined ? {} : { headers: headersOf(options.headers) }),
        ...defined({ reply: options.reply }),
      });
    } catch (error) {
      throw natsError(error, `publishing ${data.length} bytes to ${subject}`);
    }
    this.given(data);
  }

  publishKept(subject: string, data: Uint8Array, written: () => void): void {
    const { protocol } = this.nc;
    const { socket } = protocol.transport as SocketTransport;
    if (data.length < COPY_BELOW || data.length > this.#info.maxPayload || socket === undefined || !this.connected) {
      this.publish(subject, data);
      written();
      return;
    }
    checkSubject(subject);
    // nats.js would copy it into fresh memory, which costs more than all else; what it has buffered goes first
    (protocol as unknown as { flushPending(): void }).flushPending();
    socket.cork();
    socket.write(`PUB ${subject} ${data.length}\r\n`);
    // called with an error where the connection is lost, which the protocol notices by itself
    socket.write(data, () => written());
    socket.write('\r\n');
    socket.uncork();
  }

  /** What may be handed to nats.js instead of bytes that the caller uses again; `given` must follow in the same turn. */
  take(data: Uint8Array): Uint8Array {
    return data.length < COPY_BELOW ? data.slice() : data;
  }

  given(data: Uint8Array): void {
    if (data.length < COPY_BELOW) return;
    // not part of the public type: writes what is buffered, in one copy
    (this.nc.protocol as unknown as { flushPending(): void }).flushPending();
  }

  subscribe(subject: string, handler: (message: Message) => void, options: { queue?: string } = {}): Subscription {
    checkSubject(subject);
    if (this.#closed) throw closed(`subscribing to ${subject}`);
    let open = true;
    const subscription = this.nc.subscribe(subject, {
      ...defined({ queue: options.queue }),
      callback: (error, msg) => {
        if (!open) return;
        // a refused subscription also comes as an error of the connection
        if (error !== null) return;
        try {
          handler(new ReceivedMessage(msg));
        } catch (thrown) {
          this.report(thrown instanceof Error ? thrown : new Error(String(thrown)));
        }
      },
    });
    return {
      close: () => {
        if (!open) return;
        open = false;
        if (!this.nc.isClosed()) subscription.unsubscribe();
      },
      drain: async () => {
        // it fails where the connection is lost, or it was closed before: nothing is on its way then
        if (this.connected) await subscription.drain().catch(() => undefined);
        open = false;
      },
    };
  }

  async request(subject: string, data: Uint8Array, timeout: number, headers?: Headers): Promise<Message> {
    checkSubject(subject);
    if (data.length > this.#info.maxPayload) throw payloadTooLarge(`asking ${subject}`);
    const answer = await this.call(`asking ${subject}`, () => {
      const answered = this.nc.request(subject, this.take(data), {
        timeout: Math.max(1, timeout),
        ...(headers === undefined ? {} : { headers: headersOf(headers) }),
      });
      this.given(data);
      return answered;
    });
    return new ReceivedMessage(answer);
  }

  async flush(): Promise<void> {
    await this.call('flushing', () => this.nc.flush());
  }

  /** Runs what waits for an answer: rejects with a CloudskinError, at once when the connection is lost. */
  call<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closed(doing));
    if (!this.connected) return Promise.reject(disconnected(doing));
    return new Promise((resolve, reject) => {
      const lose = (): void => reject(this.#closed ? closed(doing) : disconnected(doing));
      this.#waiting.add(lose);
      const settled = (): boolean => this.#waiting.delete(lose);
      try {
        work().then(
          (value) => settled() && resolve(value),
          (error) => settled() && reject(natsError(error, doing)),
        );
      } catch (error) {
        settled();
        reject(natsError(error, doing));
      }
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
    if (this.#errorListeners.size === 0) {
      if (this.#kept.length < KEPT_ERRORS) this.#kept.push(error);
      return;
    }
    for (const listener of [...this.#errorListeners]) listener(error);
  }

  close(timeout = 2_000): Promise<void> {
    this.#closing ??= this.#close(timeout);
    return this.#closing;
  }

  async #close(timeout: number): Promise<void> {
    if (this.connected && !this.nc.isClosed()) {
      const late = Promise.withResolvers<void>();
      const timer = this.ports.after(timeout, late.resolve);
      // what fails while draining fails because the connection is lost: there is nothing left to drain
      await Promise.race([this.nc.drain().catch(() => undefined), late.promise]);
      timer.cancel();
    }
    await this.nc.close();
    this.#end(undefined);
  }

  async #follow(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === 'disconnect') this.#lose();
      else if (status.type === 'reconnect') this.#regain();
      else if (status.type === 'error') this.report(natsError(status.error, serverSays(status.error)));
    }
  }

  #lose(): void {
    if (!this.#connected) return;
    this.#connected = false;
    for (const lose of [...this.#waiting]) lose();
    this.#waiting.clear();
    this.#emit('disconnected');
  }

  #regain(): void {
    this.#info = serverInfo(this.nc);
    this.#connected = true;
    this.#emit('reconnected');
  }

  #end(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connected = false;
    for (const lose of [...this.#waiting]) lose();
    this.#waiting.clear();
    if (error !== undefined) this.report(natsError(error, 'the connection was closed'));
    this.#emit('closed');
  }

  #emit(status: Status): void {
    for (const listener of [...this.#statusListeners]) {
      try {
        listener(status);
      } catch (error) {
        this.report(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }
}

function serverSays(error: Error): string {
  return error instanceof errors.PermissionViolationError ? `${error.operation} ${error.subject}` : 'the NATS server';
}

/** Sent in INFO by servers that have JetStream, though not in the type. */
interface FullInfo {
  readonly domain?: string;
}

function serverInfo(nc: LiveConnection): ServerInfo {
  const info = nc.info;
  if (info === undefined) throw externalError('nats.disconnected', 'the NATS server has not introduced itself');
  const { domain } = info as FullInfo;
  return {
    id: info.server_id,
    name: info.server_name,
    version: info.version,
    maxPayload: info.max_payload,
    jetstream: info.jetstream ?? false,
    ...defined({ domain, cluster: info.cluster, clusterAddresses: info.connect_urls?.length }),
  };
}
