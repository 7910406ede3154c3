/** What makes a source wait, or others not wait for it: idleness and drift, by a clock turned by hand. */
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../test/kit/manual-ports.ts';
import { silence } from '../../test/kit/memory-connector.ts';
import { EVENTS, events, prepare, SECOND, timed } from '../../test/kit/runs.ts';
import { COUNTS, counting } from '../../test/kit/stub-cell.ts';

const tens = { from: ['a', 'b'], steps: [counting(EVENTS, 10n * SECOND)], output: COUNTS };

describe('idleness', () => {
  it('frees the others of a silent source after `idleAfter`, and takes it back when it speaks', async () => {
    const ports = new ManualPorts();
    let speak = (): void => {};
    const silence = new Promise<void>((resolve) => {
      speak = resolve;
    });
    const { memory, deployment } = prepare(
      {
        sources: { a: { schema: EVENTS, time: timed(0) }, b: { schema: EVENTS, time: timed(0, { idleAfter: 30 }) } },
        operators: { tens },
        sinks: { out: ['tens'] },
      },
      {
        sources: {
          a: {
            bounded: false,
            partitions: [
              async function* () {
                yield events([1, 2, 25]);
                await silence;
              },
            ],
          },
          b: {
            bounded: false,
            partitions: [
              async function* () {
                yield events([5]);
                await silence;
                yield events([7, 21], 1);
              },
            ],
          },
        },
      },
      { ports },
    );
    const done = deployment.run();
    await ports.advance(29_000);
    expect(memory.rows('out')).toEqual([]);
    await ports.advance(2_000);
    expect(memory.rows('out')).toEqual([[0n, 3n]]);
    expect(deployment.metrics().nodes.find((node) => node.name === 'b')).toMatchObject({ idle: true });
    speak();
    const summary = await done;
    expect(memory.rows('out')).toEqual([
      [0n, 3n],
      [20n * SECOND, 2n],
    ]);
    expect(summary.metrics.late).toBe(1);
    expect(ports.pending).toBe(0);
  });

  it('does not count the time that a source waits for a full sink', async () => {
    const ports = new ManualPorts();
    let release = (): void => {};
    const { deployment } = prepare(
      { sources: { a: { schema: EVENTS, time: timed(0, { idleAfter: 1 }) } }, sinks: { out: ['a'] } },
      {
        sources: { a: { partitions: [() => [events([1]), events([2]), events([3])]] } },
        sinks: {
          out: {
            write: () =>
              new Promise((resolve) => {
                release = resolve;
              }),
          },
        },
      },
      { ports, queueBytes: 1 },
    );
    const done = deployment.run();
    await ports.advance(60_000);
    expect(deployment.metrics().nodes[0]).toMatchObject({ idle: false, rowsIn: 2 });
    for (let round = 0; round < 5; round++) {
      release();
      await ports.settle();
    }
    await done;
    expect(ports.pending).toBe(0);
  });
});

describe('maxDrift', () => {
  const draft = {
    sources: {
      a: { schema: EVENTS, time: timed(0, { maxDrift: 10 }) },
      b: { schema: EVENTS, time: timed(0) },
    },
    operators: { tens },
    sinks: { out: ['tens'] },
  };

  it('holds back the source that is ahead until the slowest has come near', async () => {
    const ports = new ManualPorts();
    const order: string[] = [];
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { deployment } = prepare(
      draft,
      {
        sources: {
          a: {
            bounded: false,
            partitions: [
              function* () {
                for (let second = 0; second <= 60; second += 20) {
                  order.push(`a ${second}`);
                  yield events([second]);
                }
              },
            ],
          },
          b: {
            bounded: false,
            partitions: [
              async function* () {
                yield events([0]);
                await gate;
                for (let second = 10; second <= 60; second += 10) {
                  order.push(`b ${second}`);
                  yield events([second]);
                }
              },
            ],
          },
        },
      },
      { ports },
    );
    const done = deployment.run();
    await ports.settle();
    expect(order).toEqual(['a 0', 'a 20']);
    go();
    await done;
    for (const second of [40, 60]) {
      expect(order.indexOf(`a ${second}`)).toBeGreaterThan(order.indexOf(`b ${second - 30}`));
    }
    expect(ports.pending).toBe(0);
  });

  it('lets one batch go after its patience, so that a source that says nothing hangs nobody', async () => {
    const ports = new ManualPorts();
    let taken = 0;
    const { deployment } = prepare(
      draft,
      {
        sources: {
          a: {
            bounded: false,
            partitions: [
              function* () {
                for (let second = 0; second < 5; second++) {
                  taken++;
                  yield events([second * 100]);
                }
              },
            ],
          },
          b: {
            bounded: false,
            partitions: [silence],
          },
        },
      },
      { ports },
    );
    const done = deployment.run();
    await ports.advance(9_000);
    expect(taken).toBe(1);
    await ports.advance(2_000);
    expect(taken).toBe(2);
    await ports.advance(40_000);
    expect(taken).toBe(5);
    deployment.stop();
    await done;
    expect(ports.pending).toBe(0);
  });
});

describe('turns', () => {
  /** Sources that deliver after so many turns of the event loop, as slow and quick disks would. */
  const slowly = (seconds: readonly number[], first: number, slowness: () => number) =>
    async function* () {
      for (const [index, second] of seconds.entries()) {
        for (let turn = slowness(); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
        yield events([second], first + index);
      }
    };

  it('make the order of united bounded sources the same however fast each is', async () => {
    const draft = {
      sources: { a: { schema: EVENTS, time: timed(1) }, b: { schema: EVENTS, time: timed(0) }, c: { schema: EVENTS } },
      sinks: { out: ['a', 'b'], rest: ['b', 'c'] },
    };
    const run = async (slowness: () => number): Promise<unknown> => {
      const { memory, deployment } = prepare(draft, {
        sources: {
          a: { partitions: [slowly([1, 4, 9], 0, slowness), slowly([2, 3, 20], 100, slowness)] },
          b: { partitions: [slowly([1, 2, 30], 200, slowness)] },
          c: { partitions: [slowly([1, 2, 30, 40], 300, slowness)] },
        },
      });
      await deployment.run();
      return { out: memory.rows('out'), rest: memory.rows('rest') };
    };
    const expected = await run(() => 0);
    let state = 1;
    for (let round = 0; round < 10; round++) {
      const slowness = (): number => {
        state = (state * 48_271) % 2_147_483_647;
        return state % 4;
      };
      expect(await run(slowness)).toEqual(expected);
    }
  });

  it('do not tie sources together that never meet, nor those that never end', async () => {
    const { memory, deployment } = prepare(
      {
        sources: { a: { schema: EVENTS }, b: { schema: EVENTS }, c: { schema: EVENTS } },
        sinks: { one: ['a'], two: ['b', 'c'] },
      },
      {
        sources: {
          a: { partitions: [() => [events([1, 2])]] },
          b: { partitions: [() => [events([3])]] },
          c: { bounded: false, partitions: [silence] },
        },
      },
    );
    const done = deployment.run();
    await new ManualPorts().settle();
    expect(memory.rows('one')).toHaveLength(2);
    expect(memory.rows('two')).toHaveLength(1);
    deployment.stop();
    await done;
  });
});
