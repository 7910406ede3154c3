/** How the nats and jetstream connectors reach a server: options, and the connection that they make. */

import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { defined } from '../../engine/defined.ts';
import type { SinkContext, SourceContext } from '../../engine/graph/connector.ts';
import { positiveDurationType } from '../../engine/graph/units.ts';
import type { NatsOptions } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { natsServer, persistFirst } from './persisting.ts';

export interface NatsAccess {
  readonly url: string | readonly string[];
  readonly credentials?: string | undefined;
  readonly nkey?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** Microseconds. */
  readonly retryFor: bigint;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
}

const file = (what: string): z.ZodOptional<z.ZodString> =>
  z.string().min(1).optional().describe(`${what}: a file, relative to the graph's, or the text itself from a secret.`);

export const accessShape: Readonly<Record<keyof NatsAccess, z.ZodType>> = {
  url: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .default('nats://127.0.0.1:4222')
    .describe('The server, `nats://host:4222` or `tls://host:4222`, or several of one cluster.'),
  credentials: file('Credentials of a user (JWT and seed)'),
  nkey: file("Seed of a user's nkey"),
  user: z.string().optional().describe('A user of the server.'),
  password: z.string().optional().describe('Its password, by a secret of the graph.'),
  token: z.string().optional().describe('A token, by a secret of the graph.'),
  tls: z
    .strictObject({
      ca: file('The authorities to trust (PEM); those of the system unless given'),
      cert: file('The certificate to show (PEM)'),
      key: file('Its key (PEM)'),
    })
    .optional()
    .describe('Talk TLS, also where the address does not ask for it.'),
  retryFor: positiveDurationType
    .default(60_000_000n)
    .describe(
      'How long to try again when the server cannot be reached at the start or, of a sink, takes nothing; 1m unless given. A source that has lost its connection waits for it without end.',
    ),
};

/** Connects, as patiently as the options say; while the connection is lost later, that is told. */
export async function connectFor(access: NatsAccess, context: SourceContext | SinkContext): Promise<Nats> {
  const { connectNats } = await import('../../engine/nats/client.ts');
  const { name, identity, directory, trouble } = context;
  const options = optionsOf(access, identity ?? name, directory);
  const nats = await persistFirst({ access, context }, () => connectNats(options));
  nats.onStatus((status) => {
    if (status === 'reconnected') trouble?.(undefined);
    else if (status === 'disconnected') {
      trouble?.({ server: natsServer(access.url), reason: 'the connection was lost' });
    }
  });
  return nats;
}

function optionsOf(access: NatsAccess, name: string, directory: string): NatsOptions {
  const { url, credentials, nkey, user, password, token, tls } = access;
  const path = (value: string): string => (isText(value) || isAbsolute(value) ? value : resolve(directory, value));
  const paths = (values: Readonly<Record<string, string | undefined>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, path(value)]])),
    );
  return {
    servers: url,
    name,
    ...paths({ credentials, nkey }),
    ...defined({ user, password, token }),
    ...(tls === undefined ? {} : { tls: paths(tls) }),
  };
}

/** What a secret gave, not a path: PEM, credentials, a seed. */
function isText(value: string): boolean {
  return value.includes('-----BEGIN') || /^SU[A-Z2-7]{56}$/.test(value);
}
