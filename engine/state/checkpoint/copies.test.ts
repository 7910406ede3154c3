/** Checkpoints kept twice: agents' disks stay small, and give back what a shared store has forgotten. */
import { describe, expect, it } from 'vitest';
import { MemoryBlobs } from '../../../test/cluster/scripted.ts';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import type { BlobStore } from '../blobs/blobs.ts';
import { teeStore } from '../blobs/tee.ts';
import { type CheckpointStore, openCheckpoints } from './checkpoint-store.ts';
import { forgetIn, replenish } from './copies.ts';
import { isManifest } from './layout.ts';
import { PAGE } from './pages.ts';
import { createSaver } from './saver.ts';
import type { FragmentSnapshot } from './state.ts';

const NAME = { namespace: 'default', app: 'shop', region: 'all' };

function snapshot(fragment: string, memory: Uint8Array): FragmentSnapshot {
  const cells = new Map([['c', { image: { module: 'm', memory, globals: new Map(), host: null } }]]);
  return { fragment, cells, sources: new Map(), sinks: new Map(), counters: new Map(), partition: 0 };
}

/** Two agents with a fragment each, and what they share. The first one leads. */
class Pair {
  shared = new MemoryBlobs();
  readonly disks = [new MemoryBlobs(), new MemoryBlobs()] as const;
  readonly memories = [new Uint8Array(50 * PAGE), new Uint8Array(50 * PAGE)];
  readonly savers = this.disks.map((own) => {
    const store: BlobStore = {
      description: 'both',
      put: (name, parts) => teeStore([own, this.shared]).put(name, parts),
      get: (name) => teeStore([own, this.shared]).get(name),
      list: (prefix) => teeStore([own, this.shared]).list(prefix),
      delete: (name) => teeStore([own, this.shared]).delete(name),
    };
    return createSaver({ ...NAME, store, ports: new ManualPorts() });
  });

  /** As the leader sees them. */
  get checkpoints(): CheckpointStore {
    return openCheckpoints({ ...NAME, store: teeStore([this.disks[0], this.shared]), keep: 2 });
  }

  async checkpoint(id: number): Promise<void> {
    const receipts = this.savers.map((saver, index) => {
      const memory = this.memories[index] ?? new Uint8Array(0);
      memory.fill(id, id * PAGE, (id + 3) * PAGE);
      return saver.save(id, snapshot(`f${index}`, memory));
    });
    const { checkpoints } = this;
    await checkpoints.complete({ id, epoch: 1, revision: 1, started: 0, completed: 0 }, await Promise.all(receipts));
    await checkpoints.settled();
  }
}

describe('an agent that leads nothing', () => {
  it('forgets on its own disk what the region has forgotten', async () => {
    const pair = new Pair();
    for (let id = 1; id <= 12; id++) await pair.checkpoint(id);
    const before = pair.disks[1].blobs.size;
    const copies = { ...NAME, own: pair.disks[1], shared: pair.shared, keep: 2 };
    expect(await forgetIn(copies)).toBeGreaterThan(8);
    expect(pair.disks[1].blobs.size).toBeLessThan(before);
    expect(await forgetIn(copies)).toBe(0);
    // what is left is what the shared store has of it, too
    for (const name of pair.disks[1].blobs.keys()) expect(pair.shared.blobs.has(name)).toBe(true);
    expect((await pair.checkpoints.newest()).refused).toEqual([]);
  });

  it('forgets nothing while the shared store has lost the manifest that needs it', async () => {
    const pair = new Pair();
    for (let id = 1; id <= 8; id++) await pair.checkpoint(id);
    const [lost] = [...pair.shared.blobs.keys()].filter(isManifest).sort();
    pair.shared.blobs.delete(lost ?? '');
    const copies = { ...NAME, own: pair.disks[1], shared: pair.shared, keep: 2 };
    expect(await forgetIn(copies)).toBe(0);
    await replenish({ ...copies, own: pair.disks[0] });
    expect(pair.shared.blobs.has(lost ?? '')).toBe(true);
    expect(await forgetIn(copies)).toBeGreaterThan(0);
  });
});

describe('a shared store that was put back to an older state', () => {
  it('is filled again from the disks of all agents, and the newest checkpoint is whole', async () => {
    const pair = new Pair();
    for (let id = 1; id <= 4; id++) await pair.checkpoint(id);
    const older = new Map(pair.shared.blobs);
    for (let id = 5; id <= 8; id++) await pair.checkpoint(id);
    pair.shared = new MemoryBlobs();
    for (const [name, bytes] of older) pair.shared.blobs.set(name, bytes);
    const before = await pair.checkpoints.newest();
    expect(before.manifest?.id).toBe(4);
    expect(before.refused.map(({ id }) => id)).toEqual([8, 7]);
    for (const own of pair.disks) await replenish({ ...NAME, own, shared: pair.shared });
    const { manifest, refused } = await pair.checkpoints.newest();
    expect([manifest?.id, refused]).toEqual([8, []]);
    if (manifest === undefined) return;
    for (const [index, memory] of pair.memories.entries()) {
      const { cells } = await pair.checkpoints.load(manifest, `f${index}`);
      expect(Buffer.from(cells.get('c')?.image?.memory ?? []).equals(memory)).toBe(true);
    }
    expect(await replenish({ ...NAME, own: pair.disks[1], shared: pair.shared })).toEqual([]);
  });

  it('gets a manifest again that it lists and does not have', async () => {
    const pair = new Pair();
    await pair.checkpoint(1);
    const manifest = [...pair.shared.blobs.keys()].find(isManifest) ?? '';
    const whole = pair.shared.blobs.get(manifest);
    const get = pair.shared.get.bind(pair.shared);
    let damaged = true;
    pair.shared.get = async (name) => (damaged && name === manifest ? undefined : get(name));
    const put = await replenish({ ...NAME, own: pair.disks[0], shared: pair.shared });
    damaged = false;
    expect(put).toEqual([manifest]);
    expect(pair.shared.blobs.get(manifest)).toEqual(whole);
  });

  it('is not thought to have lost what is completed while it is looked at, or is on its way out', async () => {
    const pair = new Pair();
    for (let id = 1; id <= 3; id++) await pair.checkpoint(id);
    const [own] = pair.disks;
    const before = new Map(own.blobs);
    const list = pair.shared.list.bind(pair.shared);
    const copies = { ...NAME, own, shared: pair.shared, keep: 2 };
    const stale = await list('');
    await pair.checkpoint(4);
    let looks = 0;
    // as it was before checkpoint 4, the first time
    pair.shared.list = async (prefix) =>
      looks++ === 0 ? stale.filter((name) => name.startsWith(prefix)) : list(prefix);
    expect(await replenish(copies)).toEqual([]);
    for (let id = 5; id <= 12; id++) await pair.checkpoint(id);
    for (const [name, bytes] of before) own.blobs.set(name, bytes);
    expect(await replenish(copies)).toEqual([]);
  });
});
