/** Checkpoints in a store: what is saved comes back, damage is named and the one before used, old ones go and nothing that is needed. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../../test/kit/connectors.ts';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import { build, rowsOf } from '../../../test/kit/tables.ts';
import type { Schema } from '../../batch/types.ts';
import type { BlobStore } from '../blobs/blobs.ts';
import { openDirectory } from '../blobs/directory.ts';
import { encryptedStore } from '../blobs/encrypted.ts';
import { type CheckpointStore, openCheckpoints } from './checkpoint-store.ts';
import type { FragmentSaver } from './checkpoints.ts';
import { PAGE } from './pages.ts';
import { createSaver } from './saver.ts';
import type { FragmentSnapshot } from './state.ts';

const NAME = { namespace: 'default', app: 'shop', region: 'all' };
const SCHEMA: Schema = {
  fields: [
    { name: 'key_group', type: { kind: 'int32' }, nullable: false },
    { name: 'key', type: { kind: 'utf8' }, nullable: true },
  ],
};

let place: Awaited<ReturnType<typeof temporaryDirectory>>;
let store: BlobStore;
beforeEach(async () => {
  place = await temporaryDirectory();
  store = await openDirectory(place.path);
});
afterEach(() => place.remove());

const saverOf = (): FragmentSaver => createSaver({ ...NAME, store, ports: new ManualPorts() });
const checkpointsOf = (more: object = {}): CheckpointStore => openCheckpoints({ ...NAME, store, ...more });
const head = (id: number, epoch = 1) => ({ id, epoch, revision: 1, started: 0, completed: 0 });

function snapshot(memory: Uint8Array, more: Partial<FragmentSnapshot> = {}): FragmentSnapshot {
  const image = {
    module: 'abc',
    memory,
    globals: new Map<string, number | bigint>([['g', 2n ** 60n]]),
    host: { rows: 3 },
  };
  const logical = [
    {
      operator: 'minutes',
      kind: 'aggregate/1',
      schema: SCHEMA,
      batches: [
        build(SCHEMA, [
          [7, 'k'],
          [9, null],
        ]),
      ],
      watermark: 5n,
      counters: { late: 1 },
    },
  ];
  return {
    fragment: 'edge-0',
    sources: new Map([
      ['in', { partitions: new Map([['', { position: { offset: 9 }, rows: 2, greatest: 12n, ended: false }]]) }],
    ]),
    cells: new Map([
      ['a+b', { image }],
      ['c', { logical, watermark: -3n, ended: true }],
    ]),
    sinks: new Map([['out', { prepared: { rows: 1 }, frozen: [Uint8Array.of(1, 2), new Uint8Array(0)] }]]),
    counters: new Map([['in', { rowsIn: 7 }]]),
    partition: 0,
    ...more,
  };
}

function imageOf(found: FragmentSnapshot): Uint8Array {
  return found.cells.get('a+b')?.image?.memory ?? new Uint8Array(0);
}

describe('checkpoints in a store', () => {
  it('give back everything of a snapshot', async () => {
    const given = snapshot(new Uint8Array(3 * PAGE).fill(1, 5, 6000));
    const receipt = await saverOf().save(1, given);
    await checkpointsOf().complete(head(1), [receipt]);
    const { manifest } = await checkpointsOf().newest();
    if (manifest === undefined) throw new Error('there is one');
    const found = await checkpointsOf().load(manifest, 'edge-0');
    expect(found.sources).toEqual(given.sources);
    expect(found.counters).toEqual(given.counters);
    expect(found.sinks).toEqual(given.sinks);
    expect(found.cells.get('a+b')).toEqual(given.cells.get('a+b'));
    const [state] = found.cells.get('c')?.logical ?? [];
    expect(state?.batches.map(rowsOf)).toEqual([
      [
        [7, 'k'],
        [9, null],
      ],
    ]);
    expect({ ...state, batches: [] }).toEqual({ ...given.cells.get('c')?.logical?.[0], batches: [] });
    expect(found.cells.get('c')).toMatchObject({ watermark: -3n, ended: true });
  });

  it('give back memories that change, grow and are given up in between, from pages of many checkpoints', async () => {
    const change = fc.record({
      at: fc.nat(20 * PAGE),
      length: fc.nat(3 * PAGE),
      value: fc.constantFrom(0, 1, 2, 255),
      grow: fc.boolean(),
      complete: fc.boolean(),
      from: fc.nat(4 * PAGE),
    });
    const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 30 }), async (changes) => {
      const region = { ...NAME, region: `r${Math.abs(changes.length)}-${changes[0]?.at}` };
      const saver = createSaver({ ...region, store, ports: new ManualPorts() });
      const checkpoints = openCheckpoints({ ...region, store, keep: 2 });
      let memory = new Uint8Array(8 * PAGE + 100);
      const complete: { id: number; memory: Uint8Array }[] = [];
      for (const [index, { at, length, value, grow, from, ...step }] of changes.entries()) {
        if (grow) memory = Uint8Array.from({ length: memory.length + 2 * PAGE }, (_, i) => memory[i] ?? 0);
        memory.fill(value, at, at + length);
        const id = index + 1;
        const ranges: [number, number][] = [[from, memory.length]];
        const image = { module: 'm', memory, ranges, globals: new Map(), host: null };
        const receipt = await saver.save(id, snapshot(memory, { cells: new Map([['a+b', { image }]]) }));
        if (!step.complete) continue;
        await checkpoints.complete(head(id), [receipt]);
        const kept = memory.slice();
        kept.fill(0, 0, Math.floor(from / PAGE) * PAGE);
        complete.push({ id, memory: kept });
      }
      for (const { id, memory: expected } of complete.slice(-2)) {
        const { manifest, refused } = await checkpoints.newest(id);
        expect(refused).toEqual([]);
        expect(manifest?.id).toBe(id);
        if (manifest !== undefined)
          expect(Buffer.from(imageOf(await checkpoints.load(manifest, 'edge-0'))).equals(expected)).toBe(true);
      }
      expect((await checkpoints.list()).length).toBe(Math.min(2, complete.length));
    });
    await fc.assert(property, { numRuns: 20 });
  });

  it('write little where little has changed', async () => {
    const saver = saverOf();
    const memory = new Uint8Array(randomBytes(400 * PAGE));
    const whole = await saver.save(1, snapshot(memory));
    memory[100 * PAGE] = 1;
    const part = await saver.save(2, snapshot(memory));
    expect(whole.bytes).toBeGreaterThan(300 * PAGE);
    expect(part.bytes).toBeLessThan(20 * PAGE);
  });
});

describe('a damaged checkpoint', () => {
  async function two(): Promise<void> {
    const saver = saverOf();
    const memory = new Uint8Array(2 * PAGE).fill(1);
    await checkpointsOf().complete(head(1), [await saver.save(1, snapshot(memory))]);
    memory.fill(2);
    await checkpointsOf().complete(head(2), [await saver.save(2, snapshot(memory))]);
  }

  it('is refused wherever a bit is flipped or the end is missing, and the one before is used', async () => {
    await two();
    const base = join(place.path, 'default/shop/all');
    const names = (await readdir(base, { recursive: true })).filter((name) => name.includes('0000000002'));
    expect(names.length).toBe(3);
    for (const name of names) {
      const path = join(base, name);
      const good = await readFile(path);
      const places = [
        0,
        1,
        good.length >> 1,
        good.length - 1,
        ...fc.sample(fc.nat(good.length - 1), { numRuns: 10, seed: 1 }),
      ];
      for (const at of places) {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ 0x10;
        await writeFile(path, bad);
        const { manifest, refused } = await checkpointsOf().newest();
        expect([manifest?.id, refused.map(({ id }) => id)]).toEqual([1, [2]]);
        expect(refused[0]?.problem.length).toBeGreaterThan(10);
      }
      await writeFile(path, good.subarray(0, good.length - 1));
      expect((await checkpointsOf().newest()).manifest?.id).toBe(1);
      await writeFile(path, good);
      expect((await checkpointsOf().newest()).manifest?.id).toBe(2);
    }
  });

  it('is refused when it is of another app, and when the store has gone back', async () => {
    await two();
    const foreign = openCheckpoints({ ...NAME, app: 'other', store });
    const bytes = await store.get('default/shop/all/manifest/0000000002');
    await store.put('default/other/all/manifest/0000000002', [bytes ?? new Uint8Array(0)]);
    expect((await foreign.newest()).refused[0]?.problem).toMatch(/checkpoint 2 of default\/shop\/all/);
    const later = checkpointsOf({ known: { id: 3, epoch: 1 } });
    expect((await later.newest()).manifest).toBeUndefined();
    expect((await later.newest()).refused.map(({ problem }) => problem)).toEqual([
      expect.stringContaining('gone back: checkpoint 3'),
      expect.stringContaining('gone back: checkpoint 3'),
    ]);
  });
});

describe('a store with several owners, one after the other', () => {
  it('refuses what a former owner wrote after a later epoch had begun', async () => {
    const memory = new Uint8Array(PAGE).fill(1);
    await checkpointsOf().complete(head(3, 2), [await saverOf().save(3, snapshot(memory))]);
    await checkpointsOf().complete(head(9, 1), [await saverOf().save(9, snapshot(memory))]);
    const { manifest, refused } = await checkpointsOf({ known: { id: 3, epoch: 2 } }).newest();
    expect(manifest?.id).toBe(3);
    expect(refused).toEqual([{ id: 9, problem: 'it was written in epoch 1, after epoch 2 had begun' }]);
  });

  it('takes what the latest epoch completed last where its word may be lost, and nothing that an earlier epoch left behind', async () => {
    const memory = new Uint8Array(PAGE).fill(1);
    const saver = saverOf();
    for (const [id, epoch] of [
      [3, 2],
      [4, 1],
      [6, 3],
      [9, 2],
    ] as const)
      await checkpointsOf({ keep: 9 }).complete(head(id, epoch), [await saver.save(id, snapshot(memory))]);
    const newest = async (id: number, epoch?: number) => (await checkpointsOf().newest(id, epoch)).manifest?.id;
    expect([await newest(3), await newest(3, 4), await newest(3, 3), await newest(3, 2)]).toEqual([3, 3, 6, 6]);
    await store.delete('default/shop/all/manifest/0000000003');
    expect([await newest(3), await newest(3, 2)]).toEqual([undefined, 6]);
    await store.delete('default/shop/all/manifest/0000000006');
    expect([await newest(3, 2), await newest(3, 3)]).toEqual([9, undefined]);
  });

  it('lets a former owner delete nothing', async () => {
    const saver = saverOf();
    const memory = new Uint8Array(PAGE).fill(1);
    const owner = checkpointsOf({ keep: 1 });
    for (let id = 1; id <= 3; id++) {
      memory.fill(id);
      await owner.complete(head(id, 2), [await saver.save(id, snapshot(memory))]);
      await owner.settled();
    }
    const former = checkpointsOf({ keep: 1 });
    await former.complete(head(9, 1), [await saverOf().save(9, snapshot(memory))]);
    await former.settled();
    expect((await checkpointsOf().list()).map(({ id }) => id)).toEqual([9, 3, 2]);
    expect((await checkpointsOf({ known: { id: 3, epoch: 2 } }).newest()).manifest?.id).toBe(3);
  });

  it('uses the one before a damaged one, though the damaged one is known to have been complete', async () => {
    const saver = saverOf();
    const memory = new Uint8Array(PAGE).fill(1);
    for (let id = 1; id <= 2; id++) await checkpointsOf().complete(head(id), [await saver.save(id, snapshot(memory))]);
    await store.put('default/shop/all/manifest/0000000002', [Uint8Array.of(1)]);
    const { manifest, refused } = await checkpointsOf({ known: { id: 2, epoch: 1 } }).newest();
    expect(manifest?.id).toBe(1);
    expect(refused).toEqual([{ id: 2, problem: 'its manifest is damaged' }]);
  });
});

describe('an encrypted store', () => {
  it('says that a key is needed, and takes no blob of another place', async () => {
    const sealed = encryptedStore(store, new Uint8Array(32).fill(5));
    const saver = createSaver({ ...NAME, store: sealed, ports: new ManualPorts() });
    const memory = new Uint8Array(PAGE).fill(1);
    const receipt = await saver.save(1, snapshot(memory));
    await openCheckpoints({ ...NAME, store: sealed }).complete(head(1), [receipt]);
    expect((await openCheckpoints({ ...NAME, store: sealed }).newest()).manifest?.id).toBe(1);
    const without = await checkpointsOf().newest();
    expect(without.refused).toEqual([{ id: 1, problem: 'its manifest is encrypted, and there is no key' }]);
    const other = encryptedStore(store, new Uint8Array(32).fill(6));
    const { refused } = await openCheckpoints({ ...NAME, store: other }).newest();
    expect(refused[0]?.problem).toMatch(/encrypted with another key/);
  });
});
