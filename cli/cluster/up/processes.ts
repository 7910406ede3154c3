/**
 * Processes that outlive the command that started them, told apart from others by their number and the time they were started, since the
 * system gives numbers again.
 */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { externalError } from '../../../engine/errors.ts';

export interface ProcessRecord {
  readonly name: string;
  readonly pid: number;
  /** As the system tells when it was started. */
  readonly started: string;
  readonly log: string;
  /** How it was started, to do it again. */
  readonly launch?: { readonly command: string; readonly args: readonly string[] };
}

const LOOK = 50;

/** Starts a process that goes on without us, with its output in a file. */
export function startDetached(
  name: string,
  command: string,
  args: readonly string[],
  log: string,
  environment: NodeJS.ProcessEnv = process.env,
): ProcessRecord {
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, 'a');
  try {
    const child = spawn(command, args, { detached: true, stdio: ['ignore', output, output], env: environment });
    child.on('error', () => undefined);
    child.unref();
    const { pid } = child;
    const started = pid === undefined ? undefined : startOf(pid);
    if (pid === undefined || started === undefined) {
      throw externalError('up.not-started', `${name} could not be started: ${command} ${args.join(' ')}`, {
        hint: `see ${log}`,
      });
    }
    return { name, pid, started, log, launch: { command, args } };
  } finally {
    closeSync(output);
  }
}

/** Of this very process. */
export function ownRecord(name: string): ProcessRecord {
  return { name, pid: process.pid, started: startOf(process.pid) ?? '', log: '' };
}

export function isRunning({ pid, started }: ProcessRecord): boolean {
  return startOf(pid) === started;
}

/** Asks it to end, waits, then ends it; resolves to how: it was gone, it ended, or it was killed. */
export async function endProcess(record: ProcessRecord, patience: number): Promise<'gone' | 'ended' | 'killed'> {
  if (!isRunning(record)) return 'gone';
  process.kill(record.pid, 'SIGTERM');
  // One that is stopped hears nothing else.
  process.kill(record.pid, 'SIGCONT');
  if (await ended(record, patience)) return 'ended';
  if (isRunning(record)) process.kill(record.pid, 'SIGKILL');
  await ended(record, patience);
  return 'killed';
}

async function ended(record: ProcessRecord, patience: number): Promise<boolean> {
  for (let waited = 0; waited < patience; waited += LOOK) {
    if (!isRunning(record)) return true;
    await sleep(LOOK);
  }
  return !isRunning(record);
}

/** When a process was started, as text that is the same each time; undefined where there is none, or only its remains. */
function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') return linuxStart(pid);
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}

/** proc(5): after the command in parentheses, state is the third field and the start, in ticks since boot, the twenty-second. */
function linuxStart(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
