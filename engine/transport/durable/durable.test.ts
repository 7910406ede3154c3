/** Durable channels on real servers: killed, put back to an older disk, emptied; ends that die and start from checkpoints. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Told } from '../../../test/contract/transport.ts';
import { hurriedPorts } from '../../../test/kit/hurried-ports.ts';
import { hasNats, type NatsServer, type NatsVersion, NO_NATS, startNats } from '../../../test/kit/nats-server.ts';
import { until } from '../../../test/kit/until.ts';
import type { Json } from '../../json.ts';
import { connectNats } from '../../nats/client.ts';
import type { Nats } from '../../nats/nats.ts';
import { type Ports, realPorts } from '../../ports.ts';
import { openLog } from '../../state/log/disk.ts';
import type { Item } from '../transport.ts';
import type { DurableReceiver, DurableReceiverOptions, DurableSender, DurableSenderOptions } from './durable.ts';
import { DurableTransport, durableStream } from './transport.ts';

const address = { namespace: 'default', app: 'shop', channel: 'edge-cloud' };

function itemOf(number: number, size = 2_000): Item {
  if (number % 4 === 3) return { kind: 'watermark', time: BigInt(number), idle: false };
  return { kind: 'batch', payload: new Uint8Array((number * 7919) % size).fill(number), rows: number };
}

function line(item: Item): string {
  return item.kind === 'batch'
    ? `${item.rows} ${item.payload.length} ${crc32(item.payload)}`
    : JSON.stringify({ ...item, time: 0 });
}

class Stage {
  readonly server: NatsServer;
  readonly directory: string;
  readonly atSender = new Told();
  readonly atReceiver = new Told();
  readonly nats: Nats;
  /** Of ends that are opened from now on. */
  ports: Ports = realPorts;
  #transports: DurableTransport[] = [];

  private constructor(server: NatsServer, nats: Nats, directory: string) {
    this.server = server;
    this.nats = nats;
    this.directory = directory;
  }

  static async open(version: NatsVersion): Promise<Stage> {
    const server = await startNats({ version, maxPayload: 128 * 1024 });
    return new Stage(server, await connectNats({ servers: server.url }), await mkdtemp(join(tmpdir(), 'cs-durable-')));
  }

  #transport(): DurableTransport {
    const transport = new DurableTransport({
      nats: this.nats,
      ports: this.ports,
      openLog: (_address, limits, known) => openLog({ directory: this.directory, ...limits, known }),
    });
    this.#transports.push(transport);
    return transport;
  }

  sender(options: Partial<DurableSenderOptions> = {}): Promise<DurableSender> {
    return this.#transport().openSender(address, { epoch: 1, maxBytes: 1 << 24, ...options }, this.atSender);
  }

  receiver(options: Partial<DurableReceiverOptions> = {}): Promise<DurableReceiver> {
    return this.#transport().openReceiver(address, { epoch: 1, maxBytes: 1 << 20, ...options }, this.atReceiver);
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()));
    await this.nats.close(200);
    await this.server.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function marked(sender: DurableSender): Promise<Json> {
  const mark = sender.mark();
  await sender.drained();
  return mark;
}

function send(sender: DurableSender, from: number, to: number, size?: number): void {
  for (let number = from; number <= to; number++) sender.send(itemOf(number, size));
}

async function checkpoint(sender: DurableSender): Promise<Json> {
  const prepared = await marked(sender);
  sender.commit(prepared);
  return prepared;
}

async function takeMany(receiver: DurableReceiver, count: number): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < count) {
    const item = receiver.take();
    if (item === undefined) await receiver.ready();
    else lines.push(line(item));
  }
  return lines;
}

function rowsOf(from: number, to: number): number {
  let rows = 0;
  for (let number = from; number <= to; number++) if (number % 4 !== 3) rows += number;
  return rows;
}

/** Sends items up to `to`, as there is room, and completes a checkpoint after so many. */
async function sendAll(sender: DurableSender, to: number, every: number): Promise<void> {
  for (let number = 1; number <= to; number++) {
    const room = sender.room();
    if (room !== undefined) await room;
    send(sender, number, number);
    if (number % every === 0) await checkpoint(sender);
  }
  await checkpoint(sender);
}

