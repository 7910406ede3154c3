/**
 * The checkpoints of a region in a blob store, as checkpoints.ts says. A manifest is JSON with its own checksum; whatever it names is
 * checked by length and digest before it is used.
 */
import { externalError } from '../errors.ts';
import { parseValue, stringifyValue } from '../json.ts';
import type { BlobStore } from './blobs.ts';
import { checksum, unpack } from './bytes.ts';
import type { CheckpointHead, Checkpoints, FragmentReceipt, Manifest } from './checkpoints.ts';
import { checkpointOf, manifestName, type RegionName, regionPath } from './layout.ts';
import { reasonOf } from './names.ts';
import { decodeTable } from './page-table.ts';
import { decodeSnapshot, type StoredImage, type StoredSnapshot } from './snapshot-bytes.ts';
import type { CellImage, CellSnapshot, FragmentSnapshot } from './state.ts';

/** The format that is written; older ones are read. */
export const CHECKPOINT_FORMAT = 1;
/** Bytes that a blob may unpack to: a memory of 4 GiB has as many. */
const LARGEST = 4 * 2 ** 30;

export interface CheckpointOptions extends RegionName {
  readonly store: BlobStore;
  /** Complete checkpoints that are kept; 3 unless given. */
  readonly keep?: number;
  /** A checkpoint that is known to have been complete: a store whose newest is older has gone back. */
  readonly known?: { readonly id: number; readonly epoch: number };
}

type Blob = FragmentReceipt['blobs'][number];
type Listed = Awaited<ReturnType<Checkpoints['list']>>[number];

export function openCheckpoints(options: CheckpointOptions): Checkpoints {
  return new Store(options);
}

