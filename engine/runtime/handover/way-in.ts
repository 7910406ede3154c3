/** What comes to a fragment of the new plan from one of the old in another thread: memories, as they are copied ahead and at the cut, and the rest of its state. */
import { externalError, internalError } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import { OwnRoom, type PageRoom, PageTarget } from '../../state/precopy/page-target.ts';
import type { Receiver, Transport } from '../../transport/transport.ts';
import { Latch } from '../control.ts';
import { decodeCarried } from './carried-snapshot.ts';
import type { Brought } from './estate.ts';
import { type Left, type Parcel, type ParcelCell, readParcel, type Settled } from './parcel.ts';
import { type WayEnd, wayAddress, type wayChannel } from './way.ts';

export interface WayInOptions {
  readonly namespace: string;
  readonly app: string;
  readonly channel: ReturnType<typeof wayChannel>;
  readonly to: WayEnd;
  /** That begins. */
  readonly epoch: number;
  readonly ports: Ports;
  readonly transport: (channel: ReturnType<typeof wayChannel>) => Transport;
  /** The memory that a cell of the old plan goes on in; undefined where that takes no image of this code. */
  readonly roomOf: (cell: ParcelCell) => PageRoom | undefined;
}

/** Milliseconds of work after which others of the thread get a turn. */
const BREATHE_AFTER = 1;

export class WayIn {
  readonly #options: WayInOptions;
  readonly #settled = Promise.withResolvers<Settled>();
  readonly #left = Promise.withResolvers<Brought>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #over = new Latch();
  #cells: readonly ParcelCell[] = [];
  readonly #targets: PageTarget[] = [];
  #rest: Uint8Array[] = [];
  #receiver: Receiver | undefined;
  /** Its clock and the way here, as this thread's clock has it: the least that any word took. */
  #apart = Number.POSITIVE_INFINITY;

  constructor(options: WayInOptions) {
    this.#options = options;
    // whoever waits hears it; nobody has to wait
    for (const { promise } of [this.#settled, this.#left, this.#closed]) promise.catch(() => undefined);
  }

  /** Rejects where the channel cannot be opened. */
  async open(): Promise<void> {
    const { channel, to, epoch, transport } = this.#options;
    const receiver = await transport(channel).openReceiver(
      wayAddress(this.#options, channel, to),
      { epoch, senderEpoch: epoch, maxBytes: channel.maxBytes },
      { connected: () => undefined, disconnected: () => undefined, failed: (error) => this.#fail(error) },
    );
    if (this.#over.tripped) return await receiver.close();
    this.#receiver = receiver;
    void this.#run(receiver).catch((error: unknown) => this.#fail(error));
  }

  /** Resolves when copying ahead has come as far as it goes. Like the others it rejects where nothing comes any more. */
  get settled(): Promise<Settled> {
    return this.#settled.promise;
  }

  get left(): Promise<Brought> {
    return this.#left.promise;
  }

  /** Resolves when no channel of the other fragment is open any more. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  async close(): Promise<void> {
    this.#fail(externalError('handover.gone', `nothing is wanted of ${this.#options.channel.from} any more`));
    await this.#receiver?.close();
  }

  #fail(error: unknown): void {
    this.#over.trip();
    for (const { reject } of [this.#settled, this.#left, this.#closed]) reject(error);
  }

  async #run(receiver: Receiver): Promise<void> {
    const { ports } = this.#options;
    let lastBreath = ports.monotonic();
    while (!this.#over.tripped) {
      const item = receiver.take();
      if (item === undefined) {
        await this.#over.until(receiver.ready());
        continue;
      }
      if (item.kind === 'batch') this.#accept(item.payload);
      if (ports.monotonic() - lastBreath < BREATHE_AFTER) continue;
      await ports.turn();
      lastBreath = ports.monotonic();
    }
  }

  #accept(payload: Uint8Array): void {
    const { parcel, time } = readParcel(payload);
    this.#apart = Math.min(this.#apart, this.#options.ports.monotonic() - time);
    this.#take(parcel);
  }

  #take(parcel: Parcel): void {
    switch (parcel.kind) {
      case 'begin':
        this.#cells = parcel.word.cells;
        for (const cell of this.#cells) this.#targets.push(new PageTarget(this.#options.roomOf(cell) ?? new OwnRoom()));
        return;
      case 'pages':
        this.#targets[parcel.change.cell]?.put(parcel.change);
        return;
      case 'settled':
        this.#settled.resolve(parcel.word);
        return;
      case 'rest':
        this.#rest.push(new Uint8Array(parcel.bytes));
        return;
      case 'left':
        this.#left.resolve(this.#brought(parcel.word));
        return;
      case 'closed':
        this.#closed.resolve();
        return;
    }
  }

  #brought({ leftAt, way, digests }: Left): Brought {
    const bytes = this.#rest.length === 1 && this.#rest[0] !== undefined ? this.#rest[0] : Buffer.concat(this.#rest);
    this.#rest = [];
    const snapshot = decodeCarried(bytes, (name, ranges) => {
      const index = this.#cells.findIndex(({ cell }) => cell === name);
      const target = this.#targets[index];
      if (target === undefined) return undefined;
      if (Buffer.from(target.digest).toString('hex') !== digests.get(name)) throw damaged(name);
      target.finish(ranges);
      return target.memory;
    });
    return { snapshot, leftAt: leftAt + this.#apart - way };
  }
}

function damaged(cell: string): Error {
  return internalError('handover.damaged', `the memory of ${cell} has not arrived as it was sent`);
}
