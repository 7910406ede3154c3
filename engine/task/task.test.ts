/** Tasks of compiled chains and components, on this thread and on others. */
import process from 'node:process';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { defineGraph, openTask, type TaskOptions } from '../../index.ts';
import { ECHO, guestComponent, withFile } from '../../test/kit/guests.ts';
import { until } from '../../test/kit/until.ts';
import { CloudskinError } from '../errors.ts';
import { realPorts } from '../ports.ts';
import { planGraph } from '../runtime/api/open.ts';
import { openPool } from './open.ts';

const METADATA = { apiVersion: 'cloudskin.dev/v1', kind: 'Dataflow', metadata: { name: 'tasks' } } as const;
const SCHEMA = { machine: 'utf8', at: 'timestamp[ms]', t: 'float64' } as const;

const minutes = defineGraph({
  ...METADATA,
  spec: {
    sources: { readings: { code: {}, schema: SCHEMA, time: { column: 'at', maxDelay: '1s' } } },
    operators: {
      valid: { from: 'readings', filter: 't < 100' },
      minutes: {
        from: 'valid',
        window: { tumbling: '1m' },
        groupBy: ['machine'],
        aggregate: { n: 'count(*)', peak: 'max(t)' },
      },
      hot: { from: 'minutes', filter: 'peak > 10' },
    },
  },
});

const ROWS = [
  { machine: 'a', at: new Date(60_000), t: 50 },
  { machine: 'b', at: new Date(0), t: 5 },
  { machine: 'a', at: new Date(1_000), t: 20 },
  { machine: 'a', at: new Date(2_000), t: 200 },
];

const echo = (component: string, onError: 'fail' | 'divert' = 'fail') => ({
  ...METADATA,
  spec: {
    sources: { readings: { code: {}, schema: { x: 'int64' } } },
    operators: { score: { from: 'readings', component, onError } },
  },
});

/** Counts the calls into it, in a page of memory and in a global, and fails in the second. */
const COUNTING = {
  extra: '(global $calls (mut i32) (i32.const 0))',
  process: `(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.store (i32.const 32000) (i32.add (i32.load (i32.const 32000)) (i32.const 1)))
    (if (i32.or (i32.gt_u (global.get $calls) (i32.const 1)) (i32.gt_u (i32.load (i32.const 32000)) (i32.const 1))) (then unreachable))
    ${ECHO}`,
};
const LOOPING = { process: `(loop $again (br $again)) ${ECHO}` };
const GREEDY = { process: `(if (i32.lt_s (memory.grow (i32.const 100)) (i32.const 0)) (then unreachable)) ${ECHO}` };

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'done';
  } catch (error) {
    return error instanceof CloudskinError ? error.code : String(error);
  }
}

async function withGuest<T>(
  parts: Parameters<typeof guestComponent>[0],
  options: TaskOptions,
  use: (task: Awaited<ReturnType<typeof openTask>>) => Promise<T>,
): Promise<T> {
  return withFile(await guestComponent(parts), 'guest.wasm', async (path) => {
    await using task = await openTask(echo(path), options);
    return await use(task);
  });
}

describe.each([0, 1])('a task with %i workers', (workers) => {
  it('yields what a run over the same rows does, windows flushed, no row late', async () => {
    await using task = await openTask(minutes, { workers });
    const first = await task.call(ROWS);
    expect(first.rows()).toEqual([
      { window_start: 0n, window_end: 60_000n, machine: 'a', n: 1n, peak: 20 },
      { window_start: 60_000n, window_end: 120_000n, machine: 'a', n: 1n, peak: 50 },
    ]);
    expect((await task.call(ROWS)).rows()).toEqual(first.rows());
    expect((await task.call([])).rowCount).toBe(0);
    expect((await first.records())[0]?.numRows).toBeGreaterThan(0);
  });

  it('knows nothing of earlier calls, in memory or globals', async () => {
    await withGuest(COUNTING, { workers }, async (task) => {
      for (let call = 0; call < 5; call++)
        expect((await task.call([{ x: BigInt(call) }])).rows()).toEqual([{ x: BigInt(call) }]);
    });
  });

  it('cuts a call off that takes too long, and answers the next', async () => {
    await withGuest(LOOPING, { workers }, async (task) => {
      const began = performance.now();
      expect(await codeOf(task.call([{ x: 1 }], { deadline: 60 }))).toBe('task.timeout');
      expect(performance.now() - began).toBeLessThan(5_000);
      expect((await task.call([])).rowCount).toBe(0);
      expect(task.stats()).toMatchObject({ timeouts: 1, calls: 1 });
    });
  });

  it('fails a call that takes more memory than it may', async () => {
    await withGuest(GREEDY, { workers, memoryBytes: 1_048_576 }, async (task) => {
      await expect(task.call([{ x: 1 }])).rejects.toMatchObject({ code: 'task.failed' });
      expect(task.stats().failed).toBe(1);
    });
  });
});

