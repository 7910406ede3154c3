/** A store that cannot be reached for a while says nothing of what is in it: no checkpoint is given up for that. */
import { describe, expect, it } from 'vitest';
import { MemoryBlobs } from '../../../test/cluster/scripted.ts';
import { externalError } from '../../errors.ts';
import type { Objects } from '../../nats/nats.ts';
import { realPorts } from '../../ports.ts';
import { openCheckpoints } from '../checkpoint/checkpoint-store.ts';
import { createSaver } from '../checkpoint/saver.ts';
import type { BlobStore } from './blobs.ts';
import { readFailed } from './names.ts';
import { objectsStore } from './objects.ts';
import { teeStore } from './tee.ts';

const REGION = { namespace: 'default', app: 'shop', region: 'main' };
const NOTHING = { sources: new Map(), cells: new Map(), sinks: new Map(), counters: new Map(), partition: 0 };

describe('an object store', () => {
  it('says of an object that has lost chunks that there is none: asking again would not make it whole', async () => {
    const damaged = externalError('nats.object-damaged', 'the object a is not whole');
    const objects = { get: () => Promise.reject(damaged) } as Partial<Objects> as Objects;
    expect(await objectsStore(objects, 'shop').get('a')).toBeUndefined();
  });
});

/** The far store is asked in vain while `away`; the near one has what this agent alone has written. */
async function stores(): Promise<{
  readonly store: BlobStore;
  readonly near: MemoryBlobs;
  leave(): void;
  back(): void;
}> {
  const [near, far] = [new MemoryBlobs(), new MemoryBlobs()];
  let away = false;
  const ask = <T>(work: () => Promise<T>): Promise<T> =>
    away ? Promise.reject(readFailed('far', 'it', new Error('the connection is lost'))) : work();
  const flaky: BlobStore = {
    description: 'far',
    put: (name, parts) => ask(() => far.put(name, parts)),
    get: (name) => ask(() => far.get(name)),
    list: (prefix) => ask(() => far.list(prefix)),
    delete: (name) => ask(() => far.delete(name)),
  };
  const store = teeStore([near, flaky]);
  const checkpoints = openCheckpoints({ ...REGION, store });
  for (const id of [1, 2]) {
    const saver = createSaver({ ...REGION, store, ports: realPorts });
    const receipt = await saver.save(id, { ...NOTHING, fragment: 'a' });
    await checkpoints.complete({ id, epoch: 1, revision: 1, started: 0, completed: 0 }, [receipt]);
    await checkpoints.settled();
  }
  return {
    store,
    near,
    leave: () => {
      away = true;
    },
    back: () => {
      away = false;
    },
  };
}

describe('checkpoints of which a part cannot be reached', () => {
  it('are not passed over for an earlier one', async () => {
    const { store, near, leave, back } = await stores();
    const checkpoints = openCheckpoints({ ...REGION, store });
    for (const name of near.blobs.keys()) if (name.includes('0000000002')) near.blobs.delete(name);
    leave();
    await expect(checkpoints.newest()).rejects.toMatchObject({ code: 'state.read', retry: true });
    back();
    expect((await checkpoints.newest()).manifest?.id).toBe(2);
  });

  it('are not taken for damaged because one of two copies is', async () => {
    const { store, near, leave, back } = await stores();
    const checkpoints = openCheckpoints({ ...REGION, store });
    for (const name of near.blobs.keys()) if (name.includes('0000000002')) near.blobs.set(name, Uint8Array.of(1));
    leave();
    await expect(checkpoints.newest()).rejects.toMatchObject({ code: 'state.read' });
    back();
    expect(await checkpoints.newest()).toMatchObject({ manifest: { id: 2 }, refused: [] });
  });
});
