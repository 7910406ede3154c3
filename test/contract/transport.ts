/**
 * What every transport promises (engine/transport/transport.ts), as tests that its own test file calls with a world of its own: two
 * transports, one for each end, and what can be done to what lies between.
 */
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CloudskinError } from '../../engine/errors.ts';
import type {
  ChannelAddress,
  ChannelEvents,
  Item,
  Receiver,
  ReceiverOptions,
  Sender,
  SenderOptions,
  Transport,
} from '../../engine/transport/transport.ts';

export interface TransportWorld {
  readonly sending: Transport;
  readonly receiving: Transport;
  close(): Promise<void>;
  /** Loses this share of all messages, both ways, from now on. */
  lose?(share: number): void;
  /** Cuts both ends off, for a moment or until `heal`. */
  cut?(): void;
  heal?(): void;
  /** The server in between is killed and comes back; resolves when it is back. */
  restart?(): Promise<void>;
}

export interface TransportCase {
  readonly title: string;
  open(): Promise<TransportWorld>;
  /** Why its world cannot lose messages or connections; absent where it can. */
  readonly lossless?: string;
}

const PATIENCE = 30_000;

/** What an end is told. */
export class Told implements ChannelEvents {
  readonly log: string[] = [];
  #listeners = new Set<() => void>();

  connected(): void {
    this.#tell('connected');
  }
  disconnected(_reason: string): void {
    this.#tell('disconnected');
  }
  failed(error: CloudskinError): void {
    this.#tell(error.code);
  }

