/**
 * The sending end of a copy of memories made ahead, while their cells run: between two batches `step` looks on for pages that have changed, a bounded while at a time,
 * and hands them out. A round has looked at all of all memories and had everything taken (`answered`); after it `verdict` says whether another one is worth it. At the cut the
 * cells stand still, and what is left is looked at in one go.
 *
 *     round ──> round ... ──> ready ──cut──> cutting ──> done
 *
 * No clock and no link of its own: changes go one way over something that keeps their order and loses none.
 */
import { CopyBudget, PAGE, PageBuffers, PageTracker, TakenBytes } from '../checkpoint/pages.ts';
import type { CellImage } from '../checkpoint/state.ts';
import { judge, mayGoOn, type PaceOptions, type Prediction, predictCut, type Round, type Verdict } from './pace.ts';
import { PageDigest } from './page-digest.ts';

export interface PageCopyOptions extends PaceOptions {
  /** Pages of a change; 32 unless given. */
  readonly framePages?: number;
  /** Of one step while the cells run: bytes looked at, 1 MiB unless given, changed pages taken, 64, and milliseconds, 0.3. */
  readonly stepBytes?: number;
  readonly stepPages?: number;
  readonly stepTime?: number;
  /** Bytes of the copies that show what changes. */
  readonly copyBytes?: number;
}

type Memory = Pick<CellImage, 'memory' | 'ranges'>;

export type PageCopyState = 'round' | 'ready' | 'cutting' | 'done';

/** What changed in one memory. */
export interface PageChange {
  readonly cell: number;
  /** Bytes of the memory. */
  readonly length: number;
  /** Pages that are zeros now. */
  readonly zeros: readonly number[];
  readonly pages: readonly number[];
  /** `pages` one after the other; valid until the call returns. */
  readonly bytes: Uint8Array;
}

/** What a step is given. */
export interface PageLink {
  /** Milliseconds. */
  clock(): number;
  /** Of the cell of this number, as it is now; undefined where it has none. */
  memoryOf(cell: number): Memory | undefined;
  /** Bytes that it takes on the way. */
  send(change: PageChange): number;
  /** More may be sent now. */
  hasRoom(): boolean;
}

export interface PageCopyReceipt {
  readonly rounds: readonly Round[];
  /** Of changes, on their way. */
  readonly bytes: number;
  /** Pages of the first copy, and others or the same that were changed later, each counted once. */
  readonly imagePages: number;
  readonly dirtiedPages: number;
  readonly predicted: Prediction | undefined;
  readonly verdict: Verdict | undefined;
}

const FRAME_PAGES = 32;
const STEP_BYTES = 2 ** 20;
const STEP_PAGES = 64;
const STEP_TIME = 0.3;

interface Tracked {
  readonly tracker: PageTracker;
  readonly digest: PageDigest;
  readonly dirtied: Set<number>;
  length: number;
}

interface Look {
  readonly began: number;
  readonly interval: number | undefined;
  /** Where it is: in which memory, at which page. */
  cell: number;
  page: number;
  pages: number;
  bytes: number;
  looked: number;
  share: number;
}

export class PageCopy {
  readonly #options: PageCopyOptions;
  readonly #cells: readonly Tracked[];
  readonly #buffers = new PageBuffers(2);
  readonly #rounds: Round[] = [];
  #state: PageCopyState = 'round';
  #look: Look | undefined;
  /** When the last look at all of the memories began. */
  #lastBegan: number | undefined;
  #imagePages = 0;
  #sentPages = 0;
  #bytes = 0;
  #outOfBytes = false;
  #predicted: Prediction | undefined;
  #verdict: Verdict | undefined;

