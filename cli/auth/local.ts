/** The credentials, certificates and servers of `cloudskin up --auth`: made once, kept with the data of the servers, on other ports where it has to be. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AuthDirectory, type Book, HUB } from './book.ts';
import { makeAuth, urlOf } from './init.ts';
import { agentUser, issueServers } from './issue.ts';

export interface LocalPorts {
  readonly hub: number;
  readonly edge: number;
  readonly leaf: number;
}

export interface LocalServer {
  readonly config: string;
  readonly url: string;
}

export interface LocalAuth {
  readonly hub: LocalServer;
  readonly leaf: LocalServer;
  readonly ca: string;
  /** Of the command line. */
  readonly admin: string;
  agent(site: 'cloud' | 'edge'): string;
}

/** `version`: of the servers. */
export async function secureLocal(path: string, version: string, ports: LocalPorts): Promise<LocalAuth> {
  const directory = new AuthDirectory(path);
  const known = existsSync(join(path, 'auth.json')) ? directory.read() : undefined;
  const book = bookOf(version, ports, known);
  if (known === undefined) await makeAuth(directory, book, undefined, Date.now());
  else {
    await issueServers(directory, book);
    directory.write(book);
  }
  const at = (port: number): string => urlOf(book, { host: '127.0.0.1', port });
  return {
    hub: { config: join(path, 'hub.conf'), url: at(ports.hub) },
    leaf: { config: join(path, 'leaf-edge.conf'), url: at(ports.edge) },
    ca: join(path, 'tls', 'ca.pem'),
    admin: directory.credentials('admin'),
    agent: (site) => directory.credentials(agentUser(site)),
  };
}

function bookOf(natsServer: string, { hub, edge, leaf }: LocalPorts, known: Book | undefined): Book {
  const host = '127.0.0.1';
  return {
    format: 1,
    tls: true,
    anyApp: true,
    perApp: false,
    shared: ['>'],
    apps: {},
    revocations: {},
    natsServer,
    ...(known === undefined ? {} : { revocations: known.revocations }),
    hub: { host, port: hub, leafPort: leaf },
    sites: [
      { name: 'cloud', tier: 'cloud', host, port: hub, domain: HUB },
      { name: 'edge', tier: 'edge', host, port: edge, domain: 'edge' },
    ],
  };
}
