/** Finds nats-server and writes configurations for the central one and the edge's, a leaf node with a JetStream domain of its own. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { externalError } from '../../../engine/errors.ts';

export interface NatsServerBinary {
  readonly path: string;
  /** `2.9.10`. */
  readonly version: string;
}

/** `given`, or `CLOUDSKIN_NATS_SERVER`, or the one on the path. Throws `up.no-nats-server`. */
export function findNatsServer(given: string | undefined): NatsServerBinary {
  const path = given ?? process.env.CLOUDSKIN_NATS_SERVER ?? onPath('nats-server');
  if (path === undefined) throw missing('nats-server is not installed');
  try {
    const text = execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 });
    const version = /v(\d+\.\d+\.\d+)/.exec(text)?.[1];
    if (version !== undefined) return { path, version };
  } catch (cause) {
    throw missing(`${path} does not run`, cause);
  }
  throw missing(`${path} is no nats-server`);
}

function missing(message: string, cause?: unknown): Error {
  return externalError('up.no-nats-server', message, {
    hint: 'apt-get install nats-server, brew install nats-server, or a release from https://github.com/nats-io/nats-server/releases',
    cause,
  });
}

function onPath(name: string): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
}

export interface ServerFiles {
  readonly config: string;
  readonly url: string;
}

export interface HubOptions {
  readonly directory: string;
  readonly version: string;
  readonly port: number;
  readonly leafPort: number;
}

export function hubConfig({ directory, version, port, leafPort }: HubOptions): ServerFiles {
  return write(directory, 'hub', version, port, [`leafnodes { listen: "127.0.0.1:${leafPort}" }`]);
}

export function leafConfig(options: HubOptions): ServerFiles {
  const { directory, version, port, leafPort } = options;
  return write(directory, 'edge', version, port, [
    `leafnodes { remotes: [ { url: "nats://127.0.0.1:${leafPort}" } ] }`,
  ]);
}

function write(
  directory: string,
  domain: string,
  version: string,
  port: number,
  lines: readonly string[],
): ServerFiles {
  mkdirSync(directory, { recursive: true });
  const config = join(directory, `${domain}.conf`);
  const jetstream = [
    'jetstream {',
    `  store_dir: ${JSON.stringify(join(directory, domain))}`,
    `  domain: ${domain}`,
    // Before 2.10 there is no such setting, and JetStream acknowledges what a power failure may take back.
    ...(canSyncAlways(version) ? ['  sync_interval: always'] : []),
    '}',
  ];
  const text = [`listen: "127.0.0.1:${port}"`, `server_name: cloudskin-${domain}`, ...jetstream, ...lines];
  writeFileSync(config, `${text.join('\n')}\n`);
  return { config, url: `nats://127.0.0.1:${port}` };
}

export function canSyncAlways(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 10);
}

/** Ports that nothing listens on now, all different: each of `wanted`, or any other where that is taken or 0. */
export async function freePorts(wanted: readonly number[]): Promise<readonly number[]> {
  const held: Server[] = [];
  try {
    for (const port of wanted) held.push((await hold(port)) ?? (await mustHold()));
    return held.map((server) => {
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    });
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

async function mustHold(): Promise<Server> {
  const server = await hold(0);
  if (server === undefined) throw externalError('up.no-port', 'this machine has no free port on 127.0.0.1');
  return server;
}

function hold(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
