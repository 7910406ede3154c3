/**
 * From a fragment of the old plan to one heir in another thread: copies the memories that fit ahead, a while at a time between batches, then, at the cut, what has changed
 * since and the rest. Until the cut nothing that goes wrong here is the fragment's failure: there is no handover then.
 */
import { internalError } from '../../errors.ts';
import { type Ports, pause } from '../../ports.ts';
import type { CellImage, FragmentSnapshot, LogicalState } from '../../state/checkpoint/state.ts';
import { PageCopy, type PageLink } from '../../state/precopy/page-copy.ts';
import type { Payload, Sender, Transport } from '../../transport/transport.ts';
import { Latch } from '../control.ts';
import type { Heir } from '../fragment-handle.ts';
import { encodeCarried } from './carried-snapshot.ts';
import { pagesParcel, restParcel, wordParcel } from './parcel.ts';
import { wayAddress, wayChannel } from './way.ts';

export interface WayOutOptions {
  readonly namespace: string;
  readonly app: string;
  readonly from: { readonly fragment: string; readonly host: Heir['host'] };
  readonly heir: Heir;
  /** That begins. */
  readonly epoch: number;
  /** As `Bequest`. */
  readonly budget?: number;
  readonly ports: Ports;
  readonly transport: (channel: ReturnType<typeof wayChannel>) => Transport;
  /** The image of a cell between two batches; undefined where it has none. */
  readonly imageOf: (cell: string) => CellImage | undefined;
}

/** What the fragment had at the cut. */
export interface WhatIsLeft {
  readonly snapshot: FragmentSnapshot;
  readonly leftAt: number;
  /** The rows of a cell; undefined where it does not export any. */
  readonly exported: (cell: string) => readonly LogicalState[] | undefined;
}

const BUDGET = 5;
/** Milliseconds after which copying ahead is said to have come as far as it goes. */
const LONGEST = 10_000;
/** Milliseconds between rounds that only keep up with what changes. */
const UPKEEP = 50;
/** Of a piece of the rest. */
const PIECE = 1_048_576;

export class WayOut {
  readonly #options: WayOutOptions;
  /** Of the heir's, those whose memories go: the number of each is its place. */
  readonly #whole: readonly string[];
  /** Those of them that are copied ahead. */
  readonly #ahead: ReadonlySet<string>;
  readonly #copy: PageCopy;
  readonly #leaving = new Latch();
  readonly #over = new Latch();
  #sender: Sender | undefined;
  #left: WhatIsLeft | undefined;
  #problem: Error | undefined;
  #running: Promise<void> | undefined;

  constructor(options: WayOutOptions) {
    this.#options = options;
    this.#whole = options.heir.same.filter((cell) => options.imageOf(cell) !== undefined);
    this.#ahead = new Set(this.#whole.filter((cell) => isSteady(cell, options.imageOf)));
    this.#copy = new PageCopy(this.#whole.length, { budget: options.budget ?? BUDGET });
  }

