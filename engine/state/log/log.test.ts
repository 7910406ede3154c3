/** Logs: the contract, and what a disk does to one: kills, torn ends, flipped bits, lost files, no space. */

import { spawn } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesOf, logContract, range, readAll } from '../../../test/contract/record-log.ts';
import { temporaryDirectory } from '../../../test/kit/connectors.ts';
import { canMountDisks, MOUNT_REASON, smallDisk } from '../../../test/kit/small-disk.ts';
import { defined } from '../../defined.ts';
import { type LogOptions, openLog } from './disk.ts';
import type { RecordLog } from './log.ts';
import { MemoryLog } from './memory.ts';
import { HEADER, segmentName } from './segment.ts';

logContract({
  title: 'in memory',
  place: async () => {
    let kept: MemoryLog | undefined;
    return {
      open: async (limits) => {
        kept ??= new MemoryLog(limits);
        kept.crash();
        return kept;
      },
      crash: async () => undefined,
      remove: async () => undefined,
    };
  },
});

/** The files as a kill leaves them: what is in the process is lost. */
async function copyAway(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) await copyFile(join(from, name), join(to, name));
}

logContract({
  title: 'on disk',
  place: async () => {
    const directory = await temporaryDirectory();
    let generation = 0;
    const current = (): string => join(directory.path, `g${generation}`);
    return {
      open: (limits) => openLog({ ...limits, directory: current(), segmentBytes: 5000 }),
      crash: async (log) => {
        const before = current();
        generation += 1;
        await copyAway(before, current());
        await log.close();
      },
      remove: directory.remove,
    };
  },
});

let place: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  place = await temporaryDirectory();
});
afterEach(() => place.remove());

const at = (more: Partial<LogOptions> = {}): LogOptions => ({
  directory: place.path,
  maxBytes: 50_000_000,
  segmentBytes: 20_000,
  ...more,
});

async function filled(records: number, options: LogOptions): Promise<RecordLog> {
  const log = await openLog(options);
  for (let count = 0; count < records; count++) log.append(bytesOf(log.next));
  await log.sync();
  return log;
}

const logFiles = async (): Promise<string[]> => (await readdir(place.path)).sort();

/** What opening and reading everything says: an error's code and message, or the numbers read. */
async function outcome(options: LogOptions): Promise<{ code?: string; message?: string; read: number[] }> {
  let log: RecordLog | undefined;
  try {
    log = await openLog(options);
    return { read: await readAll(log, log.first) };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { message, read: [], ...defined({ code }) };
  } finally {
    await log?.close();
  }
}

