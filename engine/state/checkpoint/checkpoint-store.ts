/**
 * The checkpoints of a region in a blob store, as checkpoints.ts says. A manifest is JSON with its own checksum; whatever it names is
 * checked by length and digest before it is used.
 */
import { CloudskinError, externalError, messageOf } from '../../errors.ts';
import { parseValue, stringifyValue } from '../../json.ts';
import { type BlobStore, getSoundOf } from '../blobs/blobs.ts';
import { type Codec, checksum, unpack } from '../blobs/bytes.ts';
import { isSealed } from '../blobs/encrypted.ts';
import type { CheckpointHead, Checkpoints, FragmentReceipt, Manifest, Refused } from './checkpoints.ts';
import { checkpointOf, isManifest, isState, manifestName, type RegionName, regionPath } from './layout.ts';
import { decodeTable } from './page-table.ts';
import { PAGE } from './pages.ts';
import { unneeded } from './retention.ts';
import { decodeSnapshot, type StoredImage, type StoredSnapshot } from './snapshot-bytes.ts';
import type { CellImage, CellSnapshot, FragmentSnapshot } from './state.ts';

/** The format that is written; older ones are read. */
const CHECKPOINT_FORMAT = 1;
const MISSING = 'state.missing';
/** Bytes that a piece of a state may unpack to. */
const LARGEST_PIECE = 64 * 2 ** 20;
/** Bytes of the memory of a cell: what Wasm has addresses for. */
const LARGEST_MEMORY = 4 * 2 ** 30;

export interface CheckpointOptions extends RegionName {
  readonly store: BlobStore;
  /** Complete checkpoints that are kept; 3 unless given, and 2 at least. */
  readonly keep?: number;
  /** A checkpoint that is known to have been complete: a store that has none as late, sound or not, has gone back. */
  readonly known?: { readonly id: number; readonly epoch: number };
  /** What is not needed any more could not be deleted; the next `complete` tries again. */
  readonly onProblem?: (error: Error) => void;
}

export interface CheckpointStore extends Checkpoints {
  /** Why a checkpoint is not sound, everything of it read once; undefined where it is. */
  verify(manifest: Manifest): Promise<string | undefined>;
  /** Resolves when what was not needed any more after the last `complete` is deleted. */
  settled(): Promise<void>;
}

type Blob = FragmentReceipt['blobs'][number];
type Listed = Awaited<ReturnType<Checkpoints['list']>>[number];
/** `unread`: the store could not be read, which says nothing of the checkpoint. */
type Entry = Listed & { readonly unread?: CloudskinError; readonly missing?: boolean };

export function openCheckpoints(options: CheckpointOptions): CheckpointStore {
  return new Store(options);
}

