/** The nats connector against real servers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { Source } from '../../engine/graph/connector.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { open } from '../../index.ts';
import { bench, openSink, openSource, sinkContext, sourceContext } from '../../test/kit/connectors.ts';
import { hasNats, type NatsServer, startNats } from '../../test/kit/nats-server.ts';
import { build, rowsOf } from '../../test/kit/tables.ts';
import { until } from '../../test/kit/until.ts';
import { nats as connector } from './nats.ts';

const SCHEMA: Schema = { fields: [{ name: 'id', type: { kind: 'int64' }, nullable: true }] };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe.skipIf(!hasNats())('the nats connector', () => {
  let server: NatsServer;
  let nats: Nats;
  beforeAll(async () => {
    server = await startNats({ jetstream: false });
    nats = await connectNats({ servers: server.url });
  });
  afterAll(async () => {
    await nats.close();
    await server.stop();
  });

  const take = async (source: Source, rows: number): Promise<Value[][]> => {
    const taken: Value[][] = [];
    while (taken.length < rows) {
      const batch = await source.partitions[0]?.next();
      if (batch === undefined) break;
      taken.push(...rowsOf(batch));
    }
    return taken;
  };

  it('reads messages with subject and headers, and reports the poisoned one', async () => {
    const setup = bench('');
    const schema: Schema = {
      fields: [
        ...SCHEMA.fields,
        { name: 'subject', type: { kind: 'utf8' }, nullable: false },
        { name: 'headers', type: { kind: 'utf8' }, nullable: true },
      ],
    };
    const options = { url: server.url, subject: 'plant.*.readings' };
    const context = sourceContext(setup, { attach: ['subject', 'headers'] });
    const source = await openSource(connector, options, schema, context);
    nats.publish('plant.a.readings', bytes('{"id":1}'), { headers: { trace: 'x' } });
    nats.publish('plant.b.readings', bytes('poison'));
    nats.publish('elsewhere', bytes('{"id":9}'));
    nats.publish('plant.b.readings', bytes('[{"id":2},{"id":3}]'));
    expect(await take(source, 3)).toEqual([
      [1n, 'plant.a.readings', '{"trace":"x"}'],
      [2n, 'plant.b.readings', null],
      [3n, 'plant.b.readings', null],
    ]);
    expect(setup.bad).toMatchObject([{ code: 'json.bad-syntax', position: 'plant.b.readings#2' }]);
    expect(source.partitions[0]?.position).toBeUndefined();
    await source.close();
  });

  it('shares a queue group, ends on abort, and says what it left out on its bound', async () => {
    const one = bench('');
    const options = { url: server.url, subject: 'q', queue: 'workers', maxQueue: '1KiB' };
    const first = await openSource(connector, options, SCHEMA, sourceContext(one));
    const second = await openSource(connector, options, SCHEMA, sourceContext(bench('')));
    for (let id = 0; id < 40; id++) nats.publish('q', bytes(`{"id":${id}}`));
    await nats.flush();
    const taken: number[] = [];
    const waiting = [first, second].map(async (source) => {
      for (let rows = await take(source, 1); rows.length > 0; rows = await take(source, 1)) {
        taken.push(...rows.map(([id]) => Number(id)));
      }
    });
    await until(() => taken.length >= 40);
    await Promise.all([first.close(), second.close()]);
    await Promise.all(waiting);
    expect(taken.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, id) => id));
    const bounded = await openSource(connector, options, SCHEMA, sourceContext(one));
    await until(async () => {
      for (let id = 0; id < 300; id++) nats.publish('q', bytes(`{"id":${id}}`));
      await nats.flush();
      // they are on their way to it, and nobody reads meanwhile
      await new Promise((resolve) => setTimeout(resolve, 50));
      await take(bounded, 10);
      return one.bad.length > 0;
    });
    expect(one.bad[0]).toMatchObject({
      code: 'nats.queue-full',
      message: expect.stringMatching(/^\d+ messages were left out/),
    });
    one.abort.abort();
    expect(await bounded.partitions[0]?.next()).toBeUndefined();
    await bounded.close();
  });

  it('publishes rows, through a lost connection too', async () => {
    const seen: string[] = [];
    const listener = await connectNats({ servers: server.url });
    listener.subscribe('out', (message) => seen.push(new TextDecoder().decode(message.data)));
    await listener.flush();
    const sink = await openSink(connector, { url: server.url, subject: 'out' }, SCHEMA, sinkContext(bench('')));
    await sink.write(build(SCHEMA, [[1n], [2n]]));
    await sink.flush?.();
    await expect.poll(() => seen).toEqual(['{"id":1}', '{"id":2}']);
    await server.restart();
    await expect.poll(() => listener.connected && nats.connected).toBe(true);
    await sink.write(build(SCHEMA, [[3n]]));
    expect(await sink.close()).toEqual({ rows: 3, wrote: ['out'] });
    await expect.poll(() => seen.at(-1)).toBe('{"id":3}');
    await listener.close();
  });

  it('waits for answers where asked to, and sends again until there is one', async () => {
    const sink = await openSink(
      connector,
      { url: server.url, subject: 'ask', ack: 'reply', timeout: '200ms' },
      SCHEMA,
      sinkContext(bench('')),
    );
    const writing = sink.write(build(SCHEMA, [[1n]]));
    let asked = 0;
    const answering = nats.subscribe('ask', (message) => {
      asked += 1;
      if (asked > 1) nats.publish(message.reply, bytes(''));
    });
    await writing;
    expect(asked).toBe(2);
    answering.close();
    await sink.close();
  });

  it('says what is not permitted, and where no server is', async () => {
    const closed = await startNats({
      jetstream: false,
      config:
        'authorization { users: [{ user: a, password: a, permissions: { subscribe: "_INBOX.>", publish: "x" } }] }',
    });
    try {
      const access = { url: closed.url, user: 'a', password: 'a' };
      const source = openSource(connector, { ...access, subject: 'secret' }, SCHEMA, sourceContext(bench('')));
      const reading = source.then((opened) => opened.partitions[0]?.next());
      await expect(reading).rejects.toMatchObject({
        code: 'nats.permission',
        message: expect.stringContaining('secret'),
      });
      await (await source).close();
      const wrong = openSource(connector, { ...access, password: 'b', subject: 'x' }, SCHEMA, sourceContext(bench('')));
      await expect(wrong).rejects.toMatchObject({ code: 'nats.permission' });
    } finally {
      await closed.stop();
    }
  });

  it('runs its example', async () => {
    const alerts: string[] = [];
    nats.subscribe('alerts', (message) => alerts.push(new TextDecoder().decode(message.data)));
    await nats.flush();
    const spec = parse(connector.example.replaceAll(/\$\{NATS_URL:-[^}]*\}/g, server.url));
    const flow = await open({ apiVersion: 'cloudskin.dev/v1', kind: 'Dataflow', metadata: { name: 'example' }, spec });
    flow.start();
    const sending = setInterval(() => nats.publish('plant.a.readings', bytes('{"machine":"m","temperature":81}')), 20);
    await expect.poll(() => alerts.length).toBeGreaterThan(0);
    clearInterval(sending);
    await flow.stop();
    expect(alerts[0]).toContain('"machine":"m"');
  });
});
