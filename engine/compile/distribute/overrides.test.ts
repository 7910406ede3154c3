/** Moves and rescaling of what runs: what is asked for goes where it may, all else stays, and what stands in the way is named. */
import { describe, expect, it } from 'vitest';
import { ROWS, STEPS } from '../../../test/kit/distributed-plans.ts';
import { planOf } from '../../../test/kit/plans.ts';
import { CloudskinError } from '../../errors.ts';
import type { PlacementEntry } from '../../graph/document.ts';
import type { LogicalPlan, NodePolicy } from '../../graph/plan.ts';
import { distribute } from '../distribute.ts';
import type { Host } from '../fragment-plan.ts';
import type { AgentInfo } from './agent-info.ts';
import { type Avoid, assign } from './assign.ts';
import type { Override } from './overrides.ts';

const agent = (name: string, tier: 'edge' | 'cloud', workers: number): AgentInfo => {
  const [site = '', own = ''] = name.split('/');
  return { site, agent: own, tier, labels: [], devices: [], workers };
};
const AGENTS = [agent('plant/a', 'edge', 2), agent('plant/b', 'edge', 2), agent('hub/a', 'cloud', 3)];

type Policies = Readonly<Record<string, NodePolicy>>;
type Placement = Readonly<Record<string, PlacementEntry>>;

/** s -> filter -> sum -> more -> out: all but `out` in the plant. */
function plan(placement: Placement = {}, policies: Policies = {}): LogicalPlan {
  const plain = planOf({
    sources: { s: { schema: ROWS } },
    operators: {
      filter: { from: ['s'], steps: STEPS.filter, output: ROWS },
      sum: { from: ['filter'], steps: STEPS.sum, output: ROWS },
      more: { from: ['sum'], steps: STEPS.filter, output: ROWS },
    },
    sinks: { out: ['more'] },
  });
  return {
    ...plain,
    placement: { s: { site: 'plant' }, out: { tier: 'cloud' }, ...placement },
    sources: plain.sources.map((node) => ({ ...node, ...policies[node.name] })),
    operators: plain.operators.map((node) => ({ ...node, ...policies[node.name] })),
  };
}

type Hosts = ReadonlyMap<string, readonly Host[]>;

function shown(hosts: Hosts): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...hosts].map(([name, own]) => [name, own.map((host) => `${host.site}/${host.agent}`).join(' ')]),
  );
}

const FREE: Avoid = { sites: new Set(), stays: () => undefined };

function changed(
  logical: LogicalPlan,
  before: Hosts,
  asked: Readonly<Record<string, Override>>,
  avoid: Avoid = FREE,
): Hosts {
  return assign(logical, AGENTS, before, avoid, { asked: new Map(Object.entries(asked)), held: true }).nodes;
}

function refusal(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    if (!(error instanceof CloudskinError)) throw error;
    return error.problems.length > 0 ? error.problems.map(({ message }) => message) : [error.message];
  }
  return [];
}

