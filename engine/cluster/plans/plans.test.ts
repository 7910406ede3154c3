import { expect, it } from 'vitest';
import type { LogicalPlan } from '../../graph/plan.ts';
import { PLAN_VERSION } from '../../graph/plan.ts';
import type { Objects } from '../../nats/nats.ts';
import { Plans } from './plans.ts';

function bucket(): () => Promise<Objects> {
  const kept = new Map<string, Uint8Array>();
  const objects: Objects = {
    put: async (name, data) => void kept.set(name, data.slice()),
    get: async (name) => kept.get(name),
    delete: async (name) => void kept.delete(name),
    list: async () => [...kept.keys()],
  };
  return async () => objects;
}

const plan: LogicalPlan = {
  ...{ name: 'shop', namespace: 'default', file: '<test>', sources: [], operators: [], sinks: [], warnings: [] },
  checkpoint: { every: 5n },
};

it('a plan comes back as it was kept, with or without a version', async () => {
  const objects = bucket();
  for (const each of [plan, { ...plan, planVersion: PLAN_VERSION }]) {
    const digest = await new Plans(objects).keep(each);
    expect(await new Plans(objects).logical(digest)).toEqual(each);
  }
});

it('a plan of a newer version is refused by name, and not half understood', async () => {
  const objects = bucket();
  const digest = await new Plans(objects).keep({ ...plan, planVersion: PLAN_VERSION + 1 });
  await expect(new Plans(objects).logical(digest)).rejects.toMatchObject({ code: 'cluster.newer-plan' });
});
