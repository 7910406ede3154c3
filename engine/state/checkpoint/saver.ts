/**
 * Saves what a fragment hands out at its cuts: during the cut changed pages are copied out of the memories and logical rows encoded, behind
 * it they are compressed, summed and put into the store. Saves follow one another. Where one fails, its pages are taken again, and so
 * those that came after it and rest on it fail, too.
 */
import { externalError, internalError } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import type { BlobStore } from '../blobs/blobs.ts';
import { checksum, pack, squeeze } from '../blobs/bytes.ts';
import type { FragmentReceipt, FragmentSaver } from './checkpoints.ts';
import { endKey, pagesName, type RegionName, regionPath, shareWord, stateName } from './layout.ts';
import { type PageBlob, PageTables } from './page-table.ts';
import { CopyBudget, PAGE, PageBuffers, PageTracker, TakenBytes, type TakenPages } from './pages.ts';
import { type EncodedCell, encodeLogical, encodeSnapshot, type StoredImage } from './snapshot-bytes.ts';
import type { CellImage, FragmentSnapshot, SinkSnapshot } from './state.ts';

export interface SaverOptions extends RegionName {
  readonly store: BlobStore;
  readonly ports: Ports;
}

/** Bytes of copies of memories that are kept to see what changes. What goes beyond is written whole each time. */
const MAX_COPY = 2 ** 30;
/** Saves under way; one more is refused. */
const MOST_SAVES = 2;
/** Bytes of a blob before compression. */
const PIECE = 4 * 1_048_576;

export function createSaver(options: SaverOptions): FragmentSaver {
  return new Saver(options);
}

/** A memory between checkpoints. `module` tells when it is another cell's. */
interface Tracked {
  readonly module: string;
  readonly tracker: PageTracker;
}

/** What was taken during a cut. */
interface Cut {
  readonly id: number;
  readonly number: number;
  readonly snapshot: FragmentSnapshot;
  readonly cells: ReadonlyMap<string, Omit<EncodedCell, 'image'>>;
  readonly images: ReadonlyMap<string, Omit<CellImage, 'memory'>>;
  readonly pages: ReadonlyMap<string, TakenPages>;
  readonly bytes: TakenBytes;
}

interface Blob {
  readonly name: string;
  readonly bytes: number;
  readonly digest: string;
}

class Saver implements FragmentSaver {
  readonly #options: SaverOptions;
  readonly #path: string;
  readonly #tracked = new Map<string, Tracked>();
  readonly #tables = new PageTables();
  readonly #buffers = new PageBuffers();
  readonly #budget: CopyBudget;
  /** The save before: they follow one another. */
  #last: Promise<unknown> = Promise.resolve();
  #lastId = -1;
  #underWay = 0;
  #cuts = 0;
  /** Cuts up to this number rest on one that was not stored. */
  #void = 0;

  constructor(options: SaverOptions) {
    this.#options = options;
    this.#path = regionPath(options);
    this.#budget = new CopyBudget(MAX_COPY);
  }

