/** What the control plane does within a time, or does not do however long it takes, on the virtual clock: what the machine is busy with does not matter. */
import { describe, expect, it } from 'vitest';
import { ControlWorld, type Process } from './control-world.ts';

const SECOND = 1_000;

async function deployed(...more: readonly (readonly [site: string, name: string])[]): Promise<ControlWorld> {
  const world = new ControlWorld(1);
  for (const [site, name] of more) world.add(site, name, 'edge', world.leaf);
  await world.begin();
  await world.pass(3 * SECOND);
  await world.settle(world.client.deploy({ plan: world.plan(), parameters: [] }));
  await world.pass(3 * SECOND);
  return world;
}

/** Who runs a fragment. */
function runs(world: ControlWorld, fragment: string): readonly string[] {
  return world.processes.flatMap(({ site, host }) =>
    (host?.running ?? []).flatMap(({ plan }) => (plan.name === fragment ? site : [])),
  );
}

describe('the control plane in time', () => {
  it('has another coordinator within five seconds when its own is killed', async () => {
    const world = await deployed();
    const coordinators = (): readonly string[] =>
      world.processes.flatMap(({ agent, node, name }) =>
        node.alive && agent?.status().coordinator === true ? name : [],
      );
    const [first = ''] = coordinators();
    world.processes.find(({ name }) => name === first)?.node.kill();
    await world.pass(5 * SECOND);
    expect(coordinators()).toEqual([first === 'c1' ? 'c2' : 'c1']);
  });

  it('leaves what a lost site ran where it is, however long, until the site is forgotten', async () => {
    const world = await deployed(['yard', 'y']);
    const [site = ''] = runs(world, 'above');
    for (const lost of world.processes.filter((one) => one.site === site)) {
      lost.node.kill();
      lost.host = undefined;
    }
    await world.pass(60 * SECOND);
    expect(runs(world, 'above')).toEqual([]);
    await world.settle(world.client.site(site, { forgotten: true }));
    await world.pass(10 * SECOND);
    expect(runs(world, 'above')).toEqual([site === 'yard' ? 'plant' : 'yard']);
  });

  it('stops an agent that leads a region within five seconds', async () => {
    const world = await deployed();
    const isLeader = ({ host }: Process): boolean => host?.running.some(({ plan }) => plan.name === 'above') === true;
    const leader = world.processes.find(isLeader);
    const began = world.now;
    await world.settle(leader?.agent?.stop() ?? Promise.reject(new Error('nothing runs')));
    expect(world.now - began).toBeLessThan(5 * SECOND);
    expect(leader?.host?.running).toEqual([]);
  });
});
