/** Savers and retention: failures, overlapping saves, compaction, and that whatever happens kept checkpoints are whole and nothing else is left. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import type { BlobStore } from '../blobs/blobs.ts';
import { openCheckpoints } from './checkpoint-store.ts';
import type { FragmentReceipt, FragmentSaver } from './checkpoints.ts';
import { PAGE } from './pages.ts';
import { createSaver } from './saver.ts';
import type { FragmentSnapshot } from './state.ts';

const NAME = { namespace: 'default', app: 'shop', region: 'all' };

/** Blobs in memory that can refuse to be put, or wait. */
class Blobs implements BlobStore {
  readonly description = 'memory';
  readonly blobs = new Map<string, Buffer>();
  refuse: Error | undefined;
  hold: Promise<void> | undefined;

  async put(name: string, parts: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(parts);
    await this.hold;
    if (this.refuse !== undefined) throw this.refuse;
    this.blobs.set(name, bytes);
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    return this.blobs.get(name);
  }

  async list(prefix: string): Promise<readonly string[]> {
    return [...this.blobs.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  async delete(name: string): Promise<void> {
    this.blobs.delete(name);
  }
}

const head = (id: number, epoch = 1) => ({ id, epoch, revision: 1, started: 0, completed: 0 });
const saverOf = (store: BlobStore): FragmentSaver => createSaver({ ...NAME, store, ports: new ManualPorts() });

function snapshot(...memories: readonly Uint8Array[]): FragmentSnapshot {
  return snapshotOf('m', memories);
}

function snapshotOf(module: string, memories: readonly Uint8Array[]): FragmentSnapshot {
  const cells = memories.map((memory, index) => {
    return [`c${index}`, { image: { module, memory, globals: new Map(), host: null } }] as const;
  });
  const empty = { sources: new Map(), sinks: new Map(), counters: new Map() };
  return { fragment: 'f', cells: new Map(cells), ...empty, partition: 0 };
}

async function loaded(store: BlobStore, id: number): Promise<Buffer[]> {
  const checkpoints = openCheckpoints({ ...NAME, store });
  const manifest = (await checkpoints.list()).find((entry) => entry.id === id)?.manifest;
  if (manifest === undefined) throw new Error(`there is no checkpoint ${id}`);
  const { cells } = await checkpoints.load(manifest, 'f');
  return [...cells.values()].map(({ image }) => Buffer.from(image?.memory ?? new Uint8Array(0)));
}

async function isLoaded(store: BlobStore, id: number, memories: readonly Buffer[]): Promise<boolean> {
  const found = await loaded(store, id);
  return found.length === memories.length && found.every((memory, index) => memory.equals(memories[index] ?? memory));
}

describe('a saver', () => {
  it('takes pages again that could not be stored', async () => {
    const store = new Blobs();
    const saver = saverOf(store);
    const memory = Buffer.alloc(10 * PAGE, 3);
    await saver.save(1, snapshot(memory));
    store.refuse = new Error('no space');
    memory.fill(4, 0, PAGE);
    memory.fill(0, PAGE, 2 * PAGE);
    await expect(saver.save(2, snapshot(memory))).rejects.toThrow('no space');
    store.refuse = undefined;
    const receipt = await saver.save(3, snapshot(memory));
    expect(receipt.detail).toMatchObject({ pages: 1 });
    await openCheckpoints({ ...NAME, store }).complete(head(3), [receipt]);
    expect((await loaded(store, 3))[0]?.equals(memory)).toBe(true);
  });

  it('lets a save that rests on one that failed fail, too, and the one after has all', async () => {
    const store = new Blobs();
    const saver = saverOf(store);
    const memory = Buffer.alloc(10 * PAGE, 3);
    await saver.save(1, snapshot(memory));
    const gate = Promise.withResolvers<void>();
    store.hold = gate.promise;
    store.refuse = new Error('no space');
    memory.fill(4, 0, PAGE);
    const second = saver.save(2, snapshot(memory));
    memory.fill(5, 5 * PAGE, 6 * PAGE);
    const third = saver.save(3, snapshot(memory));
    expect(() => saver.save(4, snapshot(memory))).toThrow(expect.objectContaining({ code: 'state.busy' }));
    gate.resolve();
    await expect(second).rejects.toThrow('no space');
    await expect(third).rejects.toMatchObject({ code: 'state.overtaken' });
    store.refuse = undefined;
    const receipt = await saver.save(5, snapshot(memory));
    await openCheckpoints({ ...NAME, store }).complete(head(5), [receipt]);
    expect((await loaded(store, 5))[0]?.equals(memory)).toBe(true);
  });

  it('takes what it is given before it returns, also for saves that wait', async () => {
    const store = new Blobs();
    const saver = saverOf(store);
    const memory = Buffer.from(randomBytes(40 * PAGE));
    const gate = Promise.withResolvers<void>();
    store.hold = gate.promise;
    const first = Buffer.from(memory);
    const one = saver.save(1, snapshot(memory));
    memory.fill(9, 3 * PAGE, 20 * PAGE);
    const second = Buffer.from(memory);
    const two = saver.save(2, snapshot(memory));
    memory.fill(1);
    gate.resolve();
    const checkpoints = openCheckpoints({ ...NAME, store });
    await checkpoints.complete(head(1), [await one]);
    await checkpoints.complete(head(2), [await two]);
    expect((await loaded(store, 1))[0]?.equals(first)).toBe(true);
    expect((await loaded(store, 2))[0]?.equals(second)).toBe(true);
  });

  it('waits for its sinks and fails with them', async () => {
    const store = new Blobs();
    const saver = saverOf(store);
    const sinks = new Map([['out', { prepared: { $map: 1 }, frozen: [new Uint8Array(5_000_000).fill(8)] }]]);
    const receipt = await saver.save(1, snapshot(), Promise.resolve(sinks));
    const checkpoints = openCheckpoints({ ...NAME, store });
    await checkpoints.complete(head(1), [receipt]);
    const { manifest } = await checkpoints.newest();
    if (manifest === undefined) throw new Error('there is one');
    const { prepared, frozen } = (await checkpoints.load(manifest, 'f')).sinks.get('out') ?? { frozen: [] };
    expect(prepared).toEqual({ $map: 1 });
    expect(frozen.length === 1 && Buffer.from(frozen[0] ?? []).equals(Buffer.alloc(5_000_000, 8))).toBe(true);
    await expect(saver.save(2, snapshot(), Promise.reject(new Error('full')))).rejects.toThrow('full');
  });

  it('keeps the blobs it refers to few and mostly alive, whatever changes', async () => {
    const store = new Blobs();
    const saver = saverOf(store);
    const memory = Buffer.from(randomBytes(3000 * PAGE));
    const checkpoints = openCheckpoints({ ...NAME, store, keep: 1 });
    let written = 0;
    for (let id = 1; id <= 60; id++) {
      // a tenth of all pages, anywhere; in the second half a few
      for (let count = 0; count < (id < 30 ? 300 : 3); count++) {
        const at = randomBytes(4).readUInt32LE() % memory.length;
        memory[at] = id;
      }
      const receipt = await saver.save(id, snapshot(memory));
      await checkpoints.complete(head(id), [receipt]);
      await checkpoints.settled();
      if (id > 1) written += receipt.bytes;
      expect(receipt.blobs.length).toBeLessThanOrEqual(1 + 16 + 2 * 3 + 1);
    }
    const kept = [...store.blobs.values()].reduce((sum, { length }) => sum + length, 0);
    expect(kept).toBeLessThan(4 * memory.length);
    expect(written).toBeLessThan(1.7 * 29 * 300 * PAGE);
    expect((await loaded(store, 60))[0]?.equals(memory)).toBe(true);
  });
});

describe('retention', () => {
  const step = fc.record({
    what: fc.constantFrom('complete', 'complete', 'complete', 'give-up', 'fail', 'restart', 'other-module'),
    at: fc.nat(40 * PAGE),
    length: fc.nat(20 * PAGE),
    value: fc.nat(3),
    keep: fc.integer({ min: 1, max: 4 }),
  });

  it('leaves every kept checkpoint whole, and nothing that none of them needs', async () => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const store = new Blobs();
      const memories = [Buffer.alloc(40 * PAGE + 9), Buffer.alloc(5 * PAGE)];
      const complete = new Map<number, Buffer[]>();
      let saver = saverOf(store);
      let module = 0;
      for (const [index, { what, at, length, value, keep }] of steps.entries()) {
        const id = index + 1;
        for (const memory of memories)
          new Uint8Array(memory.buffer, memory.byteOffset, memory.length).fill(value, at, at + length);
        if (what === 'restart') saver = saverOf(store);
        if (what === 'fail') store.refuse = new Error('no space');
        if (what === 'other-module') module += 1;
        const taken = snapshotOf(`m${module}`, memories);
        const receipt = await saver.save(id, taken).catch((): FragmentReceipt | undefined => undefined);
        store.refuse = undefined;
        if (receipt === undefined || what === 'give-up') continue;
        const checkpoints = openCheckpoints({ ...NAME, store, keep });
        await checkpoints.complete(head(id), [receipt]);
        await checkpoints.settled();
        complete.set(
          id,
          memories.map((memory) => Buffer.from(memory)),
        );
        const listed = await checkpoints.list();
        expect(listed.length).toBeLessThanOrEqual(Math.max(2, keep));
        const needed = new Set<string>();
        for (const { id: found, manifest } of listed) {
          expect(await isLoaded(store, found, complete.get(found) ?? [])).toBe(true);
          for (const { blobs } of manifest?.fragments ?? []) for (const { name } of blobs) needed.add(name);
        }
        const left = (await store.list('')).filter((name) => !name.includes('/manifest/'));
        expect(left).toEqual([...needed].sort());
      }
    });
    await fc.assert(property, { numRuns: 40 });
  });