  /** Resolves once it has been told this, so many times. */
  async hears(word: string, times = 1): Promise<void> {
    while (this.log.filter((told) => told === word).length < times) {
      await within(new Promise<void>((resolve) => this.#listeners.add(resolve)), `"${word}" after ${this.log.join()}`);
    }
  }

  #tell(word: string): void {
    this.log.push(word);
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no ${what} within ${PATIENCE} ms`)), PATIENCE);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A world for each test; ends are opened through it. */
class Stage {
  readonly atSender = new Told();
  readonly atReceiver = new Told();
  readonly world: TransportWorld;

  constructor(world: TransportWorld) {
    this.world = world;
  }

  address(channel = 'from-to', app = 'shop'): ChannelAddress {
    return { namespace: 'default', app, channel };
  }

  sender(options: Partial<SenderOptions> = {}, events: ChannelEvents = this.atSender): Promise<Sender> {
    return this.world.sending.openSender(this.address(), { epoch: 1, maxBytes: 1 << 20, ...options }, events);
  }

  receiver(options: Partial<ReceiverOptions> = {}, events: ChannelEvents = this.atReceiver): Promise<Receiver> {
    const all = { epoch: 1, senderEpoch: 1, maxBytes: 1 << 20, ...options };
    return this.world.receiving.openReceiver(this.address(), all, events);
  }
}

/** Item `number`: kinds in turn, batches of many sizes up to `size`. */
export function itemOf(number: number, size = 3_000): Item {
  if (number % 11 === 3) return { kind: 'barrier', checkpoint: number };
  if (number % 3 === 1) return { kind: 'watermark', time: BigInt(number - 50) * 1_000_003n, idle: number % 2 === 0 };
  const payload = new Uint8Array((number * 7919) % size).fill(number);
  if (number % 4 === 0) return { kind: 'batch', payload, rows: number };
  return { kind: 'batch', payload, rows: number, trace: `00-${String(number).padStart(32, '0')}-00f067aa0ba902b7-01` };
}

/** An item as a line, its bytes as a checksum. */
function line(item: Item): string {
  switch (item.kind) {
    case 'batch':
      return `batch ${item.rows} ${item.trace ?? '-'} ${item.payload.length} ${crc32(item.payload)}`;
    case 'watermark':
      return `watermark ${item.time} ${item.idle}`;
    case 'barrier':
      return `barrier ${item.checkpoint}`;
    case 'end':
      return 'end';
  }
}

/** The next item, as a line. */
async function takeOne(receiver: Receiver): Promise<string> {
  for (;;) {
    const item = receiver.take();
    if (item !== undefined) return line(item);
    await within(receiver.ready(), `item ${receiver.position + 1}`);
  }
}

async function takeMany(receiver: Receiver, count: number): Promise<string[]> {
  const items: string[] = [];
  while (items.length < count) items.push(await takeOne(receiver));
  return items;
}

/** Sends items `from` to `to`, waiting for room as a fragment does. */
async function sendMany(sender: Sender, from: number, to: number, size?: number): Promise<void> {
  for (let number = from; number < to; number++) {
    const room = sender.room();
    if (room !== undefined) await within(room, `room for item ${number}`);
    sender.send(itemOf(number, size));
  }
}

function numbered(from: number, to: number, size?: number): string[] {
  return Array.from({ length: to - from }, (_, index) => line(itemOf(from + index, size)));
}

export function transportContract(subject: TransportCase): void {
  describe(`${subject.title}: the contract of transports`, () => {
    let stage: Stage;
    beforeEach(async () => {
      stage = new Stage(await subject.open());
    });
    afterEach(() => stage?.world.close());
    const at = (): Stage => stage;
    carries(at);
    holdsBack(at);
    fences(at);
    closes(at);
    losesNothing(at, subject.lossless);
  });
}

function carries(at: () => Stage): void {
  it('carries every kind of item as it was given, in order', async () => {
    const [sender, receiver] = [await at().sender(), await at().receiver()];
    const count = 2_000;
    const sending = sendMany(sender, 0, count);
    expect(await takeMany(receiver, count)).toEqual(numbered(0, count));
    await sending;
    await within(sender.drained(), 'acknowledgement');
    expect(receiver.position).toBe(count);
    expect(receiver.take()).toBeUndefined();
    const items = Array.from({ length: count }, (_, number) => itemOf(number));
    const batches = items.filter((item) => item.kind === 'batch');
    const bytes = batches.reduce((sum, { payload }) => sum + payload.length, 0);
    const rows = batches.reduce((sum, item) => sum + item.rows, 0);
    expect(sender.stats).toMatchObject({ items: count, bytes, rows, queued: 0, connected: true });
    expect(receiver.stats).toMatchObject({ items: count, bytes, rows, queued: 0, connected: true });
  });

  it('connects whichever end is opened first, and says so once to each', async () => {
    const receiver = await at().receiver();
    const sender = await at().sender();
    sender.send(itemOf(0));
    expect(await takeOne(receiver)).toBe(line(itemOf(0)));
    await Promise.all([at().atSender.hears('connected'), at().atReceiver.hears('connected')]);
    expect([...at().atSender.log, ...at().atReceiver.log]).toEqual(['connected', 'connected']);
  });

  it('takes the bytes before send returns, and hands out batches that begin at a multiple of 8', async () => {
    const [sender, receiver] = [await at().sender(), await at().receiver()];
    for (const size of [5, 1_000, 100_000]) {
      const bytes = new Uint8Array(size).fill(1);
      sender.send({ kind: 'batch', payload: bytes, rows: 1, trace: 'abc' });
      bytes.fill(2);
      let item = receiver.take();
      while (item === undefined) {
        await within(receiver.ready(), 'batch');
        item = receiver.take();
      }
      if (item.kind !== 'batch') throw new Error(item.kind);
      expect(item.payload).toEqual(new Uint8Array(size).fill(1));
      expect(item.payload.byteOffset % 8).toBe(0);
    }
  });

  it('keeps channels and apps of the same names apart', async () => {
    const options = { epoch: 1, maxBytes: 1 << 16 };
    const [one, two] = [at().address('x-y', 'one'), at().address('x-y', 'two')];
    const { sending, receiving } = at().world;
    const senders = [
      await sending.openSender(one, options, new Told()),
      await sending.openSender(two, options, new Told()),
    ];
    const open = (address: ChannelAddress): Promise<Receiver> =>
      receiving.openReceiver(address, { ...options, senderEpoch: 1 }, new Told());
    const receivers = [await open(one), await open(two)];
    for (const [index, sender] of senders.entries()) sender.send({ kind: 'barrier', checkpoint: index });
    for (const [index, receiver] of receivers.entries()) {
      expect(await takeOne(receiver)).toBe(`barrier ${index}`);
    }
    for (const receiver of receivers) expect(receiver.take()).toBeUndefined();
  });
}

function holdsBack(at: () => Stage): void {
  it('a batch larger than any bound and any message passes, among others', async () => {
    const sender = await at().sender({ maxBytes: 100_000 });
    const receiver = await at().receiver({ maxBytes: 100_000 });
    const large: Item = { kind: 'batch', payload: new Uint8Array(3_500_000).map((_, index) => index % 251), rows: 9 };
    sender.send(itemOf(0));
    sender.send(large);
    sender.send(itemOf(1));
    expect(await takeMany(receiver, 3)).toEqual([line(itemOf(0)), line(large), line(itemOf(1))]);
    await within(sender.drained(), 'acknowledgement');
  });

  it('a receiver that takes nothing bounds what is kept, and everything comes once it does', async () => {
    const bound = 200_000;
    const [sender, receiver] = [await at().sender({ maxBytes: bound }), await at().receiver({ maxBytes: bound })];
    await at().atSender.hears('connected');
    let sent = 0;
    for (let room = sender.room(); room === undefined; room = sender.room()) sender.send(itemOf(sent++, 20_000));
    await within(receiver.ready(), 'item');
    expect(sent).toBeGreaterThan(10);
    expect(sender.stats.queued).toBeGreaterThanOrEqual(bound);
    expect(sender.stats.queued).toBeLessThan(bound + 21_000);
    expect(receiver.stats.queued).toBeLessThan(bound + 21_000);
    const more = sendMany(sender, sent, sent + 100, 20_000);
    expect(await takeMany(receiver, sent + 100)).toEqual(numbered(0, sent + 100, 20_000));
    await more;
  });

  it('a slow receiver holds the sender back and gets everything', async () => {
    const bound = 50_000;
    const [sender, receiver] = [await at().sender({ maxBytes: bound }), await at().receiver({ maxBytes: bound })];
    const sending = sendMany(sender, 0, 150, 10_000);
    const taken: string[] = [];
    while (taken.length < 150) {
      taken.push(await takeOne(receiver));
      expect(sender.stats.queued).toBeLessThan(bound + 11_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(taken).toEqual(numbered(0, 150, 10_000));
    await sending;
  });
}

function fences(at: () => Stage): void {
  it('a sender at a higher epoch begins anew; the older one is fenced and heard no more', async () => {
    const old = await at().sender();
    old.send(itemOf(5));
    const next = await at().sender({ epoch: 2 }, new Told());
    const receiver = await at().receiver({ epoch: 2, senderEpoch: 2 });
    await at().atSender.hears('transport.fenced');
    old.send(itemOf(6));
    expect(old.room()).toBeUndefined();
    await old.drained();
    next.send(itemOf(7));
    expect(await takeOne(receiver)).toBe(line(itemOf(7)));
    expect(receiver.position).toBe(1);
    expect(receiver.take()).toBeUndefined();
  });

  it('a receiver that waits for an older sender is fenced', async () => {
    await at().sender({ epoch: 3 });
    const receiver = await at().receiver({ epoch: 3, senderEpoch: 2 });
    await at().atReceiver.hears('transport.fenced');
    expect(receiver.take()).toBeUndefined();
  });

  it('a receiver at a higher epoch goes on from where it says; the older one is fenced', async () => {
    const [sender, old] = [await at().sender(), await at().receiver()];
    for (let number = 0; number < 30; number++) sender.send(itemOf(number));
    expect(await takeMany(old, 10)).toEqual(numbered(0, 10));
    const told = new Told();
    const next = await at().receiver({ epoch: 2, after: 10 }, told);
    expect(await takeMany(next, 20)).toEqual(numbered(10, 30));
    expect(next.position).toBe(30);
    await at().atReceiver.hears('transport.fenced');
    expect(old.take()).toBeUndefined();
    await within(sender.drained(), 'acknowledgement');
    await told.hears('connected');
    expect(told.log).toEqual(['connected']);
  });

  it('a receiver that goes on from what is no longer kept is refused, never given a hole', async () => {
    const [sender, old] = [await at().sender(), await at().receiver()];
    for (let number = 0; number < 10; number++) sender.send(itemOf(number));
    await takeMany(old, 10);
    await within(sender.drained(), 'acknowledgement');
    old.take();
    const told = new Told();
    const next = await at().receiver({ epoch: 2, after: 4 }, told);
    await Promise.race([told.hears('transport.protocol'), at().atSender.hears('transport.protocol')]);
    expect(next.take()).toBeUndefined();
  });

  it('both ends at a higher epoch begin anew, whatever was under way', async () => {
    const [sender, receiver] = [await at().sender(), await at().receiver()];
    for (let number = 0; number < 20; number++) sender.send(itemOf(number));
    await takeMany(receiver, 3);
    const next = await at().receiver({ epoch: 2, senderEpoch: 2 }, new Told());
    const newer = await at().sender({ epoch: 2 }, new Told());
    newer.send(itemOf(100));
    expect(await takeOne(next)).toBe(line(itemOf(100)));
    expect(next.take()).toBeUndefined();
    await Promise.all([sender.close(), receiver.close()]);
    newer.send(itemOf(101));
    expect(await takeOne(next)).toBe(line(itemOf(101)));
  });
}

function closes(at: () => Stage): void {
  it('closing lets go of everybody who waits', async () => {
    const [sender, receiver] = [await at().sender({ maxBytes: 1_000 }), await at().receiver()];
    const ready = receiver.ready();
    await receiver.close();
    await within(ready, 'end of the wait for an item');
    expect(receiver.take()).toBeUndefined();
    await within(receiver.ready(), 'end of a wait after closing');
    sender.send({ kind: 'batch', payload: new Uint8Array(5_000), rows: 1 });
    const waits = [sender.room(), sender.drained()];
    await sender.close();
    await within(Promise.all(waits), 'end of the waits of a sender');
    sender.send(itemOf(0));
    expect(sender.room()).toBeUndefined();
    await within(sender.drained(), 'end of a wait after closing');
  });
}

function losesNothing(at: () => Stage, lossless: string | undefined): void {
  const why = lossless === undefined ? '' : ` (skipped: ${lossless})`;

  it.skipIf(lossless !== undefined)(`lost messages come again, once and in order${why}`, async () => {
    at().world.lose?.(0.2);
    const [sender, receiver] = [await at().sender({ maxBytes: 60_000 }), await at().receiver()];
    const sending = sendMany(sender, 0, 200, 9_000);
    expect(await takeMany(receiver, 200)).toEqual(numbered(0, 200, 9_000));
    await sending;
    expect(sender.stats.repeated).toBeGreaterThan(0);
  });

  it.skipIf(lossless !== undefined)(
    `goes on after a lost connection, and says when it is lost and back${why}`,
    async () => {
      const [sender, receiver] = [await at().sender(), await at().receiver()];
      sender.send(itemOf(0));
      await takeOne(receiver);
      at().world.cut?.();
      for (let number = 1; number < 100; number++) sender.send(itemOf(number));
      await Promise.all([at().atSender.hears('disconnected'), at().atReceiver.hears('disconnected')]);
      at().world.heal?.();
      expect(await takeMany(receiver, 99)).toEqual(numbered(1, 100));
      await Promise.all([at().atSender.hears('connected', 2), at().atReceiver.hears('connected', 2)]);
    },
  );

  it.skipIf(lossless !== undefined)(`a storm of reconnections loses and repeats nothing${why}`, async () => {
    const [sender, receiver] = [await at().sender({ maxBytes: 300_000 }), await at().receiver({ maxBytes: 300_000 })];
    const count = 1_500;
    const sending = sendMany(sender, 0, count, 5_000);
    const taken: string[] = [];
    while (taken.length < count) {
      taken.push(await takeOne(receiver));
      if (taken.length % 300 === 0) {
        at().world.cut?.();
        await new Promise((resolve) => setImmediate(resolve));
        at().world.heal?.();
      }
    }
    expect(taken).toEqual(numbered(0, count, 5_000));
    await sending;
  });

  it.skipIf(lossless !== undefined)(`a server that is killed and comes back costs nothing but time${why}`, async () => {
    const [sender, receiver] = [await at().sender({ maxBytes: 100_000 }), await at().receiver()];
    const sending = sendMany(sender, 0, 400, 2_000);
    const first = await takeMany(receiver, 100);
    await at().world.restart?.();
    expect([...first, ...(await takeMany(receiver, 300))]).toEqual(numbered(0, 400, 2_000));
    await sending;
  });
}
