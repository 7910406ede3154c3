/** What the control plane does within a time, or does not do however long it takes, on the virtual clock: what the machine is busy with does not matter. */
import { describe, expect, it } from 'vitest';
import { APP, ControlWorld, type Process } from './control-world.ts';

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

  it.each([
    ['of an app that nobody else could run', 'running'],
    ['of an app that is over', 'undeployed'],
  ] as const)('takes a forgotten site back with its agents, though something was left there: %s', async (_, wanted) => {
    const world = await deployed();
    const plant = world.processes.filter(({ site }) => site === 'plant');
    for (const { node } of plant) node.kill();
    for (const lost of plant) lost.host = undefined;
    await world.pass(5 * SECOND);
    if (wanted === 'undeployed') await world.settle(world.client.want(APP, wanted));
    await world.settle(world.client.site('plant', { forgotten: true }));
    await world.pass(5 * SECOND);
    const isForgotten = async (): Promise<boolean | undefined> =>
      (await world.settle(world.client.sites())).find(({ site }) => site === 'plant')?.forgotten;
    expect(await isForgotten()).toBe(true);
    for (const lost of plant) await world.settle(world.start(lost));
    await world.pass(10 * SECOND);
    expect(await isForgotten()).toBe(false);
    expect((await world.settle(world.client.assignment(APP)))?.troubles).toEqual([]);
    expect(runs(world, 'above')).toEqual(wanted === 'running' ? ['plant'] : []);
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
