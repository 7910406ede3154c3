import { describe, expect, it } from 'vitest';
import { ROWS, STEPS } from '../../../test/kit/distributed-plans.ts';
import { planOf } from '../../../test/kit/plans.ts';
import { CloudskinError } from '../../errors.ts';
import type { PlacementEntry } from '../../graph/document.ts';
import type { LogicalPlan, NodePolicy } from '../../graph/plan.ts';
import type { Host } from '../fragment-plan.ts';
import type { AgentInfo } from './agent-info.ts';
import { assign } from './assign.ts';

function agent(name: string, tier: 'edge' | 'cloud', more: Partial<AgentInfo> = {}): AgentInfo {
  const [site = '', own = ''] = name.split('/');
  return { site, agent: own, tier, labels: [], devices: [], workers: 2, ...more };
}

const AGENTS = [
  agent('field/a', 'edge', { labels: ['greenhouse', 'rack=7'] }),
  agent('plant/a', 'edge', { labels: ['rack=8'], devices: ['gpu'] }),
  agent('hub/a', 'cloud', { workers: 4 }),
  agent('hub/b', 'cloud', { devices: ['gpu'] }),
];

type Policies = Readonly<Record<string, NodePolicy>>;

/** s -> filter -> sum -> out, and s -> raw. */
function plan(placement: Readonly<Record<string, PlacementEntry>> = {}, policies: Policies = {}): LogicalPlan {
  const plain = planOf({
    sources: { s: { schema: ROWS } },
    operators: {
      filter: { from: ['s'], steps: STEPS.filter, output: ROWS },
      sum: { from: ['filter'], steps: STEPS.sum, output: ROWS },
    },
    sinks: { out: ['sum'], raw: ['s'] },
  });
  return {
    ...plain,
    placement,
    sources: plain.sources.map((node) => ({ ...node, ...policies[node.name] })),
    operators: plain.operators.map((node) => ({ ...node, ...policies[node.name] })),
  };
}

/** `hub/a hub/a`, a node; workers where asked for. */
function agentsOf(nodes: ReadonlyMap<string, readonly Host[]>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...nodes].map(([name, hosts]) => [name, hosts.map(({ site, agent: own }) => `${site}/${own}`).join(' ')]),
  );
}

function placed(...given: Parameters<typeof plan>): Readonly<Record<string, string>> {
  return agentsOf(assign(plan(...given), AGENTS).nodes);
}

function refusal(logical: LogicalPlan, agents: readonly AgentInfo[] = AGENTS): readonly string[] {
  try {
    assign(logical, agents);
  } catch (error) {
    if (error instanceof CloudskinError) return error.problems.map(({ message }) => message);
    throw error;
  }
  return [];
}

