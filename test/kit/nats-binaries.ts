/**
 * The nats-server programs that tests run against: the one that is installed, and the newest, which tools/test-setup.ts builds into a
 * cache outside the repository.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';

export const NEWEST_NATS = '2.15.2';

export type NatsVersion = 'installed' | 'newest';

export interface NatsBinary {
  readonly path: string;
  /** `2.9.10`. */
  readonly version: string;
}

/** Where built tools are kept between runs. */
export function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cloudskin');
}

/** Where the newest server is, or would be. */
export function newestNatsPath(): string {
  return join(cacheDirectory(), `nats-server-${NEWEST_NATS}`, 'nats-server');
}

const found = new Map<NatsVersion, NatsBinary | undefined>();

/** Undefined where it is not there. */
export function natsBinary(version: NatsVersion): NatsBinary | undefined {
  if (!found.has(version)) {
    const path = version === 'newest' ? executable(newestNatsPath()) : installedNats();
    found.set(version, path === undefined ? undefined : probe(path));
  }
  return found.get(version);
}

export function hasNats(version: NatsVersion = 'installed'): boolean {
  return natsBinary(version) !== undefined;
}

/** For the names of skipped tests. */
export const NO_NATS: Readonly<Record<NatsVersion, string>> = {
  installed: 'nats-server is not installed (apt-get install nats-server)',
  newest: `nats-server ${NEWEST_NATS} is not built (node tools/test-setup.ts, needs go)`,
};

/** Debian puts it where the paths of users without privileges do not look. */
function installedNats(): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin'];
  for (const directory of directories) {
    const path = directory === '' ? undefined : executable(join(directory, 'nats-server'));
    if (path !== undefined) return path;
  }
  return undefined;
}

function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}

function probe(path: string): NatsBinary | undefined {
  try {
    const text = execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 5_000 });
    const version = /v?(\d+\.\d+\.\d+)/.exec(text)?.[1];
    return version === undefined ? undefined : { path, version };
  } catch {
    return undefined;
  }
}
