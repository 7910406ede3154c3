/** The http connector over real sockets: the webhook's answers and its back-pressure, fetching, sending and sending again. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { Prepared, Source, SourceContext, SourcePartition } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import { open } from '../../index.ts';
import { bench, drain, openSink, openSource, readAll, sinkContext, sourceContext } from '../../test/kit/connectors.ts';
import { schemaOf } from '../../test/kit/formats.ts';
import { build, rowsOf } from '../../test/kit/tables.ts';
import { http } from './http.ts';

const SCHEMA: Schema = schemaOf({ id: 'int64', text: 'utf8' });
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Hook {
  readonly url: string;
  readonly partition: SourcePartition;
  readonly setup: ReturnType<typeof bench>;
  readonly source: Source;
}

async function listen(options: object = {}, schema = SCHEMA, more: object = {}): Promise<Hook> {
  const setup = bench('/');
  let address = '';
  const listening = (at: string): void => {
    address = at;
  };
  const context = sourceContext(setup, { listening, ...more });
  const source = await openSource(http, { listen: '127.0.0.1:0', ...options }, schema, context);
  closing.push(() => source.close());
  const [partition] = source.partitions;
  if (partition === undefined) throw new Error('a webhook has a partition');
  return { url: `http://${address}`, partition, setup, source };
}

/** A journal that holds these notes. */
function journalOf(notes: readonly Json[]): NonNullable<SourceContext['remember']> {
  return async (_, memory) => {
    for (const note of notes) memory.add(note);
    return { keep: async () => undefined };
  };
}

const post = (url: string, body: string, init: RequestInit = {}): Promise<Response> =>
  fetch(url, { method: 'POST', body, ...init });

