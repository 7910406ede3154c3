/**
 * A lock on a directory: a file that names the process which has it, with the time it was started, so that neither a crash nor a number given again
 * locks anybody out. It is made whole, by a link, and one that is left over is taken away by a rename, which only one of several succeeds in.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { systemCode } from '../../engine/errors.ts';
import { isRunning, ownMark, type ProcessMark } from './process-mark.ts';

export interface Lock {
  /** Lets others have it. */
  release(): void;
}

let counter = 0;
/** Of others that take it and die, or let go, at the same moment. */
const ATTEMPTS = 20;

/** Takes the lock that the file at `path` is, or calls `refuse` with who has it; a lock of this process is taken anew. Throws what the file system does. */
export function takeLock(path: string, refuse: (holder: ProcessMark) => Error): Lock {
  const aside = `${path}.${process.pid}-${++counter}`;
  writeFileSync(aside, JSON.stringify(ownMark()));
  try {
    for (let attempt = 1; ; attempt += 1) {
      if (linked(aside, path)) return { release: () => release(path) };
      const text = textOf(path);
      const holder = text === undefined ? undefined : markOf(text);
      if (holder !== undefined && holder.pid !== process.pid && isRunning(holder)) throw refuse(holder);
      if (attempt === ATTEMPTS) throw refuse(holder ?? { pid: 0, started: '' });
      if (text !== undefined) removeLeftover(path, text);
    }
  } finally {
    rmSync(aside, { force: true });
  }
}

function linked(aside: string, path: string): boolean {
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    // a file system without links
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(systemCode(error))) throw error;
  }
  try {
    writeFileSync(path, readFileSync(aside), { flag: 'wx' });
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Never the lock of somebody who was quicker. */
function removeLeftover(path: string, text: string): void {
  const gone = `${path}.${process.pid}-gone`;
  try {
    renameSync(path, gone);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  if (textOf(gone) !== text) linked(gone, path);
  rmSync(gone, { force: true });
}

function release(path: string): void {
  const holder = markOf(textOf(path) ?? '');
  if (holder?.pid === process.pid) rmSync(path, { force: true });
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined for what a crash cut off, and what is of versions that named less. */
function markOf(text: string): ProcessMark | undefined {
  try {
    const { pid, started } = JSON.parse(text) as Partial<ProcessMark>;
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}