describe('a log on disk', () => {
  it('has everything that was synced, whenever its process is killed with -9', async () => {
    const writer = fileURLToPath(new URL('../../../test/kit/log-writer.ts', import.meta.url));
    let safe = 0;
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, [writer, place.path], { stdio: ['ignore', 'pipe', 'inherit'] });
      let lines = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        const [what, number] = line.split(' ');
        if (what === 'from') expect(Number(number)).toBeGreaterThan(safe);
        else safe = Math.max(safe, Number(number));
        lines += 1;
        if (lines === 20 + round * 37) child.kill('SIGKILL');
      }
      const { read, message } = await outcome(at());
      expect(message).toBeUndefined();
      expect(read).toEqual(range(read[0] ?? 0, read.at(-1) ?? -1));
      expect(read.at(-1)).toBeGreaterThanOrEqual(safe);
    }
    expect(safe).toBeGreaterThan(500);
  });

  it('cuts off what a crash left behind the last synced record, wherever it tore', async () => {
    const log = await filled(30, at());
    const [file = ''] = await logFiles();
    const { size } = await stat(join(place.path, file));
    for (let count = 0; count < 20; count++) log.append(bytesOf(log.next));
    await log.sync();
    const whole = await readFile(join(place.path, file));
    const property = fc.asyncProperty(fc.integer({ min: size, max: whole.length }), fc.nat(400), async (end, zeros) => {
      // a page that was not written, then pages that were: none of them was synced
      const torn = Buffer.from(whole.subarray(0, end));
      torn.fill(0, Math.max(size, end - zeros));
      await rm(place.path, { recursive: true });
      await mkdir(place.path);
      await writeFile(join(place.path, file), torn);
      const again = await openLog(at());
      expect(again.next).toBeGreaterThan(30);
      expect(await readAll(again, 1)).toEqual(range(1, again.next - 1));
      again.append(bytesOf(again.next));
      await again.close();
      expect((await outcome(at())).read).toEqual(range(1, again.next - 1));
    });
    await fc.assert(property, { numRuns: 40 });
    await log.close().catch(() => undefined);
  });

  it('names every flipped bit of what was safe and never gives other bytes or skips any', async () => {
    const log = await openLog(at());
    for (let group = 0; group < 12; group++) {
      for (let count = 0; count < 20; count++) log.append(bytesOf(log.next));
      await log.sync();
    }
    await log.close();
    const files = await logFiles();
    expect(files.length).toBeGreaterThan(1);
    const property = fc.asyncProperty(fc.nat(), fc.nat(), fc.nat(7), async (which, where, bit) => {
      const path = join(place.path, files[which % files.length] ?? '');
      const good = await readFile(path);
      const bad = Buffer.from(good);
      const byte = where % good.length;
      bad[byte] = (bad[byte] ?? 0) ^ (1 << bit);
      await writeFile(path, bad);
      const { code, message, read } = await outcome(at());
      const inMark = path.endsWith(files.at(-1) ?? '') && byte >= good.length - 24;
      if (inMark) expect(read).toEqual(range(1, 240));
      else {
        expect(code).toBe('log.corrupt');
        expect(message).toContain(path);
      }
      await writeFile(path, good);
    });
    await fc.assert(property, { numRuns: 60 });
    expect((await outcome(at())).read).toEqual(range(1, 240));
  });

  it('names a file that is missing, was cut, or was put in the place of another', async () => {
    await (await filled(400, at())).close();
    const files = await logFiles();
    const [first = '', second = '', third = ''] = files;
    const bytes = await readFile(join(place.path, second));
    await rm(join(place.path, second));
    expect(await outcome(at())).toMatchObject({ code: 'log.corrupt', message: expect.stringContaining(third) });
    await writeFile(join(place.path, second), bytes.subarray(0, -1));
    expect(await outcome(at())).toMatchObject({ code: 'log.corrupt', message: expect.stringContaining(second) });
    await copyFile(join(place.path, first), join(place.path, second));
    expect(await outcome(at())).toMatchObject({ code: 'log.corrupt', message: expect.stringContaining('record 1') });
    await writeFile(join(place.path, second), bytes);
    expect((await outcome(at())).read.length).toBe(400);
  });

  it('says so when it ends before what its owner knows to have been safe', async () => {
    await (await filled(10, at())).close();
    expect((await outcome(at({ known: 10 }))).read).toEqual(range(1, 10));
    expect(await outcome(at({ known: 11 }))).toMatchObject({ code: 'log.lost' });
    await rm(place.path, { recursive: true });
    expect(await outcome(at({ known: 1 }))).toMatchObject({ code: 'log.lost' });
  });

  it('begins again after a crash between a new file and its header', async () => {
    await (await filled(10, at())).close();
    for (const length of [0, 7, HEADER - 1]) {
      await writeFile(join(place.path, segmentName(11)), new Uint8Array(length));
      expect((await outcome(at())).read).toEqual(range(1, 10));
      expect(await logFiles()).toEqual([segmentName(1)]);
    }
  });

  it('gives room back when everything is trimmed, and keeps its numbers', async () => {
    const log = await filled(1000, at());
    expect(log.bytes).toBeGreaterThan(100_000);
    await log.trim(1001);
    log.append(bytesOf(1001));
    await log.close();
    expect(log.bytes).toBeLessThan(30_000);
    expect((await logFiles()).length).toBeLessThanOrEqual(2);
    const again = await openLog(at());
    expect(again.next).toBe(1002);
    expect((await readAll(again, again.first)).at(-1)).toBe(1001);
    await again.close();
  });

  it('takes records larger than a file, and refuses those beyond its bound', async () => {
    const log = await openLog(at({ maxRecord: 300_000 }));
    for (const length of [10, 250_000, 0, 250_000, 10]) log.append(bytesOf(log.next, length));
    expect(() => log.append(new Uint8Array(300_001))).toThrow(expect.objectContaining({ code: 'log.too-large' }));
    await log.close();
    const again = await openLog(at());
    const reader = again.read(1);
    const lengths: (number | undefined)[] = [];
    for (let count = 0; count < 5; count++) lengths.push((await reader.next())?.data.length);
    expect(lengths).toEqual([10, 250_000, 0, 250_000, 10]);
    await reader.close();
    await again.close();
  });

  it('is not fooled by records that hold a piece of a log', async () => {
    await (await filled(20, at())).close();
    const piece = await readFile(join(place.path, segmentName(1)));
    const other = join(place.path, 'other');
    const log = await openLog(at({ directory: other, segmentBytes: 1_000_000 }));
    for (let count = 0; count < 3; count++) log.append(piece);
    await log.sync();
    log.append(piece);
    await log.sync();
    const path = join(other, segmentName(1));
    const whole = await readFile(path);
    await log.close();
    // the last record is torn; what it holds looks like records that were safe
    await writeFile(path, whole.subarray(0, whole.length - 10));
    const again = await openLog(at({ directory: other }));
    expect(again.next).toBe(4);
    await again.close();
  });

  it.skipIf(!canMountDisks)(
    `keeps what waits while the disk is full, and goes on when it is not (${MOUNT_REASON})`,
    async () => {
      const disk = await smallDisk(1_000_000);
      try {
        const ballast = join(disk.path, 'ballast');
        await writeFile(ballast, new Uint8Array(600_000));
        const log = await openLog(at({ directory: join(disk.path, 'log') }));
        while (log.next <= 600) log.append(bytesOf(log.next, 1000));
        await expect(log.sync()).rejects.toMatchObject({ code: 'log.disk-full', retry: true });
        const { synced } = log;
        expect(await readAll(log, 1, 1000)).toEqual(range(1, synced));
        await expect(log.sync()).rejects.toMatchObject({ code: 'log.disk-full' });
        await rm(ballast);
        await log.sync();
        expect(await readAll(log, 1, 1000)).toEqual(range(1, 600));
        await log.close();
        const again = await openLog(at({ directory: join(disk.path, 'log') }));
        expect(await readAll(again, 1, 1000)).toEqual(range(1, 600));
        await again.close();
      } finally {
        await disk.remove();
      }
    },
  );
});
