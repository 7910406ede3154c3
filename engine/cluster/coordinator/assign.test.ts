import { describe, expect, it } from 'vitest';
import type { Host } from '../../compile/fragment-plan.ts';
import { replaceLost } from './assign.ts';

const host = (site: string, agent: string, worker = 0): Host => ({ site, agent, worker });

describe('replaceLost', () => {
  const nodes = { above: [host('plant', 'a'), host('plant', 'a', 1)], below: [host('hub', 'c')] };
  const lost = ({ agent }: { readonly agent: string }): boolean => agent === 'a';

  it('moves what a lost agent ran to others of its site, and nothing else', () => {
    const moved = replaceLost(nodes, lost, (site) => (site === 'plant' ? [{ agent: 'b', workers: 2 }] : []));
    expect(moved?.get('above')).toEqual([host('plant', 'b'), host('plant', 'b', 1)]);
    expect(moved?.get('below')).toEqual([host('hub', 'c')]);
  });

  it('spreads partitions over those that there are, on workers that they have', () => {
    const others = [
      { agent: 'b', workers: 1 },
      { agent: 'd', workers: 1 },
    ];
    const moved = replaceLost(nodes, lost, () => others);
    expect(moved?.get('above')).toEqual([host('plant', 'b'), host('plant', 'd')]);
  });

  it('changes nothing where the site has nobody else', () => {
    expect(replaceLost(nodes, lost, () => [])).toBeUndefined();
    expect(
      replaceLost(
        nodes,
        () => false,
        () => [{ agent: 'b', workers: 1 }],
      ),
    ).toBeUndefined();
  });
});