describe('a task', () => {
  it('takes the operator that is named, and says which there are', async () => {
    await using valid = await openTask(minutes, { operator: 'valid' });
    expect((await valid.call(ROWS)).rowCount).toBe(3);
    await expect(openTask(minutes, { operator: 'vaild' })).rejects.toMatchObject({
      code: 'task.no-operator',
      hint: expect.stringContaining('valid'),
    });
  });

  it('refuses graphs in which it is not clear what goes in and out', async () => {
    const source = { code: {}, schema: { x: 'int64' } };
    const spec = {
      sources: { one: source, two: source },
      operators: { a: { from: 'one', filter: 'x > 1' }, b: { from: 'two', filter: 'x > 1' } },
    };
    await expect(openTask({ ...METADATA, spec })).rejects.toMatchObject({ code: 'task.ambiguous' });
    const operators = { a: { from: ['one', 'two'], filter: 'x > 1' } };
    await expect(openTask({ ...METADATA, spec: { ...spec, operators } })).rejects.toMatchObject({
      code: 'task.inputs',
    });
  });

  it('joins what it makes of its rows, knowing none of the call before', async () => {
    const graph = {
      ...METADATA,
      spec: {
        sources: { readings: { code: {}, schema: SCHEMA, time: { column: 'at', maxDelay: '1s' } } },
        operators: {
          hot: { from: 'readings', filter: 't > 10' },
          cold: { from: 'readings', filter: 't <= 10' },
          pairs: {
            from: { h: 'hot', c: 'cold' },
            window: { tumbling: '1m' },
            join: { where: 'h.machine = c.machine' },
            select: { machine: 'h.machine', high: 'h.t', low: 'c.t' },
          },
        },
      },
    };
    await using task = await openTask(graph);
    const row = (machine: string, seconds: number, t: number) => ({ machine, at: new Date(seconds * 1_000), t });
    const one = await task.call([row('a', 1, 50), row('a', 2, 5), row('b', 3, 60), row('a', 70, 70)]);
    expect(one.rows()).toEqual([{ machine: 'a', high: 50, low: 5 }]);
    expect((await task.call([row('b', 3, 6)])).rows()).toEqual([]);
    expect((await task.call([row('b', 3, 6), row('b', 4, 60)])).rows()).toEqual([{ machine: 'b', high: 60, low: 6 }]);
  });

  it('hands back rows that were diverted, fails where they are not', async () => {
    const graph = (onError: 'fail' | 'divert') => ({
      ...METADATA,
      spec: {
        sources: { in: { code: {}, schema: { x: 'int64' } } },
        operators: { inverse: { from: 'in', select: { y: '10 / x' }, onError } },
      },
    });
    await using diverting = await openTask(graph('divert'));
    const result = await diverting.call([{ x: 5 }, { x: 0 }]);
    expect(result.rows()).toEqual([{ y: 2n }]);
    expect(result.errors()).toMatchObject([{ operator: 'inverse', code: expect.stringContaining('division') }]);
    await using failing = await openTask(graph('fail'));
    expect(await codeOf(failing.call([{ x: 0 }]))).toBe('task.failed');
    expect(await codeOf(failing.call([{ x: 'none' }]))).toBe('task.bad-input');
    expect(await codeOf(failing.call([{ y: 1 }]))).toBe('task.bad-input');
  });

  it('does not keep more of a result than it may', async () => {
    await using task = await openTask(minutes, { operator: 'valid', memoryBytes: 4_194_304 });
    const many = { t: new Float64Array(300_000), machine: [], at: [] };
    expect(await codeOf(task.call(many))).toBe('task.result-too-large');
  });

  it('goes on where its worker thread ended, idle or at work', async () => {
    const workers: Worker[] = [];
    const note = (worker: Worker): number => workers.push(worker);
    process.on('worker', note);
    try {
      await withGuest(LOOPING, { workers: 1 }, async (task) => {
        const threads = () => workers.filter(({ threadName }) => threadName === 'cloudskin-task');
        await threads().at(-1)?.terminate();
        expect((await task.call([])).rowCount).toBe(0);
        const looping = codeOf(task.call([{ x: 1 }]));
        await until(() => task.stats().running === 1);
        await threads().at(-1)?.terminate();
        expect(await looping).toBe('task.failed');
        expect((await task.call([])).rowCount).toBe(0);
      });
    } finally {
      process.off('worker', note);
    }
  });

  it.each([0, 1])('says what its threads keep for the next calls, with %i workers', async (workers) => {
    const plan = await planGraph(minutes, { connectors: [], reads: 'all' });
    const { pool } = await openPool(plan, { workers, directory: '.', ports: realPorts });
    const [pools] = pool.pools();
    expect(pools?.find((one) => one.pool === 'modules')?.held).toBeGreaterThan(0);
    expect(pools?.map((one) => one.pool)).toEqual(['memories', 'starts', 'chains', 'modules', 'operators']);
    await pool.close();
  });

  it('takes no call after it was closed', async () => {
    const task = await openTask(minutes);
    await task.close();
    expect(await codeOf(task.call(ROWS))).toBe('task.closed');
  });
});
