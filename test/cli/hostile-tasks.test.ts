/** What hostile callers send to a task: each is answered by name, within its bounds, and the next caller is answered as if nothing had been. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codecOf } from '../../cli/task/codec.ts';
import { CloudskinError } from '../../engine/errors.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import { planGraph } from '../../engine/runtime/api/open.ts';
import { type OpenedTask, openPool, type TaskLimits } from '../../engine/task/open.ts';
import { callTask } from '../../engine/task/remote.ts';
import { type Form, serveTask } from '../../engine/task/service.ts';
import { ECHO, guestComponent, withFile } from '../kit/guests.ts';
import { hasNats, NatsServer } from '../kit/nats-server.ts';

const HEAD = { apiVersion: 'cloudskin.dev/v1', kind: 'Dataflow', metadata: { name: 'hostile' } } as const;
const SOURCES = { in: { code: {}, schema: { s: 'utf8', x: 'int64' } } } as const;
const PASSING = { ...HEAD, spec: { sources: SOURCES, operators: { pass: { from: 'in', filter: 'x >= 0' } } } } as const;
const GOOD = [{ s: 'fine', x: 1 }];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * Hands its input on, unless that is long: then it loops, takes all memory that it can get and fails, or fails. Finds it anything in its memory that is neither its own nor its
 * input, that is somebody else's, and it fails; what it leaves there itself is for the next one to find.
 */
const GUEST = `
  (local $i i32) (local $end i32)
  (if (i32.gt_u (local.get $length) (i32.const 200000)) (then (loop $again (br $again))))
  (if (i32.gt_u (local.get $length) (i32.const 100000))
    (then (loop $more (br_if $more (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0)))) (call $leave (i32.const 0)) unreachable))
  (if (i32.gt_u (local.get $length) (i32.const 50000)) (then (call $leave (i32.const 0)) unreachable))
  (call $scan (i32.const 40000) (i32.const 65536))
  (call $scan (i32.and (i32.add (i32.add (local.get $at) (local.get $length)) (i32.const 71)) (i32.const -8)) (i32.shl (memory.size) (i32.const 16)))
  (local.set $end (i32.shl (memory.size) (i32.const 16)))
  (call $leave (select (i32.const 0) (local.get $end) (i32.lt_s (memory.grow (i32.const 3)) (i32.const 0))))
  ${ECHO}`;
const HELPERS = `
  (func $scan (param $i i32) (param $end i32)
    (loop $next
      (if (i32.ge_u (local.get $i) (local.get $end)) (then return))
      (if (i64.ne (i64.load (local.get $i)) (i64.const 0)) (then unreachable))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br $next)))
  (func $leave (param $grown i32)
    (memory.fill (i32.const 40000) (i32.const 170) (i32.const 25536))
    (if (local.get $grown) (then (memory.fill (local.get $grown) (i32.const 170) (i32.const 196608)))))`;

const holding = (component: string) => ({
  ...HEAD,
  spec: { sources: SOURCES, operators: { guest: { from: 'in', component } } },
});
const long = (length: number): Uint8Array => bytes(JSON.stringify([{ s: 'a'.repeat(length), x: 1 }]));
const [FAILS, HOARDS, LOOPS] = [long(60_000), long(120_000), long(220_000)];

