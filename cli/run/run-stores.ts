/** The stores of `run --state`: checkpoints, encrypted where there is a key, and journals. Each thread opens its own. */

import { externalError } from '../../engine/errors.ts';
import { realPorts } from '../../engine/ports.ts';
import { neededFragments } from '../../engine/runtime/checkpoint/needed-fragments.ts';
import type { FragmentStart } from '../../engine/runtime/fragment-handle.ts';
import type { FragmentStore } from '../../engine/runtime/run/thread-host.ts';
import { openDirectory } from '../../engine/state/blobs/directory.ts';
import { encryptedStore } from '../../engine/state/blobs/encrypted.ts';
import { openCheckpoints } from '../../engine/state/checkpoint/checkpoint-store.ts';
import type { Checkpoints } from '../../engine/state/checkpoint/checkpoints.ts';
import type { RegionName } from '../../engine/state/checkpoint/layout.ts';
import { createSaver } from '../../engine/state/checkpoint/saver.ts';
import { DiskRoom } from '../../engine/state/disk/room.ts';
import { spaceMeter } from '../../engine/state/disk/space.ts';
import { openJournal, removeJournals } from '../../engine/state/log/journals.ts';
import { checkpointsIn } from '../../engine/state/places.ts';

export interface StoreOptions {
  /** Absolute. */
  readonly directory: string;
  readonly key: Uint8Array | undefined;
  readonly region: RegionName;
  /** Complete checkpoints that are kept. */
  readonly keep: number;
}

export interface Stores {
  readonly checkpoints: Checkpoints;
  readonly storeOf: (start: FragmentStart) => FragmentStore;
}

/** Makes the directory where it is missing. */
export async function openStores({ directory, key, region, keep }: StoreOptions): Promise<Stores> {
  const plain = await openDirectory(checkpointsIn(directory));
  const disk = new DiskRoom(spaceMeter(directory), realPorts);
  const store = key === undefined ? plain : encryptedStore(plain, key);
  const checkpoints = openCheckpoints({ ...region, store, keep });
  const storeOf = (start: FragmentStart): FragmentStore => ({
    saver: createSaver({ ...region, store, ports: realPorts }),
    journal: (source, partition) => openJournal(directory, { ...region, source, partition }, disk),
    load: async (id) => {
      const { manifest } = await checkpoints.newest(id);
      if (manifest?.id !== id) throw externalError('state.no-checkpoint', `there is no sound checkpoint ${id}`);
      const fragments = neededFragments(manifest.fragments, start.plan);
      return await Promise.all(fragments.map((fragment) => checkpoints.load(manifest, fragment)));
    },
  });
  return { checkpoints, storeOf };
}

/** Forgets all of the app. */
export async function forgetAll({ directory, region }: StoreOptions): Promise<void> {
  const plain = await openDirectory(checkpointsIn(directory));
  for (const name of await plain.list(`${region.namespace}/${region.app}/`)) await plain.delete(name);
  await removeJournals(directory, region);
}
