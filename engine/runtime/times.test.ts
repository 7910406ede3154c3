/** Busy, blocked and idle time of the nodes of a run, by a clock turned by hand. */
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../test/kit/manual-ports.ts';
import { EVENTS, events, prepare } from '../../test/kit/runs.ts';

describe('the times of a node', () => {
  it('tell who is held back, and by whom', async () => {
    const ports = new ManualPorts();
    const gate = Promise.withResolvers<void>();
    const { deployment } = prepare(
      {
        sources: { a: { schema: EVENTS }, other: { schema: EVENTS } },
        operators: { pass: { from: ['a'] } },
        sinks: { slow: ['pass'], quick: ['other'] },
      },
      {
        sources: {
          a: { partitions: [() => [events([1]), events([2]), events([3])]] },
          other: { partitions: [() => [events([1])]] },
        },
        sinks: { slow: { write: () => gate.promise } },
      },
      { ports, queueBytes: 1 },
    );
    const done = deployment.run();
    await ports.advance(80);
    gate.resolve();
    await done;
    await ports.advance(1_000);
    const times = Object.fromEntries(
      deployment
        .metrics()
        .nodes.map(({ name, busyTime, blockedTime, idleTime }) => [name, { busyTime, blockedTime, idleTime }]),
    );
    const blocked = { busyTime: 0, blockedTime: 80, idleTime: 0 };
    const idle = { busyTime: 0, blockedTime: 0, idleTime: 80 };
    expect(times).toEqual({ a: blocked, other: idle, pass: blocked, slow: blocked, quick: idle });
  });
});
