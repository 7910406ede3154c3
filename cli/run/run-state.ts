/**
 * The directory of `run --state`: checkpoints of one graph, encrypted where a key file is given, and a lock, because two runs over one
 * state would undo each other.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { CloudskinError, externalError, messageOf, userError } from '../../engine/errors.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { parseKey } from '../../engine/state/blobs/encrypted.ts';
import { makeDirectory } from '../../engine/state/blobs/files.ts';
import { graphBefore, keepGraph } from './kept-state.ts';
import { forgetAll, openStores, type StoreOptions, type Stores } from './run-stores.ts';

export interface StateOptions {
  readonly directory: string;
  readonly keyFile: string | undefined;
  /** What is there is forgotten; `shown`: but what sinks that go have written is shown first. */
  readonly anew?: 'fresh' | 'shown' | undefined;
  /** A line for people. */
  readonly say: (text: string) => void;
}

export interface RunState extends Stores {
  /** With which other threads open the same. */
  readonly options: StoreOptions;
  /** Lets the next run have the directory. */
  release(): Promise<void>;
}

/** The region of a graph that runs in one process. */
const REGION = 'all';
const KEEP = 3;

/** Throws `state.in-use` where another run holds the directory, and what stores and keys throw. */
export async function openRunState(plan: LogicalPlan, given: StateOptions): Promise<RunState> {
  const directory = resolve(given.directory);
  const key = given.keyFile === undefined ? undefined : await readKey(given.keyFile);
  const region = { namespace: plan.namespace, app: plan.name, region: REGION };
  const options = { directory, key, region, keep: plan.checkpoint?.keep ?? KEEP };
  const release = await lock(directory);
  try {
    if (given.anew !== undefined) await beginAnew(plan, options, given);
    const stores = await openStores(options);
    const { manifest } = await stores.checkpoints.newest();
    await keepGraph({ directory, plan, hasState: manifest !== undefined });
    return { ...stores, options, release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function beginAnew(after: LogicalPlan, options: StoreOptions, { anew, say }: StateOptions): Promise<void> {
  const before = await graphBefore(options.directory, after);
  if (before !== undefined) {
    const { removeLeft, showLeft } = await import('./left-sinks.ts');
    if (anew === 'fresh') await removeLeft({ before, after });
    else await showLeft({ before, after, checkpoints: (await openStores(options)).checkpoints, say });
  }
  await forgetAll(options);
}

async function readKey(path: string): Promise<Uint8Array> {
  try {
    return parseKey(await readFile(path), path);
  } catch (error) {
    if (error instanceof CloudskinError) throw error;
    const reason = messageOf(error);
    throw userError('state.key', `the key file cannot be read: ${reason}`, { cause: error });
  }
}

async function lock(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'lock');
  try {
    await makeDirectory(directory);
    await writeFile(path, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
      const reason = messageOf(error);
      throw externalError('state.write', `${directory} cannot hold state: ${reason}`, { cause: error });
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    if (holder > 0 && holder !== process.pid && isRunning(holder)) {
      throw userError('state.in-use', `another run (process ${holder}) has its state in ${directory}`, {
        hint: `wait for it, or give this one another --state; if process ${holder} is something else, remove ${path}`,
      });
    }
    // Whoever wrote it was killed.
    await writeFile(path, String(process.pid));
  }
  return () => rm(path, { force: true });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
