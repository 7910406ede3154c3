/**
 * The directory of `run --state`: checkpoints of one graph, encrypted where a key file is given, and a lock, because two runs over one
 * state would undo each other.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { CloudskinError, externalError, userError } from '../engine/errors.ts';
import type { LogicalPlan } from '../engine/graph/plan.ts';
import { realPorts } from '../engine/ports.ts';
import type { FragmentStart } from '../engine/runtime/fragment-handle.ts';
import type { FragmentStore } from '../engine/runtime/thread-host.ts';
import type { BlobStore } from '../engine/state/blobs.ts';
import { openCheckpoints } from '../engine/state/checkpoint-store.ts';
import type { Checkpoints } from '../engine/state/checkpoints.ts';
import { openDirectory } from '../engine/state/directory.ts';
import { encryptedStore, parseKey } from '../engine/state/encrypted.ts';
import type { RegionName } from '../engine/state/layout.ts';
import { openLog } from '../engine/state/log/disk.ts';
import { createSaver } from '../engine/state/saver.ts';

export interface StateOptions {
  readonly directory: string;
  readonly keyFile: string | undefined;
  /** What is there is forgotten. */
  readonly fresh: boolean;
}

export interface RunState {
  readonly checkpoints: Checkpoints;
  readonly storeOf: (start: FragmentStart) => FragmentStore;
  /** Lets the next run have the directory. */
  release(): Promise<void>;
}

/** The region of a graph that runs in one process. */
const REGION = 'all';
const KEEP = 3;
/** Bytes that a journal may hold; then its source waits for a checkpoint. */
const JOURNAL_BYTES = 256 * 1_048_576;

/** Throws `state.in-use` where another run holds the directory, and what stores and keys throw. */
export async function openRunState(plan: LogicalPlan, options: StateOptions): Promise<RunState> {
  const directory = resolve(options.directory);
  const key = options.keyFile === undefined ? undefined : await readKey(options.keyFile);
  const release = await lock(directory);
  try {
    const plain = await openDirectory(join(directory, 'checkpoints'));
    const store = key === undefined ? plain : encryptedStore(plain, key);
    const where = { namespace: plan.namespace, app: plan.name, region: REGION };
    const journals = join(directory, 'journals', plan.namespace, plan.name);
    if (options.fresh) {
      await forget(plain, `${plan.namespace}/${plan.name}/`);
      await rm(journals, { recursive: true, force: true });
    }
    const checkpoints = openCheckpoints({ ...where, store, keep: plan.checkpoint?.keep ?? KEEP });
    return { checkpoints, release, storeOf: storesOf({ where, store, checkpoints, journals }) };
  } catch (error) {
    await release();
    throw error;
  }
}

interface Places {
  readonly where: RegionName;
  readonly store: BlobStore;
  readonly checkpoints: Checkpoints;
  readonly journals: string;
}

function storesOf({ where, store, checkpoints, journals }: Places): RunState['storeOf'] {
  return () => ({
    journal: (source, partition) => {
      // A partition may be called anything.
      const name = createHash('sha256').update(partition).digest('hex').slice(0, 16);
      return openLog({ directory: join(journals, source, name), maxBytes: JOURNAL_BYTES });
    },
    saver: createSaver({ ...where, store, ports: realPorts }),
    load: async (id) => {
      const { manifest } = await checkpoints.newest(id);
      if (manifest?.id !== id) throw externalError('state.no-checkpoint', `there is no sound checkpoint ${id}`);
      return await Promise.all(manifest.fragments.map(({ fragment }) => checkpoints.load(manifest, fragment)));
    },
  });
}

async function forget(store: BlobStore, prefix: string): Promise<void> {
  for (const name of await store.list(prefix)) await store.delete(name);
}

async function readKey(path: string): Promise<Uint8Array> {
  try {
    return parseKey(await readFile(path), path);
  } catch (error) {
    if (error instanceof CloudskinError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw userError('state.key', `the key file cannot be read: ${reason}`, { cause: error });
  }
}

async function lock(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'lock');
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(path, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
      const reason = error instanceof Error ? error.message : String(error);
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