async function serve(
  handle: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> {
  const server: Server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => handle(request, response, Buffer.concat(pieces).toString()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe('a webhook', () => {
  it('hands on the rows of requests, and answers each once they are acknowledged and not before', async () => {
    const { url, partition } = await listen();
    let answered = false;
    const first = post(url, '{"id":1,"text":"a"}').finally(() => {
      answered = true;
    });
    const batch = await partition.next();
    expect(batch && rowsOf(batch)).toEqual([[1n, 'a']]);
    const next = partition.next();
    const second = post(url, '[{"id":2,"text":"b"},{"id":3,"text":"c"}]');
    expect(rowsOf((await next) ?? build(SCHEMA, []))).toEqual([
      [2n, 'b'],
      [3n, 'c'],
    ]);
    expect(answered).toBe(false);
    await partition.acknowledge?.(undefined);
    expect((await first).status).toBe(200);
    expect((await second).status).toBe(200);
  });

  const keyed = (key: string): RequestInit => ({ headers: { 'idempotency-key': key } });

  it('takes a request once that is repeated under its key, before its rows are safe and after', async () => {
    const { url, partition } = await listen();
    const all = [post(url, '{"id":1}', keyed('a'))];
    expect((await partition.next())?.rows).toBe(1);
    const next = partition.next();
    all.push(post(url, '{"id":1}', keyed('a')));
    expect((await post(url, '{"id":2}', keyed('a'))).status).toBe(422);
    all.push(post(url, '{"id":3}', keyed('"b"')));
    expect(rowsOf((await next) ?? build(SCHEMA, []))).toEqual([[3n, null]]);
    await partition.acknowledge?.(undefined);
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual([200, 200, 200]);
    for (const key of ['a', '"a"']) expect((await post(url, '{"id":1}', keyed(key))).status).toBe(200);
    expect((await post(url, '{"id":2}', keyed('a'))).status).toBe(422);
    expect((await post(url, '{"id":4}', keyed('""'))).status).toBe(400);
    // one that has no rows is answered, too
    const empty = post(url, '[]', keyed('c'));
    expect((await partition.next())?.rows).toBe(0);
    await partition.acknowledge?.(undefined);
    expect((await empty).status).toBe(200);
  });

  it('asks for a key where it is told to', async () => {
    const { url } = await listen({ requireKey: true });
    expect((await post(url, '{"id":1}')).status).toBe(400);
  });

  it('goes on in the middle of a request of which the journal had only some batches', async () => {
    const numbered = Array.from({ length: 150_000 }, (_, id) => BigInt(id));
    const body = `id\n${numbered.join('\n')}\n`;
    const notes: Json[] = [];
    const taken: Value[] = [];
    const schema = schemaOf({ id: 'int64' });
    /** Takes so many batches before it is killed; each is in the journal with its notes. */
    const run = async (batches: number): Promise<void> => {
      const remember = journalOf(notes);
      const { url, partition, source } = await listen({ format: 'csv' }, schema, { remember });
      const posted = post(url, body, keyed('a')).catch(() => undefined);
      for (let count = 0; count < batches; count++) {
        const batch = await partition.next();
        taken.push(...rowsOf(batch ?? build(schema, [])).map(([id]) => id ?? null));
        notes.push(...(partition.notes?.() ?? []));
      }
      await source.close();
      await posted;
    };
    await run(1);
    await run(1);
    expect(taken.length).toBe(2 * 65_536);
    await run(1);
    expect(taken).toEqual(numbered);
    expect(notes.length).toBe(3);
  });

  it('does not acknowledge what it has taken in and not handed out', async () => {
    const { url, partition } = await listen();
    const first = post(url, '{"id":1}');
    await partition.next();
    const pending = partition.next();
    const second = post(url, '{"id":2}').then(({ status }) => status);
    await partition.acknowledge?.(undefined);
    expect((await first).status).toBe(200);
    await pending;
    await partition.acknowledge?.(undefined);
    expect(await second).toBe(200);
  });

  it('answers 429 with Retry-After while too much is waiting, and takes rows again when there is room', async () => {
    const { url, partition } = await listen({ queue: '100B' });
    const waiting = post(url, `{"id":1,"text":"${'x'.repeat(200)}"}`);
    const refused = async (): Promise<Response> => {
      const response = await post(url, '{"id":2}', { signal: AbortSignal.timeout(5000) });
      return response;
    };
    let response = await Promise.race([refused(), waiting]);
    while (response.status !== 429) response = await refused();
    expect(response.headers.get('retry-after')).toBe('1');
    await partition.next();
    await partition.acknowledge?.(undefined);
    expect((await waiting).status).toBe(200);
    const again = post(url, '{"id":2}');
    await partition.next();
    await partition.acknowledge?.(undefined);
    expect((await again).status).toBe(200);
  });

  it('refuses strangers, other paths, other methods and bodies that are too large', async () => {
    const { url } = await listen({ token: 'secret', path: '/in', maxBody: '20B' });
    const headers = { authorization: 'Bearer secret' };
    expect((await post(`${url}/in`, '{}')).status).toBe(401);
    expect((await post(`${url}/in`, '{}', { headers: { authorization: 'Bearer wrong!' } })).status).toBe(401);
    expect((await post(`${url}/other`, '{}', { headers })).status).toBe(404);
    expect((await fetch(`${url}/in`, { headers })).status).toBe(405);
    expect((await post(`${url}/in`, 'x'.repeat(30), { headers })).status).toBe(413);
  });

  it('rejects poison and goes on with what follows', async () => {
    const { url, partition, setup } = await listen();
    const answers = [post(url, 'no json'), post(url, '[{"id":"x"},{"id":5}]')];
    const rows: Value[][] = [];
    while (rows.length < 1) {
      const batch = await partition.next();
      if (batch !== undefined) rows.push(...rowsOf(batch));
      await partition.acknowledge?.(undefined);
    }
    expect(rows).toEqual([[5n, null]]);
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
    expect(setup.bad.length).toBe(2);
  });

  it('answers 503 to who waits when it stops, and a pending call ends', async () => {
    const { url, partition, setup, source } = await listen();
    const waiting = post(url, '{"id":1}');
    await partition.next();
    const pending = partition.next();
    setup.abort.abort();
    expect(await pending).toBeUndefined();
    await source.close();
    expect((await waiting).status).toBe(503);
  });

  it('attaches the path, the time and the peer', async () => {
    const schema = schemaOf({ id: 'int64', path: 'utf8', peer: 'utf8' });
    const { url, partition } = await listen({}, schema, { attach: ['path', 'peer'] });
    void post(`${url}/?site=a`, '{"id":1}');
    const batch = await partition.next();
    expect(batch && rowsOf(batch)).toEqual([[1n, '/?site=a', '127.0.0.1']]);
    await partition.acknowledge?.(undefined);
  });
});

describe('an address that is fetched', () => {
  it('gives its rows once, with the token and through answers that ask for patience', async () => {
    let calls = 0;
    const url = await serve((request, response) => {
      calls += 1;
      if (calls === 1) response.writeHead(503, { 'retry-after': '0' }).end();
      else if (request.headers.authorization !== 'Bearer t') response.writeHead(401).end();
      else response.end('id,text\n1,a\n2,b\n');
    });
    const rows = await readAll(http, { url, token: 't', format: 'csv' }, SCHEMA, sourceContext(bench('/')));
    expect(rows).toEqual([
      [1n, 'a'],
      [2n, 'b'],
    ]);
    expect(calls).toBe(2);
  });

  it('gives rows that are in the journal again only when they have changed, and of those that broke off the rest', async () => {
    const schema = schemaOf({ id: 'int64' });
    let body = `id\n${Array.from({ length: 100_000 }, (_, id) => id).join('\n')}\n`;
    const url = await serve((request, response) => {
      const etag = `"${body.length}"`;
      if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
      else response.writeHead(200, { etag }).end(body);
    });
    const notes: Json[] = [];
    /** Rows of so many batches, which are in the journal. */
    const run = async (batches: number): Promise<number[]> => {
      const context = sourceContext(bench('/'), { remember: journalOf(notes) });
      const source = await openSource(http, { url, format: 'csv' }, schema, context);
      const [partition] = source.partitions;
      const rows: number[] = [];
      for (let count = 0; count < batches; count++) {
        const batch = await partition?.next();
        if (batch === undefined) break;
        rows.push(batch.rows);
        notes.push(...(partition?.notes?.() ?? []));
      }
      await source.close();
      return rows;
    };
    expect(await run(1)).toEqual([65_536]);
    expect(await run(5)).toEqual([100_000 - 65_536]);
    expect(await run(5)).toEqual([]);
    body = 'id\n1\n2\n';
    expect(await run(5)).toEqual([2]);
  });

  it('gives rows again only when they have changed', async () => {
    let version = 1;
    let unchanged = 0;
    const url = await serve((request, response) => {
      const etag = `"${version}"`;
      if (request.headers['if-none-match'] !== etag) response.writeHead(200, { etag }).end(`{"id":${version}}`);
      else {
        unchanged += 1;
        if (unchanged === 2) version = 2;
        response.writeHead(304).end();
      }
    });
    const setup = bench('/');
    const source = await openSource(http, { url, every: '5ms' }, SCHEMA, sourceContext(setup));
    const [partition] = source.partitions;
    expect(rowsOf((await partition?.next()) ?? build(SCHEMA, []))).toEqual([[1n, null]]);
    expect(rowsOf((await partition?.next()) ?? build(SCHEMA, []))).toEqual([[2n, null]]);
    // the next look, at what has not changed since, may be under way
    expect(unchanged).toBeGreaterThanOrEqual(2);
    setup.abort.abort();
    expect(partition && (await drain(partition))).toEqual([]);
    await source.close();
  });

  it('says so when it refuses, or is not there', async () => {
    const url = await serve((_request, response) => response.writeHead(403).end('not you'));
    const read = (at: string): Promise<unknown> =>
      readAll(http, { url: at, retryFor: '1ms' }, SCHEMA, sourceContext(bench('/')));
    await expect(read(url)).rejects.toMatchObject({
      code: 'http.refused',
      message: expect.stringContaining('403: not you'),
    });
    await expect(read('http://127.0.0.1:1/')).rejects.toMatchObject({ code: 'http.unreachable', retry: true });
  });
});

describe('an address that rows are sent to', () => {
  /** A server that fails as told, and knows requests again by their keys. */
  async function receiver(statusOf: (call: number) => number) {
    const bodies = new Map<string, string>();
    let calls = 0;
    const url = await serve((request, response, body) => {
      calls += 1;
      const status = statusOf(calls);
      // A failure after the rows were taken: the sender cannot know.
      if (status < 400 || status === 500) bodies.set(String(request.headers['idempotency-key']), body);
      response.writeHead(status, { 'retry-after': '0' }).end();
    });
    return { url, bodies, calls: () => calls };
  }

  it('has every row once, in order, although it fails now and then after taking them', async () => {
    const { url, bodies, calls } = await receiver((call) => (call % 3 === 1 ? 500 : call % 5 === 2 ? 429 : 200));
    const sink = await openSink(http, { url }, SCHEMA, sinkContext(bench('/')));
    for (let id = 0; id < 6; id += 2)
      await sink.write(
        build(SCHEMA, [
          [BigInt(id), 'x'],
          [BigInt(id + 1), null],
        ]),
      );
    expect(await sink.close()).toEqual({ rows: 6, wrote: [url] });
    expect([...bodies.values()].map((body) => JSON.parse(body).id)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(calls()).toBeGreaterThan(6);
  });

  it('with checkpoints hears of rows when theirs is complete, and after a restart under the same keys', async () => {
    const { url, bodies } = await receiver(() => 200);
    const context = { checkpointed: true, identity: 'd/a/out/0' };
    const sink = await openSink(http, { url }, SCHEMA, sinkContext(bench('/'), context));
    await sink.write(build(SCHEMA, [[1n, 'a']]));
    const prepared = JSON.parse(JSON.stringify(await sink.prepare?.(1, false))) as Prepared;
    expect(bodies.size).toBe(0);
    const frozen = (await sink.prepare?.(1, false))?.frozen ?? [];
    await sink.commit?.(1, { ...prepared, frozen });
    await sink.write(build(SCHEMA, [[2n, 'lost with the process']]));
    await sink.abort();
    const restored = { checkpoint: 1, prepared: { ...prepared, frozen } };
    const again = await openSink(http, { url }, SCHEMA, sinkContext(bench('/'), { ...context, restored }));
    await again.write(build(SCHEMA, [[2n, 'b']]));
    await again.close();
    // gone back to the first checkpoint once more: what comes now is not what came then
    const other = await openSink(http, { url }, SCHEMA, sinkContext(bench('/'), { ...context, restored }));
    await other.write(build(SCHEMA, [[3n, 'c']]));
    await other.close();
    expect([...bodies.values()].map((body) => JSON.parse(body))).toEqual([
      { id: 1, text: 'a' },
      { id: 2, text: 'b' },
      { id: 3, text: 'c' },
    ]);
  });

  it('fails on rows that are refused for good, or leaves them out', async () => {
    const { url } = await receiver((call) => (call === 1 ? 422 : 200));
    const strict = await openSink(http, { url }, SCHEMA, sinkContext(bench('/')));
    await expect(strict.write(build(SCHEMA, [[1n, 'a']]))).rejects.toMatchObject({ code: 'http.refused' });
    const other = await receiver((call) => (call === 1 ? 422 : 200));
    const setup = bench('/');
    const lax = await openSink(http, { url: other.url, onRefused: 'skip' }, SCHEMA, sinkContext(setup));
    await lax.write(
      build(SCHEMA, [
        [1n, 'a'],
        [2n, 'b'],
      ]),
    );
    await lax.close();
    expect([...other.bodies.values()].map((body) => JSON.parse(body).id)).toEqual([2]);
    expect(setup.printed.join('')).toMatch(/422.*left out/);
  });

  it.each([
    ['ndjson', 'application/x-ndjson', '{"id":1,"text":"a"}\n{"id":2,"text":"b"}\n'],
    ['csv', 'text/csv', 'id,text\n1,a\n2,b\n'],
    ['json', 'application/json', '[{"id":1,"text":"a"},{"id":2,"text":"b"}]'],
  ])('takes %s of a whole batch', async (format, type, body) => {
    const seen: [string | undefined, string][] = [];
    const url = await serve((request, response, text) => {
      seen.push([request.headers['content-type'], text]);
      response.end();
    });
    const sink = await openSink(http, { url, format, per: 'batch' }, SCHEMA, sinkContext(bench('/')));
    await sink.write(
      build(SCHEMA, [
        [1n, 'a'],
        [2n, 'b'],
      ]),
    );
    await sink.close();
    expect(seen).toEqual([[type, body]]);
  });
});

it('runs its example', async () => {
  const alerts: string[] = [];
  const url = await serve((_request, response, body) => {
    alerts.push(body);
    response.end();
  });
  const probe = await listen();
  const { host } = new URL(probe.url);
  await probe.source.close();
  const text = http.example.replaceAll(/\$\{LISTEN:-[^}]*\}/g, host).replaceAll(/\$\{ALERTS:-[^}]*\}/g, url);
  const spec = parse(text);
  const flow = await open({ apiVersion: 'cloudskin.dev/v1', kind: 'Dataflow', metadata: { name: 'example' }, spec });
  flow.start();
  let status = 0;
  while (status !== 200) {
    status = await post(`http://${host}/readings`, '{"machine":"m","temperature":91}').then(
      (response) => response.status,
      () => 0,
    );
  }
  await expect.poll(() => alerts.length).toBeGreaterThan(0);
  await flow.stop();
  expect(JSON.parse(alerts[0] ?? '')).toMatchObject({ machine: 'm', temperature: 91 });
});
