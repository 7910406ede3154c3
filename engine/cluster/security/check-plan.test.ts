/** Forged plans: an agent runs none, whoever made them and whatever they leave out. */
import { describe, expect, it } from 'vitest';
import { ROWS, STEPS } from '../../../test/kit/distributed-plans.ts';
import { planOf } from '../../../test/kit/plans.ts';
import { distribute } from '../../compile/distribute.ts';
import type { DistributedPlan, FragmentPlan, Host } from '../../compile/fragment-plan.ts';
import type { NodePolicy } from '../../graph/plan.ts';
import { checkFragment, type Here } from './check-plan.ts';

const EDGE: Host = { site: 'plant', agent: 'plant-1', worker: 0 };
const CLOUD: Host = { site: 'hub', agent: 'hub-1', worker: 0 };

/** s -> filter -> out, as somebody places it, with no regard to what the graph says. */
function forged(hosts: readonly [Host, Host, Host], policies: Readonly<Record<string, NodePolicy>> = {}) {
  const plain = planOf({
    sources: { s: { schema: ROWS } },
    operators: { filter: { from: ['s'], steps: STEPS.filter, output: ROWS } },
    sinks: { out: ['filter'] },
  });
  const [s, filter, out] = hosts;
  const nodes = new Map([
    ['s', [s]],
    ['filter', [filter]],
    ['out', [out]],
  ]);
  const plan = distribute(plain, { nodes }, { revision: 1 });
  // What a forger leaves out of the fragments, the graph still says.
  const sources = plain.sources.map((node) => ({ ...node, ...policies[node.name] }));
  const operators = plain.operators.map((node) => ({ ...node, ...policies[node.name] }));
  return { ...plan, logical: { ...plan.logical, sources, operators } };
}

function at(host: Host, more: Partial<Here> = {}): Here {
  const tierOf = (site: string): 'edge' | 'cloud' | undefined =>
    site === 'hub' ? 'cloud' : site === 'plant' ? 'edge' : undefined;
  const tier = host === CLOUD ? 'cloud' : 'edge';
  return { app: { namespace: 'default', app: 'test' }, agent: host, tier, tierOf, ...more };
}

function fragmentAt(plan: DistributedPlan, host: Host): FragmentPlan {
  const found = plan.fragments.find((fragment) => fragment.host.site === host.site);
  if (found === undefined) throw new Error(`nothing is at ${host.site}`);
  return found;
}

function check(plan: DistributedPlan, host: Host, change: Partial<FragmentPlan> = {}, more: Partial<Here> = {}): void {
  const fragment = { ...fragmentAt(plan, host), ...change };
  const app = { namespace: plan.logical.namespace, app: plan.logical.name };
  checkFragment(plan, fragment, at(host, { app, ...more }));
}

describe('a fragment', () => {
  it('is run as the compiler made it', () => {
    const plan = forged([EDGE, EDGE, CLOUD]);
    expect(() => check(plan, EDGE)).not.toThrow();
    expect(() => check(plan, CLOUD)).not.toThrow();
  });

  it('of another app, namespace or agent is not run', () => {
    const plan = forged([EDGE, EDGE, CLOUD]);
    const badPlan = expect.objectContaining({ code: 'cluster.bad-plan' });
    expect(() => check(plan, EDGE, { namespace: '*' })).toThrow(badPlan);
    expect(() => check(plan, EDGE, { app: 'other' })).toThrow(badPlan);
    expect(() => check(plan, EDGE, { host: { ...EDGE, agent: 'plant-2' } })).toThrow(badPlan);
  });

  it('opens no channels but its own', () => {
    const plan = forged([EDGE, EDGE, CLOUD]);
    const { outlets } = fragmentAt(plan, EDGE);
    const { inlets } = fragmentAt(plan, CLOUD);
    const badPlan = expect.objectContaining({ code: 'cluster.bad-plan' });
    for (const change of [{ id: '*' }, { id: 'a.data' }, { from: 'out' }, { to: 'nowhere' }]) {
      const channelsOf = <End extends (typeof inlets)[number] | (typeof outlets)[number]>(ends: readonly End[]) =>
        ends.map((end) => ({ ...end, channels: end.channels.map((channel) => ({ ...channel, ...change })) }));
      expect(() => check(plan, EDGE, { outlets: channelsOf(outlets) })).toThrow(badPlan);
    }
    const stolen = inlets.map((inlet) => ({
      ...inlet,
      channels: inlet.channels.map((one) => ({ ...one, to: 'else' })),
    }));
    expect(() => check(plan, CLOUD, { inlets: stolen })).toThrow(badPlan);
  });
});

describe('what stays in the edge', () => {
  const stays = expect.objectContaining({ code: 'placement.stays' });

  it('is neither sent to the cloud nor taken there, though the plan says so', () => {
    const plan = forged([EDGE, EDGE, CLOUD], { s: { stays: 'edge' } });
    expect(() => check(plan, EDGE)).toThrow(stays);
    expect(() => check(plan, CLOUD)).toThrow(stays);
    expect(() => check(plan, EDGE)).toThrow(/"s" stays in tier edge: s -> filter, and channel \S+ leads out of it/);
  });

  it('is not sent to a site of which nobody says where it is', () => {
    const plan = forged([EDGE, EDGE, CLOUD], { s: { stays: 'edge' } });
    expect(() => check(plan, EDGE, {}, { tierOf: () => undefined })).toThrow(stays);
    expect(() => check(plan, EDGE, {}, { tierOf: () => 'edge' })).not.toThrow();
  });

  it('leaves where an operator says that what it yields may go anywhere, and not before', () => {
    const policies: Readonly<Record<string, NodePolicy>> = { s: { stays: 'edge' }, filter: { stays: 'anywhere' } };
    expect(() => check(forged([EDGE, EDGE, CLOUD], policies), EDGE)).not.toThrow();
    expect(() => check(forged([EDGE, EDGE, CLOUD], policies), CLOUD)).not.toThrow();
    expect(() => check(forged([EDGE, CLOUD, CLOUD], policies), EDGE)).toThrow(stays);
    expect(() => check(forged([EDGE, CLOUD, CLOUD], policies), CLOUD)).toThrow(stays);
  });
});
