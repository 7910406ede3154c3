/**
 * The sending end of a page transfer. While the cell runs, its thread calls `step` between two batches: a bounded look for changed pages, which become frames.
 * A round has looked at all of the memory and had everything answered; after it `verdict` says whether another one is worth it. At the cut the cell stands still, and
 * `step` goes on until `state` is `done` (the receiver has said that its memory is the same) or `different`.
 *
 *     hello ──> round ──> round ... ──> ready ──cut──> cutting ──> done
 *
 * No clock and no link of its own: the caller says the time, carries frames and hands replies in. Frames that are not answered are sent again.
 */
import { internalError } from '../../errors.ts';
import { CopyBudget, PAGE, PageBuffers, PageTracker, TakenBytes } from '../checkpoint/pages.ts';
import type { CellImage } from '../checkpoint/state.ts';
import { decodeFrame, encodeFrame } from './frames.ts';
import { judge, mayGoOn, type PaceOptions, type Prediction, predictCut, type Round, type Verdict } from './pace.ts';
import { PageDigest } from './page-digest.ts';
import { Unanswered } from './unanswered.ts';

export interface PreCopyOptions extends PaceOptions {
  /** Bytes that may be on their way; 4 MiB unless given. */
  readonly window?: number;
  /** Pages of a frame; 32 unless given. */
  readonly framePages?: number;
  /** Bytes looked at in one step while the cell runs, 1 MiB unless given, and changed pages taken, 64 unless given: some tenths of a millisecond. */
  readonly stepBytes?: number;
  readonly stepPages?: number;
  /** Bytes of the copy that shows what changes. */
  readonly copyBytes?: number;
}

type Source = Pick<CellImage, 'memory' | 'ranges'>;

export type PreCopyState = 'hello' | 'round' | 'ready' | 'cutting' | 'done' | 'different';

const WINDOW = 4 * 2 ** 20;
const FRAME_PAGES = 32;
const STEP_BYTES = 2 ** 20;
const STEP_PAGES = 64;

export interface PreCopyReceipt {
  readonly rounds: readonly Round[];
  /** Of the frames that hold pages, each counted once; and those sent again. */
  readonly bytes: number;
  readonly repeated: number;
  /** Pages of the first copy, and others or the same that were changed later, each counted once. */
  readonly imagePages: number;
  readonly dirtiedPages: number;
  /** Milliseconds from the cut on; undefined before it is done. */
  readonly pause: number | undefined;
  readonly predicted: Prediction | undefined;
  readonly verdict: Verdict | undefined;
}

interface Look {
  readonly began: number;
  readonly interval: number | undefined;
  page: number;
  pages: number;
  bytes: number;
  looked: number;
  share: number;
}

export class PreCopySender {
  readonly #options: PreCopyOptions;
  readonly #tracker: PageTracker;
  readonly #buffers = new PageBuffers(2);
  readonly #digest = new PageDigest(0);
  readonly #unanswered = new Unanswered();
  readonly #rounds: Round[] = [];
  readonly #dirtied = new Set<number>();
  #state: PreCopyState = 'hello';
  #length = -1;
  #number = 0;
  #look: Look | undefined;
  /** When the last look at all of the memory began. */
  #lastBegan: number | undefined;
  #imagePages = 0;
  #sentPages = 0;
  #bytes = 0;
  #outOfBytes = false;
  #cutAt = 0;
  #pause: number | undefined;
  #checkSent = false;
  #predicted: Prediction | undefined;
  #verdict: Verdict | undefined;

  constructor(options: PreCopyOptions) {
    this.#options = options;
    this.#tracker = new PageTracker(new CopyBudget(options.copyBytes ?? 2 ** 32));
  }

  get state(): PreCopyState {
    return this.#state;
  }

  /** Of the last round; `ready` came with it. */
  get verdict(): Verdict | undefined {
    return this.#verdict;
  }

  get receipt(): PreCopyReceipt {
    return {
      rounds: this.#rounds,
      bytes: this.#bytes,
      repeated: this.#unanswered.repeated,
      imagePages: this.#imagePages,
      dirtiedPages: this.#dirtied.size,
      pause: this.#pause,
      predicted: this.#predicted,
      verdict: this.#verdict,
    };
  }

