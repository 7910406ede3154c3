import { expect, it } from 'vitest';
import { MemoryBlobs } from '../../../test/cluster/scripted.ts';
import { type LogicalPlan, PLAN_VERSION } from '../../graph/plan.ts';
import type { Objects } from '../../nats/nats.ts';
import { realPorts } from '../../ports.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { versioned } from '../documents/document.ts';
import { planObject } from '../documents/names.ts';
import { AgentDisk } from '../memory/agent-disk.ts';
import { Plans } from './plans.ts';

function bucket(): () => Promise<Objects> {
  const kept = new Map<string, Uint8Array>();
  const objects: Objects = {
    put: async (name, data) => void kept.set(name, data.slice()),
    get: async (name) => kept.get(name),
    delete: async (name) => void kept.delete(name),
    list: async () => [...kept.keys()],
    written: async () => 0,
  };
  return async () => objects;
}

const plan: LogicalPlan = {
  name: 'shop',
  namespace: 'default',
  file: '<test>',
  sources: [],
  operators: [],
  sinks: [],
  warnings: [],
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

it('what no assignment has named for a minute goes from the disk, with nothing else', async () => {
  const disk = new AgentDisk(new MemoryBlobs());
  await disk.open(realPorts);
  const plans = new Plans(bucket(), disk);
  const [old, kept] = [await plans.keep(plan), await plans.keep({ ...plan, name: 'other' })];
  await disk.keepArtifact(`component/${'c'.repeat(64)}`, new Uint8Array(4));
  await disk.keepArtifact('control-domain', new Uint8Array(4));
  const named = [assignmentOf(kept)];
  expect(await plans.tidy(named, 1_000)).toEqual({ components: [], more: true });
  expect(await plans.tidy(named, 50_000)).toEqual({ components: [], more: true });
  expect(await plans.tidy(named, 61_000)).toEqual({ components: ['c'.repeat(64)], more: false });
  expect(await disk.artifact(planObject(old))).toBeUndefined();
  expect(await disk.artifact(planObject(kept))).toBeDefined();
  expect(await disk.artifact('control-domain')).toBeDefined();
});

function assignmentOf(digest: string): AssignmentDocument {
  return {
    ...versioned,
    namespace: 'default',
    app: 'shop',
    revision: 1,
    deployed: 1,
    wanted: 'running',
    term: 1,
    plan: digest,
    distributed: '',
    checkpoint: { every: 1_000, keep: 4 },
    regions: {},
    fragments: {},
    agents: [],
    nodes: {},
    troubles: [],
  };
}

it('a plan that the store has lost since is kept there anew', async () => {
  const objects = bucket();
  const plans = new Plans(objects);
  const digest = await plans.keep(plan);
  await (await objects()).delete(planObject(digest));
  await plans.keep(plan);
  expect(await new Plans(objects).logical(digest)).toEqual(plan);
});
