/** The protocol over a link that loses, repeats, delays, reorders and damages, on a clock that the test turns. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LinkFaults, LossyLink, randomOf } from '../../../test/kit/lossy-link.ts';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import type { CloudskinError } from '../../errors.ts';
import type { ChannelEvents, Item, ReceiverOptions, SenderOptions } from '../transport.ts';
import { TIMING } from './datagram.ts';
import { emptyFrame, HEADER, KIND, writeFrame } from './frame.ts';
import { ProtocolReceiver } from './receiver.ts';
import { ProtocolSender } from './sender.ts';

const address = { namespace: 'default', app: 'test', channel: 'a-b' };

class Heard implements ChannelEvents {
  readonly log: string[] = [];
  connected(): void {
    this.log.push('connected');
  }
  disconnected(): void {
    this.log.push('disconnected');
  }
  failed(error: CloudskinError): void {
    this.log.push(error.code);
  }
}

class Bench {
  readonly ports = new ManualPorts();
  readonly link: LossyLink;
  readonly atSender = new Heard();
  readonly atReceiver = new Heard();

  constructor(faults: LinkFaults = {}) {
    this.link = new LossyLink(this.ports, faults);
  }

  sender(options: Partial<SenderOptions> = {}, events: ChannelEvents = this.atSender): ProtocolSender {
    const context = { address, port: this.link.senderPort(), ports: this.ports, events, timing: TIMING };
    return new ProtocolSender(context, { epoch: 1, maxBytes: 1 << 20, ...options }).open();
  }

  receiver(options: Partial<ReceiverOptions> = {}, events: ChannelEvents = this.atReceiver): ProtocolReceiver {
    const context = { address, port: this.link.receiverPort(), ports: this.ports, events, timing: TIMING };
    return new ProtocolReceiver(context, { epoch: 1, senderEpoch: 1, maxBytes: 1 << 20, ...options }).open();
  }
}

/** The item with this number; every other is small. */
function itemOf(number: number, size = 100): Item {
  if (number % 5 === 4) return { kind: 'watermark', time: BigInt(number) * -1000n, idle: number % 2 === 0 };
  if (number % 7 === 5) return { kind: 'barrier', checkpoint: number };
  const payload = new Uint8Array(number % 3 === 0 ? size : 10).fill(number);
  const batch = { kind: 'batch', payload, rows: number } as const;
  return number % 4 === 0 ? { ...batch, trace: `00-${number}-01` } : batch;
}

function copyOf(item: Item): Item {
  return item.kind === 'batch' ? { ...item, payload: item.payload.slice() } : item;
}

function takeAll(receiver: ProtocolReceiver, into: Item[]): void {
  for (let item = receiver.take(); item !== undefined; item = receiver.take()) into.push(copyOf(item));
}

