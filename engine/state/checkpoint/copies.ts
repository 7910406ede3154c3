/**
 * Checkpoints that are kept twice: in a store that all agents of a region share, and each agent's blobs on its own disk. The region's leader tidies
 * the shared store and its own disk; every agent does the same for its own disk by `forgetIn`, and fills the shared store again by
 * `replenish` where that was put back to an older state.
 */
import type { BlobStore } from '../blobs/blobs.ts';
import { teeStore } from '../blobs/tee.ts';
import { openCheckpoints } from './checkpoint-store.ts';
import { isManifest, type RegionName, regionPath } from './layout.ts';
import { blobsOf, newestOf, unneeded } from './retention.ts';

const DEFAULT_KEEP = 3;

export interface Copies extends RegionName {
  readonly own: BlobStore;
  readonly shared: BlobStore;
  /** Complete checkpoints that are kept; 3 unless given. */
  readonly keep?: number;
}

/** All that an agent does for its copies now and then; resolves to the names of what it put back into the shared store. */
export async function tidyCopies(
  region: RegionName,
  own: BlobStore,
  shared: () => Promise<BlobStore>,
  keep: number,
): Promise<readonly string[]> {
  // most agents have nothing of most regions
  if ((await own.list(`${regionPath(region)}/`)).length === 0) return [];
  const copies = { ...region, keep, own, shared: await shared() };
  // a former leader's old manifests are no loss of the shared store
  await forgetIn(copies);
  return replenish(copies);
}

/**
 * Deletes from the agent's own disk what no checkpoint needs that is kept in either place; resolves to how many blobs that were. Nothing while fewer manifests
 * than are kept can be read: a shared store that was put back may get the others again.
 */
export async function forgetIn({ own, shared, keep = DEFAULT_KEEP, ...region }: Copies): Promise<number> {
  const all = await openCheckpoints({ ...region, store: teeStore([own, shared]) }).list();
  const newest = newestOf(all);
  const readable = all.filter(({ manifest }) => manifest !== undefined).length;
  if (newest === undefined || readable < keep) return 0;
  const old = unneeded(await own.list(`${regionPath(region)}/`), all, newest, keep);
  for (const name of old) await own.delete(name);
  return old.length;
}

/**
 * Puts into the shared store what its manifests need, or what are later manifests than it has, from the agent's own disk; resolves to the names.
 * Blobs come before the manifests that name them. Called by all agents of a region, the leader first; again until nothing is missing.
 */
export async function replenish({ own, shared, keep = DEFAULT_KEEP, ...region }: Copies): Promise<readonly string[]> {
  const path = `${regionPath(region)}/`;
  const [mine, theirs] = await Promise.all([own.list(path), shared.list(path)]);
  const all = await openCheckpoints({ ...region, store: teeStore([own, shared]) }).list();
  const newest = newestOf(all);
  const needed = new Set(all.flatMap(({ manifest }) => (manifest === undefined ? [] : blobsOf(manifest))));
  // on its way out: the shared store forgets first
  const old = new Set(newest === undefined ? [] : unneeded([...mine, ...theirs], all, newest, keep));
  const there = new Set(theirs);
  // listed, and yet not to be had; of other blobs whoever needs them has a copy
  for (const name of mine) {
    if (isManifest(name) && there.has(name) && (await shared.get(name)) === undefined) there.delete(name);
  }
  const isMissing = (name: string): boolean => !there.has(name) && !old.has(name);
  const missing = mine.filter((name) => isMissing(name) && (needed.has(name) || isManifest(name)));
  return putBack(await stillMissing(missing, path, { own, shared, before: new Set(theirs) }), own, shared);
}

/** Without what has come, or gone here, since the stores were listed: a checkpoint may have been completed, or forgotten, meanwhile. */
async function stillMissing(
  missing: readonly string[],
  path: string,
  { own, shared, before }: Pick<Copies, 'own' | 'shared'> & { readonly before: ReadonlySet<string> },
): Promise<readonly string[]> {
  if (missing.length === 0) return [];
  const [mine, theirs] = (await Promise.all([own.list(path), shared.list(path)])).map((names) => new Set(names));
  return missing.filter((name) => mine?.has(name) === true && (before.has(name) || theirs?.has(name) !== true));
}

async function putBack(names: readonly string[], own: BlobStore, shared: BlobStore): Promise<readonly string[]> {
  const put: string[] = [];
  for (const name of [...names.filter((one) => !isManifest(one)), ...names.filter(isManifest)]) {
    const bytes = await own.get(name);
    if (bytes === undefined) continue;
    await shared.put(name, [bytes]);
    put.push(name);
  }
  return put;
}
