/** Streams between fragments end where all sources behind them do, however far behind. */
import { describe, expect, it } from 'vitest';
import { planOf } from '../../test/kit/plans.ts';
import { EVENTS } from '../../test/kit/runs.ts';
import { withBounds } from './bounds.ts';
import type { FragmentPlan } from './fragment-plan.ts';

const logical = planOf({ sources: { short: { schema: EVENTS }, endless: { schema: EVENTS } }, sinks: {} });

function fragment(name: string, sources: readonly string[], from: readonly string[]): FragmentPlan {
  const inlets = from.map((one) => ({
    stream: { node: one, port: '' },
    schema: EVENTS,
    channels: [
      { id: `${one}-${name}`, from: one, to: name, transport: 'local' as const, why: 'a test', maxBytes: 1 << 20 },
    ],
  }));
  return {
    namespace: 'default',
    app: 'test',
    revision: 1,
    name,
    region: 'all',
    host: { site: 'local', agent: 'local', worker: 0 },
    sources: logical.sources
      .filter((source) => sources.includes(source.name))
      .map(({ bounded: _, ...source }) => (source.name === 'short' ? { ...source, bounded: true as const } : source)),
    cells: [],
    sinks: [],
    shares: new Map(),
    inlets,
    outlets: [],
  };
}

describe('bounds', () => {
  it('are found through fragments between, inlet by inlet', () => {
    const fragments = [
      fragment('a', ['short'], []),
      fragment('b', ['endless'], []),
      fragment('c', [], ['a']),
      fragment('d', [], ['c', 'b']),
    ];
    const bounded = withBounds(fragments);
    expect(bounded.map(({ name, inlets }) => [name, inlets.map((inlet) => inlet.bounded === true)])).toEqual([
      ['a', []],
      ['b', []],
      ['c', [true]],
      ['d', [true, false]],
    ]);
  });
});
