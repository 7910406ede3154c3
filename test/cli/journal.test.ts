/** Journaled webhooks and subscriptions of core NATS in a process that is killed just when it has answered, or before any checkpoint. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { connectNats } from '../../engine/nats/client.ts';
import { freePort } from '../kit/free-port.ts';
import { LosingRelay } from '../kit/losing-relay.ts';
import { hasNats, NO_NATS, startNats } from '../kit/nats-server.ts';
import { start } from './command.ts';
import { JournaledRun, numbers } from './journaled.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function begin(source: object, every?: string): Promise<JournaledRun> {
  const run = await JournaledRun.start(source, every);
  closing.push(() => run.close());
  return run;
}

interface Hook {
  readonly run: JournaledRun;
  readonly relay: LosingRelay;
  readonly url: string;
}

/** A webhook behind a relay. */
async function hook(options: object): Promise<Hook> {
  const port = await freePort();
  const relay = await LosingRelay.start(port);
  closing.push(() => relay.close());
  const run = await begin({ http: { listen: `127.0.0.1:${port}`, format: 'ndjson', ...options } });
  return { run, relay, url: `http://127.0.0.1:${relay.port}/` };
}

function bodyOf(ids: readonly number[]): string {
  return ids.map((id) => `{"id":${id}}\n`).join('');
}

/** The status, as soon as somebody answers. */
async function post(url: string, ids: readonly number[], key?: string): Promise<number> {
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  const attempt = async (): Promise<number> =>
    (await fetch(url, { method: 'POST', body: bodyOf(ids), headers }).catch(() => undefined))?.status ?? 0;
  let status = 0;
  await expect.poll(async () => (status = await attempt())).toBeGreaterThan(0);
  return status;
}

/** Resolves when an answer is lost on its way. */
function answerLost(relay: LosingRelay): Promise<void> {
  return new Promise((resolve) => {
    relay.loses = (from) => {
      if (from === 'server') resolve();
      return from === 'server';
    };
  });
}

describe('a journaled webhook', () => {
  it('takes a request once that is sent again under its key, though it is killed while the answer is on its way', async () => {
    const { run, relay, url } = await hook({ requireKey: true });
    expect(await post(url, numbers(0, 3), '"first"')).toBe(200);
    const lost = answerLost(relay);
    const unanswered = fetch(url, {
      method: 'POST',
      body: bodyOf(numbers(3, 6)),
      headers: { 'idempotency-key': 'second' },
    });
    unanswered.catch(() => undefined);
    await lost;
    await run.kill();
    relay.loses = () => false;
    await expect(unanswered).rejects.toThrow();
    run.begin();
    expect(await post(url, numbers(3, 6), 'second')).toBe(200);
    // the form of the header does not matter
    expect(await post(url, numbers(0, 3), 'first')).toBe(200);
    expect(await post(url, numbers(6, 9), 'third')).toBe(200);
    expect(await post(url, numbers(6, 8), 'third')).toBe(422);
    expect(await post(url, numbers(6, 8))).toBe(400);
    await run.stop();
    expect(run.ids).toEqual(numbers(0, 9));
  }, 20_000);

  it('loses nothing that it has answered, and takes twice what is sent twice without a key', async () => {
    const { run, relay, url } = await hook({});
    expect(await post(url, [0])).toBe(200);
    const lost = answerLost(relay);
    fetch(url, { method: 'POST', body: bodyOf([1]) }).catch(() => undefined);
    await lost;
    await run.kill();
    relay.loses = () => false;
    run.begin();
    expect(await post(url, [1])).toBe(200);
    await run.kill();
    run.begin();
    expect(await post(url, [2])).toBe(200);
    await run.stop();
    expect(run.ids).toEqual([0, 1, 1, 2]);
  }, 20_000);

  it('takes each row of an http sink once, though either is killed', async () => {
    const { run, relay, url } = await hook({ requireKey: true });
    const rows = 300;
    const graph = {
      apiVersion: 'cloudskin.dev/v1',
      kind: 'Dataflow',
      metadata: { name: 'sender' },
      spec: {
        sources: { in: { generate: { rows, rate: 800, columns: { id: { sequence: {} } } } } },
        sinks: { out: { from: 'in', http: { url, format: 'ndjson', timeout: '500ms' } } },
        checkpoint: { every: '50ms' },
      },
    };
    writeFileSync(join(run.directory, 'sender.json'), JSON.stringify(graph));
    const send = () => start(['run', 'sender.json', '--state', 'sent'], { cwd: run.directory });
    const sender = send();
    await run.out(1);
    const lost = answerLost(relay);
    await lost;
    await run.kill();
    sender.child.kill('SIGKILL');
    await sender.ended;
    relay.loses = () => false;
    run.begin();
    const { status, stderr } = await send().ended;
    expect([status, stderr]).toEqual([0, expect.anything()]);
    await run.stop();
    expect(run.ids).toEqual(numbers(0, rows));
  }, 20_000);
});

const has = hasNats();

describe.skipIf(!has)(has ? 'a journaled subscription of core NATS' : `core NATS: ${NO_NATS.installed}`, () => {
  it('has once what had come as far as the journal, though it is killed before any checkpoint', async () => {
    const server = await startNats();
    closing.push(() => server.stop());
    const nats = await connectNats({ servers: server.url });
    closing.push(() => nats.close());
    const publish = (id: number): void => nats.publish('in', new TextEncoder().encode(`{"id":${id}}`));
    const run = await begin({ nats: { url: server.url, subject: 'in' } }, '1h');
    // nobody is told when somebody listens
    const journal = (): string =>
      globSync('state/journals/**/*', { cwd: run.directory, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))
        .join('');
    const holds = (id: number): boolean => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(id));
      return journal().includes(bytes.toString('latin1'));
    };
    const listens = async (marker: number): Promise<void> => {
      const published = (): boolean => {
        publish(marker);
        return holds(marker);
      };
      await expect.poll(published).toBe(true);
    };
    const sent = 0x7007_0000;
    await listens(sent);
    for (const id of numbers(sent + 1, sent + 100)) publish(id);
    await expect.poll(() => holds(sent + 99)).toBe(true);
    await run.kill();
    run.begin();
    await listens(sent + 100);
    await run.stop();
    expect(run.ids.filter((id) => id > sent && id < sent + 100)).toEqual(numbers(sent + 1, sent + 100));
  }, 20_000);
});
