/**
 * Where the blobs of a region's checkpoints are, and what is in them. Format 1:
 *
 *     <namespace>/<app>/<region>/
 *       pages/0000000012-<fragment>.0      pages of 4 KiB that changed since the checkpoint before, of all cells, up to 1,024 a blob; plain or zstd
 *       state/0000000012-<fragment>.0      everything else of the fragment (snapshot-bytes.ts) in pieces of 4 MiB, zstd each
 *       manifest/0000000012                hex SHA-256 of the rest, a line feed, a `Manifest` as JSON
 *
 * `pinned/0000000012` is empty and spares checkpoint 12. The manifest names all blobs of all fragments with their lengths and digests; the state says which page is where. Numbers have ten
 * digits, so that names sort as they do. A fragment's name is made fit by `namePart`, which has no dot.
 */
import type { BlobStore } from '../blobs/blobs.ts';
import { namePart } from '../blobs/names.ts';
import type { SnapshotShare } from './state.ts';

export interface RegionName {
  readonly namespace: string;
  readonly app: string;
  readonly region: string;
}

export function regionPath({ namespace, app, region }: RegionName): string {
  return [namespace, app, region].map(namePart).join('/');
}

export function manifestName(id: number): string {
  return `manifest/${digits(id)}`;
}

export function stateName(id: number, fragment: string, piece: number): string {
  return `state/${digits(id)}-${namePart(fragment)}.${piece}`;
}

export function pagesName(id: number, fragment: string, piece: number): string {
  return `pages/${digits(id)}-${namePart(fragment)}.${piece}`;
}

/** A mark that a checkpoint is about to be used, for as long as it is there: retention spares what has one. */
export function pinName(id: number): string {
  return `pinned/${digits(id)}`;
}

/** The checkpoint that a mark is for; undefined for other names. */
export function pinnedOf(name: string): number | undefined {
  const found = /\/pinned\/(\d{10,})$/.exec(name)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** The checkpoint that a blob was written for: `…/state/0000000012-a.0` is 12's; undefined for other names. */
export function checkpointOf(name: string): number | undefined {
  const found = /\/(?:manifest|state|pages)\/(\d{10,})(?:-|$)/.exec(name)?.[1];
  return found === undefined ? undefined : Number(found);
}

export function isManifest(name: string): boolean {
  return /\/manifest\/\d{10,}$/.test(name);
}

export function isState(name: string): boolean {
  return /\/state\/\d{10,}-/.test(name);
}

/** Every region that has something in the store. Names are those of the graph. */
export async function regionsIn(store: BlobStore): Promise<readonly RegionName[]> {
  const found = new Map<string, RegionName>();
  for (const name of await store.list('')) {
    const [namespace, app, region, kind] = name.split('/');
    if (region === undefined || checkpointOf(name) === undefined || kind === undefined) continue;
    const named = { namespace: plainName(namespace), app: plainName(app), region: plainName(region) };
    found.set(`${namespace}/${app}/${region}`, named);
  }
  return [...found.values()];
}

/** Deletes everything that is kept of a region. */
export async function deleteRegion(store: BlobStore, region: RegionName): Promise<void> {
  const names = await store.list(`${regionPath(region)}/`);
  // What names the rest goes first, so that no checkpoint is left that misses something.
  const order = [...names.filter(isManifest), ...names.filter((name) => !isManifest(name))];
  for (const name of order) await store.delete(name);
}

/** The inverse of `namePart`. */
function plainName(part = ''): string {
  return part.replaceAll(/_([0-9a-f]+)_/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)));
}

function digits(id: number): string {
  return String(id).padStart(10, '0');
}

/** The share that a fragment has of a node, in the index of its receipt; two are the same where the words are. */
export function shareWord(share: SnapshotShare | undefined): string {
  const { partition, partitions, origins } = share ?? { partition: 0, partitions: 1 };
  return origins === undefined ? `${partition}/${partitions}` : `${partition}/${partitions} ${origins}`;
}

/** Of an end of a durable channel, among the names of nodes, which have no space. */
export function endKey(channel: string): string {
  return `channel ${channel}`;
}
