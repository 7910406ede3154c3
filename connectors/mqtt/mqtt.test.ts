/** The mqtt connector against mosquitto: both protocols, all qualities of service, retained messages, lost connections, TLS. */
import { connectAsync } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { Source, SourcePartition } from '../../engine/graph/connector.ts';
import { open } from '../../index.ts';
import { makeCertificates } from '../../test/kit/certificates.ts';
import {
  bench,
  openSink,
  openSource,
  sinkContext,
  sourceContext,
  temporaryDirectory,
} from '../../test/kit/connectors.ts';
import { schemaOf } from '../../test/kit/formats.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../../test/kit/mosquitto.ts';
import { build, rowsOf } from '../../test/kit/tables.ts';
import { mqtt } from './mqtt.ts';

const SCHEMA: Schema = schemaOf({ id: 'int64' });
/** Messages of QoS 2 that mosquitto takes at a time. */
const AT_ONCE = 20;
const there = hasMosquitto();
let broker: Mosquitto;
let topics = 0;
const closing: (() => Promise<unknown>)[] = [];

interface Reader {
  readonly source: Source;
  readonly partition: SourcePartition;
  readonly setup: ReturnType<typeof bench>;
}

async function subscribe(options: object, schema = SCHEMA, more: object = {}): Promise<Reader> {
  const setup = bench('/');
  const context = sourceContext(setup, { identity: `d/a/${JSON.stringify(options)}`, ...more });
  const source = await openSource(mqtt, { url: broker.url, ...options }, schema, context);
  closing.push(() => source.close());
  const [partition] = source.partitions;
  if (partition === undefined) throw new Error('a subscription has a partition');
  return { source, partition, setup };
}

/** Reads that many rows, acknowledging each batch unless told not to. */
async function take({ partition }: Reader, count: number, acknowledge = true): Promise<Value[][]> {
  const rows: Value[][] = [];
  while (rows.length < count) {
    const batch = await partition.next();
    if (batch === undefined) break;
    rows.push(...rowsOf(batch));
    if (acknowledge) await partition.acknowledge?.(undefined);
  }
  return rows;
}

async function publish(topic: string, ids: readonly number[], qos: 0 | 1 | 2 = 1, retain = false): Promise<void> {
  const client = await connectAsync(broker.url);
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const some = ids.slice(from, from + AT_ONCE);
    await Promise.all(some.map((id) => client.publishAsync(topic, JSON.stringify({ id }), { qos, retain })));
  }
  await client.endAsync();
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const ids = (rows: Value[][]): number[] => rows.map(([id]) => Number(id));