class Store implements CheckpointStore {
  readonly #options: CheckpointOptions;
  readonly #path: string;
  #forgetting: Promise<void> = Promise.resolve();

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#path = regionPath(options);
  }

  async complete(head: CheckpointHead, receipts: readonly FragmentReceipt[]): Promise<void> {
    const { namespace, app, region, store, onProblem } = this.#options;
    const where = { namespace, app, region };
    const manifest: Manifest = { ...head, ...where, format: CHECKPOINT_FORMAT, fragments: receipts };
    const text = Buffer.from(stringifyValue(manifest));
    const line = Buffer.from(`${await checksum(text)}\n`);
    await this.#forgetting;
    await store.put(`${this.#path}/${manifestName(head.id)}`, [line, text]);
    // Sinks need not wait for it.
    this.#forgetting = this.#forgetOld(manifest).catch((error: unknown) => {
      onProblem?.(error instanceof Error ? error : new Error(String(error)));
    });
  }

  settled(): Promise<void> {
    return this.#forgetting;
  }

  async list(): Promise<readonly Listed[]> {
    return (await this.#list()).map(({ unread: _, missing: __, ...entry }) => entry);
  }

  async newest(
    most: number = Number.MAX_SAFE_INTEGER,
    epoch: number = Number.POSITIVE_INFINITY,
  ): ReturnType<Checkpoints['newest']> {
    const refused: Refused[] = [];
    const all = await this.#list();
    const later = all.filter(({ id, manifest }) => id > most && manifest !== undefined && manifest.epoch >= epoch);
    later.sort((one, other) => (other.manifest?.epoch ?? 0) - (one.manifest?.epoch ?? 0) || other.id - one.id);
    const upTo = all.filter(({ id }) => id <= most);
    for (const { id, manifest, problem, unread, missing = false } of [...later, ...upTo]) {
      // what cannot be read now may be sound: going back to an earlier one would repeat output
      if (unread !== undefined) throw unread;
      const sound = problem === undefined && manifest !== undefined;
      const found = sound ? await this.#check(manifest) : { problem: problem ?? 'it is empty', missing };
      if (found === undefined && manifest !== undefined) return { manifest, refused };
      const { problem: why = '', missing: isMissing = false } = found ?? {};
      refused.push({ id, problem: why, ...(isMissing ? { missing: true } : {}) });
    }
    return { refused };
  }

  async load(manifest: Manifest, fragment: string): Promise<FragmentSnapshot> {
    const stored = await this.#state(manifest, fragment);
    const images = new Map<string, CellImage>();
    for (const [name, { image }] of stored.cells) if (image !== undefined) images.set(name, emptyImage(image, name));
    for await (const { blob, pages, tables } of this.#pages(manifest, stored)) {
      for (const [cell, table] of tables) putPages(table, pages, images.get(cell)?.memory, blob);
    }
    const cells = [...stored.cells].map(([name, { image: _, ...cell }]): [string, CellSnapshot] => {
      const image = images.get(name);
      return [name, image === undefined ? cell : { ...cell, image }];
    });
    const { blobs: _, ...rest } = stored;
    return { ...rest, cells: new Map(cells) };
  }

  async verify(manifest: Manifest): Promise<string | undefined> {
    try {
      return (await this.#check(manifest))?.problem;
    } catch (error) {
      return messageOf(error);
    }
  }

  async #list(): Promise<readonly Entry[]> {
    const names = await this.#options.store.list(`${this.#path}/manifest/`);
    const ids = names.flatMap((name) => checkpointOf(name) ?? []).sort((a, b) => b - a);
    return this.#readAll(ids);
  }

  /** As `verify`, but rejects where the store cannot be read. */
  async #check(manifest: Manifest): Promise<Omit<Refused, 'id'> | undefined> {
    try {
      for (const { fragment } of manifest.fragments) {
        const stored = await this.#state(manifest, fragment);
        for await (const { blob, pages, tables } of this.#pages(manifest, stored)) {
          for (const table of tables.values()) putPages(table, pages, undefined, blob);
        }
      }
      return undefined;
    } catch (error) {
      if (isUnread(error)) throw error;
      return { problem: messageOf(error), missing: error instanceof CloudskinError && error.code === MISSING };
    }
  }

  /** `known` counts only where nothing as late is there: what is damaged has not gone back. */
  async #readAll(ids: readonly number[]): Promise<readonly Entry[]> {
    const all = await Promise.all(ids.map((id) => this.#read(id)));
    const { known } = this.#options;
    if (known === undefined || (ids[0] ?? 0) >= known.id) return all.map((entry) => fenced(entry, known));
    const problem = `the store has gone back: checkpoint ${known.id} of epoch ${known.epoch} was complete, and is not there`;
    return all.map((entry) => (entry.manifest === undefined ? entry : { id: entry.id, problem, missing: true }));
  }

  async #read(id: number): Promise<Entry> {
    const { store, namespace, app, region } = this.#options;
    const name = `${this.#path}/${manifestName(id)}`;
    try {
      const bytes = await getSoundOf(store, name, async (candidate) => (await parseManifest(candidate)) !== undefined);
      const manifest = bytes === undefined ? undefined : await parseManifest(bytes);
      if (manifest === undefined)
        return { id, problem: `its manifest ${manifestProblem(bytes)}`, missing: bytes === undefined };
      if (manifest.format > CHECKPOINT_FORMAT)
        return { id, problem: `it is of format ${manifest.format}, which is newer than this version` };
      const own = manifest.namespace === namespace && manifest.app === app && manifest.region === region;
      if (!own || manifest.id !== id) {
        return {
          id,
          problem: `it is checkpoint ${manifest.id} of ${manifest.namespace}/${manifest.app}/${manifest.region}`,
        };
      }
      return { id, manifest };
    } catch (error) {
      return { id, problem: messageOf(error), ...(isUnread(error) ? { unread: error } : {}) };
    }
  }

  /** A fragment's state, its pieces put together. */
  async #state(manifest: Manifest, fragment: string): Promise<StoredSnapshot> {
    const receipt = manifest.fragments.find((entry) => entry.fragment === fragment);
    const blobs = receipt?.blobs.filter(({ name }) => isState(name)) ?? [];
    if (receipt === undefined || blobs.length === 0) {
      throw externalError('state.no-fragment', `checkpoint ${manifest.id} has no ${fragment}`);
    }
    const pieces: Uint8Array[] = [];
    for (const blob of blobs) pieces.push(await this.#blob(blob, 'zstd', LARGEST_PIECE));
    const stored = decode(Buffer.concat(pieces), blobs[0]?.name ?? '');
    if (stored.fragment !== fragment) throw damaged(blobs[0]?.name ?? '', `it is the state of ${stored.fragment}`);
    return stored;
  }

  /** One blob of pages after the other, with what is of which cell in it. */
  async *#pages(manifest: Manifest, { blobs, cells }: StoredSnapshot): AsyncGenerator<PagesOfBlob> {
    const tables = [...cells].flatMap(([cell, { image }]) => {
      if (image === undefined) return [];
      const places = decodeTable(image.table, blobs.length);
      if (places === undefined || image.pageSize !== PAGE)
        throw damaged(`the page table of cell ${cell}`, 'it is no table');
      return [[cell, places] as const];
    });
    const named = new Set(manifest.fragments.flatMap((receipt) => receipt.blobs.map(({ digest }) => digest)));
    for (const [index, blob] of blobs.entries()) {
      if (!named.has(blob.digest)) throw damaged(blob.name, 'the manifest does not name it');
      const pages = await this.#blob(blob, blob.codec, blob.pages * PAGE);
      yield { blob: blob.name, pages, tables: new Map(tables.map(([cell, places]) => [cell, places[index] ?? []])) };
    }
  }

  /** A blob unpacked, after its length and digest were found right. */
  async #blob({ name, bytes: length, digest }: Blob, codec: Codec, most: number): Promise<Uint8Array> {
    if (!name.startsWith(`${this.#path}/`)) throw damaged(name, 'it is of another region');
    const isSound = async (candidate: Uint8Array): Promise<boolean> => {
      return candidate.length === length && (await checksum(candidate)) === digest;
    };
    const bytes = await getSoundOf(this.#options.store, name, isSound);
    if (bytes === undefined) throw damaged(name, 'it is not there', MISSING);
    if (!(await isSound(bytes))) throw damaged(name, 'its checksum is wrong');
    const unpacked = await unpack(bytes, codec, most);
    if (unpacked === undefined) throw damaged(name, 'it cannot be unpacked');
    return unpacked;
  }

  async #forgetOld(newest: Manifest): Promise<void> {
    const { store, keep } = this.#options;
    const names = await store.list(`${this.#path}/`);
    const ids = names.flatMap((name) => (isManifest(name) ? (checkpointOf(name) ?? []) : []));
    const all = await Promise.all(ids.map((id) => this.#read(id)));
    for (const name of unneeded(names, all, newest, keep ?? 3)) await store.delete(name);
  }
}

