/** How commands find the cluster: `--nats` and `--creds`, the environment, what `up` started, or a server on this machine. */

import process from 'node:process';
import type { Command } from 'commander';
import type { ClusterClient } from '../../engine/cluster/client.ts';
import { defined } from '../../engine/defined.ts';
import { CloudskinError, systemCode, userError } from '../../engine/errors.ts';
import { suggest } from '../../engine/graph/suggest.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import { appTitle } from './app-words.ts';
import { readUpState } from './up/home.ts';

export interface NatsOptions {
  readonly nats?: string;
  readonly creds?: string;
  readonly ca?: string;
}

/** Options that every command which talks to a cluster has. */
export function clusterCommand(command: Command): Command {
  return command
    .option(
      '--nats <url>',
      'the NATS server, or several, separated by commas; CLOUDSKIN_NATS, or what `cloudskin up` started',
    )
    .option('--creds <file>', 'credentials for it; CLOUDSKIN_CREDS')
    .option('--ca <file>', 'the authority behind its certificate; CLOUDSKIN_CA');
}

/** A command about one app. */
export function appCommand(program: Command, name: string): Command {
  return clusterCommand(program.command(name)).option('-n, --namespace <name>', 'the namespace of the app', 'default');
}

export interface Connected {
  readonly nats: Nats;
  readonly client: ClusterClient;
  readonly url: string;
}

/** Several are servers of one cluster. */
export function natsUrls({ nats }: NatsOptions): readonly string[] {
  const given = nats ?? process.env.CLOUDSKIN_NATS ?? readUpState()?.hub ?? 'nats://127.0.0.1:4222';
  return given.split(',').map((url) => url.trim());
}

/** How the server is convinced, and believed. */
export interface NatsAccess {
  readonly credentials?: string;
  readonly tls?: { readonly ca: string };
}

export function credentials({ nats, creds, ca }: NatsOptions): NatsAccess {
  const up = (nats ?? process.env.CLOUDSKIN_NATS) === undefined ? readUpState() : undefined;
  const file = creds ?? process.env.CLOUDSKIN_CREDS ?? up?.creds;
  const authority = ca ?? process.env.CLOUDSKIN_CA ?? up?.ca;
  return {
    ...defined({ credentials: file }),
    ...(authority === undefined ? {} : { tls: { ca: authority } }),
  };
}

/** Connects for as long as `use` takes. */
export async function withCluster<T>(options: NatsOptions, use: (connected: Connected) => Promise<T>): Promise<T> {
  // Loaded when used: every command is known before one is chosen.
  const [{ connectNats }, { ClusterClient }] = await Promise.all([
    import('../../engine/nats/client.ts'),
    import('../../engine/cluster/client.ts'),
  ]);
  const servers = natsUrls(options);
  const nats = await connectNats({ servers, ...credentials(options), name: 'cloudskin command' }).catch(
    (error: unknown) => {
      throw unreachable(error);
    },
  );
  try {
    return await use({ nats, client: new ClusterClient(nats, realPorts), url: servers.join(',') });
  } finally {
    await nats.close();
  }
}

/** The client's own reason, which tells no secrets of the address, and what to do here. */
function unreachable(error: unknown): unknown {
  if (!(error instanceof CloudskinError) || error.code !== 'nats.connect') return error;
  return new CloudskinError(error.code, error.message, {
    domain: 'external',
    retry: error.retry,
    hint: remedy(error),
    cause: error,
  });
}

/** Codes of the TLS library that say that a certificate is not believed. */
const NOT_BELIEVED = /CERT|SIGNATURE|ISSUER/;

function remedy({ message, cause }: CloudskinError): string {
  if (NOT_BELIEVED.test(systemCode(cause))) return '--ca FILE names the authority behind its certificate';
  if (message.includes("does not support 'tls'")) return 'it speaks no TLS: write nats:// in place of tls://, no --ca';
  return 'cloudskin up starts a continuum on this machine; --nats names another server';
}

/** Throws `cluster.no-app` with the nearest right name where there is no such app. */
export async function mustHaveApp(client: ClusterClient, namespace: string, app: string): Promise<void> {
  const apps = await client.apps();
  if (apps.some((one) => one.namespace === namespace && one.app === app)) return;
  const elsewhere = apps.find((one) => one.app === app);
  const near = suggest(
    app,
    apps.filter((one) => one.namespace === namespace).map((one) => one.app),
  );
  const there = apps.map((one) => appTitle(one));
  let hint =
    there.length === 0 ? 'nothing is deployed; cloudskin deploy GRAPH does it' : `there are: ${there.join(', ')}`;
  if (near !== undefined) hint = `did you mean ${near}?`;
  if (elsewhere !== undefined) hint = `it is in namespace ${elsewhere.namespace}: --namespace ${elsewhere.namespace}`;
  const where = namespace === 'default' ? '' : ` in namespace ${namespace}`;
  throw userError('cluster.no-app', `there is no app '${app}'${where}`, { hint });
}