function lines(from: number, to: number, size?: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => line(itemOf(from + index, size)));
}

for (const version of ['installed', 'newest'] satisfies NatsVersion[]) {
  const reason = hasNats(version) ? '' : ` (skipped: ${NO_NATS[version]})`;
  describe.skipIf(!hasNats(version))(`durable channels over the ${version} nats-server${reason}`, () => {
    let stage: Stage;
    beforeEach(async () => {
      stage = await Stage.open(version);
    });
    afterEach(() => stage?.close());
    const at = (): Stage => stage;
    publishes(at);
    survivesServers(at);
    survivesEnds(at);
    keepsItsBound(at);
  });
}

function publishes(at: () => Stage): void {
  it('publishes what complete checkpoints cover, in order, and nothing else', async () => {
    const [sender, receiver] = [await at().sender({ maxBytes: 160_000 }), await at().receiver()];
    send(sender, 1, 100);
    const first = await marked(sender);
    send(sender, 101, 150);
    sender.commit(first);
    expect(await takeMany(receiver, 100)).toEqual(lines(1, 100));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(receiver.take()).toBeUndefined();
    await checkpoint(sender);
    expect(await takeMany(receiver, 50)).toEqual(lines(101, 150));
    receiver.acknowledge(receiver.snapshot());
    await sender.covered();
    expect(sender.stats.queued).toBe(0);
  });

  it('a receiver is current when it hears the sender and has taken all that was committed', async () => {
    at().ports = hurriedPorts(10);
    const [sender, receiver] = [await at().sender(), await at().receiver()];
    await expect.poll(() => receiver.current).toBe(true);
    send(sender, 1, 10);
    await checkpoint(sender);
    await expect.poll(() => receiver.current).toBe(false);
    await takeMany(receiver, 10);
    await expect.poll(() => receiver.current).toBe(true);
    await sender.close();
    await expect.poll(() => receiver.current).toBe(false);
  });

  it('an item larger than a message passes', async () => {
    const [sender, receiver] = [await at().sender(), await at().receiver()];
    const large: Item = { kind: 'batch', payload: new Uint8Array(2_500_000).map((_, index) => index % 251), rows: 1 };
    send(sender, 1, 2);
    sender.send(large);
    send(sender, 3, 4);
    await checkpoint(sender);
    expect(await takeMany(receiver, 5)).toEqual([...lines(1, 2), line(large), ...lines(3, 4)]);
  });
}

function survivesServers(at: () => Stage): void {
  it('a server that is killed loses nothing and repeats nothing', async () => {
    const [sender, receiver] = [await at().sender(), await at().receiver()];
    send(sender, 1, 300);
    await checkpoint(sender);
    const taken = await takeMany(receiver, 10);
    await at().server.kill();
    send(sender, 301, 600);
    await checkpoint(sender);
    await at().server.restart();
    taken.push(...(await takeMany(receiver, 590)));
    expect(taken).toEqual(lines(1, 600));
  });

  it('a server that comes back with an older disk is filled again from the near side', async () => {
    const [sender, receiver] = [await at().sender(), await at().receiver()];
    send(sender, 1, 50);
    await checkpoint(sender);
    await takeMany(receiver, 50);
    const backup = await at().server.backup();
    send(sender, 51, 200);
    await checkpoint(sender);
    const taken = await takeMany(receiver, 60);
    await at().server.restore(backup);
    send(sender, 201, 250);
    await checkpoint(sender);
    taken.push(...(await takeMany(receiver, 140)));
    expect(taken).toEqual(lines(51, 250));
  });

  it('a server that comes back with an older disk is not purged up to where it was', async () => {
    const [sender, receiver] = [await at().sender(), await at().receiver()];
    send(sender, 1, 20);
    await checkpoint(sender);
    const taken = await takeMany(receiver, 20);
    const backup = await at().server.backup();
    for (let item = 21; item <= 100; item += 10) {
      send(sender, item, item + 9);
      await checkpoint(sender);
      taken.push(...(await takeMany(receiver, 10)));
    }
    await at().server.restore(backup);
    receiver.acknowledge(receiver.snapshot());
    await sender.covered();
    send(sender, 101, 150);
    await checkpoint(sender);
    taken.push(...(await takeMany(receiver, 50)));
    expect(taken).toEqual(lines(1, 150));
  });

  it('a stream that is empty and takes nothing is made anew', async () => {
    const [sender, receiver] = [await at().sender(), await at().receiver()];
    send(sender, 1, 20);
    await checkpoint(sender);
    const taken = await takeMany(receiver, 20);
    await at().nats.jetstream().purgeBefore(durableStream(address), 1_000);
    send(sender, 21, 50);
    await checkpoint(sender);
    taken.push(...(await takeMany(receiver, 30)));
    expect(taken).toEqual(lines(1, 50));
  });

  it('a stream that is deleted, or emptied under the reader, is filled again', async () => {
    const [sender, receiver] = [await at().sender(), await at().receiver()];
    const jetstream = at().nats.jetstream();
    send(sender, 1, 50);
    await checkpoint(sender);
    const taken = await takeMany(receiver, 20);
    await jetstream.deleteStream(durableStream(address));
    send(sender, 51, 100);
    await checkpoint(sender);
    taken.push(...(await takeMany(receiver, 80)));
    const slow = await at().receiver({ epoch: 2 });
    await takeMany(slow, 30);
    await jetstream.purgeBefore(durableStream(address), 1_000_000);
    send(sender, 101, 140);
    await checkpoint(sender);
    taken.push(...(await takeMany(receiver, 40)));
    expect(taken).toEqual(lines(1, 140));
  });
}