describe('assign', () => {
  it('puts a graph that says nothing of places on one thread in the cloud, else on what there is', () => {
    const { nodes } = assign(plan(), AGENTS);
    expect(new Set([...nodes.values()].map((hosts) => JSON.stringify(hosts))).size).toBe(1);
    expect(agentsOf(nodes).s).toBe('hub/a');
    expect(agentsOf(assign(plan(), AGENTS.slice(0, 2)).nodes).s).toBe('field/a');
  });

  it('is the same for the same graph and agents', () => {
    const logical = plan({ s: { tier: 'edge' } }, { sum: { parallelism: 3 } });
    expect(assign(logical, AGENTS)).toEqual(assign(logical, AGENTS));
  });

  it('keeps operators and sinks beside what they read', () => {
    expect(placed({ s: { site: 'plant' } })).toEqual({
      s: 'plant/a',
      filter: 'plant/a',
      sum: 'plant/a',
      out: 'plant/a',
      raw: 'plant/a',
    });
  });

  it('goes by tier, labels and devices, and by "*" for all that say nothing of their place', () => {
    const given = {
      s: { labels: { rack: '8' } },
      filter: { labels: { greenhouse: '' } },
      sum: { tier: 'cloud', device: 'gpu' },
      out: { device: 'gpu' },
      '*': { tier: 'cloud' },
    } as const;
    expect(placed(given)).toEqual({ s: 'plant/a', filter: 'field/a', sum: 'hub/b', out: 'hub/b', raw: 'hub/a' });
  });

  it('runs on each site, and brings together in the cloud what keeps state', () => {
    const given = { s: { each: 'edge' } };
    expect(placed(given)).toEqual({
      s: 'field/a plant/a',
      filter: 'field/a plant/a',
      sum: 'hub/a',
      out: 'hub/a',
      raw: 'hub/a',
    });
    expect(placed({ ...given, filter: { each: 'edge' }, sum: { each: 'edge' } }).sum).toBe('field/a plant/a');
  });

  it('runs partitions on the workers nearest to what they read, as many as are wanted or as there are', () => {
    expect(placed({ s: { site: 'hub' } }, { sum: { parallelism: 3 } }).sum).toBe('hub/a hub/a hub/a');
    expect(placed({ s: { site: 'hub' } }, { sum: { parallelism: 5 } }).sum).toBe('hub/a hub/a hub/a hub/a hub/b');
    expect(placed({ s: { site: 'plant' } }, { sum: { parallelism: 'auto' } }).sum).toBe('plant/a plant/a');
    expect(placed({ sum: { tier: 'cloud' } }, { sum: { parallelism: 'auto' } }).sum?.split(' ')).toHaveLength(6);
    const { nodes } = assign(plan({ s: { site: 'plant' } }, { s: { parallelism: 2 } }), AGENTS);
    expect(nodes.get('filter')).toEqual(nodes.get('s'));
    expect(nodes.get('sum')).toEqual(nodes.get('s')?.slice(0, 1));
  });

  it('keeps apart what is to be apart, however it has to go about it', () => {
    const nodes = placed({
      s: { apart: ['sum', 'filter'] },
      sum: { tier: 'cloud', apart: ['out'] },
      out: { site: 'hub' },
    });
    expect(new Set([nodes.s, nodes.sum]).size).toBe(2);
    expect(new Set([nodes.s, nodes.filter]).size).toBe(2);
    expect(new Set([nodes.sum, nodes.out])).toEqual(new Set(['hub/a', 'hub/b']));
    expect(placed({ sum: { tier: 'cloud', apart: ['sum'] } }, { sum: { parallelism: 2 } }).sum).toBe('hub/a hub/b');
    const spread = { sum: { tier: 'cloud', apart: ['out'] }, out: { site: 'hub' } } as const;
    expect(placed(spread, { sum: { parallelism: 3 } })).toMatchObject({ out: 'hub/a', sum: 'hub/b hub/b hub/b' });
  });

  it('holds to the tier that data must not leave', () => {
    expect(placed({ '*': { device: 'gpu' } }, { s: { stays: 'edge' } })).toMatchObject({
      s: 'plant/a',
      sum: 'plant/a',
      raw: 'plant/a',
    });
    expect(placed({ out: { tier: 'cloud' } }, { s: { stays: 'edge' }, sum: { stays: 'anywhere' } })).toMatchObject({
      sum: 'field/a',
      out: 'hub/a',
    });
  });

  it('leaves nodes where they were as long as they may be there', () => {
    const before = new Map([
      ['s', [{ site: 'plant', agent: 'a', worker: 1 }]],
      ['sum', [{ site: 'gone', agent: 'a', worker: 0 }]],
    ]);
    const { nodes } = assign(plan({ s: { tier: 'edge' } }), AGENTS, before);
    expect(agentsOf(nodes)).toMatchObject({ s: 'plant/a', sum: 'plant/a' });
    expect(agentsOf(assign(plan({ s: { tier: 'cloud' } }), AGENTS, before).nodes).s).toBe('hub/a');
    const two = [
      { site: 'hub', agent: 'b', worker: 0 },
      { site: 'hub', agent: 'b', worker: 1 },
    ];
    const fewer = assign(
      plan({ s: { site: 'plant' } }),
      AGENTS,
      new Map([
        ['s', two],
        ['filter', two],
        ['sum', two],
      ]),
    );
    expect(agentsOf(fewer.nodes)).toMatchObject({ s: 'plant/a', filter: 'plant/a', sum: 'plant/a' });
    const more = assign(
      plan({ s: { each: 'edge' } }),
      AGENTS,
      new Map([['s', [{ site: 'field', agent: 'a', worker: 0 }]]]),
    );
    expect(agentsOf(more.nodes).s).toBe('field/a plant/a');
  });
});

describe('assign says of what finds no place', () => {
  it('the fewest demands that exclude each other', () => {
    expect(refusal(plan({ s: { site: 'moon' } }))).toEqual(['no agent is on site "moon", as "s" needs']);
    expect(refusal(plan({ s: { site: 'field', device: 'gpu', tier: 'edge' } }))).toEqual([
      'no agent is on site "field" and has a gpu, as "s" needs',
    ]);
    expect(refusal(plan({ s: { labels: { rack: '9' }, device: 'gpu' } }))).toEqual([
      'no agent has the label rack=9, as "s" needs',
    ]);
    expect(refusal(plan({ out: { site: 'hub' } }, { s: { stays: 'edge' } }))).toEqual([
      'no agent is on site "hub" and is in tier edge ("s" stays in tier edge: s -> filter -> sum -> out), as "out" needs',
    ]);
  });

  it('every node that finds none', () => {
    expect(refusal(plan({ s: { site: 'moon' }, out: { device: 'fpga' } }))).toHaveLength(2);
    expect(refusal(plan(), [])).toEqual(['there is no agent']);
  });

  it('which cannot be apart', () => {
    const [message] = refusal(plan({ s: { site: 'field', apart: ['filter', 'sum', 'out'] }, sum: { site: 'field' } }));
    expect(message).toBe('"s" and "sum" are to be apart, and the agents that may run them are field/a');
    const [other] = refusal(plan({ sum: { tier: 'cloud', apart: ['sum'] } }, { sum: { parallelism: 3 } }));
    const taken = plan({ sum: { site: 'field', apart: ['out'] }, out: { site: 'field' } }, { sum: { parallelism: 2 } });
    expect(refusal(taken)).toEqual([
      '"sum" is to be apart from "out", which is on all agents that may run it: field/a',
    ]);
    expect(other).toBe('the 3 partitions of "sum" are to be apart, and there are 2 agents that may run them');
  });
});
