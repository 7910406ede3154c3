/** Stopping, and failing in every place: nothing half-written is left, everything is closed, the first error has a name. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ManualPorts } from '../../test/kit/manual-ports.ts';
import { Memory, type MemorySetup } from '../../test/kit/memory-connector.ts';
import { EVENTS, events, prepare, SECOND, timed } from '../../test/kit/runs.ts';
import { COUNTS, counting, openStubCell } from '../../test/kit/stub-cell.ts';
import { userError } from '../errors.ts';
import type { Connector } from '../graph/connector.ts';

const never = (): Promise<never> => new Promise(() => {});

const draft = {
  sources: { a: { schema: EVENTS, time: timed(0) } },
  operators: { tens: { from: ['a'], steps: [counting(EVENTS, 10n * SECOND)], output: COUNTS } },
  sinks: { out: ['tens'], raw: ['a'] },
};

/** A source that says a little and then nothing. */
const silent = {
  bounded: false,
  partitions: [
    async function* () {
      yield events([1, 2]);
      await never();
    },
  ],
};

describe('stop', () => {
  it('drains: sources end, open windows are flushed, sinks are closed', async () => {
    const ports = new ManualPorts();
    const { memory, deployment } = prepare(draft, { sources: { a: silent } }, { ports });
    const done = deployment.run();
    await ports.settle();
    deployment.stop();
    const summary = await done;
    expect(summary.stopped).toBe(true);
    expect(memory.rows('out')).toEqual([[0n, 2n]]);
    expect(memory.journal.slice(-3)).toEqual(['close a', 'close out', 'close raw']);
    expect(ports.pending).toBe(0);
  });

  it('leaves behind a source that does not hear it', async () => {
    const ports = new ManualPorts();
    const connector: Connector = {
      ...new Memory().connector,
      source: {
        options: z.unknown(),
        attachable: [],
        open: async () => ({ bounded: false, partitions: [{ name: 'deaf', next: never }], close: async () => {} }),
      },
    };
    const { deployment } = prepare(draft, {}, { ports, connectors: [connector] });
    const done = deployment.run();
    await ports.settle();
    deployment.stop();
    await ports.advance(2_000);
    expect((await done).stopped).toBe(true);
    expect(ports.pending).toBe(0);
  });

  it('hands on nothing out of turn', async () => {
    const batches = 12;
    // The last partition is far ahead of the others, and so has a batch in hand nearly all the time.
    const partitions = [0, 1, 500].map(
      (ahead, index) =>
        function* () {
          for (let batch = 0; batch < batches; batch++)
            yield events([ahead + batch * 5, ahead + batch * 5 + 2], index * 100 + batch * 2);
        },
    );
    const rowsUpTo = async (stopAt: number): Promise<unknown[]> => {
      let rows = 0;
      const write = (): void => {
        if (++rows === stopAt) deployment.stop();
      };
      const plan = { sources: { a: { schema: EVENTS, time: timed(0) } }, sinks: { raw: ['a'] } };
      const { memory, deployment } = prepare(plan, { sources: { a: { partitions } }, sinks: { raw: { write } } });
      await deployment.run();
      return memory.rows('raw').map(([id]) => id);
    };
    const whole = await rowsUpTo(0);
    expect(whole).toHaveLength(3 * 2 * batches);
    for (let at = 1; at < 20; at++) {
      const rows = await rowsUpTo(at);
      expect(rows).toEqual(whole.slice(0, rows.length));
      expect(rows.length).toBeLessThan(whole.length);
    }
  });

  it('gives up after five seconds and says what it waited for', async () => {
    const ports = new ManualPorts();
    const setup: MemorySetup = { sources: { a: silent }, sinks: { raw: { write: never } } };
    const { memory, deployment } = prepare(draft, setup, { ports });
    const done = deployment.run();
    const caught = done.catch((error: unknown) => error);
    await ports.settle();
    deployment.stop();
    await ports.advance(10_000);
    expect(await caught).toMatchObject({
      code: 'run.drain-timeout',
      message: 'the run could not be drained within 5 s; still waiting for sink raw',
    });
    expect(memory.journal).toContain('abort raw');
    expect(memory.journal).toContain('abort out');
    expect(ports.pending).toBe(0);
  });

  it('names the sink that does not take rows, with what it goes on trying, and not the source behind it', async () => {
    const ports = new ManualPorts();
    const memory = new Memory({ sources: { a: silent } }).connector;
    const connector: Connector = {
      ...memory,
      sink: {
        options: z.unknown(),
        open: async (_options, _schema, { trouble }) => {
          trouble?.({ server: 'postgres db:5432', reason: 'connection refused' });
          return await never();
        },
      },
    };
    const said: string[] = [];
    const trouble = (node: string, message: string): void => void said.push(`${node} ${message}`);
    const { deployment } = prepare(draft, {}, { ports, connectors: [connector], trouble });
    const caught = deployment.run().catch((error: unknown) => error);
    await ports.settle();
    expect(deployment.metrics().troubles).toMatchObject([{ node: said[0]?.split(' postgres')[0], attempts: 1 }]);
    deployment.stop();
    await ports.advance(10_000);
    expect(await caught).toMatchObject({
      code: 'run.drain-timeout',
      message: expect.stringMatching(/still waiting for sink [a-z]+ \(postgres db:5432: connection refused\)$/),
    });
    expect(said[0]).toMatch(/^sink [a-z]+ postgres db:5432: connection refused; trying again$/);
    expect(ports.pending).toBe(0);
  });

  it('goes on when asked a second time, and gives up when it is aborted', async () => {
    const ports = new ManualPorts();
    const setup: MemorySetup = { sources: { a: silent }, sinks: { raw: { write: never } } };
    const { memory, deployment } = prepare(draft, setup, { ports });
    const caught = deployment.run().catch((error: unknown) => error);
    await ports.settle();
    deployment.stop();
    deployment.stop();
    await ports.advance(1_000);
    expect(memory.journal.filter((entry) => entry.startsWith('abort'))).toEqual([]);
    deployment.abort();
    await ports.advance(2_500);
    expect(await caught).toMatchObject({ code: 'run.aborted' });
    expect(memory.journal.filter((entry) => entry.startsWith('abort'))).toEqual(['abort out', 'abort raw']);
    expect(ports.pending).toBe(0);
  });
});

