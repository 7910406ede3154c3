/**
 * The receiving end of a page transfer: brings a memory of zeros to what the sender's is. Frames come in any order, some twice; of a page the one
 * with the highest number holds.
 */
import { PAGE } from '../checkpoint/pages.ts';
import { decodeFrame, encodeFrame, type PageFrame } from './frames.ts';
import { PageDigest } from './page-digest.ts';
import type { PageRoom } from './page-target.ts';

type Pages = Extract<PageFrame, { readonly kind: 'pages' }>;
type Check = Extract<PageFrame, { readonly kind: 'check' }>;

export class PreCopyReceiver {
  readonly #target: PageRoom;
  readonly #digest = new PageDigest(0);
  #memory: Uint8Array = new Uint8Array(0);
  /** By page, the frame that it was taken from. */
  #newest: Uint32Array = new Uint32Array(0);
  #length = 0;
  /** All frames up to it were taken, and those behind it that were. */
  #all = 0;
  readonly #ahead = new Set<number>();
  #check: Check | undefined;
  #isSame: boolean | undefined;

  /** `target`: its bytes that were not written are zeros. */
  constructor(target: PageRoom) {
    this.#target = target;
  }

  /** Bytes of the sender's memory, and whether ours is the same at its cut; undefined: not asked yet. */
  get length(): number {
    return this.#length;
  }

  get isSame(): boolean | undefined {
    return this.#isSame;
  }

  /** Takes a frame; what it gives back is to be sent. Throws what `room` throws. */
  receive(bytes: Uint8Array): readonly Uint8Array[] {
    const frame = decodeFrame(bytes);
    if (frame === undefined) return [];
    if (frame.kind === 'check') {
      this.#check = frame;
      return this.#answer();
    }
    if (frame.kind !== 'hello' && frame.kind !== 'pages') return [];
    if (!this.#isTaken(frame.number)) {
      if (frame.kind === 'hello') this.#grow(frame.length);
      else if (!this.#put(frame)) return [];
      this.#note(frame.number);
    }
    return [encodeFrame({ kind: 'taken', number: frame.number }), ...this.#answer()];
  }

  #isTaken(number: number): boolean {
    return number <= this.#all || this.#ahead.has(number);
  }

  #note(number: number): void {
    this.#ahead.add(number);
    while (this.#ahead.delete(this.#all + 1)) this.#all += 1;
  }

  #grow(length: number): void {
    if (length <= this.#length) return;
    this.#memory = this.#target.room(length);
    this.#length = length;
    this.#digest.grow(length);
    const newest = new Uint32Array(Math.ceil(length / PAGE));
    newest.set(this.#newest);
    this.#newest = newest;
  }

  /** False for pages that the memory has not yet: the frame that made it larger is still to come. */
  #put({ number, zeros, pages, bytes }: Pages): boolean {
    const count = this.#newest.length;
    if (zeros.some((page) => page >= count) || pages.some((page) => page >= count)) return false;
    for (const page of zeros) {
      if (!this.#isNewer(page, number)) continue;
      this.#memory.fill(0, page * PAGE, Math.min((page + 1) * PAGE, this.#length));
      this.#digest.zero(page);
    }
    for (const [index, page] of pages.entries()) {
      if (!this.#isNewer(page, number)) continue;
      const from = bytes.subarray(index * PAGE, (index + 1) * PAGE);
      this.#memory.set(from.subarray(0, Math.min(PAGE, this.#length - page * PAGE)), page * PAGE);
      this.#digest.set(page, from);
    }
    return true;
  }

  #isNewer(page: number, number: number): boolean {
    if ((this.#newest[page] ?? 0) > number) return false;
    this.#newest[page] = number;
    return true;
  }

  /** To a check, once everything before it is here. */
  #answer(): readonly Uint8Array[] {
    const check = this.#check;
    if (check === undefined || this.#all < check.last) return [];
    this.#isSame = Buffer.compare(this.#digest.digest(), check.digest) === 0;
    return [encodeFrame({ kind: 'checked', number: check.number, same: this.#isSame })];
  }
}