describe.skipIf(!there)(`mqtt${there ? '' : ' (skipped: mosquitto is not installed)'}`, () => {
  beforeAll(async () => {
    broker = await startMosquitto();
  });
  afterAll(() => broker?.stop());
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  const fresh = (): string => `t/${++topics}`;

  for (const version of ['3.1.1', '5']) {
    it.each([0, 1, 2] as const)(`hands on messages of QoS %i in their order (MQTT ${version})`, async (qos) => {
      const topic = fresh();
      const reader = await subscribe({ topic, qos, version });
      await publish(topic, numbers(0, 50), qos);
      expect(ids(await take(reader, 50))).toEqual(numbers(0, 50));
    });

    it.each([1, 2] as const)(
      `has what was not acknowledged sent again to its successor, QoS %i (MQTT ${version})`,
      async (qos) => {
        const topic = fresh();
        const options = { topic, qos, version };
        const reader = await subscribe(options);
        await publish(topic, numbers(0, 5), qos);
        expect(ids(await take(reader, 5))).toEqual(numbers(0, 5));
        await publish(topic, numbers(5, 12), qos);
        expect(ids(await take(reader, 7, false))).toEqual(numbers(5, 12));
        await reader.source.close();
        await publish(topic, numbers(12, 15), qos);
        const successor = await subscribe(options);
        expect(ids(await take(successor, 10))).toEqual(numbers(5, 15));
      },
    );
  }

  it.each([1, 2] as const)(
    'goes on after the broker was killed, nothing lost and nothing twice in one run, QoS %i',
    async (qos) => {
      const topic = fresh();
      const reader = await subscribe({ topic, qos });
      await publish(topic, numbers(0, 10), qos);
      const first = await take(reader, 10, false);
      const unsaved = numbers(10, 12);
      await broker.save();
      await broker.kill();
      await broker.start();
      await reader.partition.acknowledge?.(undefined);
      await publish(topic, unsaved, qos);
      // The broker sends the first ten again, since it never heard of their acknowledgement.
      expect(ids([...first, ...(await take(reader, 2))])).toEqual(numbers(0, 12));
    },
  );

  it.each([1, 2] as const)(
    'subscribes anew where the broker has forgotten the session, and begins its numbers anew, QoS %i',
    async (qos) => {
      const forgetful = await startMosquitto();
      closing.push(() => forgetful.stop());
      const reader = await subscribe({ url: forgetful.url, topic: 'f', qos });
      const send = async (id: number): Promise<void> => {
        const client = await connectAsync(forgetful.url);
        await client.publishAsync('f', JSON.stringify({ id }), { qos, retain: true });
        await client.endAsync();
      };
      for (const id of [1, 2]) await send(id);
      // the second is on its way to be confirmed
      expect(ids(await take(reader, 2, false))).toEqual([1, 2]);
      await forgetful.kill();
      await forgetful.start();
      await reader.partition.acknowledge?.(undefined);
      await send(3);
      expect(ids(await take(reader, 1))).toEqual([3]);
      await send(4);
      expect(ids(await take(reader, 1))).toEqual([4]);
    },
  );

  it('keeps its connection though mosquitto has more messages of QoS 2 under way than it was told to', async () => {
    const topic = fresh();
    const lost: string[] = [];
    const trouble = (what?: { readonly reason: string }): void => void (what === undefined || lost.push(what.reason));
    const reader = await subscribe({ topic, qos: 2 }, SCHEMA, { trouble });
    await publish(topic, numbers(0, 1_200), 2);
    const taken: number[] = [];
    // all that it sends at a time, which is then confirmed at once
    while (taken.length < 1_200) {
      taken.push(...ids(await take(reader, Math.min(256, 1_200 - taken.length), false)));
      await reader.partition.acknowledge?.(undefined);
    }
    expect(taken).toEqual(numbers(0, 1_200));
    expect(lost).toEqual([]);
  });

  it.each([0, 1, 2] as const)(
    'reads no more than fits, however much comes, and loses nothing of it, QoS %i',
    async (qos) => {
      const topic = fresh();
      const reader = await subscribe({ topic, qos, queue: '100B' });
      await publish(topic, numbers(0, 500), qos);
      expect(ids(await take(reader, 500))).toEqual(numbers(0, 500));
    },
  );

  it('takes retained messages, or leaves them alone, and says which is which', async () => {
    const topic = fresh();
    await publish(topic, [7], 1, true);
    const schema = schemaOf({ id: 'int64', topic: 'utf8', retained: 'bool', qos: 'int8' });
    const attach = { attach: ['topic', 'retained', 'qos'] };
    const taking = await subscribe({ topic: 't/#', clean: true }, schema, attach);
    const found = await take(taking, 1);
    expect(found).toContainEqual([7n, topic, true, 1]);
    for (const version of ['3.1.1', '5']) {
      const skipping = await subscribe({ topic, retained: 'skip', clean: true, version }, schema, attach);
      await publish(topic, [8]);
      expect(await take(skipping, 1)).toEqual([[8n, topic, false, 1]]);
    }
  });

  it('rejects poison, goes on with what follows, and confirms it', async () => {
    const topic = fresh();
    const reader = await subscribe({ topic });
    const client = await connectAsync(broker.url);
    await client.publishAsync(topic, 'no json', { qos: 1 });
    await client.endAsync();
    await publish(topic, [1]);
    expect(ids(await take(reader, 1))).toEqual([1]);
    expect(reader.setup.bad.map(({ position }) => position)).toEqual([topic]);
    await reader.source.close();
    await publish(topic, [2]);
    expect(ids(await take(await subscribe({ topic }), 1))).toEqual([2]);
  });

  it.each([0, 1, 2] as const)('publishes rows with QoS %i, retained where asked, each a message', async (qos) => {
    const topic = fresh();
    const reader = await subscribe({ topic, qos });
    const sink = await openSink(mqtt, { url: broker.url, topic, qos, retain: true }, SCHEMA, sinkContext(bench('/')));
    await sink.write(
      build(
        SCHEMA,
        numbers(0, 600).map((id) => [BigInt(id)]),
      ),
    );
    expect(await sink.close()).toEqual({ rows: 600, wrote: [topic] });
    expect(ids(await take(reader, 600))).toEqual(numbers(0, 600));
    const later = await subscribe({ topic, clean: true });
    expect(ids(await take(later, 1))).toEqual([599]);
  });

  it('speaks TLS and gives its name and password, and says what the broker refuses', async () => {
    const place = await temporaryDirectory();
    const { ca, serverCert: cert, serverKey: key } = await makeCertificates(place.path);
    const user = { name: 'plant', password: 'secret' };
    const safe = await startMosquitto({ tls: { ca, cert, key }, user });
    closing.push(
      () => safe.stop(),
      () => place.remove(),
    );
    const options = { url: safe.url, topic: 't', ca, username: 'plant', password: 'secret' };
    const reader = await subscribe(options);
    const sink = await openSink(mqtt, options, SCHEMA, sinkContext(bench('/')));
    await sink.write(build(SCHEMA, [[5n]]));
    await sink.close();
    expect(ids(await take(reader, 1))).toEqual([5]);
    await expect(subscribe({ ...options, password: 'wrong' })).rejects.toMatchObject({ code: 'mqtt.refused' });
    const unknown = { ...options, ca: undefined, retryFor: '300ms' };
    await expect(subscribe(unknown)).rejects.toMatchObject({ code: 'mqtt.unreachable', message: /certificate/ });
  });

  it('runs its example', async () => {
    const spec = parse(mqtt.example.replaceAll(/\$\{BROKER:-[^}]*\}/g, broker.url));
    const flow = await open({ apiVersion: 'cloudskin.dev/v1', kind: 'Dataflow', metadata: { name: 'example' }, spec });
    flow.start();
    const alerts = await subscribe({ topic: 'plant/alerts' });
    const client = await connectAsync(broker.url);
    const reading = '{"machine":"m","temperature":91}';
    const sending = setInterval(() => client.publish('plant/a/readings', reading), 20);
    const [first] = await take(alerts, 1);
    clearInterval(sending);
    await client.endAsync();
    await flow.stop();
    expect(first).toEqual([null]);
  });
});
