/**
 * Cuts a sender's kept items into datagrams: a large one is sent from where it lies, small ones that follow it are put behind it, small ones
 * alone are gathered, and what is larger than a datagram goes in parts.
 */
import type { EndContext } from './end.ts';
import { emptyFrame, type Frame, HEADER, KIND, writeFrame } from './frame.ts';
import type { Kept, KeptItems } from './kept.ts';

/** Bytes up to which small items are gathered. */
const GATHER = 32 * 1024;

export class Launcher {
  /** Filled in by the sender and by `launch`. */
  readonly frame: Frame = emptyFrame();
  repeated = 0;
  readonly #context: EndContext;
  readonly #kept: KeptItems;
  /** The cursor: the next item to send, and how much of it has been sent in parts. */
  #sequence: number;
  #offset = 0;
  /** Cost of the items from the first to the cursor. */
  #before = 0;
  /** The item after the highest ever sent. */
  #highest: number;
  #scratch: Uint8Array = new Uint8Array(0);
  #scratchView: DataView = new DataView(new ArrayBuffer(0));

  constructor(context: EndContext, kept: KeptItems) {
    this.#context = context;
    this.#kept = kept;
    this.#sequence = kept.first;
    this.#highest = kept.first;
  }

  get sequence(): number {
    return this.#sequence;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Whether the item at the cursor may be sent: it fits into the window, or the receiver has nothing else to take. */
  ready(window: number): boolean {
    const item = this.#kept.at(this.#sequence);
    return item !== undefined && this.#fits(item, window);
  }

  /** Moves the cursor to an item that is kept, or to the next that will come. */
  moveTo(sequence: number, offset: number): void {
    this.#sequence = sequence;
    this.#offset = offset;
    this.#before = 0;
    for (let at = this.#kept.first; at < sequence; at++) this.#before += this.#kept.at(at)?.cost ?? 0;
  }

  /** Lets go of the items up to `taken`. */
  release(taken: number): void {
    while (this.#kept.first <= taken) {
      const sequence = this.#kept.first;
      const cost = this.#kept.drop();
      if (sequence < this.#sequence) this.#before -= cost;
    }
    if (this.#sequence >= this.#kept.first) return;
    this.#sequence = this.#kept.first;
    this.#offset = 0;
    this.#before = 0;
  }

  probe(frame: Frame): void {
    frame.sequence = this.#sequence;
    frame.offset = this.#offset;
    frame.total = 0;
    this.#grow(HEADER);
    this.#write(frame, this.#scratch, this.#scratchView, HEADER);
  }

  /** Sends one datagram and moves the cursor behind it; `frame` says who sends. `ready` must be true. */
  launch(frame: Frame, window: number): void {
    const item = this.#kept.at(this.#sequence);
    if (item === undefined) return;
    const { maxBytes } = this.#context.port;
    frame.sequence = this.#sequence;
    frame.offset = 0;
    frame.total = 0;
    if (this.#offset > 0 || HEADER + item.size > maxBytes) this.#launchPart(frame, item, maxBytes);
    else if (item.at > 0) this.#launchLarge(frame, item, window);
    else this.#launchSmall(frame, Math.min(GATHER, maxBytes), window);
  }

  #launchPart(frame: Frame, item: Kept, maxBytes: number): void {
    const offset = this.#offset;
    const length = Math.min(item.size - offset, (maxBytes - HEADER) & ~7);
    frame.kind = KIND.part;
    frame.offset = offset;
    frame.total = item.size;
    if (this.#sequence < this.#highest) this.repeated += 1;
    this.#grow(HEADER + length);
    this.#scratch.set(item.bytes.subarray(item.at + offset, item.at + offset + length), HEADER);
    this.#offset += length;
    if (this.#offset >= item.size) this.#pass(item, false);
    this.#write(frame, this.#scratch, this.#scratchView, HEADER + length);
  }

  #launchLarge(frame: Frame, item: Kept, window: number): void {
    this.#pass(item);
    const limit = Math.min(item.bytes.length, this.#context.port.maxBytes);
    const end = this.#gather(item.bytes, HEADER + item.size, limit, window);
    writeFrame(item.view, frame, end, this.#context.port.checked);
    item.writing += 1;
    this.#context.port.send(item.bytes.subarray(0, end), item.written);
  }

  #launchSmall(frame: Frame, limit: number, window: number): void {
    this.#grow(limit);
    this.#write(frame, this.#scratch, this.#scratchView, this.#gather(this.#scratch, HEADER, limit, window));
  }

  /** Copies small items from the cursor on behind `at`; where they end. */
  #gather(into: Uint8Array, at: number, limit: number, window: number): number {
    let end = at;
    while (true) {
      const item = this.#kept.at(this.#sequence);
      if (item === undefined || item.at > 0 || end + item.size > limit || !this.#fits(item, window)) return end;
      into.set(item.bytes, end);
      end += item.size;
      this.#pass(item);
    }
  }

  #fits(item: Kept, window: number): boolean {
    return this.#before === 0 || this.#before + item.cost <= window;
  }

  #pass(item: Kept, counted = true): void {
    if (counted && this.#sequence < this.#highest) this.repeated += 1;
    this.#sequence += 1;
    this.#offset = 0;
    this.#before += item.cost;
    this.#highest = Math.max(this.#highest, this.#sequence);
  }

  #write(frame: Frame, bytes: Uint8Array, view: DataView, length: number): void {
    const { port } = this.#context;
    writeFrame(view, frame, length, port.checked);
    port.send(length === bytes.length ? bytes : bytes.subarray(0, length));
  }

  #grow(size: number): void {
    if (this.#scratch.length >= size) return;
    this.#scratch = new Uint8Array(size);
    this.#scratchView = new DataView(this.#scratch.buffer);
  }
}
