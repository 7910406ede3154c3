/** Streams in, streams out, exactly once: `run --state` killed with -9 again and again, and the server with it. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectNats } from '../../engine/nats/client.ts';
import type { JetStream } from '../../engine/nats/nats.ts';
import { hasNats, startNats } from '../kit/nats-server.ts';
import { cloudskin, scratch, start } from './command.ts';

const ROWS = 6_000;
const KILLS = 4;

async function outIds(js: JetStream): Promise<number[]> {
  const ids: number[] = [];
  const reader = await js.read('OUT');
  for (let left = (await js.streamState('OUT'))?.messages ?? 0; left > 0; left--) {
    ids.push(JSON.parse(new TextDecoder().decode((await reader.next())?.data)).id);
  }
  reader.close();
  return ids;
}

/** Resolves when the stream has grown by `more` messages. */
async function grown(js: JetStream, more: number): Promise<void> {
  const length = async (): Promise<number> => (await js.streamState('OUT'))?.messages ?? 0;
  const before = await length();
  await expect.poll(length, { interval: 10 }).toBeGreaterThanOrEqual(Math.min(before + more, ROWS));
}

describe.skipIf(!hasNats())('a run from a stream to a stream', () => {
  it('gives each row once, in order, however often it and the server are killed', async () => {
    const server = await startNats();
    const directory = scratch();
    const nats = await connectNats({ servers: server.url });
    try {
      const js = nats.jetstream();
      await js.ensureStream({ name: 'IN', subjects: ['in'] });
      await js.ensureStream({ name: 'OUT', subjects: ['out'] });
      const sent = Array.from({ length: ROWS }, (_, id) => js.publish('in', new TextEncoder().encode(`{"id":${id}}`)));
      await Promise.all(sent);
      const graph = {
        apiVersion: 'cloudskin.dev/v1',
        kind: 'Dataflow',
        metadata: { name: 'through' },
        spec: {
          sources: { in: { jetstream: { url: server.url, stream: 'IN', follow: false }, schema: { id: 'int64' } } },
          operators: { same: { from: 'in', filter: 'id >= 0' } },
          sinks: { out: { from: 'same', jetstream: { url: server.url, subject: 'out' } } },
          checkpoint: { every: '100ms' },
        },
      };
      writeFileSync(join(directory, 'graph.json'), JSON.stringify(graph));
      const args = ['run', 'graph.json', '--state', 'state'];
      for (let kill = 0; kill < KILLS; kill++) {
        const running = start(args, { cwd: directory });
        // what ends by itself before it is killed has nothing more to show
        await Promise.race([grown(js, 200), running.ended]);
        if (kill === 1) await server.restart();
        running.child.kill('SIGKILL');
        await running.ended;
        await expect.poll(() => nats.connected).toBe(true);
      }
      const { status, stderr } = await cloudskin(args, { cwd: directory });
      expect([status, stderr]).toEqual([0, expect.anything()]);
      expect(await outIds(js)).toEqual(Array.from({ length: ROWS }, (_, id) => id));
    } finally {
      await nats.close();
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
