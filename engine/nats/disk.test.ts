/** What becomes of a server's disk: streams that went back, were made again or are full; a server that stands still. */
import { afterEach, describe, expect, it } from 'vitest';
import { hasNats, type NatsServer, type NatsVersion, startNats } from '../../test/kit/nats-server.ts';
import { connectNats } from './client.ts';
import type { Nats } from './nats.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

for (const version of ['installed', 'newest'] satisfies NatsVersion[]) {
  describe.skipIf(!hasNats(version))(`the disk of the ${version} nats-server`, () => {
    let server: NatsServer;
    let nats: Nats;
    const start = async (): Promise<void> => {
      server = await startNats({ version });
      nats = await connectNats({ servers: server.url });
    };
    afterEach(async () => {
      await nats.close();
      await server.stop();
    });
    const back = (): Promise<void> =>
      new Promise((resolve) => {
        const status = nats.onStatus((now) => {
          if (now !== 'reconnected') return;
          status.close();
          resolve();
        });
      });

    it('tells a reader of a stream that went back, and a watcher of keys that are gone', async () => {
      await start();
      const js = nats.jetstream();
      await js.ensureStream({ name: 'S', subjects: ['s'] });
      const bucket = await js.keyValue('k');
      await bucket.put('old', bytes('1'));
      for (let index = 0; index < 3; index += 1) await js.publish('s', bytes('x'));
      await server.kill();
      const older = await server.backup();
      const again = back();
      await server.restart();
      await again;
      for (let index = 0; index < 3; index += 1) await js.publish('s', bytes('x'));
      await bucket.put('new', bytes('1'));
      const log: string[] = [];
      const watch = await bucket.watch('>', { change: ({ key, value }) => log.push(`${key} ${value !== undefined}`) });
      const reader = await js.read('S');
      for (let index = 1; index <= 6; index += 1) expect((await reader.next())?.sequence).toBe(index);
      await expect.poll(() => log).toEqual(['old true', 'new true']);
      const waiting = reader.next().catch((error) => error);
      await server.restore(older);
      expect(await waiting).toMatchObject({ code: 'nats.stream-went-back' });
      await expect.poll(() => log).toEqual(['old true', 'new true', 'old true', 'new false']);
      watch.close();
    });

    it('tells a reader of a stream that was made again', async () => {
      await start();
      const js = nats.jetstream();
      await js.ensureStream({ name: 'S', subjects: ['s'] });
      await js.publish('s', bytes('x'));
      const reader = await js.read('S');
      await reader.next();
      const waiting = reader.next().catch((error) => error);
      await js.deleteStream('S');
      await js.ensureStream({ name: 'S', subjects: ['s'] });
      await js.publish('s', bytes('x'));
      await js.publish('s', bytes('x'));
      expect(await waiting).toMatchObject({ code: 'nats.stream-went-back' });
    });

    it('refuses what a full stream does not take, and what is not expected', async () => {
      await start();
      const js = nats.jetstream();
      await js.ensureStream({ name: 'S', subjects: ['s'], maxMessages: 2, discard: 'new' });
      expect(await js.publish('s', bytes('1'), { expectLastSequence: 0 })).toEqual({ sequence: 1, duplicate: false });
      await expect(js.publish('s', bytes('2'), { expectLastSequence: 0 })).rejects.toMatchObject({
        code: 'nats.wrong-last-sequence',
      });
      await js.publish('s', bytes('2'), { messageId: 'b' });
      expect(await js.publish('s', bytes('2'), { messageId: 'b' })).toEqual({ sequence: 2, duplicate: true });
      await expect(js.publish('s', bytes('3'))).rejects.toMatchObject({ code: 'nats.stream-full' });
      await js.purgeBefore('S', 2);
      expect(await js.publish('s', bytes('3'))).toEqual({ sequence: 3, duplicate: false });
      expect(await js.streamState('S')).toMatchObject({ firstSequence: 2, lastSequence: 3, messages: 2 });
    });

    it('reads messages larger than the bound, one at a time, and holds back what is not read', async () => {
      await start();
      const js = nats.jetstream();
      await js.ensureStream({ name: 'S', subjects: ['s'] });
      for (let index = 0; index < 40; index += 1) await js.publish('s', new Uint8Array(index === 7 ? 500_000 : 5_000));
      const reader = await js.read('S', { maxBytes: 50_000 });
      const lengths = [];
      for (let index = 0; index < 40; index += 1) lengths.push((await reader.next())?.data.length);
      expect(lengths).toEqual(Array.from({ length: 40 }, (_, index) => (index === 7 ? 500_000 : 5_000)));
      expect(reader.pending).toBe(0);
    });

    it('stands still and goes on: calls fail when the client gives the server up, readers go on', async () => {
      await start();
      const js = nats.jetstream();
      await js.ensureStream({ name: 'S', subjects: ['s'] });
      await js.publish('s', bytes('1'));
      const reader = await js.read('S');
      expect((await reader.next())?.sequence).toBe(1);
      server.freeze();
      await expect(js.publish('s', bytes('2'), { messageId: '2', timeout: 500 })).rejects.toMatchObject({
        code: 'nats.timeout',
      });
      server.thaw();
      await js.publish('s', bytes('2'), { messageId: '2' });
      expect((await reader.next())?.sequence).toBe(2);
    });
  });
}
