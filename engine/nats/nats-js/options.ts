/** How to reach and to convince a NATS server: our options as those of nats.js. Secrets are read here and kept nowhere else. */

import {
  type Authenticator,
  type ConnectionOptions,
  nkeyAuthenticator,
  type TlsOptions,
} from '@nats-io/transport-node';
import { defined } from '../../defined.ts';
import { userError } from '../../errors.ts';
import { type Ports, realPorts } from '../../ports.ts';
import { claimsOf, credentialsAuthenticator, readCredentials, secretFile } from './credentials.ts';

export interface NatsTls {
  /** Each a path to a PEM file or PEM text itself. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The server speaks TLS from the first byte. */
  readonly handshakeFirst?: boolean;
}

export interface NatsOptions {
  /** `nats://host:port`, `tls://…`, `host:port`; user and password may stand in the address. One of several is taken, then the next. */
  readonly servers: string | readonly string[];
  /** What the server calls this connection. */
  readonly name?: string;
  /** Path to a credentials file (JWT and seed), or its text. */
  readonly credentials?: string;
  /** Path to a file with an nkey seed, or the seed. */
  readonly nkey?: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  readonly tls?: NatsTls;
  /** In front of the subjects that answers come to; the only one that the credentials permit, or `_INBOX`, unless given. */
  readonly inboxPrefix?: string;
  /** Milliseconds for one attempt to connect; 5,000 unless given. */
  readonly timeout?: number;
  /** Goes on trying when no server is there at first, instead of rejecting. */
  readonly wait?: boolean;
  /** The machine's own unless given. */
  readonly ports?: Ports;
}

/** Reconnection: 50 ms, doubled up to 2 s, times 0.5 to 1.5, so that a thousand clients of a restarted server do not come at once. */
const FIRST_DELAY = 50;
const LONGEST_DELAY = 2_000;
/** A server that does not answer three pings in a row is given up: a frozen one is noticed within 15 s. */
const PING_EVERY = 5_000;

export async function connectionOptions(options: NatsOptions): Promise<ConnectionOptions> {
  const ports = options.ports ?? realPorts;
  const addresses = (typeof options.servers === 'string' ? [options.servers] : options.servers).map(parseAddress);
  if (addresses.length === 0) throw userError('nats.servers', 'no NATS server is given');
  const first = addresses[0];
  const credentials = options.credentials === undefined ? undefined : await readCredentials(options.credentials);
  const authenticator = await authenticate(options, credentials, first);
  const inboxPrefix = options.inboxPrefix ?? claimsOf(credentials ?? '')?.inbox;
  const secure = options.tls !== undefined || addresses.some((address) => address.secure);
  return {
    servers: addresses.map((address) => address.host),
    ...defined({ name: options.name, authenticator }),
    ...(secure ? { tls: await tlsOptions(options.tls ?? {}) } : {}),
    ...defined({ inboxPrefix }),
    timeout: options.timeout ?? 5_000,
    waitOnFirstConnect: options.wait ?? false,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    pingInterval: PING_EVERY,
    maxPingOut: 2,
    ...backoff(ports),
  };
}

/** nats.js asks for the delay before every look at the next server, and tells of an attempt when it makes one. */
function backoff(ports: Ports): Pick<ConnectionOptions, 'reconnectDelayHandler' | 'reconnectToServer'> {
  let delay = FIRST_DELAY;
  let jitter = 1;
  let last = Number.NEGATIVE_INFINITY;
  return {
    reconnectDelayHandler: () => Math.round(delay * jitter),
    reconnectToServer: () => {
      const now = ports.monotonic();
      // an attempt long after the last one is the first after a connection that held
      delay = now - last > 4 * LONGEST_DELAY ? FIRST_DELAY : Math.min(delay * 2, LONGEST_DELAY);
      jitter = 0.5 + ports.random();
      last = now;
      return null;
    },
  };
}

interface Address {
  readonly host: string;
  readonly secure: boolean;
  readonly user?: string;
  readonly password?: string;
}

function parseAddress(text: string): Address {
  const match = /^(?:(nats|tls):\/\/)?(?:([^:@/]+)(?::([^@/]*))?@)?([^@/\s]+)\/?$/.exec(text.trim());
  const host = match?.[4];
  if (match === null || host === undefined || !isHost(host)) {
    throw userError('nats.servers', `${text.replace(/\/\/.*@/, '//***@')} is not the address of a NATS server`, {
      hint: 'write nats://host:4222 or tls://host:4222',
    });
  }
  const [, scheme, user, password] = match;
  return {
    host,
    secure: scheme === 'tls',
    ...(user === undefined ? {} : { user: decodeURIComponent(user) }),
    ...(password === undefined ? {} : { password: decodeURIComponent(password) }),
  };
}

/** A name or an address, and a port where one is given; addresses of IPv6 stand in brackets, or without a port. */
function isHost(text: string): boolean {
  if (/^[\da-fA-F.]*:[\da-fA-F.]*:[\da-fA-F.:]*$/.test(text)) return true;
  const match = /^(?:\[[\da-fA-F:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  return match !== null && Number(match[1] ?? 0) <= 65_535;
}

async function authenticate(
  options: NatsOptions,
  credentials: string | undefined,
  first: Address | undefined,
): Promise<Authenticator | undefined> {
  const { nkey } = options;
  if (options.credentials !== undefined && credentials !== undefined) {
    return credentialsAuthenticator(options.credentials, credentials);
  }
  if (nkey !== undefined) {
    const seed = /^SU[A-Z2-7]{56}$/.test(nkey) ? nkey : await seedFile(nkey);
    return nkeyAuthenticator(new TextEncoder().encode(seed));
  }
  if (options.token !== undefined) return () => ({ auth_token: options.token ?? '' });
  const name = options.user ?? first?.user;
  if (name === undefined) return undefined;
  // an address with a name alone holds a token, as for other NATS clients
  if (options.user === undefined && first?.password === undefined) return () => ({ auth_token: name });
  return () => ({ user: name, pass: options.password ?? first?.password ?? '' });
}

async function seedFile(path: string): Promise<string> {
  const seed = /SU[A-Z2-7]{56}/.exec(await secretFile(path, 'nkey'))?.[0];
  if (seed === undefined) throw userError('nats.credentials', `${path} holds no seed of a user's nkey (SU…)`);
  return seed;
}

async function tlsOptions({ ca, cert, key, handshakeFirst }: NatsTls): Promise<TlsOptions> {
  if ((cert === undefined) !== (key === undefined)) {
    throw userError('nats.credentials', 'tls: cert and key belong together');
  }
  return {
    ...(ca === undefined ? {} : { ca: await pem(ca, 'ca') }),
    ...(cert === undefined ? {} : { cert: await pem(cert, 'cert') }),
    ...(key === undefined ? {} : { key: await pem(key, 'key') }),
    ...defined({ handshakeFirst }),
  };
}

async function pem(value: string, option: string): Promise<string> {
  return value.includes('-----BEGIN') ? value : await secretFile(value, `tls.${option}`);
}
