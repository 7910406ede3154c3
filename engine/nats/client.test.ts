/** What only a real server can show: versions, restarts, clusters, leaf nodes, TLS. What every implementation does is in test/contract/nats. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasNats, type NatsServer, type NatsVersion, startNats } from '../../test/kit/nats-server.ts';
import { connectNats } from './client.ts';
import type { Change, Nats } from './nats.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data);

for (const version of ['installed', 'newest'] satisfies NatsVersion[]) {
  describe.skipIf(!hasNats(version))(`a client of the ${version} nats-server`, () => {
    let server: NatsServer;
    let nats: Nats;
    beforeAll(async () => {
      server = await startNats({ version });
      nats = await connectNats({ servers: server.url });
    });
    afterAll(async () => {
      await nats?.close();
      await server?.stop();
    });

    it('asks and answers', async () => {
      nats.subscribe('echo', (message) => nats.publish(message.reply, message.data, { headers: message.headers }));
      const answer = await nats.request('echo', bytes('hello'), 1000, { Trace: 'a' });
      expect([text(answer.data), answer.headers.Trace]).toEqual(['hello', 'a']);
      await expect(nats.request('nobody', bytes(''), 1000)).rejects.toMatchObject({ code: 'nats.no-responders' });
    });

    it('handles what is on its way to a subscription that is drained, and nothing after it', async () => {
      const other = await connectNats({ servers: server.url });
      const publisher = await connectNats({ servers: server.url });
      let [mine, others] = [0, 0];
      const drained = nats.subscribe('work', () => mine++, { queue: 'q' });
      other.subscribe('work', () => others++, { queue: 'q' });
      await Promise.all([nats.flush(), other.flush()]);
      for (let sent = 0; sent < 2_000; sent++) publisher.publish('work', bytes('one'));
      await drained.drain?.();
      const then = mine;
      await publisher.flush();
      await other.flush();
      expect(mine + others).toBe(2_000);
      expect(mine).toBe(then);
      await Promise.all([other.close(), publisher.close()]);
    });

    it('reads a stream across a killed server without a gap or a repetition', async () => {
      const js = nats.jetstream();
      await js.ensureStream({ name: 'S', subjects: ['s.>'] });
      const reader = await js.read('S', { maxBytes: 20_000 });
      const seen: number[] = [];
      const write = async (from: number, to: number): Promise<void> => {
        for (let index = from; index < to; index += 1) {
          const id = `m${index}`;
          for (;;) {
            try {
              await js.publish('s.a', new Uint8Array(1000).fill(index), { messageId: id });
              break;
            } catch (error) {
              await new Promise((resolve) => setTimeout(resolve, 20));
              if (!(error as { retry?: boolean }).retry) throw error;
            }
          }
        }
      };
      const reading = (async () => {
        while (seen.length < 100) {
          const message = await reader.next();
          if (message === undefined) break;
          seen.push(message.data[0] ?? -1);
        }
      })();
      await write(0, 50);
      await server.kill();
      const writing = write(50, 100);
      await server.restart();
      await writing;
      await reading;
      reader.close();
      expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index));
    });

    it('watches a bucket: what is there, current, then changes', async () => {
      const bucket = await nats.jetstream().keyValue('b');
      await bucket.put('apps.a', bytes('1'));
      const log: string[] = [];
      const watch = await bucket.watch('apps.>', {
        change: ({ key, value }: Change) => log.push(`${key}=${value === undefined ? 'gone' : text(value)}`),
        current: () => log.push('current'),
      });
      await expect(bucket.create('apps.a', bytes('2'))).rejects.toMatchObject({ code: 'nats.wrong-revision' });
      // each seen before the next: what is written over before it is sent is not
      const revision = await bucket.put('apps.a', bytes('3'));
      await expect.poll(() => log.at(-1)).toBe('apps.a=3');
      await bucket.update('apps.a', bytes('4'), revision);
      await expect.poll(() => log.at(-1)).toBe('apps.a=4');
      await bucket.delete('apps.a');
      await expect.poll(() => log.at(-1)).toBe('apps.a=gone');
      await bucket.create('apps.a', bytes('5'));
      await expect.poll(() => log.at(-1)).toBe('apps.a=5');
      watch.close();
      expect(log).toEqual(['apps.a=1', 'current', 'apps.a=3', 'apps.a=4', 'apps.a=gone', 'apps.a=5']);
      expect(await bucket.keys()).toEqual(['apps.a']);
    });

    it('keeps objects of any size', async () => {
      const objects = await nats.jetstream().objects('o');
      const large = new Uint8Array(3_000_000).map((_, index) => index * 7);
      await objects.put('checkpoints/1', large);
      await objects.put('empty', new Uint8Array(0));
      expect(Buffer.compare((await objects.get('checkpoints/1')) ?? new Uint8Array(0), large)).toBe(0);
      expect(await objects.get('empty')).toEqual(new Uint8Array(0));
      expect(await objects.list()).toEqual(['checkpoints/1', 'empty']);
      await objects.delete('checkpoints/1');
      expect(await objects.get('checkpoints/1')).toBeUndefined();
      expect(await objects.list()).toEqual(['empty']);
    });
  });
}