  /** Of so many memories. */
  constructor(count: number, options: PageCopyOptions) {
    this.#options = options;
    const budget = new CopyBudget(options.copyBytes ?? 2 ** 32);
    this.#cells = Array.from({ length: count }, () => ({
      tracker: new PageTracker(budget),
      digest: new PageDigest(0),
      dirtied: new Set<number>(),
      length: 0,
    }));
  }

  get state(): PageCopyState {
    return this.#state;
  }

  /** Of the last round; `ready` came with it. */
  get verdict(): Verdict | undefined {
    return this.#verdict;
  }

  get receipt(): PageCopyReceipt {
    return {
      rounds: this.#rounds,
      bytes: this.#bytes,
      imagePages: this.#imagePages,
      dirtiedPages: this.#dirtiedPages,
      predicted: this.#predicted,
      verdict: this.#verdict,
    };
  }

  /** All of all memories has been looked at, and what was found is on its way: `answered` is what comes next. */
  get looked(): boolean {
    return this.#look !== undefined && this.#look.cell >= this.#cells.length;
  }

  /** Looks on, and hands out what has changed. Does nothing where there is nothing to look at before `answered`, `again` or `cut`. */
  step(link: PageLink): void {
    if (this.#state === 'ready' || this.#state === 'done' || this.looked) return;
    const started = link.clock();
    this.#look ??= this.#begun(started);
    const look = this.#look;
    const running = this.#state === 'round';
    const { stepBytes = STEP_BYTES, stepPages = STEP_PAGES, stepTime = STEP_TIME } = this.#options;
    const [pages, bytes] = running ? [look.pages + stepPages, stepBytes] : [Infinity, Infinity];
    for (let seen = 0; seen < bytes && look.pages < pages && look.cell < this.#cells.length && link.hasRoom(); ) {
      if (running && this.#cannotSendMore()) this.#leaveOff(look);
      else seen += this.#lookOn(look, link);
      if (running && link.clock() - started >= stepTime) break;
    }
    look.looked += link.clock() - started;
    if (this.#state === 'cutting' && this.looked) this.#state = 'done';
  }

  /** Everything that was handed out has been taken. `roundTrip` in milliseconds. */
  answered(now: number, roundTrip: number): void {
    const look = this.#look;
    if (this.#state !== 'round' || look === undefined || !this.looked) return;
    const { interval, began, pages, bytes, looked, share } = look;
    this.#look = undefined;
    this.#rounds.push({ pages, bytes, interval, took: now - began, looked, share });
    this.#judge(roundTrip);
    if (this.#verdict !== 'again') this.#state = 'ready';
  }

  /** One more round, so that what has changed since `ready` is not all left for the cut; false where there are no bytes for it. */
  again(): boolean {
    if (this.#state !== 'ready' || this.#cannotSendMore()) return false;
    this.#state = 'round';
    return true;
  }

  /** The cells stand still from now on; their memories must not change until the end. */
  cut(now: number): void {
    this.#state = this.#cells.length === 0 ? 'done' : 'cutting';
    this.#look = this.#begun(now);
  }

  /** Of what the receiver has to have in memory `cell` once it is done. */
  digest(cell: number): Uint8Array {
    return this.#cells[cell]?.digest.digest() ?? new Uint8Array(0);
  }

  /** Lets go of the copies of the memories. */
  close(): void {
    for (const { tracker } of this.#cells) tracker.close();
  }

  get #dirtiedPages(): number {
    return this.#cells.reduce((sum, { dirtied }) => sum + dirtied.size, 0);
  }

  #begun(now: number): Look {
    const before = this.#lastBegan;
    this.#lastBegan = now;
    const interval = before === undefined ? undefined : now - before;
    return { began: now, interval, cell: 0, page: 0, pages: 0, bytes: 0, looked: 0, share: 1 };
  }

  /** What is left of the round goes with the cut. */
  #leaveOff(look: Look): void {
    const all = this.#cells.reduce((sum, { length }) => sum + length, 0);
    const before = this.#cells.slice(0, look.cell).reduce((sum, { length }) => sum + length, 0);
    look.share = (before + look.page * PAGE) / Math.max(1, all);
    look.cell = this.#cells.length;
  }

  #cannotSendMore(): boolean {
    if (this.#rounds.length === 0) return false;
    const frame = this.#options.framePages ?? FRAME_PAGES;
    this.#outOfBytes ||= !mayGoOn(this.#sentPages + frame, this.#imagePages, this.#dirtiedPages);
    return this.#outOfBytes;
  }

  /** The next few pages; the bytes looked at. */
  #lookOn(look: Look, link: PageLink): number {
    const tracked = this.#cells[look.cell];
    const memory = link.memoryOf(look.cell);
    const first = look.page;
    const end = first + (this.#options.framePages ?? FRAME_PAGES);
    const length = memory?.memory.length ?? 0;
    if (memory !== undefined && tracked !== undefined) this.#take(tracked, memory, [first, end], look, link);
    look.page = end;
    if (end * PAGE >= length) {
      look.cell += 1;
      look.page = 0;
    }
    return Math.max(PAGE, Math.min(length, end * PAGE) - first * PAGE);
  }

  #take(
    tracked: Tracked,
    { memory, ranges = [[0, memory.length]] }: Memory,
    window: readonly [number, number],
    look: Look,
    link: PageLink,
  ): void {
    const { tracker, digest } = tracked;
    if (memory.length !== tracked.length) digest.grow(memory.length);
    const hasGrown = memory.length !== tracked.length;
    tracked.length = memory.length;
    const bytes = new TakenBytes(this.#buffers);
    try {
      const { numbers: pages, zeros } = tracker.take(memory, ranges, bytes, window);
      if (pages.length === 0 && zeros.length === 0 && !hasGrown) return;
      const content = pages.length === 0 ? new Uint8Array(0) : bytes.view(0);
      for (const [index, page] of pages.entries()) digest.set(page, content.subarray(index * PAGE, (index + 1) * PAGE));
      for (const page of zeros) digest.zero(page);
      this.#count(tracked, pages, look);
      const sent = link.send({ cell: look.cell, length: memory.length, zeros, pages, bytes: content });
      look.bytes += sent;
      this.#bytes += sent;
    } finally {
      bytes.release();
    }
  }

  #count({ dirtied }: Tracked, pages: readonly number[], look: Look): void {
    look.pages += pages.length;
    this.#sentPages += pages.length;
    if (this.#rounds.length === 0 && this.#state === 'round') this.#imagePages += pages.length;
    else for (const page of pages) dirtied.add(page);
  }

  #judge(roundTrip: number): void {
    this.#predicted = predictCut(this.#rounds, roundTrip, this.#options.fixed);
    if (this.#predicted === undefined) return;
    this.#verdict = judge(this.#rounds, this.#predicted, this.#options, !this.#outOfBytes);
  }
}
