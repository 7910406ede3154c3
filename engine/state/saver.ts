/**
 * Saves what a fragment hands out at its cuts: during the cut changed pages are copied out of the memories and logical rows encoded, behind
 * it they are compressed, summed and put into the store. Saves follow one another; a cell whose pages could not be stored is
 * taken whole next time.
 */
import { internalError } from '../errors.ts';
import type { Ports } from '../ports.ts';
import type { BlobStore } from './blobs.ts';
import { checksum, pack } from './bytes.ts';
import type { FragmentReceipt, FragmentSaver } from './checkpoints.ts';
import { pagesName, type RegionName, regionPath, stateName } from './layout.ts';
import { type PageBlob, PageTable, pageBlob } from './page-table.ts';
import { PAGE, PageTracker, type TakenPages } from './pages.ts';
import { type EncodedCell, encodeLogical, encodeSnapshot, type StoredImage } from './snapshot-bytes.ts';
import type { CellImage, CellSnapshot, FragmentSnapshot, SinkSnapshot } from './state.ts';

export interface SaverOptions extends RegionName {
  readonly store: BlobStore;
  readonly ports: Ports;
}

export function createSaver(options: SaverOptions): FragmentSaver {
  return new Saver(options);
}

/** What is kept of a cell between checkpoints. `module` tells when the memory is another cell's. */
interface Tracked {
  readonly module: string;
  readonly tracker: PageTracker;
  readonly table: PageTable;
}

/** A cell as it was taken during the cut. */
interface TakenCell {
  readonly name: string;
  readonly cell: Omit<EncodedCell, 'image'>;
  readonly image?: { readonly of: Omit<CellImage, 'memory'>; readonly tracked: Tracked; readonly pages: TakenPages };
}

class Saver implements FragmentSaver {
  readonly #options: SaverOptions;
  readonly #path: string;
  readonly #tracked = new Map<string, Tracked>();
  /** The save before: they follow one another. */
  #last: Promise<unknown> = Promise.resolve();
  #lastId = -1;

  constructor(options: SaverOptions) {
    this.#options = options;
    this.#path = regionPath(options);
  }

  save(
    id: number,
    snapshot: FragmentSnapshot,
    sinks?: Promise<ReadonlyMap<string, SinkSnapshot>>,
  ): Promise<FragmentReceipt> {
    const { ports } = this.#options;
    if (id <= this.#lastId) throw internalError('state.order', `checkpoint ${id} comes after ${this.#lastId}`);
    this.#lastId = id;
    const started = ports.monotonic();
    const cells = [...snapshot.cells].map(([name, cell]) => this.#take(name, cell));
    const paused = ports.monotonic() - started;
    const saving = this.#last.then(async () => {
      const receipt = await this.#store(id, snapshot, cells, sinks);
      return { ...receipt, paused, took: ports.monotonic() - started };
    });
    // A sink that fails is this save's failure, also while an earlier one is still under way.
    sinks?.catch(() => undefined);
    this.#last = saving.catch(() => undefined);
    return saving;
  }

  #take(name: string, { image, logical, ...rest }: CellSnapshot): TakenCell {
    const cell = { ...rest, ...(logical && { logical: encodeLogical(logical) }) };
    if (image === undefined) return { name, cell };
    const { memory, ...of } = image;
    const tracked = this.#trackedFor(name, image.module);
    tracked.tracker.retake(tracked.table.toMove());
    const pages = tracked.tracker.take(memory, image.ranges ?? [[0, memory.length]]);
    return { name, cell, image: { of, tracked, pages } };
  }

  #trackedFor(name: string, module: string): Tracked {
    const known = this.#tracked.get(name);
    if (known?.module === module) return known;
    const tracked = { module, tracker: new PageTracker(), table: new PageTable() };
    this.#tracked.set(name, tracked);
    return tracked;
  }

  async #store(
    id: number,
    snapshot: FragmentSnapshot,
    taken: readonly TakenCell[],
    sinks: Promise<ReadonlyMap<string, SinkSnapshot>> | undefined,
  ): Promise<Omit<FragmentReceipt, 'paused' | 'took'>> {
    try {
      const cells = new Map<string, EncodedCell>();
      const blobs: PageBlob[] = [];
      let written = 0;
      for (const { name, cell, image } of taken) {
        if (image === undefined) cells.set(name, cell);
        else {
          const fresh = await this.#storePages(id, snapshot.fragment, name, image.pages);
          image.tracked.table.note(image.pages, fresh, PAGE);
          image.tracked.tracker.release(image.pages);
          written += fresh?.bytes ?? 0;
          cells.set(name, { ...cell, image: describeImage(image.of, image.pages.length, image.tracked.table) });
          blobs.push(...image.tracked.table.blobs);
        }
      }
      const whole = { ...snapshot, cells, ...(sinks && { sinks: await sinks }) };
      const state = await this.#storeState(id, snapshot.fragment, encodeSnapshot(whole));
      const all = [state, ...blobs].map(({ name, bytes, digest }) => ({ name, bytes, digest }));
      return { fragment: snapshot.fragment, blobs: all, bytes: written + state.bytes, detail: null };
    } catch (error) {
      for (const { name } of taken) this.#tracked.delete(name);
      throw error;
    }
  }

  async #storePages(id: number, fragment: string, cell: string, pages: TakenPages): Promise<PageBlob | undefined> {
    if (pages.numbers.length === 0) return undefined;
    const name = `${this.#path}/${pagesName(id, fragment, cell)}`;
    const parts = await pack(pages.bytes);
    const blob = await pageBlob(name, parts, pages.numbers.length);
    await this.#options.store.put(name, parts);
    return blob;
  }

  async #storeState(id: number, fragment: string, parts: readonly Uint8Array[]): Promise<Omit<PageBlob, 'pages'>> {
    const name = `${this.#path}/${stateName(id, fragment)}`;
    const packed = await pack(Buffer.concat(parts));
    const bytes = packed.reduce((sum, part) => sum + part.length, 0);
    await this.#options.store.put(name, packed);
    return { name, bytes, digest: await checksum(packed) };
  }
}

function describeImage(
  { module, globals, host, ranges }: Omit<CellImage, 'memory'>,
  length: number,
  table: PageTable,
): StoredImage {
  const blobs = table.blobs.map((blob) => ({ ...blob }));
  return { module, globals, host, ...(ranges && { ranges }), length, pageSize: PAGE, blobs, table: table.encode() };
}