function isUnread(error: unknown): error is CloudskinError {
  return error instanceof CloudskinError && error.code === 'state.read';
}

interface PagesOfBlob {
  readonly blob: string;
  readonly pages: Uint8Array;
  readonly tables: ReadonlyMap<string, readonly (readonly [number, number])[]>;
}

/** What an owner wrote who was not the owner any more: a later epoch had a complete checkpoint already. */
function fenced(entry: Entry, known: CheckpointOptions['known']): Entry {
  const { id, manifest } = entry;
  if (manifest === undefined || known === undefined || id <= known.id || manifest.epoch >= known.epoch) return entry;
  return { id, problem: `it was written in epoch ${manifest.epoch}, after epoch ${known.epoch} had begun` };
}

function emptyImage({ module, globals, host, ranges, length }: StoredImage, cell: string): CellImage {
  if (length > LARGEST_MEMORY) throw damaged(`the image of cell ${cell}`, `a memory of ${length} bytes cannot be`);
  return { module, memory: new Uint8Array(length), ...(ranges && { ranges }), globals, host };
}

/** Without a memory the table is only checked. */
function putPages(
  table: readonly (readonly [number, number])[],
  pages: Uint8Array,
  memory: Uint8Array | undefined,
  blob: string,
): void {
  for (const [page, place] of table) {
    const from = place * PAGE;
    if (from + PAGE > pages.length) throw damaged(blob, 'a page is missing');
    if (memory === undefined) continue;
    const rest = Math.min(PAGE, memory.length - page * PAGE);
    if (rest > 0) memory.set(pages.subarray(from, from + rest), page * PAGE);
  }
}

async function parseManifest(bytes: Uint8Array): Promise<Manifest | undefined> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.indexOf('\n');
  const text = buffer.subarray(end + 1);
  if (end !== 64 || buffer.toString('latin1', 0, end) !== (await checksum(text))) return undefined;
  return parseValue(text.toString()) as Manifest;
}

function manifestProblem(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return 'is gone';
  return isSealed(bytes) ? 'is encrypted, and there is no key' : 'is damaged';
}

function decode(bytes: Uint8Array, name: string): StoredSnapshot {
  try {
    return decodeSnapshot(bytes);
  } catch (error) {
    throw damaged(name, messageOf(error));
  }
}

function damaged(name: string, why: string, code: string = 'state.damaged'): Error {
  return externalError(code, `${name} is damaged: ${why}`, {
    hint: 'an earlier checkpoint is used where there is one',
  });
}