describe('the protocol', () => {
  it('carries every kind of item, as it was given, in order', async () => {
    const bench = new Bench();
    const [sender, receiver] = [bench.sender(), bench.receiver()];
    const items: Item[] = [
      {
        kind: 'batch',
        payload: Uint8Array.of(1, 2, 3),
        rows: 3,
        trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      },
      { kind: 'batch', payload: new Uint8Array(0), rows: 0 },
      { kind: 'watermark', time: -(2n ** 63n), idle: false },
      { kind: 'watermark', time: 2n ** 63n - 1n, idle: true },
      { kind: 'barrier', checkpoint: Number.MAX_SAFE_INTEGER },
      { kind: 'batch', payload: new Uint8Array(100_000).fill(7), rows: 4_000_000_000 },
      { kind: 'end' },
    ];
    for (const item of items) sender.send(item);
    const drained = sender.drained();
    await bench.ports.advance(20);
    const taken: Item[] = [];
    takeAll(receiver, taken);
    expect(taken).toEqual(items);
    expect(receiver.position).toBe(7);
    await bench.ports.advance(20);
    await drained;
    expect(sender.stats).toMatchObject({ items: 7, rows: 4_000_000_003, bytes: 100_003, queued: 0, repeated: 0 });
    expect(receiver.stats).toMatchObject({ items: 7, rows: 4_000_000_003, bytes: 100_003, queued: 0, dropped: 0 });
    expect(sender.stats.roundTrip).toBeCloseTo(2, 0);
    await Promise.all([sender.close(), receiver.close()]);
    expect(bench.ports.pending).toBe(0);
  });

  it('gathers what is sent in one go, and acknowledges in one go', async () => {
    const bench = new Bench();
    const [sender, receiver] = [bench.sender(), bench.receiver()];
    await bench.ports.advance(10);
    const before = bench.link.sent;
    for (let number = 0; number < 100; number++) sender.send({ kind: 'watermark', time: BigInt(number), idle: false });
    await bench.ports.advance(2);
    const taken: Item[] = [];
    takeAll(receiver, taken);
    expect(taken).toHaveLength(100);
    await bench.ports.advance(20);
    expect(sender.stats.queued).toBe(0);
    expect(bench.link.sent - before).toBe(2);
    await Promise.all([sender.close(), receiver.close()]);
  });

  it('lets nothing be lost, repeated or turned round, whatever the link does', async () => {
    const faults = fc.record({
      lose: fc.double({ min: 0, max: 0.3, noNaN: true }),
      repeat: fc.double({ min: 0, max: 0.3, noNaN: true }),
      damage: fc.constantFrom(0, 0, 0.1),
      reorder: fc.boolean(),
      delay: fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 20, max: 40 })),
      maxBytes: fc.constantFrom(1024, 4096, 65_536),
      seed: fc.integer({ min: 1 }),
    });
    const sizes = fc.constantFrom(500, 3_000, 9_000);
    const bounds = fc.constantFrom(2_000, 50_000, 1 << 20);
    await fc.assert(
      fc.asyncProperty(faults, sizes, bounds, bounds, async (link, size, senderBytes, receiverBytes) => {
        const bench = new Bench(link);
        const random = randomOf(link.seed + 1);
        const sender = bench.sender({ maxBytes: senderBytes });
        const receiver = bench.receiver({ maxBytes: receiverBytes });
        const taken: Item[] = [];
        const count = 60;
        let sent = 0;
        for (let round = 0; taken.length < count && round < 10_000; round++) {
          while (sent < count && sender.room() === undefined && random() < 0.7) sender.send(itemOf(sent++, size));
          await bench.ports.advance(random() * 40);
          const item = random() < 0.8 ? receiver.take() : undefined;
          if (item !== undefined) taken.push(copyOf(item));
          if (random() < 0.3) takeAll(receiver, taken);
          expect(sender.stats.queued).toBeLessThan(senderBytes + size + 400);
          expect(receiver.stats.queued).toBeLessThan(Math.max(receiverBytes, size) + size + 400);
        }
        expect(taken).toEqual(Array.from({ length: count }, (_, number) => itemOf(number, size)));
        expect(receiver.stats).toMatchObject({ items: count });
        await Promise.all([sender.close(), receiver.close()]);
      }),
      { numRuns: 25, interruptAfterTimeLimit: 60_000 },
    );
  });
});

