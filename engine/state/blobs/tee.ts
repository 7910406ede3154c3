/**
 * Several stores as one: what is put is in all of them, what is asked for comes from the first that has it. `isSound` tells bytes that are
 * what they should be, so that a damaged blob of one store is made good by another.
 */
import { type BlobStore, getSoundOf } from './blobs.ts';
import { readFailed } from './names.ts';

export function teeStore(stores: readonly BlobStore[]): BlobStore {
  const description = stores.map((store) => store.description).join(' and ');
  return {
    description,
    async put(name, parts) {
      await Promise.all(stores.map((store) => store.put(name, parts)));
    },
    get: (name) => getFrom(stores, name, () => true),
    // rejects where one of them does: what it alone has would be missing
    async list(prefix) {
      const lists = await Promise.all(stores.map((store) => store.list(prefix)));
      return [...new Set(lists.flat())].sort();
    },
    async delete(name) {
      await Promise.all(stores.map((store) => store.delete(name)));
    },
    getSound: (name, isSound) => getFrom(stores, name, isSound),
  };
}

/** The first that is sound; else the first there is, so that the caller can say what is wrong with it. */
async function getFrom(
  stores: readonly BlobStore[],
  name: string,
  isSound: (bytes: Uint8Array) => boolean | Promise<boolean>,
): Promise<Uint8Array | undefined> {
  let found: Uint8Array | undefined;
  let failure: unknown;
  for (const store of stores) {
    try {
      const bytes = await getSoundOf(store, name, isSound);
      if (bytes !== undefined && (await isSound(bytes))) return bytes;
      found ??= bytes;
    } catch (error) {
      failure = error;
    }
  }
  // the store that cannot be asked may be the one that has it
  if (failure !== undefined) throw readFailed('no store', name, failure);
  return found;
}
