/** What of a region's checkpoints is needed no more: by the names there are and the manifests that could be read. */
import type { Manifest } from './checkpoints.ts';
import { checkpointOf, isManifest, pinnedOf } from './layout.ts';

/** A manifest that is there; absent where it is not sound. */
export interface Read {
  readonly id: number;
  readonly manifest?: Manifest;
}

/** The fewest checkpoints that are kept: whoever completes one may die before anybody else knows of it. */
const LEAST_KEPT = 2;

/**
 * Of `names`, in the order in which they may be deleted: all but the newest `keep` sound manifests up to `newest`, what these need, and whatever
 * may belong to a checkpoint under way, or is pinned. Nothing where a later epoch has written: `newest` is a former owner's word then.
 */
export function unneeded(
  names: readonly string[],
  all: readonly Read[],
  newest: Manifest,
  keep: number,
): readonly string[] {
  if (all.some(({ manifest }) => (manifest?.epoch ?? 0) > newest.epoch)) return [];
  const sound = all.flatMap(({ id, manifest }) => (manifest !== undefined && id <= newest.id ? [id] : []));
  const kept = sound.sort((a, b) => b - a).slice(0, Math.max(LEAST_KEPT, keep));
  const last = kept.at(-1) ?? newest.id;
  const pinned = new Set(names.flatMap((name) => pinnedOf(name) ?? []));
  const isKept = (id: number): boolean => id >= last || pinned.has(id);
  const needed = new Set(
    all.flatMap(({ id, manifest }) => (manifest === undefined || !isKept(id) ? [] : blobsOf(manifest))),
  );
  const isOld = (name: string): boolean => {
    const id = checkpointOf(name);
    if (id === undefined) return false;
    return isManifest(name) ? !isKept(id) : id <= newest.id && !needed.has(name);
  };
  const old = names.filter(isOld);
  // Manifests go first, so that none is left that misses something.
  return [...old.filter(isManifest), ...old.filter((name) => !isManifest(name))];
}

/** Names of all that a checkpoint needs. */
export function blobsOf({ fragments }: Manifest): readonly string[] {
  return fragments.flatMap(({ blobs }) => blobs.map(({ name }) => name));
}

/** The one that counts: of the latest epoch, and there the last. */
export function newestOf(all: readonly Read[]): Manifest | undefined {
  const manifests = all.flatMap(({ manifest }) => manifest ?? []);
  return manifests.sort((a, b) => b.epoch - a.epoch || b.id - a.id)[0];
}
