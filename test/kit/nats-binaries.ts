/**
 * The nats-server programs that tests run against: the one that is installed, and the newest, which tools/test-setup.ts builds into a
 * cache outside the repository.
 */
import { execFileSync } from 'node:child_process';
import { findProgram, isExecutable, NEWEST_NATS, newestNatsPath } from '../../tools/programs/programs.ts';

export type NatsVersion = 'installed' | 'newest';

export interface NatsBinary {
  readonly path: string;
  /** `2.9.10`. */
  readonly version: string;
}

const found = new Map<NatsVersion, NatsBinary | undefined>();

/** Undefined where it is not there. */
export function natsBinary(version: NatsVersion): NatsBinary | undefined {
  if (!found.has(version)) {
    const newest = isExecutable(newestNatsPath()) ? newestNatsPath() : undefined;
    const path = version === 'newest' ? newest : findProgram('nats-server');
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

function probe(path: string): NatsBinary | undefined {
  try {
    const text = execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 5_000 });
    const version = /v?(\d+\.\d+\.\d+)/.exec(text)?.[1];
    return version === undefined ? undefined : { path, version };
  } catch {
    return undefined;
  }
}