describe('an operator that is moved', () => {
  const logical = plan();
  const before = assign(logical, AGENTS).nodes;

  it('goes to the site that is named, and nothing else moves', () => {
    const after = changed(logical, before, { sum: { site: 'hub' } });
    expect(shown(after)).toEqual({ ...shown(before), sum: 'hub/a' });
    const { sum: _, ...others } = Object.fromEntries(after);
    const { sum: __, ...were } = Object.fromEntries(before);
    expect(others).toEqual(were);
    // also what would follow its input stays, so that the way back is the same step
    expect(changed(logical, after, { sum: { site: 'plant' } })).toEqual(before);
  });

  it('goes to the thread of what reads it, or of what it reads, where that is there', () => {
    const after = changed(logical, before, { more: { site: 'hub' } });
    expect(after.get('more')).toEqual(after.get('out'));
    expect(distribute(logical, { nodes: after }, { revision: 1 }).fragments).toHaveLength(2);
  });

  it('goes to the agent that is named, whole where it has partitions', () => {
    const spread = plan({}, { sum: { parallelism: 2 } });
    const where = assign(spread, AGENTS).nodes;
    expect(shown(where).sum).toBe('plant/a plant/a');
    expect(shown(changed(spread, where, { sum: { site: 'plant', agent: 'b' } })).sum).toBe('plant/b plant/b');
    expect(shown(changed(spread, where, { sum: { site: 'hub' } })).sum).toBe('hub/a hub/a');
  });

  it('stays where the graph has it, with what stands in the way', () => {
    const bound = plan({ sum: { tier: 'edge' } });
    expect(refusal(() => changed(bound, before, { sum: { site: 'hub' } }))).toEqual([
      'no agent is in tier edge and is on site "hub", where it is to go, as "sum" needs',
    ]);
    const private_ = plan({ out: { site: 'plant' } }, { s: { stays: 'edge' } });
    const where = assign(private_, AGENTS).nodes;
    expect(refusal(() => changed(private_, where, { sum: { site: 'hub' } }))[0]).toContain('"s" stays in tier edge');
    expect(refusal(() => changed(logical, before, { sum: { site: 'plant', agent: 'z' } }))[0]).toContain(
      'no agent is agent "plant/z", where it is to go',
    );
    const apart = plan({ sum: { apart: ['out'] } });
    expect(refusal(() => changed(apart, before, { sum: { site: 'hub' } }))[0]).toBe(
      '"sum" and "out" are to be apart, and the agents that may run them are hub/a',
    );
    const each = plan({ s: { each: 'edge' } });
    const all = assign(each, AGENTS).nodes;
    expect(refusal(() => changed(each, all, { s: { site: 'hub' } }))).toEqual([
      '"s" cannot go elsewhere: it runs on each site that is or has "edge"',
    ]);
    const kept: Avoid = { ...FREE, stays: (node) => (node === 'filter' ? 'its stream is kept there' : undefined) };
    expect(refusal(() => changed(logical, before, { filter: { site: 'hub' } }, kept))).toEqual([
      '"filter" cannot go elsewhere: its stream is kept there',
    ]);
    const drained: Avoid = { ...FREE, sites: new Set(['hub']) };
    expect(refusal(() => changed(logical, before, { sum: { site: 'hub' } }, drained))[0]).toContain(
      'where nothing new is placed',
    );
  });
});

describe('an operator that is rescaled', () => {
  const logical = plan();
  const before = assign(logical, AGENTS).nodes;

  it('is dealt to the workers of its site, the first partition where it was, and nothing else moves', () => {
    const after = changed(logical, before, { sum: { partitions: 3 } });
    expect(shown(after)).toEqual({ ...shown(before), sum: 'plant/a plant/a plant/b' });
    expect(after.get('sum')?.[0]).toEqual(before.get('sum')?.[0]);
    expect(changed(logical, after, { sum: { partitions: 1 } })).toEqual(before);
    expect(changed(logical, before, { sum: { partitions: 128 } }).get('sum')).toHaveLength(128);
  });

  it('takes along what runs beside it partition by partition, and nothing else', () => {
    const spread = plan({}, { sum: { parallelism: 2 } });
    const where = assign(spread, AGENTS).nodes;
    expect(where.get('more')).toEqual(where.get('sum'));
    const after = changed(spread, where, { sum: { partitions: 4 } });
    expect(after.get('more')).toEqual(after.get('sum'));
    expect(shown(after)).toMatchObject({ s: 'plant/a', filter: 'plant/a', out: 'hub/a' });
  });

  it('is refused where its rows cannot be dealt', () => {
    expect(refusal(() => changed(logical, before, { filter: { partitions: 2 } }))).toEqual([
      '"filter" cannot run in 2 partitions: it has no keys to deal its rows by',
    ]);
    expect(refusal(() => changed(logical, before, { out: { partitions: 2 } }))[0]).toContain('a sink');
    expect(refusal(() => changed(logical, before, { s: { partitions: 2 } }))[0]).toContain('a source');
  });
});
