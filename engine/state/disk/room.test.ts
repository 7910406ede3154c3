/** Logs leave room for the checkpoints that trim them. */
import { mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../../test/kit/connectors.ts';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import { canMountDisks, MOUNT_REASON, smallDisk } from '../../../test/kit/small-disk.ts';
import { realPorts } from '../../ports.ts';
import { openDirectory } from '../blobs/directory.ts';
import { manifestName, pagesName, regionPath, stateName } from '../checkpoint/layout.ts';
import { openLog } from '../log/disk.ts';
import type { RecordLog } from '../log/log.ts';
import { DiskRoom } from './room.ts';
import { isShort, type SpaceMeter, spaceMeter } from './space.ts';

/** A disk of which somebody else takes and gives back. */
class Disk implements SpaceMeter {
  free: number;
  looks = 0;
  broken = false;
  readonly #reserve: number;

  constructor(free: number, reserve: number) {
    this.free = free;
    this.#reserve = reserve;
  }

  async space() {
    this.looks += 1;
    if (this.broken) throw new Error('not said here');
    return { free: this.free, size: 10 * this.free };
  }

  async reserve() {
    return this.#reserve;
  }
}

const piece = new Uint8Array(976);

describe('room on a disk', () => {
  it('ends at the reserve, counting what is promised, and is looked for again while somebody asks', async () => {
    const ports = new ManualPorts();
    const disk = new Disk(10_000, 4_000);
    const room = new DiskRoom(disk, ports);
    await room.look();
    expect(room.room(1_000)).toBeUndefined();
    room.promise(5_500);
    expect(room.room(1_000)).toBeInstanceOf(Promise);
    // who gives up has written nothing
    room.keep(5_500, true);
    expect(room.room(1_000)).toBeUndefined();
    room.promise(400);
    room.keep(400);
    // so little of what is left is not looked for
    expect(room.room(100)).toBeUndefined();
    room.promise(5_100);
    room.keep(5_100);
    let told = false;
    void room.room(1_000)?.then(() => {
      told = true;
    });
    const before = disk.looks;
    await ports.advance(200);
    expect(told).toBe(false);
    disk.free = 5_200;
    await ports.advance(100);
    expect(told).toBe(true);
    expect(disk.looks).toBe(before + 1);
    expect(room.room(1_000)).toBeUndefined();
    // while nobody asks nothing goes on
    await ports.advance(60_000);
    expect(disk.looks).toBe(before + 1);
    expect(ports.pending).toBe(0);
  });

  it('is there where the file system does not say how full it is', async () => {
    const disk = new Disk(10, 4_000);
    const room = new DiskRoom(disk, new ManualPorts());
    await room.look();
    expect(room.isShort(1)).toBe(true);
    disk.broken = true;
    await room.look();
    expect(room.isShort(1_000_000)).toBe(false);
  });

  it('keeps free what the largest checkpoints of all regions take, twice, and a part of the disk', async () => {
    const place = await temporaryDirectory();
    const checkpoints = join(place.path, 'checkpoints');
    const meter = spaceMeter(place.path);
    expect(await meter.reserve(8_000)).toBe(1_000);
    expect(await meter.reserve(1e12)).toBe(64 * 1_048_576);
    const store = await openDirectory(checkpoints);
    const put = (region: string, name: string, bytes: number): Promise<void> => {
      const path = regionPath({ namespace: 'default', app: 'shop', region });
      return store.put(`${path}/${name}`, [new Uint8Array(bytes)]);
    };
    await put('main', stateName(7, 'a', 0), 1_000);
    await put('main', pagesName(7, 'a', 0), 2_000);
    await put('main', manifestName(7), 100);
    await put('main', stateName(8, 'a', 0), 500);
    await put('after_a', stateName(3, 'b', 0), 10);
    expect(await meter.reserve(8_000)).toBe(1_000 + 2 * (3_100 + 10));
    await place.remove();
  });
});

describe('a log on a disk that others fill', () => {
  async function open(disk: Disk, more: { readonly onFull?: 'drop-oldest' } = {}) {
    const place = await temporaryDirectory();
    const room = new DiskRoom(disk, realPorts);
    const log = await openLog({
      directory: place.path,
      maxBytes: 1_000_000,
      segmentBytes: 5_000,
      disk: room,
      ...more,
    });
    return { place, log };
  }

  it('waits in front of the reserve, and goes on by itself', async () => {
    const disk = new Disk(24_000, 10_000);
    const { place, log } = await open(disk);
    const looks = disk.looks;
    for (let next = 0; next < 14; next++) {
      await log.room(piece.length);
      log.append(piece);
      await log.sync();
      disk.free -= 1_000;
    }
    expect(disk.looks).toBeGreaterThan(looks);
    // a record has a head of 24 bytes
    expect(log.next - 1).toBe(14);
    const waiting = log.room(piece.length);
    expect(waiting).toBeDefined();
    disk.free = 100_000;
    await waiting;
    expect(log.room(piece.length)).toBeUndefined();
    await log.close();
    await place.remove();
  });

  it('gives back what is trimmed, though all of it was in one file', async () => {
    const place = await temporaryDirectory();
    const disk = new Disk(1_024_000, 10_000);
    const log = await openLog({ directory: place.path, maxBytes: 1e9, disk: new DiskRoom(disk, realPorts) });
    for (let number = 1; number <= 1_000; number++) {
      await log.room(piece.length);
      log.append(piece);
    }
    await log.sync();
    const files = async (): Promise<number> => (await readdir(place.path)).length;
    expect(await files()).toBe(1);
    disk.free = 10_000;
    // a look, which tells that it is short, and the next one
    await log.room(piece.length);
    await log.room(piece.length);
    await log.room(piece.length);
    await expect.poll(files).toBe(2);
    await log.trim(log.next);
    expect(await files()).toBe(1);
    expect(log.bytes).toBeLessThan(100);
    await log.close();
    await place.remove();
  });

  it('gives up its oldest records instead where it may, but for those under way', async () => {
    const disk = new Disk(30_000, 10_000);
    const { place, log } = await open(disk, { onFull: 'drop-oldest' });
    for (let number = 1; number <= 100; number++) {
      await log.room(piece.length);
      log.append(piece);
      await log.sync();
      disk.free = 30_000 - log.bytes;
    }
    expect(log.bytes).toBeLessThan(21_000);
    expect(log.bytes).toBeGreaterThan(10_000);
    expect(log.dropped).toBeGreaterThan(75);
    await log.close();
    await place.remove();
  });

  it.skipIf(!canMountDisks)(
    `leaves what checkpoints need of a real one, and loses nothing while it is full (${MOUNT_REASON})`,
    async () => {
      const disk = await smallDisk(4_000_000);
      try {
        const store = await openDirectory(join(disk.path, 'checkpoints'));
        const name = (id: number): string => `default/shop/main/${stateName(id, 'a', 0)}`;
        const checkpoint = new Uint8Array(400_000);
        await store.put(name(1), [checkpoint]);
        const ballast = join(disk.path, 'ballast');
        await writeFile(ballast, new Uint8Array(1_000_000));
        const meter = spaceMeter(disk.path);
        await mkdir(join(disk.path, 'logs'));
        const logs: RecordLog[] = [];
        for (const directory of ['a', 'b']) {
          // of two threads: they know nothing of each other
          const room = new DiskRoom(meter, realPorts);
          logs.push(
            await openLog({
              directory: join(disk.path, 'logs', directory),
              maxBytes: 1e9,
              disk: room,
              ports: realPorts,
            }),
          );
        }
        const fillOne = async (log: RecordLog): Promise<void> => {
          // a look at the disk is short; who is told to wait waits for the next one
          for (let waited = 0; waited < 200; ) {
            const room = log.room(piece.length);
            const began = performance.now();
            await room;
            waited = performance.now() - began;
            if (room === undefined) log.append(piece);
          }
          await log.sync();
        };
        const fill = async (): Promise<void> => void (await Promise.all(logs.map(fillOne)));
        await fill();
        const { bavail, bsize, blocks } = await statfs(disk.path);
        const reserve = await meter.reserve(blocks * bsize);
        expect(reserve).toBe(Math.floor((blocks * bsize) / 8) + 800_000);
        expect(isShort(bavail * bsize, reserve)).toBe(true);
        // checkpoints are written all the same, and may be as large again
        await store.put(name(2), [checkpoint]);
        await store.put(name(3), [checkpoint]);
        const before = logs.map(({ next }) => next);
        await fill();
        // but for what was granted by the last look
        for (const [index, { next }] of logs.entries()) expect(next - (before[index] ?? 0)).toBeLessThan(30);
        // what trims the logs is room for both
        await store.delete(name(1));
        await store.delete(name(2));
        await rm(ballast);
        // who waited knows it a look later
        await fill();
        await fill();
        for (const [index, log] of logs.entries()) {
          expect(log.next).toBeGreaterThan(before[index] ?? 0);
          const reader = log.read(1);
          for (let number = 1; number < log.next; number++) expect((await reader.next())?.sequence).toBe(number);
          await reader.close();
          await log.close();
        }
      } finally {
        await disk.remove();
      }
    },
  );
});
