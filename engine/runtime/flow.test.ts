/** How rows flow through a running plan: unions, branches, side outputs, back-pressure, flushing, counting. */
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../test/kit/manual-ports.ts';
import { EVENTS, events, prepare, SECOND, timed } from '../../test/kit/runs.ts';
import { COUNTS, counting } from '../../test/kit/stub-cell.ts';

const source = { schema: EVENTS, time: timed(0) };
const plain = { schema: EVENTS };

describe('a running dataflow', () => {
  it('passes a source straight on to a sink and reports what was written', async () => {
    const { memory, deployment } = prepare(
      { sources: { a: plain }, sinks: { out: ['a'] } },
      { sources: { a: { partitions: [() => [events([1, 2]), events([3], 2)]] } } },
    );
    const summary = await deployment.run();
    expect(memory.rows('out').map(([id]) => id)).toEqual([0n, 1n, 2n]);
    expect(memory.journal).toEqual(['open a', 'open out', 'write out 2', 'write out 1', 'close a', 'close out']);
    expect(summary.sinks).toEqual([{ name: 'out', rows: 3, wrote: ['memory:out'] }]);
    expect(summary.stopped).toBe(false);
    expect(summary.metrics).toMatchObject({ state: 'ended', rowsIn: 3, rowsOut: 3, late: 0, bad: 0 });
  });

  it('unites inputs, and hands a branch to every reader', async () => {
    const { memory, deployment } = prepare(
      {
        sources: { a: plain, b: plain },
        operators: { both: { from: ['a', 'b'] }, left: { from: ['both'] }, right: { from: ['both'] } },
        sinks: { one: ['left'], two: ['right'], all: ['both', 'a'] },
      },
      {
        sources: {
          a: { partitions: [() => [events([1, 2])]] },
          b: { partitions: [() => [events([3], 10)], () => [events([4], 20)]] },
        },
      },
    );
    await deployment.run();
    const ids = (sink: string): unknown[] =>
      memory
        .rows(sink)
        .map(([id]) => Number(id))
        .sort((x, y) => x - y);
    expect(ids('one')).toEqual([0, 1, 10, 20]);
    expect(ids('two')).toEqual([0, 1, 10, 20]);
    expect(ids('all')).toEqual([0, 0, 1, 1, 10, 20]);
  });

  it('closes windows by the least watermark of united inputs and diverts what comes late', async () => {
    const step = counting(EVENTS, 10n * SECOND, 'divert');
    const { memory, deployment, calls } = prepare(
      {
        sources: { a: source },
        operators: { tens: { from: ['a'], steps: [step], output: COUNTS, ports: { late: EVENTS } } },
        sinks: { out: ['tens'], late: ['tens.late'] },
      },
      { sources: { a: { partitions: [() => [events([1, 5, 12, 3, 14])]] } } },
    );
    const summary = await deployment.run();
    expect(memory.rows('out')).toEqual([
      [0n, 2n],
      [10n * SECOND, 2n],
    ]);
    expect(memory.rows('late')).toEqual([[3n, 3n * SECOND]]);
    expect(calls.get('tens')).toEqual([
      'process 3',
      `watermark ${12n * SECOND}`,
      'process 2',
      `watermark ${14n * SECOND}`,
      'end',
      'close',
    ]);
    expect(summary.metrics.late).toBe(1);
    expect(summary.metrics.nodes.find((node) => node.name === 'tens')).toMatchObject({
      rowsIn: 5,
      rowsOut: 2,
      late: 1,
    });
  });

  it('hands bad rows to `.errors` even when no good row follows, and counts them', async () => {
    const ports = new ManualPorts();
    const { memory, deployment } = prepare(
      { sources: { a: { ...plain, onError: 'divert' } }, sinks: { out: ['a'], bad: ['a.errors'] } },
      {
        sources: {
          a: {
            partitions: [
              async function* (context) {
                context.reject({ code: 'csv.bad', message: 'no number', position: 'x.csv:2', raw: 'a,b' });
                yield events([1]);
                context.reject({ code: 'csv.bad', message: 'no number', position: 'x.csv:4', raw: 'c,d' });
                await ports.settle();
                expect(memory.rows('bad')).toHaveLength(2);
              },
            ],
          },
        },
      },
      { ports },
    );
    const summary = await deployment.run();
    expect(memory.rows('bad')[0]).toEqual([BigInt(ports.now()) * 1000n, 'a', 'csv.bad', 'no number', 'x.csv:2', 'a,b']);
    expect(summary.metrics).toMatchObject({ bad: 2, rowsOut: 3 });
  });

  it('skips bad rows or fails by them, as the source says', async () => {
    const script = {
      a: {
        partitions: [
          function* (context: { reject(row: { code: string; message: string; position: string; raw: string }): void }) {
            context.reject({ code: 'csv.bad', message: 'no number', position: 'x.csv:2', raw: '' });
            yield events([1]);
          },
        ],
      },
    };
    const skipping = prepare(
      { sources: { a: { ...plain, onError: 'skip' } }, sinks: { out: ['a'] } },
      { sources: script },
    );
    expect((await skipping.deployment.run()).metrics.bad).toBe(1);
    const failing = prepare({ sources: { a: plain }, sinks: { out: ['a'] } }, { sources: script });
    await expect(failing.deployment.run()).rejects.toMatchObject({
      code: 'source.bad-row',
      message: 'source a: x.csv:2: no number',
    });
    expect(failing.memory.rows('out')).toEqual([]);
  });

  it('waits for a slow sink: what is queued stays within its bound and a push', async () => {
    let release = (): void => {};
    let taken = 0;
    const batchBytes = 2 * 100 * 8;
    const { memory, deployment } = prepare(
      { sources: { a: plain }, sinks: { slow: ['a'], quick: ['a'] } },
      {
        sources: {
          a: {
            partitions: [
              function* () {
                for (let batch = 0; batch < 50; batch++) {
                  taken = batch + 1;
                  yield events(
                    Array.from({ length: 100 }, (_, row) => row),
                    batch * 100,
                  );
                }
              },
            ],
          },
        },
        sinks: {
          slow: {
            write: () =>
              new Promise((resolve) => {
                release = resolve;
              }),
          },
        },
      },
      { queueBytes: batchBytes * 4 },
    );
    const ports = new ManualPorts();
    const done = deployment.run();
    await ports.settle();
    expect(taken).toBe(5);
    const slow = deployment.metrics().nodes.find((node) => node.name === 'slow');
    expect(slow?.queued).toBe(batchBytes * 4);
    release();
    await ports.settle();
    expect(taken).toBe(6);
    for (let round = 0; round < 60; round++) {
      release();
      await ports.turn();
      const queued = deployment.metrics().nodes.find((node) => node.name === 'slow')?.queued ?? 0;
      expect(queued).toBeLessThanOrEqual(batchBytes * 5);
    }
    await done;
    expect(memory.rows('slow').map(([id]) => Number(id))).toEqual(Array.from({ length: 5_000 }, (_, id) => id));
    expect(memory.rows('quick')).toHaveLength(5_000);
  });

  it('flushes a sink when rows have stopped coming, once, and never on a bounded run', async () => {
    const ports = new ManualPorts();
    let more = (): void => {};
    const waits = new Promise<void>((resolve) => {
      more = resolve;
    });
    const script = async function* () {
      yield events([1]);
      await waits;
      yield events([2], 1);
    };
    const setup = { sources: { a: { bounded: false, partitions: [script] } }, sinks: { out: { flush: () => {} } } };
    const { memory, deployment } = prepare({ sources: { a: plain }, sinks: { out: ['a'] } }, setup, { ports });
    const done = deployment.run();
    await ports.advance(15);
    expect(memory.journal).not.toContain('flush out');
    await ports.advance(500);
    expect(memory.journal.filter((entry) => entry === 'flush out')).toHaveLength(1);
    expect(memory.contexts.get('out')?.bounded).toBe(false);
    more();
    await done;
    expect(ports.pending).toBe(0);
  });

  it('yields the same rows whatever the size of the batches', async () => {
    const times = Array.from({ length: 500 }, (_, row) => row / 4 + ((row * 7919) % 23) - 11);
    const run = async (size: number): Promise<unknown> => {
      const step = counting(EVENTS, 5n * SECOND, 'divert');
      const { memory, deployment } = prepare(
        {
          sources: { a: { schema: EVENTS, time: timed(3) } },
          operators: { fives: { from: ['a'], steps: [step], output: COUNTS, ports: { late: EVENTS } } },
          sinks: { out: ['fives'], late: ['fives.late'] },
        },
        {
          sources: {
            a: {
              partitions: [
                function* () {
                  for (let at = 0; at < times.length; at += size) yield events(times.slice(at, at + size), at);
                },
              ],
            },
          },
        },
      );
      await deployment.run();
      return { counts: memory.rows('out'), late: memory.rows('late') };
    };
    const expected = await run(1);
    for (const size of [2, 7, 64, 500]) expect(await run(size)).toEqual(expected);
    expect((expected as { late: unknown[] }).late.length).toBeGreaterThan(10);
  });
});
