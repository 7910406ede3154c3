/**
 * `npm test` runs this first: installs the programs that tests need and that are missing, where it may (root with apt-get; go for the newest
 * nats-server; pip for wasmtime), and says what to do where it may not. Tests without their program are skipped by name, so nothing here ever fails the run.
 * `CLOUDSKIN_TEST_SETUP=off` leaves the machine as it is.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { messageOf } from '../engine/errors.ts';
import {
  cacheDirectory,
  findProgram,
  isExecutable,
  NEEDED,
  NEWEST_NATS,
  newestNatsPath,
  WASMTIME,
  wasmtimePath,
} from './programs/programs.ts';

const MODULE = `github.com/nats-io/nats-server/v2@v${NEWEST_NATS}`;
const APT_LIMIT = 240_000;
const GO_LIMIT = 300_000;
const PIP_LIMIT = 120_000;
/** What failed is not tried again for so long: an offline machine should not wait at every run. */
const AGAIN_AFTER = 3_600_000;
const NO_SERVICES = '/usr/sbin/policy-rc.d';

function main(): void {
  const missing = NEEDED.filter((program) => !program.present());
  const newest = isExecutable(newestNatsPath());
  const wasmtime = existsSync(wasmtimePath());
  if ((missing.length === 0 && newest && wasmtime) || process.env.CLOUDSKIN_TEST_SETUP === 'off') return;
  if (missing.length > 0) provide(missing.map((program) => program.debian));
  for (const { name, debian, tests } of NEEDED.filter((program) => !program.present())) {
    say(`${name} is missing: tests of ${tests} are skipped. Install it: apt-get install ${debian}`);
  }
  if (!newest) buildNewest();
  if (!wasmtime) installWasmtime();
}

function provide(packages: readonly string[]): void {
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

function buildNewest(): void {
  keep(dirname(newestNatsPath()), {
    what: `nats-server ${NEWEST_NATS}`,
    by: 'go',
    todo: 'build it with a recent go: node tools/test-setup.ts',
    fill: (go, scratch) => run(go, ['install', MODULE], GO_LIMIT, { GOBIN: scratch }),
  });
}

function installWasmtime(): void {
  const options = ['--quiet', '--disable-pip-version-check', '--root-user-action=ignore', '--no-deps'];
  keep(wasmtimePath(), {
    what: `wasmtime ${WASMTIME}`,
    by: 'python3',
    todo: 'install it with a python3 that has pip: node tools/test-setup.ts',
    fill: (python, scratch) =>
      run(python, ['-m', 'pip', 'install', ...options, '--target', scratch, `wasmtime==${WASMTIME}`], PIP_LIMIT),
  });
}

interface Kept {
  readonly what: string;
  /** The program that provides it. */
  readonly by: string;
  readonly todo: string;
  fill(program: string, directory: string): boolean;
}

/** Provides a directory of the cache: filled beside it, so that it is there in full or not at all. */
function keep(target: string, { what, by, todo, fill }: Kept): void {
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

function run(command: string, args: readonly string[], limit: number, more: Record<string, string> = {}): boolean {
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

function say(text: string): void {
  process.stderr.write(`test setup: ${text}\n`);
}

try {
  main();
} catch (error) {
  // a full disk, a home that may not be written: the tests run with what is there
  say(`gave up: ${messageOf(error)}`);
}