class Store implements Checkpoints {
  readonly #options: CheckpointOptions;
  readonly #path: string;

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#path = regionPath(options);
  }

  async complete(head: CheckpointHead, receipts: readonly FragmentReceipt[]): Promise<void> {
    const { namespace, app, region, store } = this.#options;
    const where = { namespace, app, region };
    const manifest: Manifest = { ...head, ...where, format: CHECKPOINT_FORMAT, fragments: receipts };
    const text = Buffer.from(stringifyValue(manifest));
    const line = Buffer.from(`${await checksum([text])}\n`);
    await store.put(`${this.#path}/${manifestName(head.id)}`, [line, text]);
    await this.#forgetOld(manifest);
  }

  async list(): Promise<readonly Listed[]> {
    const names = await this.#options.store.list(`${this.#path}/manifest/`);
    const ids = names.flatMap((name) => checkpointOf(name) ?? []).sort((a, b) => b - a);
    return Promise.all(ids.map((id) => this.#read(id)));
  }

  async newest(most: number = Number.MAX_SAFE_INTEGER): ReturnType<Checkpoints['newest']> {
    const refused: { id: number; problem: string }[] = [];
    for (const { id, manifest, problem } of await this.list()) {
      if (id > most) continue;
      const found = problem ?? (manifest === undefined ? 'it is empty' : await this.#problemOf(manifest));
      if (found === undefined && manifest !== undefined) return { manifest, refused };
      refused.push({ id, problem: found ?? '' });
    }
    return { refused };
  }

  async load(manifest: Manifest, fragment: string): Promise<FragmentSnapshot> {
    const receipt = manifest.fragments.find((entry) => entry.fragment === fragment);
    const state = receipt?.blobs[0];
    if (state === undefined) throw externalError('state.no-fragment', `checkpoint ${manifest.id} has no ${fragment}`);
    const stored = decode(await this.#blob(state), state.name);
    const cells = new Map<string, CellSnapshot>();
    for (const [name, { image, ...cell }] of stored.cells) {
      cells.set(name, image === undefined ? cell : { ...cell, image: await this.#image(image, name) });
    }
    return { ...stored, cells };
  }

  async #read(id: number): Promise<Listed> {
    const { store, namespace, app, region, known } = this.#options;
    const name = `${this.#path}/${manifestName(id)}`;
    try {
      const bytes = await getSound(store, name, async (candidate) => (await parseManifest(candidate)) !== undefined);
      const manifest = bytes === undefined ? undefined : await parseManifest(bytes);
      if (manifest === undefined) return { id, problem: 'its manifest is damaged' };
      if (manifest.format > CHECKPOINT_FORMAT)
        return { id, problem: `it is of format ${manifest.format}, which is newer than this version` };
      const own = manifest.namespace === namespace && manifest.app === app && manifest.region === region;
      if (!own || manifest.id !== id) {
        return {
          id,
          problem: `it is checkpoint ${manifest.id} of ${manifest.namespace}/${manifest.app}/${manifest.region}`,
        };
      }
      if (known !== undefined && (id < known.id || manifest.epoch < known.epoch)) {
        return { id, problem: `it is older than checkpoint ${known.id} of epoch ${known.epoch}, which was complete` };
      }
      return { id, manifest };
    } catch (error) {
      return { id, problem: reasonOf(error) };
    }
  }

  /** Reads everything that belongs to it once. */
  async #problemOf(manifest: Manifest): Promise<string | undefined> {
    try {
      for (const { fragment } of manifest.fragments) await this.load(manifest, fragment);
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  async #image(image: StoredImage, cell: string): Promise<CellImage> {
    const { module, globals, host, ranges, length, pageSize, blobs, table } = image;
    const places = decodeTable(table, blobs.length);
    if (places === undefined) throw damaged(`the page table of cell ${cell}`, 'it is no table');
    const memory = new Uint8Array(length);
    for (const [index, blob] of blobs.entries()) {
      const pages = await this.#blob(blob);
      for (const [page, place] of places[index] ?? []) {
        const from = place * pageSize;
        if (from + pageSize > pages.length || page * pageSize >= length) throw damaged(blob.name, 'a page is missing');
        const rest = Math.min(pageSize, length - page * pageSize);
        memory.set(pages.subarray(from, from + rest), page * pageSize);
      }
    }
    return { module, memory, ...(ranges && { ranges }), globals, host };
  }

  /** A blob unpacked, after its length and digest were found right. */
  async #blob({ name, bytes: length, digest }: Blob): Promise<Uint8Array> {
    const isSound = async (candidate: Uint8Array): Promise<boolean> => {
      return candidate.length === length && (await checksum([candidate])) === digest;
    };
    const bytes = await getSound(this.#options.store, name, isSound);
    if (bytes === undefined) throw damaged(name, 'it is not there');
    if (!(await isSound(bytes))) throw damaged(name, 'its checksum is wrong');
    const unpacked = await unpack(bytes, LARGEST);
    if (unpacked === undefined) throw damaged(name, 'it cannot be unpacked');
    return unpacked;
  }

  /** Keeps the newest manifests and what they need, and whatever may belong to a checkpoint under way. */
  async #forgetOld(newest: Manifest): Promise<void> {
    const { store } = this.#options;
    const keep = this.#options.keep ?? 3;
    const listed = (await this.list()).filter(({ id }) => id <= newest.id);
    const sound = listed.filter(({ manifest }) => manifest !== undefined);
    const kept = sound.slice(0, keep);
    const last = kept.at(-1)?.id ?? newest.id;
    const needed = new Set<string>();
    for (const { manifest } of kept) {
      for (const receipt of manifest?.fragments ?? []) for (const { name } of receipt.blobs) needed.add(name);
    }
    for (const { id } of listed) {
      if (id < last) await store.delete(`${this.#path}/${manifestName(id)}`);
    }
    for (const part of ['state', 'pages']) {
      for (const name of await store.list(`${this.#path}/${part}/`)) {
        const of = checkpointOf(name);
        if (of !== undefined && of <= newest.id && !needed.has(name)) await store.delete(name);
      }
    }
  }
}

function getSound(
  store: BlobStore,
  name: string,
  isSound: (bytes: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array | undefined> {
  return store.getSound?.(name, isSound) ?? store.get(name);
}

async function parseManifest(bytes: Uint8Array): Promise<Manifest | undefined> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.indexOf('\n');
  const text = buffer.subarray(end + 1);
  if (end !== 64 || buffer.toString('latin1', 0, end) !== (await checksum([text]))) return undefined;
  return parseValue(text.toString()) as Manifest;
}

function decode(bytes: Uint8Array, name: string): StoredSnapshot {
  try {
    return decodeSnapshot(bytes);
  } catch (error) {
    throw damaged(name, reasonOf(error));
  }
}

function damaged(name: string, why: string): Error {
  return externalError('state.damaged', `${name} is damaged: ${why}`, {
    hint: 'an earlier checkpoint is used where there is one',
  });
}
