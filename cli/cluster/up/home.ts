/** Where the command line keeps what outlives a command: the state of `up`, data and logs of what it started, data of agents. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { externalError } from '../../../engine/errors.ts';
import type { ProcessRecord } from './processes.ts';

/** `CLOUDSKIN_HOME`, or `~/.cloudskin`. */
export function home(): string {
  return process.env.CLOUDSKIN_HOME ?? join(homedir(), '.cloudskin');
}

/** What `up` started, written before each step, so that `down` finds all of it after a crash, too. */
export interface UpState {
  readonly format: 1;
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** Of the central server and of the edge's. */
  readonly hub: string;
  readonly leaf: string;
  /** Of the command line, and the authority behind the servers' certificates, where it is secured. */
  readonly creds?: string;
  readonly ca?: string;
  readonly processes: readonly ProcessRecord[];
}

function upFile(): string {
  return join(home(), 'up.json');
}

export function readUpState(): UpState | undefined {
  if (!existsSync(upFile())) return undefined;
  try {
    return JSON.parse(readFileSync(upFile(), 'utf8')) as UpState;
  } catch (cause) {
    throw externalError('up.bad-state', `${upFile()} cannot be read`, {
      hint: 'if nothing of it runs any more, delete the file',
      cause,
    });
  }
}

export function writeUpState(state: UpState): void {
  mkdirSync(home(), { recursive: true });
  writeFileSync(`${upFile()}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${upFile()}.new`, upFile());
}

export function deleteUpState(): void {
  rmSync(upFile(), { force: true });
}
