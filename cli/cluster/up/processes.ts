/** Processes that outlive the command that started them. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { externalError } from '../../../engine/errors.ts';
import { isRunning, type ProcessMark, startOf } from '../../place/process-mark.ts';

export interface ProcessRecord extends ProcessMark {
  readonly name: string;
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

/** Asks it to end, waits, then ends it; resolves to how: it was gone, it ended, or it was killed. */
export async function endProcess(record: ProcessRecord, patience: number): Promise<'gone' | 'ended' | 'killed'> {
  if (!isRunning(record)) return 'gone';
  // an agent that gets a SIGTERM would have others take over what it runs, which end, too
  process.kill(record.pid, 'SIGINT');
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
