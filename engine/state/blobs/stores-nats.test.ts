/** Objects of a NATS object store as a blob store: the contract on real servers and in the simulation, and a state that is larger than a message. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blobContract } from '../../../test/contract/blobs.ts';
import { simulatedNats } from '../../../test/contract/nats/simulated-world.ts';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import { hasNats, type NatsServer, NO_NATS, startNats } from '../../../test/kit/nats-server.ts';
import { connectNats } from '../../nats/client.ts';
import type { Nats } from '../../nats/nats.ts';
import { openCheckpoints } from '../checkpoint/checkpoint-store.ts';
import { createSaver } from '../checkpoint/saver.ts';
import type { BlobStore } from './blobs.ts';
import { encryptedStore } from './encrypted.ts';
import { objectsStore } from './objects.ts';

const NAME = { namespace: 'default', app: 'shop', region: 'all' };
let buckets = 0;

async function opened(nats: Nats, close: () => Promise<void>) {
  buckets += 1;
  const bucket = `cs-state-${buckets}`;
  const reopen = async (): Promise<BlobStore> => objectsStore(await nats.jetstream().objects(bucket), bucket);
  return { store: await reopen(), reopen, close };
}

blobContract({
  title: 'an object store of the simulation',
  open: async () => {
    const world = await simulatedNats(7).make();
    const nats = await world.connect();
    return opened(nats, () => world.close());
  },
});

for (const version of ['installed', 'newest'] as const) {
  const title = hasNats(version) ? version : `${version}; ${NO_NATS[version]}`;
  describe.skipIf(!hasNats(version))(`with nats-server (${title})`, () => {
    let server: NatsServer;
    let nats: Nats;
    beforeAll(async () => {
      server = await startNats({ version, maxPayload: 256 * 1024 });
      nats = await connectNats({ servers: server.url });
    });
    afterAll(async () => {
      await nats?.close();
      await server?.stop();
    });

    blobContract({ title: 'an object store', open: () => opened(nats, async () => undefined) });

    it('keeps checkpoints of memories larger than many messages, encrypted', async () => {
      const { store: plain } = await opened(nats, async () => undefined);
      const store = encryptedStore(plain, new Uint8Array(32).fill(4));
      const saver = createSaver({ ...NAME, store, ports: new ManualPorts() });
      const checkpoints = openCheckpoints({ ...NAME, store, keep: 2 });
      const memory = Buffer.from(randomBytes(6_000_000));
      const empty = { sources: new Map(), sinks: new Map(), counters: new Map() };
      for (let id = 1; id <= 4; id++) {
        memory.fill(id, id * 100_000, id * 100_000 + 5000);
        const image = { module: 'm', memory, globals: new Map(), host: null };
        const cells = new Map([['c', { image }]]);
        const receipt = await saver.save(id, { fragment: 'f', cells, ...empty, partition: 0 });
        await checkpoints.complete({ id, epoch: 1, revision: 1, started: 0, completed: 0 }, [receipt]);
      }
      await checkpoints.settled();
      const { manifest, refused } = await checkpoints.newest();
      expect([manifest?.id, refused]).toEqual([4, []]);
      if (manifest === undefined) return;
      const { cells } = await checkpoints.load(manifest, 'f');
      expect(Buffer.from(cells.get('c')?.image?.memory ?? []).equals(memory)).toBe(true);
      expect((await checkpoints.list()).map(({ id }) => id)).toEqual([4, 3]);
    });

    it('says what a lost server means', async () => {
      const { store } = await opened(nats, async () => undefined);
      await store.put('a', [Uint8Array.of(1)]);
      await server.kill();
      await expect(store.put('b', [Uint8Array.of(1)])).rejects.toMatchObject({ code: 'state.write', retry: true });
      await expect(store.get('a')).rejects.toMatchObject({ code: 'state.read', retry: true });
      await server.restart();
    });
  });
}