describe('epochs', () => {
  it('a receiver at a higher epoch goes on from where it says, and the old one is fenced', async () => {
    const bench = new Bench();
    const sender = bench.sender();
    const old = bench.receiver();
    for (let number = 0; number < 10; number++) sender.send(itemOf(number));
    await bench.ports.advance(20);
    for (let number = 0; number < 4; number++) expect(old.take()).toEqual(itemOf(number));
    await bench.ports.advance(20);
    const events = new Heard();
    const next = bench.receiver({ epoch: 2, after: 4 }, events);
    await bench.ports.advance(20);
    const taken: Item[] = [];
    takeAll(next, taken);
    expect(taken).toEqual(Array.from({ length: 6 }, (_, index) => itemOf(index + 4)));
    expect(next.position).toBe(10);
    expect(events.log).toEqual(['connected']);
    expect(bench.atReceiver.log).toEqual(['connected', 'transport.fenced']);
    expect(old.take()).toBeUndefined();
    await Promise.all([sender.close(), old.close(), next.close()]);
  });

  it('a receiver that goes on from an item no longer kept is refused, not answered with a hole', async () => {
    const bench = new Bench();
    const sender = bench.sender();
    const old = bench.receiver();
    for (let number = 0; number < 10; number++) sender.send(itemOf(number));
    await bench.ports.advance(20);
    takeAll(old, []);
    await bench.ports.advance(20);
    const next = bench.receiver({ epoch: 2, after: 4 });
    await bench.ports.advance(20);
    expect(bench.atSender.log.at(-1)).toBe('transport.protocol');
    expect(next.take()).toBeUndefined();
    await Promise.all([sender.close(), old.close(), next.close()]);
  });

  it('a sender at a higher epoch begins anew; the old one is fenced, and what it sent is dropped', async () => {
    const bench = new Bench();
    const old = bench.sender();
    const receiver = bench.receiver({ senderEpoch: 2 });
    old.send(itemOf(1));
    await bench.ports.advance(20);
    expect(bench.atSender.log).toEqual(['transport.fenced']);
    expect(receiver.take()).toBeUndefined();
    const next = bench.sender({ epoch: 2 }, new Heard());
    next.send(itemOf(3));
    await bench.ports.advance(200);
    expect(receiver.take()).toEqual(itemOf(3));
    expect(bench.atReceiver.log).toEqual(['connected']);
    await Promise.all([old.close(), next.close(), receiver.close()]);
  });

  it('a receiver that waits for an older sender is fenced', async () => {
    const bench = new Bench();
    const sender = bench.sender({ epoch: 3 });
    const receiver = bench.receiver({ senderEpoch: 2 });
    sender.send(itemOf(0));
    await bench.ports.advance(100);
    expect(bench.atReceiver.log).toEqual(['transport.fenced']);
    expect(bench.atSender.log).toEqual([]);
    await Promise.all([sender.close(), receiver.close()]);
  });

  it('a sender that is opened behind an item numbers its own from there', async () => {
    const bench = new Bench();
    const sender = bench.sender({ epoch: 5, after: 100 });
    const receiver = bench.receiver({ epoch: 5, senderEpoch: 5, after: 100 });
    sender.send(itemOf(0));
    await bench.ports.advance(100);
    expect(receiver.take()).toEqual(itemOf(0));
    expect(receiver.position).toBe(101);
    await Promise.all([sender.close(), receiver.close()]);
  });

  it('an end of another version of the protocol is named, not misread', async () => {
    const bench = new Bench();
    const receiver = bench.receiver();
    const bytes = new Uint8Array(HEADER);
    writeFrame(new DataView(bytes.buffer), { ...emptyFrame(), kind: KIND.probe, senderEpoch: 1 }, HEADER, true);
    bytes[1] = 9;
    bench.link.carry(bytes, false);
    await bench.ports.advance(10);
    expect(bench.atReceiver.log).toEqual(['transport.protocol']);
    await receiver.close();
  });
});

