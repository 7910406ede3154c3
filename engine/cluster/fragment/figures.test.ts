/** What a fragment's figures say of the rows that come in and go out, of time, and of what is tried again. */
import { describe, expect, it } from 'vitest';
import type { FragmentFigures } from '../documents/status.ts';
import { fragmentFigures } from './figures.ts';
import type { HostedFragment } from './hosted-fragment.ts';

const NOW = 1_700_000_000_000;
const stream = (node: string) => ({ node, port: '' });

interface Case {
  readonly phase?: string;
  readonly inlets?: readonly { readonly from: string; readonly bounded?: true }[];
  readonly sources?: readonly { readonly name: string; readonly bounded?: true }[];
  readonly troubles?: readonly object[];
}

/** A cell `sums` of operators `valid` and `sums`, which reads what comes in, and a sink `out` of what it yields; it yields to others, too. */
function figures({ phase = 'running', inlets = [], sources = [], troubles = [] }: Case): FragmentFigures {
  const inputs = [...inlets.map(({ from }) => stream(from)), ...sources.map(({ name }) => stream(name))];
  const zero = { late: 0, errors: 0, skipped: 0, diverted: 0, memory: 0, queued: 0, operators: [] };
  const node = (name: string, kind: string, rowsIn: number, rowsOut: number, rowsPerSecond: number) => ({
    ...zero,
    name,
    kind,
    rowsIn,
    rowsOut,
    rowsPerSecond,
    watermark: NOW - 5_000,
    lag: 5_000,
  });
  const hosted = {
    wish: { namespace: 'default', app: 'shop', region: 'main', fragment: 'sums' },
    epoch: 1,
    phase,
    plan: {
      host: { worker: 0 },
      revision: 1,
      sources,
      cells: [{ name: 'valid+sums', operators: [{ name: 'valid' }, { name: 'sums' }], inputs }],
      sinks: [{ name: 'out', inputs: [stream('sums')] }],
      inlets: inlets.map(({ from, bounded }) => ({
        ...(bounded === true ? { bounded } : {}),
        stream: stream(from),
        channels: [],
      })),
      outlets: [{ stream: stream('sums'), channels: [] }],
    },
    handle: {
      status: () => ({
        waiting: [],
        channels: [],
        metrics: {
          at: NOW,
          rowsIn: sources.length * 100,
          rowsOut: 10,
          rowsPerSecond: sources.length * 7,
          late: 0,
          errors: 0,
          bad: 0,
          watermark: NOW - 5_000,
          lag: 5_000,
          memory: 0,
          troubles,
          nodes: [
            ...sources.map(({ name }) => node(name, 'source', 100, 100, 7)),
            node('valid+sums', 'cell', 900, 20, 30),
            node('out', 'sink', 10, 10, 1),
          ],
        },
      }),
    },
  };
  return fragmentFigures(hosted as unknown as HostedFragment);
}

describe('the figures of a fragment', () => {
  it('count rows that come from other fragments as taken, and rows for others and its own sinks as given', () => {
    const { rowsIn, taken, takenPerSecond, given } = figures({ inlets: [{ from: 'readings' }] });
    expect([rowsIn, taken, takenPerSecond, given]).toEqual([0, 900, 30, 30]);
  });

  it('count rows of its own sources once', () => {
    expect(figures({ sources: [{ name: 'readings' }] })).toMatchObject({ taken: 100, takenPerSecond: 7 });
  });

  it('have no lag where all that comes in is history, but say how far its time is', () => {
    const history = figures({ inlets: [{ from: 'readings', bounded: true }] });
    expect([history.lag, history.watermark]).toEqual([undefined, NOW - 5_000]);
    const live = figures({ inlets: [{ from: 'readings', bounded: true }, { from: 'live' }] });
    expect(live.lag).toBe(5_000);
  });

  it('have no rate once it has finished', () => {
    const finished = figures({ phase: 'finished', sources: [{ name: 'readings' }] });
    expect(finished).toMatchObject({ rowsIn: 100, rowsPerSecond: 0, takenPerSecond: 0 });
  });

  it('say for how long a connector has been trying', () => {
    const trouble = { node: 'sink out', server: 'postgres db', reason: 'refused', since: NOW - 9_000, attempts: 4 };
    const retry = { node: 'sink out', server: 'postgres db', reason: 'refused', lasts: 9_000, attempts: 4 };
    expect(figures({ troubles: [trouble] }).retries).toEqual([retry]);
    expect(figures({})).not.toHaveProperty('retries');
  });
});
