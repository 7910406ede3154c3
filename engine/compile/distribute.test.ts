import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  expectAcyclic,
  expectConnected,
  expectPlaced,
  expectRegions,
  placedGraphs,
  ROWS,
  STEPS,
} from '../../test/kit/distributed-plans.ts';
import { planOf } from '../../test/kit/plans.ts';
import type { LogicalPlan } from '../graph/plan.ts';
import { parseValue, stringifyValue } from '../json.ts';
import { distribute } from './distribute.ts';
import type { DistributedPlan, Host } from './fragment-plan.ts';
import { fuse } from './fuse.ts';

const here: Host = { site: 'lab', agent: 'a', worker: 0 };
const cloud: Host = { site: 'hub', agent: 'c', worker: 0 };

function everywhere(plan: LogicalPlan, hosts: readonly Host[]): ReadonlyMap<string, readonly Host[]> {
  return new Map([...plan.sources, ...plan.operators, ...plan.sinks].map(({ name }) => [name, hosts]));
}

describe('distribute', () => {
  it('connects every stream as the graph has it, in fragments without a cycle', () => {
    fc.assert(
      fc.property(placedGraphs, ({ plan, nodes }) => {
        const distributed = distribute(plan, { nodes }, { revision: 1 });
        expectPlaced(distributed, nodes);
        expectConnected(distributed);
        expectAcyclic(distributed);
        expectRegions(distributed);
      }),
      { numRuns: 400 },
    );
  });

  it('gives the same names to the same graph in every revision, wherever it runs', () => {
    const names = ({ fragments }: DistributedPlan): unknown =>
      fragments.map(({ name, region, outlets }) => [
        name,
        region,
        outlets.flatMap(({ channels }) => channels.map(({ id }) => id)),
      ]);
    const moved = (hosts: readonly Host[]): readonly Host[] =>
      hosts.map((host) => ({ ...host, site: `new-${host.site}` }));
    fc.assert(
      fc.property(placedGraphs, ({ plan, nodes }) => {
        const elsewhere = new Map([...nodes].map(([name, hosts]) => [name, moved(hosts)]));
        const before = names(distribute(plan, { nodes }, { revision: 1 }));
        expect(names(distribute(plan, { nodes: elsewhere }, { revision: 2 }))).toEqual(before);
      }),
      { numRuns: 100 },
    );
  });

  it('makes one fragment of a graph on one worker, with the cells of a single process', () => {
    fc.assert(
      fc.property(placedGraphs, ({ plan }) => {
        const inputs = plan.sources.map(({ name }) => ({ node: name, port: '' }));
        const joined = { ...plan, sinks: plan.sinks.map((sink, index) => (index === 0 ? { ...sink, inputs } : sink)) };
        const { fragments } = distribute(joined, { nodes: everywhere(joined, [here]) }, { revision: 1 });
        expect(fragments.map(({ region, inlets, outlets }) => [region, inlets, outlets])).toEqual([['main', [], []]]);
        expect(fragments[0]?.cells).toEqual(fuse(joined).cells);
      }),
      { numRuns: 100 },
    );
  });

  it('is data that JSON carries', () => {
    fc.assert(
      fc.property(placedGraphs, ({ plan, nodes }) => {
        const distributed = distribute(plan, { nodes }, { revision: 1 });
        expect(parseValue(stringifyValue(distributed))).toEqual(distributed);
      }),
      { numRuns: 100 },
    );
  });

  it('parts regions at durable streams, and says the bound and the policy', () => {
    const plain = planOf({ sources: { s: { schema: ROWS } }, operators: { o: { from: ['s'] } }, sinks: { k: ['o'] } });
    const plan = {
      ...plain,
      sources: plain.sources.map((source) => ({ ...source, durable: { maxBytes: 5, onFull: 'dropOldest' as const } })),
    };
    const { fragments } = distribute(plan, { nodes: everywhere(plan, [here]) }, { revision: 1 });
    expect(fragments.map(({ name, region }) => [name, region])).toEqual([
      ['s', 'main'],
      ['o', 'after_s'],
    ]);
    expect(fragments[0]?.outlets[0]?.channels).toMatchObject([
      { transport: 'durable', maxBytes: 5, onFull: 'dropOldest', from: 's', to: 'o' },
    ]);
  });

  it('refuses a durable stream that other streams go round', () => {
    const plain = planOf({
      sources: { s: { schema: ROWS }, t: { schema: ROWS } },
      operators: { o: { from: ['s', 't'] } },
      sinks: { k: ['o'], l: ['t'], m: ['o', 't'] },
    });
    const operators = plain.operators.map((operator) => ({
      ...operator,
      durable: { maxBytes: 5, onFull: 'block' as const },
    }));
    const plan = { ...plain, operators };
    expect(() => distribute(plan, { nodes: everywhere(plan, [here]) }, { revision: 1 })).toThrow(
      /the durable stream "o" ends a checkpoint region/,
    );
  });

  it('runs a source that is on each site with a column that says which, apart from the others', () => {
    const schema = {
      ...ROWS,
      fields: [...ROWS.fields, { name: 'site', type: { kind: 'utf8' as const }, nullable: false }],
    };
    const plain = planOf({ sources: { s: { schema } }, operators: { o: { from: ['s'] } }, sinks: { k: ['o'] } });
    const plan: LogicalPlan = {
      ...plain,
      sources: plain.sources.map((source) => ({ ...source, site: true as const })),
      placement: { s: { each: 'edge' } },
    };
    const there = { ...here, site: 'field' };
    const nodes = new Map([
      ['s', [here, there]],
      ['o', [here, there]],
      ['k', [cloud]],
    ]);
    const { fragments } = distribute(plan, { nodes }, { revision: 1 });
    expect(fragments.map(({ name }) => name)).toEqual(['s_lab', 's_field', 'k']);
    expect(fragments[1]?.shares.get('s')).toEqual({
      partition: 1,
      partitions: 2,
      firstGroup: 0,
      lastGroup: 127,
      site: 'field',
    });
    const steps = fragments[1]?.cells.flatMap(({ operators }) => operators.flatMap((operator) => operator.steps));
    expect(steps?.[0]).toMatchObject({
      columns: [{ name: 'key' }, { name: 'at' }, { name: 'value' }, { name: 'site', text: "'field'" }],
    });
    expect(fragments[1]?.sources[0]?.schema).toEqual(ROWS);
  });

  it('says of every fragment which tier its data must not leave, and why', () => {
    const plain = planOf({
      sources: { s: { schema: ROWS } },
      operators: {
        filter: { from: ['s'], steps: STEPS.filter, output: ROWS },
        sum: { from: ['filter'], steps: STEPS.sum, output: ROWS },
      },
      sinks: { k: ['sum'] },
    });
    const plan: LogicalPlan = {
      ...plain,
      sources: plain.sources.map((source) => ({ ...source, stays: 'edge' as const })),
      operators: plain.operators.map((node) => (node.name === 'sum' ? { ...node, stays: 'anywhere' as const } : node)),
    };
    const nodes = new Map([
      ['s', [here]],
      ['filter', [here]],
      ['sum', [{ ...here, worker: 1 }]],
      ['k', [cloud]],
    ]);
    const { fragments } = distribute(plan, { nodes }, { revision: 1 });
    expect(fragments.map(({ name, stays }) => [name, stays?.tier, stays?.why])).toEqual([
      ['s', 'edge', '"s" stays in tier edge'],
      ['sum', 'edge', '"s" stays in tier edge: s -> filter -> sum'],
      ['k', undefined, undefined],
    ]);
  });

  it('aggregates in part behind a durable stream on the side of who reads it, by site where it comes from sites', () => {
    const schema = {
      ...ROWS,
      fields: [...ROWS.fields, { name: 'site', type: { kind: 'utf8' as const }, nullable: false }],
    };
    const plain = planOf({
      sources: { s: { schema } },
      operators: { sum: { from: ['s'], steps: STEPS.sum, output: ROWS } },
      sinks: { k: ['sum'] },
    });
    const sources = plain.sources.map((source) => {
      return { ...source, site: true as const, durable: { maxBytes: 9, onFull: 'block' as const } };
    });
    const plan: LogicalPlan = { ...plain, sources, placement: { s: { each: 'edge' } } };
    const nodes = new Map([
      ['s', [here, { ...here, site: 'field' }]],
      ['sum', [cloud, { ...cloud, worker: 1 }]],
      ['k', [cloud]],
    ]);
    const { fragments } = distribute(plan, { nodes }, { revision: 1 });
    expect(fragments.map(({ name, host: { site }, region }) => [name, site, region])).toEqual([
      ['s_lab', 'lab', 'main_lab'],
      ['s_field', 'field', 'main_field'],
      ['sum__partial_lab', 'hub', 'after_s'],
      ['sum__partial_field', 'hub', 'after_s'],
      ['sum_0', 'hub', 'after_s'],
      ['sum_1', 'hub', 'after_s'],
      ['k', 'hub', 'after_s'],
    ]);
    expect(fragments[1]?.outlets[0]?.channels.map(({ to, transport }) => [to, transport])).toEqual([
      ['sum__partial_field', 'durable'],
    ]);
  });
});
