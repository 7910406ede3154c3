import { describe, expect, it } from 'vitest';
import { type Draft, planOf } from '../../test/kit/plans.ts';
import type { Schema } from '../batch/types.ts';
import { graphRegions } from './regions.ts';

const schema: Schema = { fields: [{ name: 'a', type: { kind: 'int32' }, nullable: false }] };
const source = { schema };

/** `durable` names nodes; the result has the regions with the nodes of each. */
function regions(draft: Draft, ...durable: readonly string[]): Readonly<Record<string, string>> {
  const plan = planOf(draft);
  const kept = <Node extends { readonly name: string }>(node: Node): Node =>
    durable.includes(node.name) ? { ...node, durable: { maxBytes: 1, onFull: 'block' } } : node;
  const { of, rounds } = graphRegions({
    ...plan,
    sources: plan.sources.map(kept),
    operators: plan.operators.map(kept),
  });
  expect(rounds).toEqual([]);
  const nodes = new Map<string, string[]>();
  for (const [node, region] of of) nodes.set(region, [...(nodes.get(region) ?? []), node]);
  return Object.fromEntries([...nodes].map(([region, own]) => [region, own.join(' ')]));
}

const CHAIN: Draft = {
  sources: { s: source },
  operators: { f: { from: ['s'] }, g: { from: ['f'] } },
  sinks: { k: ['g'] },
};

describe('regions of a graph', () => {
  it('are one where no stream is durable', () => {
    expect(regions(CHAIN)).toEqual({ main: 's f g k' });
  });

  it('end at durable streams, by whose names those below are called', () => {
    expect(regions(CHAIN, 'f')).toEqual({ main: 's f', after_f: 'g k' });
    expect(regions(CHAIN, 's', 'g')).toEqual({ main: 's', after_s: 'f g', after_g: 'k' });
  });

  it('keep their names when sources and pipelines are added behind', () => {
    const more: Draft = {
      sources: { s: source, t: source, u: source },
      operators: { f: { from: ['s', 't'] }, g: { from: ['f'] }, h: { from: ['u'] } },
      sinks: { k: ['g'], l: ['h'] },
    };
    expect(regions(more, 'f')).toEqual({ main: 's t f', after_f: 'g k', from_u: 'u h l' });
  });

  it('below a durable stream keep their names when a source is added there', () => {
    const more: Draft = {
      ...CHAIN,
      sources: { s: source, t: source },
      operators: { f: { from: ['s'] }, g: { from: ['f', 't'] } },
    };
    expect(regions(more, 'f')).toEqual({ main: 's f', after_f: 't g k' });
  });
});