describe.skipIf(!hasNats())('a task among hostile callers', () => {
  let server: NatsServer;
  let nats: Nats;
  let directory: string;
  beforeAll(async () => {
    server = await NatsServer.start({ jetstream: false });
    nats = await connectNats({ servers: [server.url], name: 'test' });
    directory = await mkdtemp(join(tmpdir(), 'cs-hostile-'));
  });
  afterAll(async () => {
    await nats?.close();
    await server?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true });
  });

  async function served<T>(
    graph: Parameters<typeof planGraph>[0],
    limits: TaskLimits,
    use: (task: OpenedTask) => Promise<T>,
  ): Promise<T> {
    const plan = await planGraph(graph, { connectors: [], reads: 'all' });
    const task = await openPool(plan, { workers: 1, ...limits, directory, ports: realPorts });
    const common = { nats, ports: realPorts, namespace: 'default', name: 'hostile', version: '1.0.0' };
    const service = await serveTask({ ...common, task, codec: codecOf(task.plan) });
    try {
      return await use(task);
    } finally {
      await service.close();
      await task.pool.close();
    }
  }

  const call = (data: Uint8Array, form: Form = 'json', deadline = 5_000) =>
    callTask(nats, { namespace: 'default', name: 'hostile', data, form, deadline });

  async function codeOf(calling: Promise<unknown>): Promise<string> {
    try {
      await calling;
      return 'answered';
    } catch (error) {
      return error instanceof CloudskinError ? error.code : String(error);
    }
  }

  const isWell = async (): Promise<void> => {
    const { data } = await call(bytes(JSON.stringify(GOOD)));
    expect(JSON.parse(new TextDecoder().decode(data))).toEqual(GOOD);
  };

  it('names what is wrong with rows that are none of its', async () => {
    const wrong = [
      '',
      '{',
      '[',
      'null',
      '[null]',
      '[1]',
      '[[]]',
      '"text"',
      '{"s":{}}',
      '[{"s":"a","x":1.5}]',
      '[{"s":"a","x":"9999999999999999999"}]',
      '[{"x":1e400}]',
      '[{"s":"a","x":1,"x":',
      `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
      `[{"s":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}]`,
      '\u0000\u0000',
      '[{"s":"a","x":true}]',
      '[{"__proto__":{"x":1}}]',
      '\ufeff[]x',
    ];
    await served(PASSING, {}, async (task) => {
      for (const text of wrong) {
        const code = await codeOf(call(bytes(text)));
        expect([text.slice(0, 30), code]).toEqual([
          text.slice(0, 30),
          expect.stringMatching(/^(task\.bad-input|answered)$/),
        ]);
      }
      await isWell();
      expect(task.pool.stats()).toMatchObject({ timeouts: 0, shed: 0, queued: 0, queuedBytes: 0, running: 0 });
    });
  });

  it('takes no bytes for rows that are none, whatever form they are said to have', async () => {
    await served(PASSING, {}, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ maxLength: 300 }),
          fc.constantFrom<Form>('json', 'ndjson', 'arrow'),
          async (data, form) => {
            expect(await codeOf(call(data, form))).toMatch(/^(task\.bad-input|answered)$/);
          },
        ),
        { numRuns: 150 },
      );
      await isWell();
    });
  });

  it('takes an Arrow stream that is cut off, or has a byte changed, for what it is', async () => {
    await served(PASSING, {}, async () => {
      const { data: whole } = await callTask(nats, {
        ...{
          namespace: 'default',
          name: 'hostile',
          data: bytes(JSON.stringify(GOOD)),
          form: 'json',
          accept: 'arrow',
          deadline: 5_000,
        },
      });
      expect(await codeOf(call(whole, 'arrow'))).toBe('answered');
      for (let length = 0; length < whole.length; length += 7) {
        expect(await codeOf(call(whole.subarray(0, length), 'arrow'))).toMatch(/^(task\.bad-input|answered)$/);
      }
      for (let at = 0; at < whole.length; at += 3) {
        const changed = whole.slice();
        changed[at] = (changed[at] ?? 0) ^ 0xff;
        expect(await codeOf(call(changed, 'arrow'))).toMatch(/^(task\.bad-input|answered)$/);
      }
      await isWell();
    });
  });

  it('answers by name what is too large for server, queue or result', async () => {
    await served(PASSING, { queueBytes: 100_000, memoryBytes: 2_097_152 }, async () => {
      expect(await codeOf(call(new Uint8Array(2_000_000)))).toBe('task.input-too-large');
      expect(await codeOf(call(bytes(`[{"s":"${'a'.repeat(200_000)}","x":1}]`)))).toBe('task.input-too-large');
      await isWell();
    });
  });

  it('says what headers are none', async () => {
    await served(PASSING, {}, async () => {
      const ask = async (headers: Readonly<Record<string, string>>) =>
        (await nats.request('cs.default.task.hostile', bytes('[]'), 5_000, headers)).headers['Cs-Error'];
      for (const deadline of ['-1', '0', 'NaN', 'Infinity', '1e999', 'soon', '']) {
        expect([deadline, await ask({ 'Cs-Deadline': deadline })]).toEqual([deadline, 'task.bad-input']);
      }
      for (const type of ['text/html', 'application/', 'application/json2']) {
        expect(await ask({ 'Content-Type': type })).toBe('task.bad-input');
        expect(await ask({ Accept: type })).toBe('task.bad-input');
      }
      await isWell();
    });
  });

  it('ends calls that loop, that take all memory or that fail, each by name, and answers the others meanwhile', async () => {
    await withFile(await guestComponent({ process: GUEST, extra: HELPERS }), 'guest.wasm', async (path) => {
      await served(holding(path), { memoryBytes: 8_388_608, queueCalls: 64 }, async (task) => {
        for (let round = 0; round < 3; round++) {
          const codes = await Promise.all([
            codeOf(call(LOOPS, 'json', 150)),
            codeOf(call(HOARDS)),
            codeOf(call(FAILS)),
            ...Array.from({ length: 4 }, () => codeOf(call(bytes(JSON.stringify(GOOD))))),
          ]);
          expect(codes).toEqual(['task.timeout', 'task.failed', 'task.failed', ...Array(4).fill('answered')]);
        }
        expect(task.pool.stats()).toMatchObject({
          calls: 12,
          failed: 6,
          timeouts: 3,
          shed: 0,
          queued: 0,
          queuedBytes: 0,
        });
        await isWell();
      });
    });
  });

  it('answers every call of a burst from nothing to many times what it can do, and counts what it sheds', async () => {
    await served(PASSING, { queueCalls: 8 }, async (task) => {
      const burst = await Promise.all(Array.from({ length: 400 }, () => codeOf(call(bytes(JSON.stringify(GOOD))))));
      const [answered, shed] = ['answered', 'task.overloaded'].map(
        (code) => burst.filter((one) => one === code).length,
      );
      expect([answered, shed].reduce((sum = 0, one = 0) => sum + one, 0)).toBe(400);
      expect(shed).toBeGreaterThan(0);
      expect(task.pool.stats()).toMatchObject({
        calls: answered,
        shed,
        failed: 0,
        timeouts: 0,
        queued: 0,
        queuedBytes: 0,
      });
      await isWell();
    });
  });

  it('leaves nothing of a call for another tenant, however the call ended', async () => {
    const other = `${HELPERS} (data (i32.const 3000) "another tenant")`;
    await withFile(await guestComponent({ process: GUEST, extra: HELPERS }), 'one.wasm', async (one) => {
      await withFile(await guestComponent({ process: GUEST, extra: other }), 'other.wasm', async (two) => {
        const tenants: OpenedTask[] = [];
        for (const [namespace, path] of Object.entries({ one, two })) {
          const graph = { ...holding(path), metadata: { name: 'hostile', namespace } };
          const plan = await planGraph(graph, { connectors: [], reads: 'all' });
          // in one thread, which has one pool of memories
          tenants.push(await openPool(plan, { workers: 0, memoryBytes: 8_388_608, directory, ports: realPorts }));
        }
        for (const data of [bytes(JSON.stringify(GOOD)), FAILS, HOARDS]) {
          for (let turn = 0; turn < 6; turn++) {
            const task = tenants[turn % 2];
            if (task === undefined) throw new Error('two tenants');
            const ask = (sent: Uint8Array) =>
              task.pool.call({ bytes: sent.length, read: () => codecOf(task.plan).decode(sent, 'json') });
            await ask(data).catch(() => undefined);
            expect((await ask(bytes(JSON.stringify(GOOD)))).batches[0]?.rows).toBe(1);
          }
        }
        for (const { pool } of tenants) await pool.close();
      });
    });
  });
});
