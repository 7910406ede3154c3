/** What every log promises (engine/state/log/log.ts). */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogLimits, RecordLog } from '../../engine/state/log/log.ts';

export interface LogCase {
  readonly title: string;
  /** A place for one log. `open` opens it, anew after `close` or a crash; `crash` loses what a killed process loses. */
  place(): Promise<{
    open(limits: LogLimits): Promise<RecordLog>;
    crash(log: RecordLog): Promise<void>;
    remove(): Promise<void>;
  }>;
}

const LIMITS: LogLimits = { maxBytes: 1_000_000 };

/** The bytes that tests give a record; its length, too, unless given. */
export function bytesOf(sequence: number, length: number = (sequence * 37) % 300): Uint8Array {
  return new Uint8Array(length).fill(sequence % 251);
}

/** Everything that is synced from `from` on, checked to be what `bytesOf` gives. */
export async function readAll(log: RecordLog, from: number, length?: number): Promise<number[]> {
  const reader = log.read(from);
  const sequences: number[] = [];
  try {
    for (let record = await reader.next(); record !== undefined; record = await reader.next()) {
      const same = Buffer.from(record.data).equals(bytesOf(record.sequence, length));
      if (!same) throw new Error(`record ${record.sequence} has changed`);
      sequences.push(record.sequence);
    }
  } finally {
    await reader.close();
  }
  return sequences;
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);

type Place = Awaited<ReturnType<LogCase['place']>>;

export function logContract(subject: LogCase): void {
  describe(`${subject.title}: the contract of logs`, () => {
    let current: Place | undefined;
    const place = (): Place => {
      if (current === undefined) throw new Error('a place is there inside a test only');
      return current;
    };
    beforeEach(async () => {
      current = await subject.place();
    });
    afterEach(() => place().remove());
    numbersRecords(place);
    survivesCrashes(subject);
    trims(place);
    keepsItsBound(place);
  });
}

function numbersRecords(place: () => Place): void {
  it('numbers records from 1, shows them once they are synced, and takes their bytes at once', async () => {
    const log = await place().open(LIMITS);
    expect([log.first, log.next, log.synced]).toEqual([1, 1, 0]);
    const bytes = new Uint8Array(bytesOf(1));
    expect(log.append(bytes)).toBe(1);
    bytes.fill(99);
    expect(log.append(bytesOf(2))).toBe(2);
    const reader = log.read(1);
    expect(await reader.next()).toBeUndefined();
    await log.sync();
    expect(log.synced).toBe(2);
    expect((await reader.next())?.data).toEqual(bytesOf(1));
    expect((await reader.next())?.sequence).toBe(2);
    expect(await reader.next()).toBeUndefined();
    log.append(bytesOf(3));
    await log.sync();
    expect((await reader.next())?.sequence).toBe(3);
    await reader.close();
    await log.close();
  });

  it('goes on where it was closed', async () => {
    let log = await place().open(LIMITS);
    for (let round = 0; round < 3; round++) {
      for (let count = 0; count < 5; count++) log.append(bytesOf(log.next));
      await log.close();
      log = await place().open(LIMITS);
    }
    expect(await readAll(log, 1)).toEqual(range(1, 15));
    expect(await readAll(log, 9)).toEqual(range(9, 15));
    await log.close();
  });

  it('takes nothing more once it is closed', async () => {
    const log = await place().open(LIMITS);
    log.append(bytesOf(1));
    await log.close();
    await log.close();
    expect(() => log.append(bytesOf(2))).toThrow(expect.objectContaining({ code: 'log.closed' }));
  });
}

function survivesCrashes(subject: LogCase): void {
  it('keeps what was synced through crashes, and nothing comes twice or out of order', async () => {
    const step = fc.record({
      what: fc.constantFrom('append', 'append', 'append', 'sync', 'trim', 'crash', 'close'),
      count: fc.nat(20),
    });
    const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const own = await subject.place();
      let log = await own.open(LIMITS);
      let [safe, trimmedTo] = [0, 1];
      for (const { what, count } of steps) {
        if (what === 'append') for (let at = 0; at < count; at++) log.append(bytesOf(log.next));
        if (what === 'sync') await log.sync();
        if (what === 'trim') {
          await log.trim(log.first + count);
          trimmedTo = log.first;
        }
        safe = Math.max(safe, log.synced);
        if (what === 'crash') await own.crash(log);
        if (what === 'close') await log.close();
        if (what === 'close') safe = log.next - 1;
        if (what === 'crash' || what === 'close') log = await own.open(LIMITS);
        expect(log.next).toBeGreaterThan(safe);
        // reopened, it may begin earlier again, by the part of a segment
        expect(log.first).toBeLessThanOrEqual(trimmedTo);
        expect(await readAll(log, log.first)).toEqual(range(log.first, log.synced));
      }
      await log.close();
      await own.remove();
    });
    await fc.assert(property, { numRuns: 15 });
  });
}

function trims(place: () => Place): void {
  it('reads nothing that was trimmed', async () => {
    const log = await place().open(LIMITS);
    for (let count = 0; count < 10; count++) log.append(bytesOf(log.next));
    await log.sync();
    const reader = log.read(1);
    await reader.next();
    await log.trim(5);
    expect(log.first).toBe(5);
    expect(await readAll(log, 5)).toEqual(range(5, 10));
    expect(() => log.read(4)).toThrow(expect.objectContaining({ code: 'log.trimmed' }));
    await expect(reader.next()).rejects.toMatchObject({ code: 'log.trimmed' });
    await reader.close();
    await log.close();
  });
}

function keepsItsBound(place: () => Place): void {
  it('refuses what exceeds its bound, and says when there is room', async () => {
    const log = await place().open({ maxBytes: 60_000 });
    while (log.room(1000) === undefined) log.append(bytesOf(log.next, 1000));
    const kept = log.next - 1;
    expect(kept).toBeGreaterThan(50);
    expect(log.bytes).toBeLessThanOrEqual(60_000);
    expect(() => log.append(bytesOf(log.next, 1000))).toThrow(expect.objectContaining({ code: 'log.full' }));
    await log.sync();
    let told = false;
    const room = log.room(1000)?.then(() => {
      told = true;
    });
    expect(told).toBe(false);
    await log.trim(kept);
    await room;
    expect(log.append(bytesOf(log.next, 1000))).toBe(kept + 1);
    await log.close();
  });

  it('gives up its oldest records where that is wished, and counts them', async () => {
    const log = await place().open({ maxBytes: 60_000, onFull: 'drop-oldest' });
    for (let count = 0; count < 300; count++) {
      await log.room(1000);
      log.append(bytesOf(log.next, 1000));
      if (count % 7 === 0) await log.sync();
    }
    await log.sync();
    expect(log.dropped).toBe(log.first - 1);
    expect(log.bytes).toBeLessThanOrEqual(60_000);
    const sequences = await readAll(log, log.first, 1000);
    expect(sequences).toEqual(range(log.first, 300));
    expect(sequences.length).toBeGreaterThan(40);
    await log.close();
  });
}