  /** Opens the channel, and begins to copy. Rejects where it cannot be opened. */
  async open(): Promise<void> {
    const { namespace, app, from, heir, epoch, transport } = this.#options;
    const channel = wayChannel(from, heir, epoch);
    const sender = await transport(channel).openSender(
      wayAddress({ namespace, app }, channel, heir),
      { epoch, maxBytes: channel.maxBytes },
      { connected: () => undefined, disconnected: () => undefined, failed: (error) => this.#fail(error) },
    );
    if (this.#over.tripped) return await sender.close();
    this.#sender = sender;
    if (heir.cells.length > 0) this.#running = this.#run(sender).catch((error: unknown) => this.#fail(error));
  }

  /** The fragment is being cut; nothing of it is called before `sent` has settled. Memories go at once, as far as there is room; the rest when the cut is over. */
  leave(left: WhatIsLeft): void {
    this.#left = left;
    this.#leaving.trip();
    if (this.#sender === undefined || this.#over.tripped) return;
    try {
      this.#sendChanged(this.#sender, left);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Resolves when all of what was left is on its way; rejects where it cannot go. */
  async sent(): Promise<void> {
    await this.#running;
    if (this.#problem !== undefined) throw this.#problem;
  }

  /** No channel of the fragment is open any more. */
  async closed(): Promise<void> {
    await this.#running;
    this.#send(wordParcel('closed', {}, this.#now));
    // so that the word of it having been taken does not wait
    await this.#sender?.drained();
  }

  async close(): Promise<void> {
    this.#over.trip();
    await this.#running;
    await this.#sender?.close();
    this.#copy.close();
  }

  get #now(): number {
    return this.#options.ports.monotonic();
  }

  #fail(error: unknown): void {
    this.#problem ??= error instanceof Error ? error : new Error(String(error));
    this.#over.trip();
  }

  #send(payload: Payload): void {
    this.#sender?.send({ kind: 'batch', payload, rows: 0 });
  }

  async #run(sender: Sender): Promise<void> {
    const { imageOf } = this.#options;
    const cells = this.#whole.map((cell) => ({ cell, module: imageOf(cell)?.module ?? '' }));
    this.#send(wordParcel('begin', { cells }, this.#now));
    if (this.#ahead.size > 0) await this.#copyAhead(sender);
    else this.#send(wordParcel('settled', { rounds: 0 }, this.#now));
    await this.#over.until(this.#leaving.tripping);
    if (this.#left !== undefined && !this.#over.tripped) await this.#sendLeft(sender, this.#left);
  }

  /** Until the cut. */
  async #copyAhead(sender: Sender): Promise<void> {
    const copy = this.#copy;
    const { ports } = this.#options;
    const last = this.#now + LONGEST;
    let isSettled = false;
    while (!this.#leaving.tripped && !this.#over.tripped) {
      copy.step(this.#link(sender, this.#images()));
      if (copy.looked) {
        await this.#unless(sender.drained());
        copy.answered(this.#now, sender.stats.roundTrip ?? 0);
      } else await this.#unless(sender.room() ?? ports.turn());
      if (!isSettled && (copy.state === 'ready' || this.#now > last)) {
        isSettled = true;
        this.#tellSettled();
      }
      if (copy.state === 'ready') await this.#unless(pause(ports, UPKEEP));
      if (copy.state === 'ready' && !copy.again()) return;
    }
  }

  #tellSettled(): void {
    const { rounds, predicted } = this.#copy.receipt;
    const { pause = Infinity } = predicted ?? {};
    this.#send(
      wordParcel('settled', { rounds: rounds.length, ...(pause === Infinity ? {} : { predicted: pause }) }, this.#now),
    );
  }

  /** Waits, but not beyond the cut. */
  async #unless(wait: Promise<void>): Promise<void> {
    await this.#leaving.until(this.#over.until(wait));
  }

  /** As they are now, each looked up once. */
  #images(): (cell: string) => CellImage | undefined {
    const images = new Map<string, CellImage | undefined>();
    return (cell) => {
      if (!images.has(cell)) images.set(cell, this.#ahead.has(cell) ? this.#options.imageOf(cell) : undefined);
      return images.get(cell);
    };
  }

  #link(sender: Sender, imageOf: (cell: string) => CellImage | undefined): PageLink {
    return {
      clock: () => this.#now,
      memoryOf: (cell) => imageOf(this.#whole[cell] ?? ''),
      send: (change) => {
        const payload = pagesParcel(change, this.#now);
        this.#send(payload);
        return payload.length;
      },
      hasRoom: () => sender.room() === undefined,
    };
  }

  async #sendLeft(sender: Sender, left: WhatIsLeft): Promise<void> {
    const { snapshot, leftAt } = left;
    for (this.#sendChanged(sender, left); this.#copy.state !== 'done'; this.#sendChanged(sender, left)) {
      await this.#over.until(sender.room() ?? Promise.resolve());
      if (this.#over.tripped) return;
    }
    const forms = this.#options.heir.cells.map((cell) => [cell, this.#formOf(cell, left)] as const);
    await this.#sendRest(sender, encodeCarried(snapshot, new Map(forms)));
    const digests = this.#whole.map(
      (cell, index) => [cell, Buffer.from(this.#copy.digest(index)).toString('hex')] as const,
    );
    const way = (sender.stats.roundTrip ?? 0) / 2;
    this.#send(wordParcel('left', { leftAt, way, digests: new Map(digests) }, this.#now));
    void sender.drained();
  }

  /** As much as there is room for. */
  #sendChanged(sender: Sender, { snapshot }: WhatIsLeft): void {
    const { state } = this.#copy;
    if (state !== 'cutting' && state !== 'done') this.#copy.cut(this.#now);
    this.#copy.step(this.#link(sender, (cell) => snapshot.cells.get(cell)?.image));
  }

  /** Cells without a memory of their own are whole in the snapshot, those that are dealt anew go by their rows. */
  #formOf(cell: string, { snapshot, exported }: WhatIsLeft): 'whole' | readonly LogicalState[] {
    if (this.#whole.includes(cell) || snapshot.cells.get(cell)?.image === undefined) return 'whole';
    const rows = exported(cell);
    if (rows === undefined) throw internalError('handover.whole', `${cell} does not export its state`);
    return rows;
  }

  async #sendRest(sender: Sender, parts: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(parts);
    for (let at = 0; at < bytes.length; at += PIECE) {
      this.#send(restParcel(bytes.subarray(at, at + PIECE), this.#now));
      const room = sender.room();
      if (room !== undefined) await this.#over.until(room);
    }
  }
}

/** Its image is a view; that of a component with several memories is a copy each time. */
function isSteady(cell: string, imageOf: WayOutOptions['imageOf']): boolean {
  const first = imageOf(cell)?.memory.buffer;
  const second = imageOf(cell)?.memory.buffer;
  return first === second;
}