const boom = (): Promise<never> => Promise.reject(new Error('boom'));
const good = { partitions: [() => [events([1, 12]), events([23, 34])]] };

const PLACES: readonly { readonly where: string; readonly setup: MemorySetup; readonly error: object }[] = [
  {
    where: 'opening a source',
    setup: { sources: { a: { ...good, open: boom } } },
    error: { code: 'source.failed', message: 'source a failed: boom', domain: 'external' },
  },
  {
    where: 'reading a source',
    setup: {
      sources: {
        a: {
          partitions: [
            function* () {
              yield events([1, 12]);
              throw new Error('boom');
            },
          ],
        },
      },
    },
    error: { code: 'source.failed', message: 'source a failed: boom' },
  },
  {
    where: 'closing a source',
    setup: { sources: { a: { ...good, close: boom } } },
    error: { code: 'source.failed', message: 'source a failed: boom' },
  },
  {
    where: 'opening a sink',
    setup: { sources: { a: good }, sinks: { raw: { open: boom } } },
    error: { code: 'sink.failed', message: 'sink raw failed: boom' },
  },
  {
    where: 'a write that throws',
    setup: {
      sources: { a: good },
      sinks: {
        out: {
          write: () => {
            throw new Error('boom');
          },
        },
      },
    },
    error: { code: 'sink.failed', message: 'sink out failed: boom' },
  },
  {
    where: 'a write that fails later',
    setup: { sources: { a: good }, sinks: { raw: { write: boom } } },
    error: { code: 'sink.failed', message: 'sink raw failed: boom' },
  },
  {
    where: 'closing a sink',
    setup: { sources: { a: good }, sinks: { out: { close: boom } } },
    error: { code: 'sink.failed', message: 'sink out failed: boom' },
  },
  {
    where: 'a coded error of a sink',
    setup: {
      sources: { a: good },
      sinks: {
        out: {
          write: () => {
            throw userError('file.unwritable', 'cannot write /x', { hint: 'name another path' });
          },
        },
      },
    },
    error: { code: 'file.unwritable', message: 'sink out: cannot write /x', hint: 'name another path', domain: 'user' },
  },
];

describe('failing', () => {
  for (const { where, setup, error } of PLACES) {
    it(`at ${where} aborts every sink, closes every source and names the node`, async () => {
      const ports = new ManualPorts();
      const { memory, deployment, calls } = prepare(draft, setup, { ports });
      await expect(deployment.run()).rejects.toMatchObject(error);
      expect(deployment.state).toBe('failed');
      const { journal } = memory;
      for (const sink of ['out', 'raw']) {
        const opened = journal.includes(`open ${sink}`) && setup.sinks?.[sink]?.open === undefined;
        const ends = journal.filter((entry) => entry === `close ${sink}` || entry === `abort ${sink}`);
        expect(ends).toHaveLength(opened ? 1 : 0);
        if (setup.sinks?.[sink]?.close === undefined) expect(ends).not.toContain(`close ${sink}`);
        if (ends.includes(`abort ${sink}`)) expect(memory.rows(sink)).toEqual([]);
      }
      const isOpened = setup.sources?.a?.open === undefined;
      expect(journal.filter((entry) => entry === 'close a')).toHaveLength(isOpened ? 1 : 0);
      expect(calls.get('tens')?.at(-1)).toBe('close');
      expect(ports.pending).toBe(0);
    });
  }

  it('in a cell names the cell, whatever the call', async () => {
    for (const method of ['process', 'onWatermark', 'onEnd'] as const) {
      const { memory, deployment } = prepare(
        draft,
        { sources: { a: good } },
        {
          openCell: (plan) => {
            const cell = openStubCell(plan);
            cell[method] = () => {
              throw new Error('unreachable executed');
            };
            return cell;
          },
        },
      );
      await expect(deployment.run()).rejects.toMatchObject({
        code: 'cell.failed',
        message: 'cell tens failed: unreachable executed',
        domain: 'internal',
      });
      expect(memory.journal.filter((entry) => entry.startsWith('abort'))).toEqual(['abort out', 'abort raw']);
    }
  });

  it('to open a cell leaves no sink behind', async () => {
    const { memory, deployment } = prepare(
      draft,
      { sources: { a: good } },
      {
        openCell: () => {
          throw userError('component.refused', 'component x.wasm is truncated');
        },
      },
    );
    await expect(deployment.run()).rejects.toMatchObject({ code: 'component.refused' });
    expect(memory.journal.filter((entry) => entry.startsWith('write'))).toEqual([]);
    expect(memory.journal).toContain('close a');
  });

  it('ends the waiting of all other sources at once', async () => {
    const { memory, deployment } = prepare(
      { sources: { a: { schema: EVENTS }, b: { schema: EVENTS } }, sinks: { out: ['a', 'b'] } },
      {
        sources: {
          a: silent,
          b: {
            partitions: [
              function* () {
                yield events([1]);
                throw new Error('boom');
              },
            ],
          },
        },
      },
    );
    await expect(deployment.run()).rejects.toMatchObject({ message: 'source b failed: boom' });
    expect(memory.journal).toContain('close a');
    expect(memory.journal).toContain('abort out');
  });
});
