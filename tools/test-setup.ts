/**
 * `npm test` runs this first: installs the programs that tests need and that are missing, where it may (root with apt-get; go for the newest
 * nats-server; pip for wasmtime), and says what to do where it may not. Tests without their program are skipped by name, so nothing here ever fails the run.
 * `CLOUDSKIN_TEST_SETUP=off` leaves the machine as it is.
 */

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { messageOf } from '../engine/errors.ts';
import { keep, provide, run, say } from './programs/install.ts';
import { isExecutable, NEEDED, NEWEST_NATS, newestNatsPath, WASMTIME, wasmtimePath } from './programs/programs.ts';

const MODULE = `github.com/nats-io/nats-server/v2@v${NEWEST_NATS}`;
const GO_LIMIT = 300_000;
const PIP_LIMIT = 120_000;

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

try {
  main();
} catch (error) {
  // a full disk, a home that may not be written: the tests run with what is there
  say(`gave up: ${messageOf(error)}`);
}
