/** `snapshot restore`: a snapshot becomes the newest checkpoint of a run's directory. Of an app that is deployed it is refused, with what to do. */
import { join, resolve } from 'node:path';
import { defined } from '../../engine/defined.ts';
import { externalError, userError } from '../../engine/errors.ts';
import { realPorts } from '../../engine/ports.ts';
import type { BlobStore } from '../../engine/state/blobs/blobs.ts';
import { openDirectory } from '../../engine/state/blobs/directory.ts';
import { encryptedStore } from '../../engine/state/blobs/encrypted.ts';
import { makeDirectory } from '../../engine/state/blobs/files.ts';
import { type CheckpointStore, openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import type { FragmentReceipt, Manifest } from '../../engine/state/checkpoint/checkpoints.ts';
import type { RegionName } from '../../engine/state/checkpoint/layout.ts';
import { createSaver } from '../../engine/state/checkpoint/saver.ts';
import type { FragmentSnapshot } from '../../engine/state/checkpoint/state.ts';
import { checkpointsIn } from '../../engine/state/places.ts';
import { inputsOf, mustFit, type SnapshotTarget } from '../../engine/state/snapshot/fit.ts';
import type { OpenedSnapshot } from '../../engine/state/snapshot/format.ts';
import { withCluster } from '../cluster/connect.ts';
import { Progress } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { readKeyFile } from '../place/key-file.ts';
import { takeLock } from '../place/lock.ts';
import { openSnapshotFile } from './files.ts';
import type { TakeFlags } from './take.ts';
import { originText } from './texts.ts';

export interface RestoreFlags extends Omit<TakeFlags, 'out'> {
  readonly rewind?: boolean;
}

/** The region of a graph that runs in one process. */
const REGION = 'all';

export async function restoreSnapshot(path: string, flags: RestoreFlags, terminal: Terminal): Promise<void> {
  const progress = new Progress(terminal, flags.json === true);
  progress.step(`checking ${path}`);
  try {
    const file = await openSnapshotFile(path, flags);
    if (flags.state === undefined) return await refuseDeployed(file, flags);
    progress.step(`restoring ${path}`);
    const checkpoint = await intoDirectory(file, resolve(flags.state), flags);
    progress.end();
    const { namespace, app, cell } = file;
    const done = `${flags.state}: the next run of ${app} goes on from checkpoint ${checkpoint}, which is ${originText(file)}\n`;
    await terminal.out(flags.json === true ? `${JSON.stringify({ namespace, app, cell, checkpoint })}\n` : done);
  } finally {
    progress.end();
  }
}

/** Throws `state.in-use` where a run holds the directory, what `mustFit` throws, and `snapshot.beside`. */
async function intoDirectory(file: OpenedSnapshot, directory: string, flags: RestoreFlags): Promise<number> {
  await makeDirectory(directory);
  const { release } = takeLock(join(directory, 'lock'), ({ pid }) =>
    userError('state.in-use', `a run (process ${pid}) has its state in ${directory}`, { hint: 'stop it first' }),
  );
  try {
    const plain = await openDirectory(checkpointsIn(directory));
    const key = await readKeyFile(flags.keyFile);
    const store = key === undefined ? plain : encryptedStore(plain, key);
    const region = { namespace: file.namespace, app: file.app, region: REGION };
    const checkpoints = openCheckpoints({ ...region, store });
    const { manifest, refused } = await checkpoints.newest();
    const [bad] = refused;
    if (manifest === undefined && bad !== undefined) throw unusable(directory, bad.problem);
    const fragments = await fitted(file, manifest, checkpoints, flags);
    return await save(fragments, file, { store, region, checkpoints, newest: manifest });
  } finally {
    release();
  }
}

function unusable(directory: string, problem: string): Error {
  return externalError('state.none-sound', `what is in ${directory} cannot be used: ${problem}`, {
    hint: 'give the key file that it was written with, or another --state',
  });
}

/** What the new checkpoint is made of. */
async function fitted(
  file: OpenedSnapshot,
  manifest: Manifest | undefined,
  checkpoints: CheckpointStore,
  { rewind }: RestoreFlags,
): Promise<readonly FragmentSnapshot[]> {
  const there: FragmentSnapshot[] = [];
  for (const { fragment } of manifest?.fragments ?? [])
    there.push(await checkpoints.load(manifest as Manifest, fragment));
  const target = targetOf(file, there);
  const { epoch, id } = manifest ?? {};
  mustFit(file, { ...target, ...(rewind === true ? {} : defined({ epoch, checkpoint: id })) });
  const isSame = id === file.checkpoint && epoch === file.epoch && manifest?.started === file.taken;
  if (isSame) return there.map((fragment) => withCell(fragment, file));
  if (file.beside.length === 0) return file.fragments;
  throw userError('snapshot.beside', `${file.cell} does not go back alone: ${file.beside.join(', ')} had state, too`, {
    hint: 'their rows and its own would not fit together; it goes back into the checkpoint that it was taken of only',
  });
}

function targetOf({ cell }: OpenedSnapshot, there: readonly FragmentSnapshot[]): SnapshotTarget {
  const now = there.flatMap(({ cells }) => cells.get(cell) ?? [])[0];
  const inputs = now === undefined ? [] : inputsOf(now);
  return defined({ module: now?.image?.module, inputs: inputs.length === 0 ? undefined : inputs });
}

function withCell(fragment: FragmentSnapshot, file: OpenedSnapshot): FragmentSnapshot {
  const own = file.fragments.find((one) => one.fragment === fragment.fragment)?.cells.get(file.cell);
  return own === undefined ? fragment : { ...fragment, cells: new Map([...fragment.cells, [file.cell, own]]) };
}

interface Where {
  readonly store: BlobStore;
  readonly region: RegionName;
  readonly checkpoints: CheckpointStore;
  readonly newest: Manifest | undefined;
}

async function save(
  fragments: readonly FragmentSnapshot[],
  file: OpenedSnapshot,
  { store, region, checkpoints, newest }: Where,
): Promise<number> {
  const id = Math.max(file.checkpoint, ...(await checkpoints.list()).map((entry) => entry.id)) + 1;
  const started = realPorts.now();
  const receipts: FragmentReceipt[] = [];
  for (const fragment of fragments)
    receipts.push(await createSaver({ ...region, store, ports: realPorts }).save(id, fragment));
  const epoch = Math.max(file.epoch, newest?.epoch ?? 0);
  await checkpoints.complete({ id, epoch, revision: file.revision, started, completed: realPorts.now() }, receipts);
  await checkpoints.settled();
  return id;
}

/** Of an app of a cluster: what it has come to is compared first, so that the refusal says what is really in the way. */
async function refuseDeployed(file: OpenedSnapshot, flags: RestoreFlags): Promise<never> {
  const { namespace, app } = file;
  if (flags.app !== undefined || flags.nats !== undefined) {
    await withCluster(flags, async ({ client }) => {
      const name = { namespace, app };
      const assigned = (await client.assignment(name))?.regions[file.region];
      const record = assigned && (await client.regionRecord(name, file.region, assigned.domain));
      const epoch = Math.max(record?.epoch ?? 0, assigned?.epoch ?? 0);
      mustFit(file, { epoch, ...defined({ app: flags.app, namespace: flags.namespace }) });
    });
  }
  throw userError('snapshot.deployed', `a cell of a deployed app does not go back alone (${originText(file)})`, {
    hint: `the app as a whole does: cloudskin restore ${app} --checkpoint ${file.checkpoint}; into the directory of a run: --state DIR`,
  });
}