function survivesEnds(at: () => Stage): void {
  it('a sender that dies goes on from its checkpoint: what was not in it is taken back, what was is published once', async () => {
    const receiver = await at().receiver();
    let sender = await at().sender();
    send(sender, 1, 80);
    await checkpoint(sender);
    send(sender, 81, 100);
    const restored = await marked(sender);
    send(sender, 1_000, 1_050);
    await marked(sender);
    await sender.close();
    sender = await at().sender({ epoch: 2, restored });
    send(sender, 101, 150);
    await checkpoint(sender);
    expect(await takeMany(receiver, 150)).toEqual(lines(1, 150));
    expect(receiver.position).toBe(150);
  });

  it('a receiver that dies reads again from its checkpoint on', async () => {
    const sender = await at().sender();
    let receiver = await at().receiver();
    send(sender, 1, 100);
    await checkpoint(sender);
    await takeMany(receiver, 30);
    const restored = receiver.snapshot();
    receiver.acknowledge(restored);
    await takeMany(receiver, 40);
    await receiver.close();
    receiver = await at().receiver({ epoch: 2, restored });
    expect(await takeMany(receiver, 70)).toEqual(lines(31, 100));
  });

  it('a numbering that begins anew is told to a receiver that goes on from the old one, and used by one that does not', async () => {
    let sender = await at().sender();
    let receiver = await at().receiver();
    send(sender, 1, 20);
    await checkpoint(sender);
    await takeMany(receiver, 20);
    const restored = receiver.snapshot();
    await Promise.all([sender.close(), receiver.close()]);
    sender = await at().sender({ epoch: 2 });
    send(sender, 31, 40);
    await checkpoint(sender);
    receiver = await at().receiver({ epoch: 2, restored });
    await at().atReceiver.hears('transport.durable-anew');
    expect(receiver.take()).toBeUndefined();
    receiver = await at().receiver({ epoch: 3 });
    expect(await takeMany(receiver, 10)).toEqual(lines(31, 40));
  });

  it('a near side whose checkpoint is older than what it has published is named, not trusted', async () => {
    let sender = await at().sender();
    const receiver = await at().receiver();
    send(sender, 1, 20);
    const old = await checkpoint(sender);
    send(sender, 21, 40);
    await checkpoint(sender);
    await takeMany(receiver, 40);
    await sender.close();
    sender = await at().sender({ epoch: 2, restored: old });
    await at().atSender.hears('transport.durable-behind');
  });
}