  it('does not take a problem with deleting for one with the checkpoint, and tries again', async () => {
    const store = new Blobs();
    const saver = saverOf(store);
    const problems: string[] = [];
    const checkpoints = openCheckpoints({
      ...NAME,
      store,
      keep: 2,
      onProblem: ({ message }) => problems.push(message),
    });
    const remove = store.delete.bind(store);
    store.delete = () => Promise.reject(new Error('not now'));
    for (let id = 1; id <= 4; id++) await checkpoints.complete(head(id), [await saver.save(id, snapshot())]);
    await checkpoints.settled();
    expect(problems).toEqual(['not now', 'not now']);
    store.delete = remove;
    await checkpoints.complete(head(5), [await saver.save(5, snapshot())]);
    await checkpoints.settled();
    expect((await checkpoints.list()).map(({ id }) => id)).toEqual([5, 4]);
  });

  it('spares what checkpoints under way have written', async () => {
    const store = new Blobs();
    const memory = Buffer.alloc(PAGE, 1);
    const underWay = await saverOf(store).save(9, snapshot(memory));
    const saver = saverOf(store);
    const checkpoints = openCheckpoints({ ...NAME, store, keep: 1 });
    for (let id = 5; id <= 8; id++) await checkpoints.complete(head(id), [await saver.save(id, snapshot(memory))]);
    await checkpoints.settled();
    await checkpoints.complete(head(9), [underWay]);
    expect((await checkpoints.newest()).manifest?.id).toBe(9);
  });
});
