/** How programs for tests are installed: by apt-get where we are root, by a package manager of a language into the cache. What fails is said and not tried again for an hour. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { cacheDirectory, findProgram } from './programs.ts';

const APT_LIMIT = 240_000;
/** What failed is not tried again for so long: an offline machine should not wait at every run. */
const AGAIN_AFTER = 3_600_000;
const NO_SERVICES = '/usr/sbin/policy-rc.d';

/** Installs Debian packages, where that is possible. */
export function provide(packages: readonly string[]): void {
  if (process.getuid?.() !== 0 || findProgram('apt-get') === undefined || failedLately('apt-get')) return;
  say(`installing ${packages.join(', ')} for the tests (apt-get)`);
  // servers that Debian starts at once would take their usual ports on this machine for good
  const forbid = !existsSync(NO_SERVICES) && existsSync(dirname(NO_SERVICES));
  if (forbid) writeFileSync(NO_SERVICES, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const wait = ['-o', 'DPkg::Lock::Timeout=60', '-o', 'Acquire::Retries=2'];
    const install = ['install', '-y', '-q', '--no-install-recommends', ...wait, ...packages];
    // the list of packages of a fresh machine is empty or old
    run('apt-get', ['update', '-q', ...wait], APT_LIMIT);
    remember('apt-get', run('apt-get', install, APT_LIMIT));
  } finally {
    if (forbid) rmSync(NO_SERVICES, { force: true });
  }
}

export interface Kept {
  readonly what: string;
  /** The program that provides it. */
  readonly by: string;
  readonly todo: string;
  fill(program: string, directory: string): boolean;
}

/** Provides a directory of the cache: filled beside it, so that it is there in full or not at all. */
export function keep(target: string, { what, by, todo, fill }: Kept): void {
  const program = findProgram(by);
  if (program === undefined || failedLately(by)) {
    say(`${what} is missing: its tests are skipped, ${todo}`);
    return;
  }
  say(`providing ${what} for the tests (${by})`);
  const scratch = `${target}.${process.pid}`;
  try {
    mkdirSync(scratch, { recursive: true });
    const filled = fill(program, scratch);
    remember(by, filled);
    if (filled) {
      rmSync(target, { recursive: true, force: true });
      renameSync(scratch, target);
    } else say(`${what} could not be provided: its tests are skipped, ${todo}`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

export function run(
  command: string,
  args: readonly string[],
  limit: number,
  more: Record<string, string> = {},
): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', ...more };
  const { status, stderr, error } = spawnSync(command, args, { env, timeout: limit, encoding: 'utf8', stdio: 'pipe' });
  if (status === 0) return true;
  const why = error?.message ?? stderr.trim().split('\n').slice(-3).join('\n  ');
  say(`${command} ${args[0]} failed: ${why}`);
  return false;
}

function markOf(what: string): string {
  return join(cacheDirectory(), `${what}-failed`);
}

function failedLately(what: string): boolean {
  try {
    return Date.now() - statSync(markOf(what)).mtimeMs < AGAIN_AFTER;
  } catch {
    return false;
  }
}

function remember(what: string, succeeded: boolean): void {
  mkdirSync(cacheDirectory(), { recursive: true });
  if (succeeded) rmSync(markOf(what), { force: true });
  else writeFileSync(markOf(what), '');
}

export function say(text: string): void {
  process.stderr.write(`test setup: ${text}\n`);
}
