/**
 * The directory of `run --state`: checkpoints of one graph, encrypted where a key file is given, and a lock, because two runs over one
 * state would undo each other.
 */
import { join, resolve } from 'node:path';
import { CloudskinError, externalError, messageOf, userError } from '../../engine/errors.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { makeDirectory } from '../../engine/state/blobs/files.ts';
import { readKeyFile } from '../place/key-file.ts';
import { type Lock, takeLock } from '../place/lock.ts';
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
  release(): void;
}

/** The region of a graph that runs in one process. */
const REGION = 'all';
const KEEP = 3;

/** Throws `state.in-use` where another run holds the directory, and what stores and keys throw. */
export async function openRunState(plan: LogicalPlan, given: StateOptions): Promise<RunState> {
  const directory = resolve(given.directory);
  const key = await readKeyFile(given.keyFile);
  const region = { namespace: plan.namespace, app: plan.name, region: REGION };
  const options = { directory, key, region, keep: plan.checkpoint?.keep ?? KEEP };
  const { release } = await lock(directory);
  try {
    if (given.anew !== undefined) await beginAnew(plan, options, given);
    const stores = await openStores(options);
    const { manifest } = await stores.checkpoints.newest();
    await keepGraph({ directory, plan, hasState: manifest !== undefined });
    return { ...stores, options, release };
  } catch (error) {
    release();
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

async function lock(directory: string): Promise<Lock> {
  try {
    await makeDirectory(directory);
    return takeLock(join(directory, 'lock'), ({ pid }) =>
      userError('state.in-use', `another run (process ${pid}) has its state in ${directory}`, {
        hint: 'wait for it, or give this one another --state',
      }),
    );
  } catch (error) {
    if (error instanceof CloudskinError) throw error;
    throw externalError('state.write', `${directory} cannot hold state: ${messageOf(error)}`, { cause: error });
  }
}
