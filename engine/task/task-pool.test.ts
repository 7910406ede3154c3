/** The contract of the pool in front of a task, by a clock that the test turns. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../test/kit/manual-ports.ts';
import { CloudskinError } from '../errors.ts';
import { pause } from '../ports.ts';
import { type PoolOptions, type Runner, retryAfterOf, TaskPool } from './task-pool.ts';

/** Takes its time by the test's clock. */
class Slow implements Runner {
  running = 0;
  most = 0;
  closed = false;
  readonly #ports: ManualPorts;
  readonly #milliseconds: number;

  constructor(ports: ManualPorts, milliseconds: number) {
    this.#ports = ports;
    this.#milliseconds = milliseconds;
  }

  async run() {
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    await pause(this.#ports, this.#milliseconds);
    this.running -= 1;
    return { batches: [], errors: [] };
  }

  async close() {
    this.closed = true;
  }
}

function pool(ports: ManualPorts, options: Partial<PoolOptions> = {}) {
  const runners = [new Slow(ports, 10)];
  const limits = { queueCalls: 3, queueBytes: 1_000, deadline: 1_000 };
  return { runners, pool: new TaskPool({ ports, name: 'score', runners, ...limits, ...options }) };
}

const code = (error: unknown): string => (error instanceof CloudskinError ? error.code : String(error));

describe('a pool of a task', () => {
  it('sheds what finds the queue full, says when to try again, and counts it', async () => {
    const ports = new ManualPorts();
    const { pool: calls } = pool(ports);
    const burst = Array.from({ length: 5 }, () =>
      calls.call([]).then(
        () => 'done',
        (error: unknown) => error,
      ),
    );
    await ports.settle();
    expect(calls.stats()).toMatchObject({ shed: 2, running: 1, queued: 2 });
    await ports.advance(100);
    const answers = await Promise.all(burst);
    expect(answers.slice(0, 3)).toEqual(['done', 'done', 'done']);
    expect(answers.slice(3).map(code)).toEqual(['task.overloaded', 'task.overloaded']);
    expect(retryAfterOf(answers[4])).toBeGreaterThan(0);
    expect(answers[4]).toMatchObject({ retry: true });
    expect(calls.stats()).toMatchObject({ calls: 3, shed: 2, running: 0, queued: 0 });
    expect(ports.pending).toBe(0);
  });

  it('times a call out that waits, and never runs it', async () => {
    const ports = new ManualPorts();
    const { pool: calls } = pool(ports);
    const first = calls.call([]);
    const second = calls.call([], 5).then(() => 'done', code);
    await ports.advance(30);
    await first;
    expect(await second).toBe('task.timeout');
    expect(calls.stats()).toMatchObject({ calls: 1, timeouts: 1, failed: 0, queued: 0, queuedBytes: 0 });
  });

  it('answers what waits before it is closed, and takes nothing more', async () => {
    const ports = new ManualPorts();
    const { pool: calls, runners } = pool(ports);
    const under = [calls.call([]), calls.call([])];
    const closed = calls.close();
    await expect(calls.call([])).rejects.toMatchObject({ code: 'task.closed' });
    expect(runners[0]?.closed).toBe(false);
    await ports.advance(100);
    await Promise.all([...under, closed]);
    expect(runners[0]?.closed).toBe(true);
  });

  it('refuses a call that is larger than the queue by name', async () => {
    const ports = new ManualPorts();
    const { pool: calls } = pool(ports, { queueBytes: 10 });
    const batch = { schema: { fields: [] }, rows: 1, body: new Uint8Array(11), layout: new Int32Array(0) };
    await expect(calls.call([batch])).rejects.toMatchObject({ code: 'task.input-too-large' });
    expect(calls.stats().shed).toBe(0);
  });

  it('answers every call of any burst exactly once, within its bounds', async () => {
    const burst = fc.array(
      fc.record({ after: fc.integer({ min: 0, max: 12 }), deadline: fc.integer({ min: 1, max: 60 }) }),
      {
        minLength: 1,
        maxLength: 40,
      },
    );
    await fc.assert(
      fc.asyncProperty(
        burst,
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 8 }),
        async (arrivals, count, queueCalls) => {
          const ports = new ManualPorts();
          const runners = Array.from({ length: count }, () => new Slow(ports, 10));
          const { pool: calls } = pool(ports, { runners, queueCalls });
          const answers: Promise<string>[] = [];
          for (const { after, deadline } of arrivals) {
            await ports.advance(after);
            answers.push(calls.call([], deadline).then(() => 'done', code));
            expect(calls.stats().queued).toBeLessThanOrEqual(queueCalls);
          }
          await ports.advance(1_000);
          const all = await Promise.all(answers);
          const { calls: done, shed, timeouts, queued, running } = calls.stats();
          expect([done, shed, timeouts]).toEqual(
            ['done', 'task.overloaded', 'task.timeout'].map((kind) => all.filter((one) => one === kind).length),
          );
          expect([queued, running, ports.pending]).toEqual([0, 0, 0]);
          expect(Math.max(...runners.map(({ most }) => most))).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 60 },
    );
  });
});
