/** `cloudskin auth init`: operator, accounts, users and servers of a new continuum. */
import { join } from 'node:path';
import { createAccount, createOperator, createUser } from '@nats-io/nkeys';
import { userError } from '../../engine/errors.ts';
import { checkName } from '../cluster/agent/agent-options.ts';
import { findNatsServer } from '../cluster/up/nats-server.ts';
import type { Terminal } from '../output/terminal.ts';
import { AuthDirectory, type Book, HUB, type Site } from './book.ts';
import { type GivenCertificate, makeCertificates, takeCertificates } from './certificates.ts';
import { agentUser, issueServers, issueUsers } from './issue.ts';
import { serverFile } from './server-files.ts';

export interface InitFlags {
  readonly out: string;
  readonly site: readonly string[];
  readonly hub: string;
  readonly port: string;
  readonly leafPort: string;
  readonly tls?: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
  readonly anyApp?: boolean;
  readonly app?: boolean;
  readonly days?: string;
  readonly share: readonly string[];
  readonly natsServer?: string;
}

/** Where no server is installed here, those that are to be may be new. */
const NEWEST = '2.15.0';

export async function initAuth(flags: InitFlags, terminal: Terminal): Promise<void> {
  const book = bookOf(flags);
  const directory = new AuthDirectory(flags.out);
  await makeAuth(directory, book, givenCertificate(flags), Date.now());
  await terminal.out(`${nextSteps(directory, book).join('\n')}\n`);
}

/** Writes everything into a directory that is empty or absent. */
export async function makeAuth(
  directory: AuthDirectory,
  book: Book,
  certificate: GivenCertificate | undefined,
  now: number,
): Promise<void> {
  directory.make();
  const servers = [{ name: 'hub', host: book.hub.host }, ...book.sites.filter(({ tier }) => tier === 'edge')];
  const tls = join(directory.path, 'tls');
  if (book.tls && certificate === undefined) await makeCertificates(tls, servers);
  else if (certificate !== undefined) takeCertificates(tls, certificate, servers);
  directory.newKey('operator', createOperator());
  directory.newKey('account', createAccount());
  directory.newKey('system', createAccount());
  directory.newKey('deployer', createUser());
  await issueUsers(directory, book, now);
  await issueServers(directory, book);
  directory.write(book);
}

function bookOf(flags: InitFlags): Book {
  const port = portOf('--port', flags.port);
  const sites = flags.site.map((text, index) => siteOf(text, flags.hub, port, index));
  if (!sites.some(({ tier }) => tier === 'cloud')) {
    throw userError('auth.no-cloud', 'a continuum needs a site in the cloud, beside the central NATS server', {
      hint: 'for example --site hub:cloud --site plant:edge',
    });
  }
  const twice = sites.find(({ name }, index) => sites.findIndex((site) => site.name === name) < index);
  if (twice !== undefined) throw userError('auth.site-twice', `--site ${twice.name} is given twice`);
  return {
    format: 1,
    hub: { host: flags.hub, port, leafPort: portOf('--leaf-port', flags.leafPort) },
    sites,
    tls: flags.tls === true || flags.tlsCert !== undefined,
    natsServer: versionOf(flags.natsServer),
    anyApp: flags.anyApp === true,
    perApp: flags.app === true,
    ...(flags.days === undefined ? {} : { days: daysOf(flags.days) }),
    shared: flags.share,
    apps: {},
    revocations: {},
  };
}

/** `plant:edge`, `plant:edge:10.0.7.2`. */
function siteOf(text: string, hub: string, port: number, index: number): Site {
  const [name = '', tier, host = '127.0.0.1'] = text.split(':');
  if (tier !== 'edge' && tier !== 'cloud') {
    throw userError('auth.bad-site', `--site ${text}: expected NAME:edge or NAME:cloud`, {
      hint: 'for example --site plant:edge, or --site plant:edge:10.0.7.2 with the host of its NATS server',
    });
  }
  checkName('site', name);
  if (tier === 'cloud') return { name, tier, host: hub, port, domain: HUB };
  if (name === HUB)
    throw userError('auth.bad-site', `--site ${text}: ${HUB} is the name of the central server's domain`);
  return { name, tier, host, port: port + 1 + index, domain: name };
}

function portOf(option: string, text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_000) return port;
  throw userError('auth.bad-port', `${option} ${text}: expected a number from 1 to 65000`);
}

function daysOf(text: string): number {
  const days = Number(text);
  if (Number.isFinite(days) && days > 0) return days;
  throw userError('auth.bad-days', `--days ${text}: expected a number of days`);
}

function versionOf(given: string | undefined): string {
  if (given !== undefined && /^\d+\.\d+/.test(given)) return given;
  try {
    return findNatsServer(given).version;
  } catch (error) {
    if (given !== undefined) throw error;
    return NEWEST;
  }
}

function givenCertificate({ tlsCert, tlsKey, tlsCa }: InitFlags): GivenCertificate | undefined {
  if (tlsCert === undefined && tlsKey === undefined && tlsCa === undefined) return undefined;
  if (tlsCert !== undefined && tlsKey !== undefined && tlsCa !== undefined) {
    return { cert: tlsCert, key: tlsKey, ca: tlsCa };
  }
  throw userError('auth.no-certificate', '--tls-cert, --tls-key and --tls-ca belong together');
}

/** How to reach the NATS server beside a site. */
export function urlOf({ tls }: Book, { host, port }: { readonly host: string; readonly port: number }): string {
  return `${tls ? 'tls' : 'nats'}://${host}:${port}`;
}

function nextSteps(directory: AuthDirectory, book: Book): readonly string[] {
  const at = (name: string): string => join(directory.path, name);
  const ca = book.tls ? ` --ca ${at('tls/ca.pem')}` : '';
  const access = (user: string, site: { readonly host: string; readonly port: number }): string =>
    `--nats ${urlOf(book, site)} --creds ${directory.credentials(user)}${ca}`;
  const edges = book.sites.filter(({ tier }) => tier === 'edge');
  return [
    `made in ${directory.path}: keys (keep them here), credentials of ${book.sites.length} sites and of the command line`,
    'start the servers, each where it belongs, with the files that its configuration names:',
    `  nats-server -c ${at('hub.conf')}`,
    ...edges.map((site) => `  nats-server -c ${at(serverFile(site))}`),
    ...(book.anyApp ? [] : ['say what the sites are to run:', `  cloudskin auth graph GRAPH --dir ${directory.path}`]),
    'then the agents, each with its own credentials, and deploy:',
    ...book.sites.map(
      (site) => `  cloudskin agent --site ${site.name} --tier ${site.tier} ${access(agentUser(site.name), site)}`,
    ),
    `  cloudskin deploy GRAPH ${access('admin', book.hub)}`,
    `to run only what you signed: agent … --trust ${directory.key('deployer').getPublicKey()}`,
    `  and deploy … --sign ${at('keys/deployer.nk')}`,
  ];
}
