/** The jetstream sink against real servers: exactly once through repeated, broken and late commits, beside other writers. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Schema } from '../../engine/batch/types.ts';
import type { Prepared, Sink, SinkContext } from '../../engine/graph/connector.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { JetStream, Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import { bench, openSink, sinkContext } from '../../test/kit/connectors.ts';
import { hasNats, type NatsServer, type NatsVersion, startNats } from '../../test/kit/nats-server.ts';
import { build } from '../../test/kit/tables.ts';
import { packMessages, unpackMessages } from './held.ts';
import { jetstream as connector } from './jetstream.ts';
import { Publisher } from './publisher.ts';

const SCHEMA: Schema = { fields: [{ name: 'id', type: { kind: 'int64' }, nullable: true }] };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

for (const version of ['installed', 'newest'] satisfies NatsVersion[]) {
  describe.skipIf(!hasNats(version))(`the jetstream sink, ${version} nats-server`, () => {
    let server: NatsServer;
    let nats: Nats;
    let js: JetStream;
    const opened: Sink[] = [];
    beforeEach(async () => {
      server = await startNats({ version });
      nats = await connectNats({ servers: server.url });
      js = nats.jetstream();
      await js.ensureStream({ name: 'W', subjects: ['w', 'other'] });
    });
    afterEach(async () => {
      for (const sink of opened.splice(0)) await sink.abort();
      await nats.close();
      await server.stop();
    });

    const start = async (more: Partial<SinkContext> = {}): Promise<Sink> => {
      const context = sinkContext(bench(''), { identity: 'ns/app/out/0', checkpointed: true, bounded: false, ...more });
      const sink = await openSink(connector, { url: server.url, subject: 'w' }, SCHEMA, context);
      opened.push(sink);
      return sink;
    };
    const write = async (sink: Sink, from: number, to: number): Promise<void> => {
      await sink.write(
        build(
          SCHEMA,
          range(from, to).map((id) => [BigInt(id)]),
        ),
      );
    };
    /** Ids in the stream, of the sink's subject. */
    const written = async (): Promise<number[]> => {
      const reader = await js.read('W', { filter: 'w' });
      const found: number[] = [];
      const last = await js.lastMessage('W', 'w');
      while (last !== undefined) {
        const message = await reader.next();
        if (message === undefined) break;
        found.push(JSON.parse(new TextDecoder().decode(message.data)).id);
        if (message.sequence >= last.sequence) break;
      }
      reader.close();
      return found;
    };
    /** As a checkpoint keeps it. */
    const stored = (prepared: Prepared | undefined): Prepared => structuredClone(prepared ?? { state: null });

    it('shows output when its checkpoint is complete, once, however often it is committed', async () => {
      const sink = await start();
      await write(sink, 1, 1000);
      expect(await written()).toEqual([]);
      const first = stored(await sink.prepare?.(1, false));
      await write(sink, 1001, 1010);
      await sink.commit?.(1, first);
      await sink.commit?.(1, first);
      expect(await written()).toEqual(range(1, 1000));
      await sink.commit?.(2, stored(await sink.prepare?.(2, false)));
      expect(await written()).toEqual(range(1, 1010));
    });

    it('writes with a checkpoint what those given up before it held', async () => {
      const sink = await start();
      await write(sink, 1, 10);
      const first = stored(await sink.prepare?.(1, false));
      await write(sink, 11, 20);
      const second = stored(await sink.prepare?.(2, false));
      await write(sink, 21, 30);
      const third = stored(await sink.prepare?.(3, false));
      await sink.commit?.(2, second);
      expect(await written()).toEqual(range(1, 20));
      await sink.commit?.(1, first);
      await sink.commit?.(3, third);
      expect(await written()).toEqual(range(1, 30));
    });

    it('goes on from a checkpoint of which any part was published before it died', async () => {
      const sink = await start();
      await write(sink, 1, 50);
      const prepared = stored(await sink.prepare?.(1, false));
      const { run } = prepared.state as { run: string };
      const messages = prepared.frozen?.flatMap(unpackMessages) ?? [];
      for (const [index, message] of messages.slice(0, 17).entries()) {
        await js.publish('w', message, { messageId: `ns/app/out/0/${run}/${index}` });
        if (index === 5) await js.publish('other', bytes('between'));
      }
      await sink.abort();
      const again = await start({ restored: { checkpoint: 1, prepared } });
      expect(await written()).toEqual(range(1, 50));
      await write(again, 51, 60);
      await again.commit?.(2, stored(await again.prepare?.(2, false)));
      const late = await start({ restored: { checkpoint: 1, prepared } });
      expect(await written()).toEqual(range(1, 60));
      await late.abort();
    });

    it('is not doubled by one thought dead that wakes up, nor by one that publishes at the same time', async () => {
      const sink = await start();
      await write(sink, 1, 400);
      const prepared = stored(await sink.prepare?.(1, false));
      const other = start({ restored: { checkpoint: 1, prepared } });
      await Promise.all([sink.commit?.(1, prepared), other, start({ restored: { checkpoint: 1, prepared } })]);
      expect(await written()).toEqual(range(1, 400));
    });

    it('does not rely on how long the server remembers ids', async () => {
      const state = await js.ensureStream({ name: 'S', subjects: ['s'], duplicateWindow: 100 });
      const options = {
        stream: 'S',
        subject: 's',
        created: state.created,
        prefix: 'p/',
        access: { url: 'nats://127.0.0.1', retryFor: 5_000_000n },
        context: { signal: new AbortController().signal, ports: realPorts },
      };
      const messages = range(0, 99).map((id) => bytes(String(id)));
      await new Publisher(js, options).publish(messages.slice(0, 60), 0, 0);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await new Publisher(js, options).publish(messages, 0, 0);
      await new Publisher(js, options).publish(messages, 0, 0);
      expect((await js.streamState('S'))?.messages).toBe(100);
    });

    it('stands its ground beside other writers of the stream', async () => {
      const sink = await start();
      await write(sink, 1, 300);
      const prepared = stored(await sink.prepare?.(1, false));
      let going = true;
      const noise = (async () => {
        for (let count = 0; going; count++) {
          await js.publish('other', bytes(String(count)));
          await new Promise((resolve) => setTimeout(resolve, 3));
        }
      })();
      await sink.commit?.(1, prepared);
      going = false;
      await noise;
      expect(await written()).toEqual(range(1, 300));
    });

    it('goes on through a killed server', async () => {
      const sink = await start();
      await write(sink, 1, 2000);
      const prepared = stored(await sink.prepare?.(1, false));
      const committing = sink.commit?.(1, prepared);
      await server.kill();
      await server.restart();
      await committing;
      await expect.poll(() => nats.connected).toBe(true);
      expect(await written()).toEqual(range(1, 2000));
    });

    it('names a stream that went back, was made again, or has forgotten what it must look at', async () => {
      const sink = await start();
      await write(sink, 1, 10);
      const first = stored(await sink.prepare?.(1, false));
      await sink.commit?.(1, first);
      await js.purgeBefore('W', 11);
      await expect(start({ restored: { checkpoint: 1, prepared: first } })).rejects.toMatchObject({
        code: 'jetstream.hole',
      });
      await js.deleteStream('W');
      await js.ensureStream({ name: 'W', subjects: ['w'] });
      await expect(start({ restored: { checkpoint: 1, prepared: first } })).rejects.toMatchObject({
        code: 'jetstream.went-back',
      });
      await write(sink, 11, 20);
      const second = stored(await sink.prepare?.(2, false));
      await expect(sink.commit?.(2, second)).rejects.toMatchObject({ code: 'jetstream.went-back' });
    });

    it('gives up by name on a stream that stays full', async () => {
      await js.ensureStream({ name: 'FULL', subjects: ['full'], maxMessages: 5, discard: 'new' });
      const context = sinkContext(bench(''), { checkpointed: true });
      const sink = await openSink(connector, { url: server.url, subject: 'full', retryFor: '300ms' }, SCHEMA, context);
      opened.push(sink);
      await write(sink, 1, 10);
      const prepared = stored(await sink.prepare?.(1, false));
      await expect(sink.commit?.(1, prepared)).rejects.toMatchObject({ code: 'nats.stream-full' });
      await js.purgeBefore('FULL', 6);
      await sink.commit?.(1, prepared);
      expect((await js.streamState('FULL'))?.lastSequence).toBe(10);
    });

    it('without checkpoints publishes as rows come, and says where nothing takes them', async () => {
      const context = sinkContext(bench(''));
      const options = { url: server.url, subject: 'made.here', create: { stream: 'MADE', subjects: ['made.>'] } };
      const sink = await openSink(connector, options, SCHEMA, context);
      await write(sink, 1, 1000);
      expect(await sink.close()).toEqual({ rows: 1000, wrote: ['made.here'] });
      expect((await js.streamState('MADE'))?.messages).toBe(1000);
      const nowhere = openSink(connector, { url: server.url, subject: 'nowhere' }, SCHEMA, context);
      await expect(nowhere).rejects.toMatchObject({ code: 'jetstream.no-stream' });
    });
  });
}

describe('held messages', () => {
  it('come back as they were, and not from bytes that are cut off', () => {
    const messages = [bytes(''), bytes('a'), new Uint8Array(70_000).fill(7)];
    const packed = packMessages(messages);
    expect(unpackMessages(packed)).toEqual(messages);
    expect(() => unpackMessages(packed.subarray(0, packed.length - 1))).toThrow(RangeError);
  });
});
