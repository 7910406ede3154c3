import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { versioned } from '../documents/document.ts';
import type { TaskDocument, TaskPlacement } from '../documents/task.ts';
import { type Candidate, fits, isMine } from './choose.ts';

function task(placement: TaskPlacement, name = 'scoring'): TaskDocument {
  return {
    ...versioned,
    ...{ namespace: 'default', task: name, revision: 1, wanted: 'served', plan: 'p', operator: 'score' },
    ...{ parameters: [], placement, bounds: {}, changed: 0 },
  };
}

const agent = (site: string, name: string, ...labels: readonly string[]): Candidate => ({
  ...{ site, agent: name, tier: site === 'hub' ? 'cloud' : 'edge', labels },
});

describe('whose a task is', () => {
  it('goes by site, tier and all of the labels', () => {
    const gpu = agent('plant', 'a', 'gpu', 'rack=7');
    expect(fits(task({}), gpu)).toBe(true);
    expect(fits(task({ site: 'plant', tier: 'edge', labels: ['gpu', 'rack=7'] }), gpu)).toBe(true);
    expect(fits(task({ labels: ['gpu', 'rack=8'] }), gpu)).toBe(false);
    expect(fits(task({ tier: 'cloud' }), gpu)).toBe(false);
    expect(fits(task({ site: 'hub' }), gpu)).toBe(false);
    expect(fits({ ...task({}), wanted: 'undeployed' }, gpu)).toBe(false);
  });

  it('is so many of each site, whoever asks, and only what a lost one had moves', () => {
    const agents = fc.uniqueArray(
      fc.record({ site: fc.constantFrom('plant', 'farm'), agent: fc.nat(50).map(String) }),
      {
        selector: ({ site, agent: name }) => `${site}/${name}`,
        minLength: 1,
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(agents, fc.integer({ min: 1, max: 4 }), (named, replicas) => {
        const all = named.map(({ site, agent: name }) => agent(site, name));
        const document = task({ replicas });
        const chosen = (there: readonly Candidate[]): Candidate[] => there.filter((me) => isMine(document, me, there));
        for (const site of ['plant', 'farm']) {
          const there = all.filter((one) => one.site === site);
          expect(chosen(there)).toHaveLength(Math.min(replicas, there.length));
        }
        const [lost, ...rest] = all;
        const before = chosen(all).filter((one) => one !== lost);
        expect(chosen(rest)).toEqual(expect.arrayContaining(before));
      }),
    );
  });

  it("is spread over agents by the tasks' names", () => {
    const all = ['a', 'b', 'c', 'd'].map((name) => agent('plant', name));
    const hosts = Array.from({ length: 40 }, (_, index) => {
      const document = task({ replicas: 1 }, `task-${index}`);
      return all.find((me) => isMine(document, me, all))?.agent;
    });
    for (const { agent: name } of all) expect(hosts.filter((host) => host === name).length).toBeGreaterThan(2);
  });
});
