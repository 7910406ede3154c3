/** Configurations of the NATS servers of a continuum: the central one, and a leaf node for each edge site. */
import { join } from 'node:path';
import { canSyncAlways } from '../cluster/up/nats-server.ts';
import { type AuthDirectory, type Book, HUB, type Site } from './book.ts';

/** What every server is told of who may connect. */
export interface Trust {
  readonly operator: string;
  /** JWT by public key. */
  readonly accounts: ReadonlyMap<string, string>;
  readonly account: string;
  readonly system: string;
}

/** Credentials are sent in one line, which servers bound at 4 KiB unless told otherwise; subjects of large graphs take more. */
export const LONGEST_CREDENTIALS: number = 512 * 1024;

export function writeServerFiles(directory: AuthDirectory, book: Book, trust: Trust): void {
  directory.put('hub.conf', text([...hubLines(directory, book), ...trustLines(trust)]));
  for (const site of book.sites) {
    if (site.tier === 'cloud') continue;
    directory.put(`leaf-${site.name}.conf`, text([...leafLines(directory, book, site, trust), ...trustLines(trust)]));
  }
}

export function serverFile(site: Site): string {
  return site.tier === 'cloud' ? 'hub.conf' : `leaf-${site.name}.conf`;
}

function text(lines: readonly string[]): string {
  return `# Written by cloudskin auth; cloudskin auth graph and revoke write it anew.\n${lines.join('\n')}\n`;
}

function trustLines({ operator, accounts, system }: Trust): readonly string[] {
  const preloaded = [...accounts].map(([key, jwt]) => `  ${key}: ${jwt}`);
  const rest = [`system_account: ${system}`, 'resolver: MEMORY', 'resolver_preload: {', ...preloaded, '}'];
  return [`operator: ${operator}`, ...rest, `max_control_line: ${LONGEST_CREDENTIALS}`];
}

function hubLines(directory: AuthDirectory, book: Book): readonly string[] {
  const { host, port, leafPort } = book.hub;
  return [
    `listen: "${listenAt(host)}:${port}"`,
    'server_name: cloudskin-hub',
    ...tls(directory, book, 'hub'),
    ...jetstream(directory, book, HUB),
    'leafnodes {',
    `  listen: "${listenAt(host)}:${leafPort}"`,
    ...tls(directory, book, 'hub').map((line) => `  ${line}`),
    '}',
  ];
}

function leafLines(directory: AuthDirectory, book: Book, site: Site, trust: Trust): readonly string[] {
  const { host, leafPort } = book.hub;
  const remote = [
    `url: "${book.tls ? 'tls' : 'nats'}://${host}:${leafPort}"`,
    `account: ${trust.account}`,
    `credentials: ${JSON.stringify(directory.credentials(`leaf-${site.name}`))}`,
    ...(book.tls ? [`tls { ca_file: ${path(directory, 'ca.pem')} }`] : []),
  ];
  return [
    `listen: "${listenAt(site.host)}:${site.port}"`,
    `server_name: cloudskin-${site.name}`,
    ...tls(directory, book, site.name),
    ...jetstream(directory, book, site.domain),
    'leafnodes {',
    '  reconnect: 1',
    '  remotes: [ {',
    ...remote.map((line) => `    ${line}`),
    '  } ]',
    '}',
  ];
}

function jetstream(directory: AuthDirectory, { natsServer }: Book, domain: string): readonly string[] {
  return [
    'jetstream {',
    `  store_dir: ${JSON.stringify(join(directory.path, 'data', domain))}`,
    `  domain: ${domain}`,
    // Before 2.10 there is no such setting, and JetStream acknowledges what a power failure may take back.
    ...(canSyncAlways(natsServer) ? ['  sync_interval: always'] : []),
    '}',
  ];
}

function tls(directory: AuthDirectory, { tls: wanted }: Book, name: string): readonly string[] {
  if (!wanted) return [];
  const files = `cert_file: ${path(directory, `${name}.pem`)}, key_file: ${path(directory, `${name}.key`)}`;
  return [`tls { ${files}, ca_file: ${path(directory, 'ca.pem')} }`];
}

function path(directory: AuthDirectory, name: string): string {
  return JSON.stringify(join(directory.path, 'tls', name));
}

/** Only on this machine where nobody else is to come. */
function listenAt(host: string): string {
  return host === 'localhost' || host === '127.0.0.1' ? '127.0.0.1' : '0.0.0.0';
}
