/** Tasks over a real NATS server: the micro-service protocol, and the commands. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codecOf } from '../../cli/task/codec.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import { planGraph } from '../../engine/runtime/api/open.ts';
import { type OpenedTask, openPool, type TaskLimits } from '../../engine/task/open.ts';
import { callTask } from '../../engine/task/remote.ts';
import { type Form, serveTask } from '../../engine/task/service.ts';
import { freePort, hasNats, NatsServer } from '../kit/nats-server.ts';
import { type Ended, start } from './command.ts';

const GRAPH = {
  apiVersion: 'cloudskin.dev/v1',
  kind: 'Dataflow',
  metadata: { name: 'scoring' },
  spec: {
    sources: { in: { code: {}, schema: { machine: 'utf8', x: 'int64' } } },
    operators: { inverse: { from: 'in', select: { machine: 'machine', y: '100 / x' } } },
  },
} as const;

const text = (data: Uint8Array): string => new TextDecoder().decode(data);
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

describe.skipIf(!hasNats())('tasks over NATS', () => {
  let server: NatsServer;
  let nats: Nats;
  let directory: string;

  beforeAll(async () => {
    server = await NatsServer.start({ jetstream: false, maxPayload: 65_536 });
    nats = await connectNats({ servers: [server.url], name: 'test' });
    directory = await mkdtemp(join(tmpdir(), 'cs-task-'));
    await writeFile(join(directory, 'graph.json'), JSON.stringify(GRAPH));
    await writeFile(join(directory, 'rows.json'), '[{"machine":"a","x":5},{"machine":"b","x":4}]');
  });

  afterAll(async () => {
    await nats?.close();
    await server?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true });
  });

  /** Serves the graph of this file while `use` runs. */
  async function served<T>(name: string, limits: TaskLimits, use: (task: OpenedTask) => Promise<T>): Promise<T> {
    const plan = await planGraph(GRAPH, { connectors: [], reads: 'all' });
    const task = await openPool(plan, { ...limits, directory, ports: realPorts });
    const codec = codecOf(task.plan);
    const service = await serveTask({
      nats,
      ports: realPorts,
      namespace: 'default',
      name,
      task,
      codec,
      version: '1.0.0',
    });
    try {
      return await use(task);
    } finally {
      await service.close();
      await task.pool.close();
    }
  }

  const call = (name: string, data: Uint8Array, form: Form = 'json', accept?: Form) =>
    callTask(nats, {
      namespace: 'default',
      name,
      data,
      form,
      deadline: 5_000,
      ...(accept === undefined ? {} : { accept }),
    });

  it('answers JSON with JSON, lines with lines, and Arrow with Arrow', async () => {
    await served('forms', {}, async () => {
      const rows = bytes([{ machine: 'a', x: 5 }]);
      expect(text((await call('forms', rows)).data)).toBe('[{"machine":"a","y":20}]');
      expect(text((await call('forms', bytes([]))).data)).toBe('[]');
      expect(text((await call('forms', bytes({ machine: 'a', x: 4 }), 'ndjson')).data)).toBe(
        '{"machine":"a","y":25}\n',
      );
      const arrow = (await call('forms', rows, 'json', 'arrow')).data;
      const { tableFromIPC } = await import('apache-arrow');
      expect(tableFromIPC(arrow).toArray().map(String)).toEqual(['{"machine": "a", "y": 20}']);
    });
  });

  it('says what was wrong by code, and goes on', async () => {
    await served('wrong', {}, async () => {
      await expect(call('wrong', bytes([{ machine: 'a', x: 'no' }]))).rejects.toMatchObject({ code: 'task.bad-input' });
      await expect(call('wrong', new TextEncoder().encode('{{'))).rejects.toMatchObject({ code: 'task.bad-input' });
      await expect(call('wrong', bytes([{ machine: 'a', x: 0 }]))).rejects.toMatchObject({ code: 'task.failed' });
      await expect(call('wrong', new Uint8Array(70_000))).rejects.toMatchObject({ code: 'task.input-too-large' });
      const raw = await nats.request('cs.default.task.wrong', bytes([{ machine: 'a', x: 0 }]), 5_000);
      expect(raw.headers).toMatchObject({ 'Nats-Service-Error-Code': '500', 'Cs-Error': 'task.failed' });
      expect((await call('wrong', bytes([{ machine: 'a', x: 1 }]))).diverted).toBe(0);
    });
    await expect(call('wrong', bytes([]))).rejects.toMatchObject({ code: 'task.not-served' });
  });

  it('refuses a result that the server would not take, by name', async () => {
    await served('large', {}, async () => {
      const lines = (count: number) => new TextEncoder().encode('{"machine":"m","x":1}\n'.repeat(count));
      await expect(call('large', lines(1_000), 'ndjson', 'json')).resolves.toMatchObject({ diverted: 0 });
      await expect(call('large', lines(2_700), 'ndjson', 'json')).rejects.toMatchObject({
        code: 'task.result-too-large',
      });
    });
  });

  it('answers what is more than it may queue, with when to try again', async () => {
    await served('burst', { queueCalls: 2 }, async (task) => {
      const rows = bytes([{ machine: 'a', x: 5 }]);
      const raw = await Promise.all(
        Array.from({ length: 50 }, () => nats.request('cs.default.task.burst', rows, 5_000)),
      );
      const shed = raw.filter(({ headers }) => headers['Nats-Service-Error-Code'] === '429');
      expect(shed.length).toBeGreaterThan(0);
      expect(Number(shed[0]?.headers['Cs-Retry-After'])).toBeGreaterThan(0);
      expect(task.pool.stats()).toMatchObject({ shed: shed.length, calls: 50 - shed.length });
    });
  });

  it('is a micro-service to any NATS client', async () => {
    await served('micro', {}, async () => {
      await call('micro', bytes([{ machine: 'a', x: 5 }]));
      const ask = async (subject: string) =>
        JSON.parse(text((await nats.request(subject, new Uint8Array(0), 5_000)).data));
      const ping = await ask('$SRV.PING.default_micro');
      expect(ping).toMatchObject({ type: 'io.nats.micro.v1.ping_response', name: 'default_micro', version: '1.0.0' });
      expect(await ask(`$SRV.INFO.default_micro.${ping.id}`)).toMatchObject({
        type: 'io.nats.micro.v1.info_response',
        endpoints: [{ subject: 'cs.default.task.micro', queue_group: 'q' }],
      });
      expect(await ask('$SRV.STATS')).toMatchObject({
        type: 'io.nats.micro.v1.stats_response',
        endpoints: [{ num_requests: 1, num_errors: 0, data: { calls: 1 } }],
      });
    });
  });

  it('is served, called and timed by commands', async () => {
    const cli = (args: readonly string[]): Promise<Ended> => start(args).ended;
    const port = await freePort();
    const metrics = ['--metrics', `127.0.0.1:${port}`];
    const serving = start(['task', 'serve', join(directory, 'graph.json'), '--nats', server.url, ...metrics]);
    try {
      await serving.printed('serves default/scoring');
      const input = ['--input', join(directory, 'rows.json'), '--nats', server.url];
      expect((await cli(['task', 'call', 'scoring', ...input])).stdout).toBe(
        '{"machine":"a","y":20}\n{"machine":"b","y":25}\n',
      );
      const timed = await cli(['task', 'bench', 'scoring', ...input, '--rate', '50', '--duration', '500ms', '--json']);
      expect(JSON.parse(timed.stdout)).toMatchObject({ errors: {}, answered: expect.any(Number) });
      const scraped = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      expect(scraped).toMatch(/^cloudskin_task_calls_total\{namespace="default",task="scoring"\} [1-9]/m);
      expect(scraped).toMatch(/^cloudskin_pool_held\{pool="modules",worker="default\/scoring 0"\} [1-9]/m);
      const unknown = await cli(['task', 'call', 'nobody', ...input]);
      expect(unknown).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('nobody serves the task default/nobody'),
      });
      serving.child.kill('SIGTERM');
      expect(await serving.ended).toMatchObject({ status: 0, stdout: expect.stringContaining(' 0 failed') });
    } finally {
      serving.child.kill('SIGKILL');
    }
  }, 20_000);
});
