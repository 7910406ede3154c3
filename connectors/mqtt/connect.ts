/** A connection to a broker, which comes back by itself. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { externalError, userError } from '../../engine/errors.ts';
import type { ConnectorContext } from '../../engine/graph/connector.ts';
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
  /** Called before anything is sent or received. */
  prepare?(client: MqttClient): void;
}

/** Throws `mqtt.refused` where the broker does not want us, `mqtt.unreachable` where there is none. */
export async function connectMqtt(request: ConnectRequest): Promise<MqttClient> {
  const { options, context, what } = request;
  const client = connect(options.url, await clientOptions(request));
  // Errors of attempts are told by `connected`, those of later ones by silence; without a listener they would be thrown.
  client.on('error', () => undefined);
  request.prepare?.(client);
  try {
    await connected(client, what, options, context.signal);
    return client;
  } catch (error) {
    client.end(true);
    throw error;
  }
}

/**
 * Ends the connection: in good order, so that confirmations on their way arrive, unless the broker does not answer.
 */
export async function disconnectMqtt(client: MqttClient): Promise<void> {
  if (client.connected) {
    const patience = new AbortController();
    const late = delay(GOODBYE, undefined, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([client.endAsync(), late]);
    patience.abort();
  }
  if (!client.disconnected) await client.endAsync(true);
}

async function clientOptions({ identity, options, context, more }: ConnectRequest): Promise<IClientOptions> {
  const read = (path: string): Promise<Buffer> => {
    return readFile(resolve(context.directory, path)).catch((error: unknown) => {
      throw userError('mqtt.file', `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
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
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
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

async function connected(
  client: MqttClient,
  what: string,
  { url, retryFor }: MqttConnection,
  signal: AbortSignal,
): Promise<void> {
  let last = 'it does not answer';
  const { promise, resolve: done, reject } = Promise.withResolvers<void>();
  client.once('connect', () => done());
  client.on('error', (error) => {
    last = error.message || String((error as { code?: unknown }).code ?? error);
    const { code } = error as { code?: unknown };
    if (typeof code === 'number' && REFUSALS.has(code)) {
      reject(
        userError('mqtt.refused', `${what}: the broker at ${url} refuses the connection: ${last}`, { cause: error }),
      );
    }
  });
  client.connect();
  const timer = new AbortController();
  const either = AbortSignal.any([timer.signal, signal]);
  const late = delay(Number(retryFor / 1000n), undefined, { signal: either }).then(
    () =>
      reject(
        externalError('mqtt.unreachable', `${what}: the broker at ${url} cannot be reached: ${last}`, { retry: true }),
      ),
    () =>
      signal.aborted ? reject(externalError('mqtt.aborted', `${what} was stopped while it connected`)) : undefined,
  );
  await promise.finally(() => timer.abort());
  await late;
}