  save(
    id: number,
    snapshot: FragmentSnapshot,
    sinks?: Promise<ReadonlyMap<string, SinkSnapshot>>,
  ): Promise<FragmentReceipt> {
    // A sink that fails is this save's failure, also while an earlier one is still under way.
    sinks?.catch(() => undefined);
    const { ports } = this.#options;
    if (id <= this.#lastId) throw internalError('state.order', `checkpoint ${id} comes after ${this.#lastId}`);
    if (this.#underWay >= MOST_SAVES) {
      throw externalError('state.busy', `${this.#underWay} checkpoints before ${id} are still being written`, {
        retry: true,
        hint: 'the store is too slow for the interval between checkpoints',
      });
    }
    this.#lastId = id;
    this.#underWay += 1;
    const started = ports.monotonic();
    const cut = this.#take(id, snapshot);
    const paused = ports.monotonic() - started;
    const saving = this.#last
      .then(() => this.#store(cut, sinks))
      .then((receipt) => ({ ...receipt, paused, took: ports.monotonic() - started }))
      .finally(() => {
        this.#underWay -= 1;
      });
    this.#last = saving.catch(() => undefined);
    return saving;
  }

  #take(id: number, snapshot: FragmentSnapshot): Cut {
    const cells = new Map<string, Omit<EncodedCell, 'image'>>();
    const images = new Map<string, Omit<CellImage, 'memory'>>();
    const pages = new Map<string, TakenPages>();
    const bytes = new TakenBytes(this.#buffers);
    const moved = this.#tables.toMove();
    for (const [name, { image, logical, ...rest }] of snapshot.cells) {
      cells.set(name, { ...rest, ...(logical && { logical: encodeLogical(logical) }) });
      if (image === undefined) continue;
      const { memory, ...of } = image;
      const { tracker } = this.#trackedFor(name, image.module);
      tracker.retake(moved.get(name) ?? []);
      images.set(name, of);
      pages.set(name, tracker.take(memory, image.ranges ?? [[0, memory.length]], bytes));
    }
    for (const name of this.#tracked.keys()) if (!pages.has(name)) this.#forget(name);
    this.#cuts += 1;
    return { id, number: this.#cuts, snapshot, cells, images, pages, bytes };
  }

  /** Another module, another memory: nothing of the one before is the same. */
  #trackedFor(name: string, module: string): Tracked {
    const known = this.#tracked.get(name);
    if (known?.module === module) return known;
    this.#forget(name);
    const tracked = { module, tracker: new PageTracker(this.#budget) };
    this.#tracked.set(name, tracked);
    return tracked;
  }

  async #store(
    cut: Cut,
    sinks: Promise<ReadonlyMap<string, SinkSnapshot>> | undefined,
  ): Promise<Omit<FragmentReceipt, 'paused' | 'took'>> {
    const { id, snapshot } = cut;
    try {
      if (cut.number <= this.#void) {
        throw externalError('state.overtaken', `checkpoint ${id} rests on one that could not be saved`, {
          retry: true,
        });
      }
      const fresh = await this.#storePages(cut);
      this.#tables.note(cut.pages, fresh);
      const { blobs } = this.#tables;
      const cells = new Map<string, EncodedCell>();
      for (const [name, cell] of cut.cells) cells.set(name, { ...cell, ...this.#describe(cut, name) });
      const whole = { ...snapshot, cells, blobs, ...(sinks && { sinks: await sinks }) };
      const state = await this.#storeState(id, snapshot.fragment, encodeSnapshot(whole));
      const all = [...state, ...blobs].map(({ name, bytes, digest }) => ({ name, bytes, digest }));
      const bytes = [...state, ...fresh].reduce((sum, blob) => sum + blob.bytes, 0);
      return {
        fragment: snapshot.fragment,
        blobs: all,
        bytes,
        detail: { pages: cut.bytes.pages, nodes: nodesOf(whole) },
      };
    } catch (error) {
      this.#takeAgain(cut);
      throw error;
    } finally {
      cut.bytes.release();
    }
  }

  /** What is not stored has to be taken by the next cut; cuts in between do not have it. */
  #takeAgain(cut: Cut): void {
    for (const [name, { numbers, zeros, isFirst }] of cut.pages) {
      const { tracker } = this.#tracked.get(name) ?? {};
      if (isFirst) this.#forget(name);
      tracker?.retake(numbers);
      tracker?.retake(zeros);
    }
    this.#void = this.#cuts;
  }

  #forget(name: string): void {
    this.#tracked.get(name)?.tracker.close();
    this.#tracked.delete(name);
  }

  #describe({ images, pages }: Cut, name: string): { readonly image?: StoredImage } {
    const image = images.get(name);
    if (image === undefined) return {};
    const length = pages.get(name)?.length ?? 0;
    return { image: { ...image, length, pageSize: PAGE, table: this.#tables.encode(name) } };
  }

  async #storePages({ id, snapshot, bytes }: Cut): Promise<readonly PageBlob[]> {
    const blobs: PageBlob[] = [];
    for (const index of bytes.buffers.keys()) {
      const name = `${this.#path}/${pagesName(id, snapshot.fragment, index)}`;
      const pages = bytes.view(index);
      const { codec, packed } = await pack(pages);
      blobs.push({ ...(await this.#put(name, packed)), pages: pages.length / PAGE, codec });
    }
    return blobs;
  }

  async #storeState(id: number, fragment: string, parts: readonly Uint8Array[]): Promise<readonly Blob[]> {
    const blobs: Blob[] = [];
    for (const piece of pieces(parts, PIECE)) {
      const name = `${this.#path}/${stateName(id, fragment, blobs.length)}`;
      blobs.push(await this.#put(name, await squeeze(piece)));
    }
    return blobs;
  }

  async #put(name: string, bytes: Uint8Array): Promise<Blob> {
    const digest = await checksum(bytes);
    await this.#options.store.put(name, [bytes]);
    return { name, bytes: bytes.length, digest };
  }
}

/** The parts one after the other, cut into pieces of `most` bytes; one at least. */
function* pieces(parts: readonly Uint8Array[], most: number): Generator<Uint8Array> {
  let gathered: Uint8Array[] = [];
  let length = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; ) {
      const slice = part.subarray(at, at + most - length);
      gathered.push(slice);
      length += slice.length;
      at += slice.length;
      if (length < most) continue;
      yield Buffer.concat(gathered);
      gathered = [];
      length = 0;
    }
  }
  if (length > 0) yield Buffer.concat(gathered);
}

/** Of a snapshot, what has names. */
interface Keyed extends Pick<FragmentSnapshot, 'sources' | 'sinks' | 'shares' | 'outlets' | 'inlets'> {
  readonly cells: ReadonlyMap<string, unknown>;
}

/** What a fragment has state of, with its partition: so that whoever restores reads no more than it needs. */
function nodesOf({ sources, cells, sinks, shares, outlets, inlets }: Keyed): Record<string, string> {
  const share = (node: string): string => shareWord(shares?.get(node));
  const keys = [...sources.keys(), ...cells.keys(), ...sinks.keys()];
  const ends = [...(outlets?.keys() ?? []), ...(inlets?.keys() ?? [])].map((id) => [endKey(id), '0/1']);
  return Object.fromEntries([...keys.map((key) => [key, share(key.split('+')[0] ?? key)]), ...ends]);
}