describe('connection', () => {
  it('silence is told once and the channel goes on when the link is back', async () => {
    const bench = new Bench();
    const [sender, receiver] = [bench.sender(), bench.receiver()];
    await bench.ports.advance(50);
    bench.link.cut();
    sender.send(itemOf(0));
    await bench.ports.advance(20_000);
    expect(bench.atSender.log).toEqual(['connected', 'disconnected']);
    expect(bench.atReceiver.log).toEqual(['connected', 'disconnected']);
    expect(sender.stats.connected).toBe(false);
    bench.link.mend();
    await bench.ports.advance(1_100);
    expect(receiver.take()).toEqual(itemOf(0));
    expect(bench.atSender.log).toEqual(['connected', 'disconnected', 'connected']);
    await Promise.all([sender.close(), receiver.close()]);
  });

  it('a carrier that says it is cut is believed at once, and spoken to at once when it is back', async () => {
    const bench = new Bench();
    const sender = bench.sender();
    const receiver = bench.receiver();
    await bench.ports.advance(50);
    bench.link.cut(true);
    expect(bench.atSender.log).toEqual(['connected', 'disconnected']);
    for (let number = 0; number < 50; number++) sender.send(itemOf(number));
    await bench.ports.advance(10_000);
    bench.link.mend(true);
    await bench.ports.advance(10);
    const taken: Item[] = [];
    takeAll(receiver, taken);
    expect(taken).toHaveLength(50);
    await Promise.all([sender.close(), receiver.close()]);
  });

  it('idle ends say little and stay connected', async () => {
    const bench = new Bench();
    const [sender, receiver] = [bench.sender(), bench.receiver()];
    await bench.ports.advance(1_000);
    const before = bench.link.sent;
    await bench.ports.advance(60_000);
    expect(bench.link.sent - before).toBeLessThan(60 * 4);
    expect(bench.atSender.log).toEqual(['connected']);
    expect(bench.atReceiver.log).toEqual(['connected']);
    await Promise.all([sender.close(), receiver.close()]);
  });

  it('a receiver that takes nothing holds the sender back within both bounds, and nothing is sent twice', async () => {
    const bench = new Bench();
    const sender = bench.sender({ maxBytes: 20_000 });
    const receiver = bench.receiver({ maxBytes: 10_000 });
    let sent = 0;
    while (sender.room() === undefined)
      sender.send({ kind: 'batch', payload: new Uint8Array(1000).fill(sent++), rows: 1 });
    await bench.ports.advance(60_000);
    expect(receiver.stats.queued).toBeLessThanOrEqual(10_000);
    expect(receiver.stats.queued).toBeGreaterThan(8_000);
    expect(sender.stats.repeated).toBe(0);
    let roomy = false;
    void sender.room()?.then(() => {
      roomy = true;
    });
    const taken: Item[] = [];
    takeAll(receiver, taken);
    await bench.ports.advance(20);
    expect(roomy).toBe(true);
    takeAll(receiver, taken);
    await bench.ports.advance(20);
    takeAll(receiver, taken);
    expect(taken).toHaveLength(sent);
    await Promise.all([sender.close(), receiver.close()]);
  });

  it('a receiver that takes nothing more goes on saying what it has taken to a sender that has not heard it, and gives way to a newer one', async () => {
    const bench = new Bench();
    const [sender, receiver] = [bench.sender(), bench.receiver()];
    await bench.ports.advance(100);
    sender.send(itemOf(1));
    await bench.ports.advance(1);
    bench.link.cut();
    expect(receiver.take()).toBeDefined();
    receiver.linger();
    const drained = sender.drained();
    await bench.ports.advance(500);
    expect(sender.stats.queued).toBeGreaterThan(0);
    bench.link.mend();
    await bench.ports.advance(2_000);
    await drained;
    sender.send(itemOf(2));
    await bench.ports.advance(2_000);
    expect([receiver.take(), sender.stats.queued > 0]).toEqual([undefined, true]);
    const newer = bench.receiver({ epoch: 2, senderEpoch: 2 });
    bench.sender({ epoch: 2 }).send(itemOf(3));
    await bench.ports.advance(2_000);
    expect(newer.take()).toEqual(itemOf(3));
    expect(bench.atReceiver.log).not.toContain('transport.fenced');
    await receiver.close();
  });

  it('closing lets go of everybody who waits, and of every timer', async () => {
    const bench = new Bench();
    const sender = bench.sender({ maxBytes: 1 });
    const receiver = bench.receiver();
    sender.send(itemOf(0));
    const waits = [sender.room(), sender.drained(), bench.receiver({ epoch: 1 }).close(), receiver.ready()];
    await Promise.all([sender.close(), receiver.close()]);
    await Promise.all(waits);
    await bench.ports.advance(5);
    expect(bench.ports.pending).toBe(0);
  });
});
