/**
 * Around every run of the tests: they have a temporary directory of their own, and what they start or write there does not outlive them, also when one
 * fails or the run is interrupted. What had to be cleaned up after a run that went to its end is a mistake of a test, and named.
 */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';

/** Looks for new processes, some milliseconds each: those killed may have been starting others. */
const ROUNDS = 40;
const PAUSE = 25;

export function setup(): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'cs-tests-'));
  // servers run as users of their own
  chmodSync(directory, 0o755);
  process.env.TMPDIR = directory;
  const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const interrupted = (signal: NodeJS.Signals): void => {
    for (const one of signals) process.off(one, interrupted);
    clean(directory, () => true);
    process.kill(process.pid, signal);
  };
  for (const one of signals) process.on(one, interrupted);
  return () => {
    for (const one of signals) process.off(one, interrupted);
    const left = [...clean(directory, ({ command }) => !command.includes('vitest'))];
    if (left.length > 0) throw new Error(`the tests left behind:\n${left.join('\n')}`);
  };
}

interface Running {
  readonly pid: number;
  readonly command: string;
}

/** Ends the processes that `which` picks, removes the directory, and says what of both there was. */
function clean(directory: string, which: (running: Running) => boolean): ReadonlySet<string> {
  const left = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const found = processesOf(directory).filter(which);
    if (found.length === 0) break;
    for (const { pid, command } of found) {
      left.add(`process ${command}`);
      kill(pid);
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
  }
  for (const name of readdirSync(directory)) if (!OF_TOOLS.test(name)) left.add(`${basename(directory)}/${name}`);
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  return left;
}

/** What is kept in a temporary directory for the next time: by Node, and by examples/two-sites, which compiles a program. */
const OF_TOOLS = /^(node-compile-cache|cloudskin-kit-)/;

/** Processes that were told to use this temporary directory, but for this one; where there is no /proc none is found. */
function processesOf(directory: string): readonly Running[] {
  const pids = listing('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);
  return pids.flatMap((pid) => {
    if (!read(`/proc/${pid}/environ`).split('\0').includes(`TMPDIR=${directory}`)) return [];
    return [{ pid, command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() }];
  });
}

function listing(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Empty for a process that is gone, or somebody else's. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it is gone already
  }
}