function keepsItsBound(at: () => Stage): void {
  it('holds back at the bound while the other side covers nothing, and goes on when it does', async () => {
    const [sender, receiver] = [await at().sender({ maxBytes: 200_000 }), await at().receiver()];
    let sent = 0;
    while (sender.stats.queued < 200_000) {
      const room = sender.room();
      if (room !== undefined && sender.stats.queued < 200_000) await room;
      else if (room === undefined) send(sender, ++sent, sent);
    }
    expect(sender.room()).toBeInstanceOf(Promise);
    await checkpoint(sender);
    const room = sender.room();
    expect(await takeMany(receiver, sent)).toEqual(lines(1, sent));
    receiver.acknowledge(receiver.snapshot());
    await room;
    expect(sender.room()).toBeUndefined();
    expect(sender.lost).toBe(0);
  });

  it('gives up the oldest where the graph says so, counted at both ends, and goes on behind them', async () => {
    const sender = await at().sender({ maxBytes: 200_000, onFull: 'dropOldest' });
    await sendAll(sender, 400, 400);
    expect(sender.lost).toBeGreaterThan(10_000);
    const receiver = await at().receiver();
    await receiver.ready();
    const first = 1 + lines(1, 400).indexOf((await takeMany(receiver, 1))[0] ?? '');
    expect(await takeMany(receiver, 400 - first)).toEqual(lines(first + 1, 400));
    expect(receiver.lost).toBe(rowsOf(1, first - 1));
    expect(sender.lost).toBe(receiver.lost);
    expect(receiver.snapshot()).toMatchObject({ after: 400, lost: receiver.lost, rows: rowsOf(1, 400) });
  });

  it('gives up the oldest in front of a receiver that is slow, again and again, and counts every row at both ends, restarts included', async () => {
    let sender = await at().sender({ maxBytes: 100_000, onFull: 'dropOldest' });
    let receiver = await at().receiver({ maxBytes: 10_000 });
    const sending = sendAll(sender, 600, 20);
    await until(() => sender.lost > 0);
    const taken: string[] = [];
    while (taken.at(-1) !== line(itemOf(600))) {
      taken.push(...(await takeMany(receiver, 1)));
      if (taken.length % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      if (taken.length !== 40) continue;
      const restored = receiver.snapshot();
      await receiver.close();
      receiver = await at().receiver({ epoch: 2, maxBytes: 10_000, restored });
    }
    await sending;
    const numbers = taken.flatMap((one) => (one.startsWith('{') ? [] : Number.parseInt(one, 10)));
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    const rows = numbers.reduce((sum, number) => sum + rowsOf(number, number), 0);
    expect(receiver.lost).toBe(rowsOf(1, 600) - rows);
    expect(receiver.lost).toBeGreaterThan(0);
    const restored = await marked(sender);
    await sender.close();
    sender = await at().sender({ epoch: 2, maxBytes: 100_000, onFull: 'dropOldest', restored });
    await until(() => sender.lost === receiver.lost);
  });

  it('a stream that is full of small messages is emptied as the other side covers them', async () => {
    const [sender, receiver] = [await at().sender({ maxBytes: 150_000 }), await at().receiver()];
    for (let number = 1; number <= 2_000; number++) {
      send(sender, number, number, 8);
      await checkpoint(sender);
    }
    expect(await takeMany(receiver, 1_500)).toEqual(lines(1, 1_500, 8));
    receiver.acknowledge(receiver.snapshot());
    expect(await takeMany(receiver, 500)).toEqual(lines(1_501, 2_000, 8));
  });

  it('takes an item that is larger than its bound', async () => {
    for (const onFull of ['block', 'dropOldest'] as const) {
      const sender = await at().sender({ epoch: onFull === 'block' ? 1 : 2, maxBytes: 20_000, onFull });
      const large: Item = { kind: 'batch', payload: new Uint8Array(90_000), rows: 7 };
      sender.send(large);
      await checkpoint(sender);
      const receiver = await at().receiver({ epoch: onFull === 'block' ? 1 : 2 });
      expect(await takeMany(receiver, 1)).toEqual([line(large)]);
      await Promise.all([sender.close(), receiver.close()]);
    }
  });
}
