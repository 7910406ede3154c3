/** Several servers: a cluster that loses one, a leaf node with a JetStream domain of its own. */
import { describe, expect, it } from 'vitest';
import { type NatsCluster, startHubAndLeaf, startNatsCluster } from '../../test/kit/nats-cluster.ts';
import { hasNats, type NatsVersion } from '../../test/kit/nats-server.ts';
import { connectNats } from './client.ts';
import type { JetStream } from './nats.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data);

/** Publishes until it is taken: a message id makes repeating harmless. */
async function publishSurely(js: JetStream, subject: string, data: Uint8Array, messageId: string): Promise<void> {
  for (;;) {
    try {
      await js.publish(subject, data, { messageId, timeout: 1_000 });
      return;
    } catch (error) {
      if (!(error as { retry?: boolean }).retry) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Servers of the kit's cluster are named `n0`, `n1`, `n2`. */
function serverNamed(cluster: NatsCluster, name: string): NatsCluster['servers'][number] {
  const server = cluster.servers[Number(name.slice(1))];
  if (server === undefined) throw new Error(`no server ${name}`);
  return server;
}

/** Of servers: any user unless one is named, and `some`, who may publish to these subjects. */
const users = (some: readonly string[]): string =>
  `no_auth_user: any
   authorization { users: [{ user: any, password: any }, { user: some, password: some, permissions: { publish: ${JSON.stringify(some)} } }] }`;

/** That `some`, who may read a key, does: though the leader of a stream of several copies does not answer it. */
async function reads(servers: readonly string[], key: string, value: string): Promise<void> {
  const nats = await connectNats({ servers: servers.map((url) => url.replace('//', '//some:some@')) });
  try {
    const bucket = await nats.jetstream().keyValue('usual');
    for (let time = 0; time < 2; time += 1) {
      let found: string | undefined;
      // a copy may lag
      while (found !== value) found = text((await bucket.get(key))?.value);
    }
    await expect(bucket.get('other')).rejects.toMatchObject({ code: 'nats.permission' });
  } finally {
    await nats.close();
  }
}

// 2.9 needs up to 20 s until it no longer gives consumers to the server that died
describe.skipIf(!hasNats('newest'))('a cluster of three', () => {
  it('keeps as many copies of a bucket as were asked for when somebody opens it without a wish, and else three', async () => {
    const some = ['_INBOX.>', '$JS.API.STREAM.INFO.KV_usual', '$JS.API.DIRECT.GET.KV_usual.$KV.usual.mine'];
    const cluster = await startNatsCluster('newest', users(some));
    const nats = await connectNats({ servers: cluster.urls });
    try {
      const js = nats.jetstream();
      const replicas = async (stream: string): Promise<unknown> => (await js.streamState(stream))?.config.replicas;
      await Promise.all([js.keyValue('k', { replicas: 3 }), js.objects('o', { replicas: 3 })]);
      await js.ensureStream({ name: 'S', subjects: ['s'], replicas: 3 });
      await Promise.all([js.keyValue('k'), js.objects('o'), js.ensureStream({ name: 'S', subjects: ['s', 't'] })]);
      expect(await Promise.all(['KV_k', 'OBJ_o', 'S'].map(replicas))).toEqual([3, 3, 3]);
      await js.keyValue('one', { replicas: 1 });
      await Promise.all([js.keyValue('one'), js.keyValue('usual')]);
      expect(await Promise.all(['KV_one', 'KV_usual'].map(replicas))).toEqual([1, 3]);
      await (await js.keyValue('usual')).put('mine', bytes('x'));
      expect(text((await (await js.keyValue('usual')).get('mine'))?.value)).toBe('x');
      await reads(cluster.urls, 'mine', 'x');
    } finally {
      await nats.close();
      await cluster.stop();
    }
  }, 30_000);

  it('loses the server of a client and nothing of a stream, in order', async () => {
    const cluster = await startNatsCluster('newest');
    const nats = await connectNats({ servers: cluster.urls });
    try {
      const js = nats.jetstream();
      const bucket = await js.keyValue('k', { replicas: 3 });
      await js.ensureStream({ name: 'S', subjects: ['s'], replicas: 3 });
      const reader = await js.read('S');
      const seen: number[] = [];
      const reading = (async () => {
        while (seen.length < 150) seen.push((await reader.next())?.data[0] ?? -1);
      })();
      for (let index = 0; index < 150; index += 1) {
        await publishSurely(js, 's', new Uint8Array([index]), `m${index}`);
        if (index === 50) await serverNamed(cluster, nats.info.name).kill();
      }
      await reading;
      expect(seen).toEqual(Array.from({ length: 150 }, (_, index) => index));
      expect(await bucket.get('nothing')).toBeUndefined();
    } finally {
      await nats.close();
      await cluster.stop();
    }
  });
});

for (const version of ['installed', 'newest'] satisfies NatsVersion[]) {
  describe.skipIf(!hasNats(version))(`a leaf node with a domain of its own, ${version} nats-server`, () => {
    it('keeps streams, buckets and objects of the two domains apart, under the same names', async () => {
      const { hub, leaf, stop } = await startHubAndLeaf(version);
      const nats = await connectNats({ servers: leaf.url });
      const above = await connectNats({ servers: hub.url });
      try {
        expect(nats.info.domain).toBe('leaf');
        const near = nats.jetstream();
        const far = nats.jetstream('hub');
        const keys = await Promise.all([near, far].map((js) => js.keyValue('k')));
        const objects = await Promise.all([near, far].map((js) => js.objects('o')));
        for (const [index, where] of ['near', 'far'].entries()) {
          await keys[index]?.put('x', bytes(where));
          await objects[index]?.put('x', bytes(where));
        }
        expect(text((await keys[0]?.get('x'))?.value)).toBe('near');
        expect(text((await keys[1]?.get('x'))?.value)).toBe('far');
        expect(text(await objects[0]?.get('x'))).toBe('near');
        expect(text(await objects[1]?.get('x'))).toBe('far');
        const seenAbove = await above.jetstream().objects('o');
        expect(text(await seenAbove.get('x'))).toBe('far');
        await near.ensureStream({ name: 'E', subjects: ['e'] });
        expect(await far.streamState('E')).toBeUndefined();
        expect((await above.jetstream('leaf').streamState('E'))?.name).toBe('E');
        await expect(nats.jetstream('nowhere').streamState('E')).rejects.toMatchObject({ code: 'nats.no-jetstream' });
      } finally {
        await Promise.all([nats.close(), above.close()]);
        await stop();
      }
    });

    it('reads a stream of the leaf from the hub while the leaf restarts', async () => {
      const { hub, leaf, stop } = await startHubAndLeaf(version);
      const nats = await connectNats({ servers: leaf.url });
      const above = await connectNats({ servers: hub.url });
      try {
        await nats.jetstream().ensureStream({ name: 'E', subjects: ['e'] });
        for (let index = 0; index < 10; index += 1) await nats.jetstream().publish('e', new Uint8Array([index]));
        const reader = await above.jetstream('leaf').read('E');
        const seen = [];
        for (let index = 0; index < 5; index += 1) seen.push((await reader.next())?.data[0]);
        await leaf.restart();
        for (let index = 10; index < 20; index += 1) {
          await publishSurely(nats.jetstream(), 'e', new Uint8Array([index]), `m${index}`);
        }
        while (seen.length < 20) seen.push((await reader.next())?.data[0]);
        expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index));
      } finally {
        await Promise.all([nats.close(), above.close()]);
        await stop();
      }
    });
  });
}