  /** The cell stands still from now on; its memory must not change until the end. */
  cut(now: number): void {
    if (this.#state !== 'ready') throw internalError('precopy.order', `a cut in state ${this.#state}`);
    this.#state = 'cutting';
    this.#cutAt = now;
    this.#begin(now);
  }

  /** Frames to send now; none: there is nothing to do before a reply, or before time has passed (`wakeAt`). `now` in milliseconds, `clock` for what looking takes. */
  step(source: Source, now: number, clock: () => number = () => now): readonly Uint8Array[] {
    const again = this.#unanswered.due(now);
    if (again.length > 0 || this.#state === 'done' || this.#state === 'different') return again;
    if (source.memory.length !== this.#length) return this.#hello(source.memory.length, now);
    if (this.#unanswered.bytes >= (this.#options.window ?? WINDOW)) return [];
    if (this.#state === 'hello' && this.#unanswered.count === 0) {
      this.#state = 'round';
      this.#begin(now);
    }
    if (this.#look === undefined) return this.#state === 'cutting' ? this.#check(now) : [];
    return this.#lookOn(source, now, clock, this.#look);
  }

  /** When `step` has something to send again, if no reply comes before. */
  get wakeAt(): number | undefined {
    return this.#unanswered.dueAt;
  }

  receive(bytes: Uint8Array, now: number): void {
    const frame = decodeFrame(bytes);
    if (frame?.kind === 'taken') this.#unanswered.answered(frame.number, now);
    if (frame?.kind === 'checked' && this.#unanswered.answered(frame.number, now)) {
      this.#state = frame.same ? 'done' : 'different';
      this.#pause = now - this.#cutAt;
    }
    const look = this.#look;
    if (this.#state === 'round' && look !== undefined && this.#isOver(look)) this.#endRound(look, now);
  }

  /** Lets go of the copy of the memory. */
  close(): void {
    this.#tracker.close();
  }

  #begin(now: number): void {
    const before = this.#lastBegan;
    this.#look = {
      began: now,
      interval: before === undefined ? undefined : now - before,
      page: 0,
      pages: 0,
      bytes: 0,
      looked: 0,
      share: 1,
    };
    this.#lastBegan = now;
  }

  #hello(length: number, now: number): readonly Uint8Array[] {
    this.#length = length;
    this.#digest.grow(length);
    return [this.#sent((number) => encodeFrame({ kind: 'hello', number, length }), now)];
  }

  #sent(make: (number: number) => Uint8Array, now: number): Uint8Array {
    this.#number += 1;
    const bytes = make(this.#number);
    this.#unanswered.sent(this.#number, bytes, now);
    return bytes;
  }

  #isOver(look: Look): boolean {
    return look.page * PAGE >= this.#length && this.#unanswered.count === 0;
  }

  #lookOn({ memory, ranges }: Source, now: number, clock: () => number, look: Look): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    const running = this.#state === 'round';
    const until = running ? look.page + (this.#options.stepBytes ?? STEP_BYTES) / PAGE : Number.POSITIVE_INFINITY;
    const all = ranges ?? [[0, memory.length]];
    const started = clock();
    const most = running ? look.pages + (this.#options.stepPages ?? STEP_PAGES) : Number.POSITIVE_INFINITY;
    while (look.pages < most && look.page < until && look.page * PAGE < memory.length) {
      if (this.#unanswered.bytes >= (this.#options.window ?? WINDOW)) break;
      if (running && this.#cannotSendMore()) {
        // what is left of the round goes with the cut
        look.share = (look.page * PAGE) / memory.length;
        look.page = Math.ceil(memory.length / PAGE);
        break;
      }
      const end = look.page + (this.#options.framePages ?? FRAME_PAGES);
      const frame = this.#take(memory, all, look.page, end, look, now);
      if (frame !== undefined) frames.push(frame);
      look.page = end;
    }
    look.looked += clock() - started;
    if (look.page * PAGE >= memory.length) this.#looked(look, now, frames);
    return frames;
  }

  #cannotSendMore(): boolean {
    if (this.#rounds.length === 0) return false;
    const frame = this.#options.framePages ?? FRAME_PAGES;
    this.#outOfBytes ||= !mayGoOn(this.#sentPages + frame, this.#imagePages, this.#dirtied.size);
    return this.#outOfBytes;
  }

  /** All of the memory has been looked at. */
  #looked(look: Look, now: number, frames: Uint8Array[]): void {
    if (this.#state === 'cutting') {
      this.#look = undefined;
      frames.push(...this.#check(now));
    } else if (this.#unanswered.count === 0) this.#endRound(look, now);
  }

  #take(
    memory: Uint8Array,
    ranges: NonNullable<CellImage['ranges']>,
    first: number,
    end: number,
    look: Look,
    now: number,
  ): Uint8Array | undefined {
    const bytes = new TakenBytes(this.#buffers);
    const taken = this.#tracker.take(memory, ranges, bytes, [first, end]);
    const { numbers: pages, zeros } = taken;
    try {
      if (pages.length === 0 && zeros.length === 0) return undefined;
      const content = pages.length === 0 ? new Uint8Array(0) : bytes.view(0);
      for (const [index, page] of pages.entries())
        this.#digest.set(page, content.subarray(index * PAGE, (index + 1) * PAGE));
      for (const page of zeros) this.#digest.zero(page);
      this.#countPages(pages, look);
      const frame = this.#sent((number) => encodeFrame({ kind: 'pages', number, zeros, pages, bytes: content }), now);
      look.bytes += frame.length;
      this.#bytes += frame.length;
      return frame;
    } finally {
      bytes.release();
    }
  }

  #countPages(pages: readonly number[], look: Look): void {
    look.pages += pages.length;
    this.#sentPages += pages.length;
    if (this.#rounds.length === 0) this.#imagePages += pages.length;
    else for (const page of pages) this.#dirtied.add(page);
  }

  #endRound({ interval, began, pages, bytes, looked, share }: Look, now: number): void {
    const round = { pages, bytes, interval, took: now - began, looked, share };
    this.#rounds.push(round);
    const { roundTrip } = this.#unanswered;
    const predicted = predictCut(this.#rounds, roundTrip, this.#options.fixed);
    if (predicted === undefined) return;
    this.#predicted = predicted;
    this.#verdict = judge(this.#rounds, predicted, this.#options, !this.#outOfBytes);
    if (this.#verdict === 'again') this.#begin(now);
    else {
      this.#look = undefined;
      this.#state = 'ready';
    }
  }

  #check(now: number): readonly Uint8Array[] {
    if (this.#checkSent) return [];
    this.#checkSent = true;
    const last = this.#number;
    const digest = this.#digest.digest();
    return [this.#sent((number) => encodeFrame({ kind: 'check', number, last, digest }), now)];
  }
}
