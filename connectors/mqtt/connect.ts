/** A connection to a broker, which comes back by itself. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { defined } from '../../engine/defined.ts';
import { externalError, messageOf, userError } from '../../engine/errors.ts';
import type { ConnectorContext } from '../../engine/graph/connector.ts';
import type { Ports } from '../../engine/ports.ts';
import { isTlsRefusal, isUnknownHost, pause, publicUrl, reasonOf, serverName } from '../outside.ts';
import type { MqttConnection } from './options.ts';

/** Milliseconds between attempts to connect again, and that one attempt may take. */
const RECONNECT = 500;
const CONNECT_TIMEOUT = 5_000;
/** Milliseconds that a broker has to answer to a goodbye. */
const GOODBYE = 1_000;
/** Codes by which a broker refuses who connects: what no repetition changes (MQTT 3.1.1 section 3.2.2.3, MQTT 5 section 3.2.2.2). */
const REFUSALS = new Set([1, 2, 4, 5, 0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c]);

export interface ConnectRequest {
  /** For messages: `source readings`. */
  readonly what: string;
  /** The same in every run. */
  readonly identity: string;
  readonly options: MqttConnection;
  readonly context: ConnectorContext;
  readonly more: Partial<IClientOptions>;
  /** Also a connection that was made is given up after `retryFor`: whoever asks for it sees to that. */
  readonly limited?: true;
  /** Called before anything is sent or received. */
  prepare?(client: MqttClient): void;
}

/** Throws `mqtt.refused` where the broker does not want us, `mqtt.unreachable` where there is none. */
export async function connectMqtt(request: ConnectRequest): Promise<MqttClient> {
  const client = connect(request.options.url, await clientOptions(request));
  request.prepare?.(client);
  try {
    await new Connecting(client, request).connected();
    return client;
  } catch (error) {
    client.end(true);
    throw error;
  }
}

/**
 * Ends the connection: in good order, so that confirmations on their way arrive, unless the broker does not answer.
 */
export async function disconnectMqtt(client: MqttClient, ports: Ports): Promise<void> {
  if (client.connected) {
    const patience = new AbortController();
    const late = pause(GOODBYE, { ports, signal: patience.signal });
    await Promise.race([client.endAsync(), late]);
    patience.abort();
  }
  if (!client.disconnected) await client.endAsync(true);
}

async function clientOptions({ identity, options, context, more }: ConnectRequest): Promise<IClientOptions> {
  const read = (path: string): Promise<Buffer> => {
    return readFile(resolve(context.directory, path)).catch((error: unknown) => {
      throw userError('mqtt.file', `cannot read ${path}: ${messageOf(error)}`);
    });
  };
  const { ca, cert, key, username, password, clientId, version, keepAlive } = options;
  return {
    manualConnect: true,
    protocolVersion: version === '5' ? 5 : 4,
    clientId: clientId ?? idOf(identity),
    keepalive: Math.max(1, Math.round(Number(keepAlive) / 1e6)),
    reconnectPeriod: RECONNECT,
    connectTimeout: CONNECT_TIMEOUT,
    reconnectOnConnackError: true,
    ...defined({ username, password }),
    ...(ca === undefined ? {} : { ca: await read(ca) }),
    ...(cert === undefined ? {} : { cert: await read(cert) }),
    ...(key === undefined ? {} : { key: await read(key) }),
    ...more,
  };
}

/** 23 characters at most, which every broker takes. */
function idOf(identity: string): string {
  return `cs${createHash('sha256').update(identity).digest('hex').slice(0, 20)}`;
}

/** Follows a connection: tells each attempt that failed, and gives up the first one where nothing would help or time is up. */
class Connecting {
  readonly #client: MqttClient;
  readonly #request: ConnectRequest;
  readonly #server: string;
  readonly #first: PromiseWithResolvers<void> = Promise.withResolvers();
  #isFirst = true;
  #last = 'it does not answer';

  constructor(client: MqttClient, request: ConnectRequest) {
    this.#client = client;
    this.#request = request;
    this.#server = serverName('mqtt', request.options.url);
    client.on('connect', () => this.#made());
    client.on('error', (error) => this.#failed(error));
    client.on('close', () => this.#lost());
  }

  async connected(): Promise<void> {
    const { context, options, what } = this.#request;
    const stop = (): void =>
      this.#first.reject(externalError('mqtt.aborted', `${what} was stopped while it connected`));
    context.signal.addEventListener('abort', stop);
    if (context.signal.aborted) stop();
    const timer = context.ports.after(Number(options.retryFor / 1000n), () =>
      this.#first.reject(this.#unreachable(true)),
    );
    this.#client.connect();
    try {
      await this.#first.promise;
    } finally {
      timer.cancel();
      context.signal.removeEventListener('abort', stop);
    }
  }

  #made(): void {
    this.#isFirst = false;
    this.#last = 'the connection was lost';
    this.#first.resolve();
    this.#request.context.trouble?.(undefined);
  }

  #failed(error: Error): void {
    this.#last = reasonOf(error);
    if (!this.#isFirst) return;
    const { code } = error as { readonly code?: unknown };
    if (typeof code === 'number' && REFUSALS.has(code)) {
      const { what, options } = this.#request;
      const message = `${what}: the broker at ${publicUrl(options.url)} refuses the connection: ${this.#last}`;
      this.#first.reject(userError('mqtt.refused', message, { cause: error }));
    } else if (isTlsRefusal(error) || isUnknownHost(error)) this.#first.reject(this.#unreachable(false));
  }

  #lost(): void {
    if (this.#client.disconnecting) return;
    const { context, options, limited } = this.#request;
    const isLimited = this.#isFirst || limited === true;
    const limit = isLimited ? { limit: Number(options.retryFor / 1000n) } : {};
    context.trouble?.({ server: this.#server, reason: this.#last, ...limit });
  }

  #unreachable(retry: boolean): Error {
    const { what, options } = this.#request;
    const message = `${what}: the broker at ${publicUrl(options.url)} cannot be reached: ${this.#last}`;
    const hint = retry ? 'is it running, and is `url` right? `retryFor` says how long to try' : 'is `url` right?';
    return externalError('mqtt.unreachable', message, { retry, hint });
  }
}
