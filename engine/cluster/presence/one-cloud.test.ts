/** Agents of the cloud at servers of two domains, and of two tiers at one site, in a simulated cluster. */
import { describe, expect, it } from 'vitest';
import { ControlWorld, type Process } from '../../../test/cluster/control-world.ts';
import { MemoryBlobs } from '../../../test/cluster/scripted.ts';

type Outcome = Process & { error?: unknown };

/** A process besides those of the world. */
function another(world: ControlWorld, draft: Pick<Process, 'site' | 'name' | 'tier' | 'server'>): Outcome {
  const [one] = world.processes;
  if (one === undefined) throw new Error('the world has agents');
  return { ...one, ...draft, disk: new MemoryBlobs(), lives: 0 };
}

function start(world: ControlWorld, outcome: Outcome): void {
  world.start(outcome).catch((error: unknown) => {
    outcome.error = error;
  });
}

async function begun(...names: readonly string[]): Promise<ControlWorld> {
  const world = new ControlWorld(3);
  for (const process of world.processes) if (names.includes(process.name)) start(world, process);
  await world.pass(6_000);
  return world;
}

function process(world: ControlWorld, name: string): Process {
  const found = world.processes.find((one) => one.name === name);
  if (found === undefined) throw new Error(`the world has an agent ${name}`);
  return found;
}

const stray = (world: ControlWorld): Outcome =>
  another(world, { site: 'leaf', name: 's', tier: 'cloud', server: world.leaf });

describe('an agent of the cloud at a server of another domain than the cloud', () => {
  it('is refused when it begins, and makes no documents there', async () => {
    const world = await begun('c1', 'a');
    const outcome = stray(world);
    start(world, outcome);
    await world.pass(2_000);
    expect(outcome.error).toMatchObject({ code: 'cluster.other-cloud', domain: 'user' });
    expect((outcome.error as Error).message).toContain('JetStream domain hub');
    expect(world.leaf.streams.findStream('KV_cs-control')).toBeUndefined();
  });

  it('lets go where it began while the cloud was out of reach, though it is the one that stays up longer', async () => {
    const world = await begun('c1', 'a');
    world.link.cut();
    await world.pass(3_000);
    process(world, 'c1').node.kill();
    const outcome = stray(world);
    start(world, outcome);
    await world.pass(5_000);
    expect(outcome.agent?.status().coordinator).toBe(true);
    start(world, process(world, 'c1'));
    world.link.heal();
    await world.pass(12_000);
    expect(outcome.lost).toMatchObject({ code: 'cluster.other-cloud' });
    expect(process(world, 'c1').lost).toBeUndefined();
    expect(process(world, 'c1').agent?.status().coordinator).toBe(true);
  });

  it('is found out where both begin at the same moment: those of one domain let go', async () => {
    const world = await begun();
    const hub = [process(world, 'c1'), process(world, 'c2')];
    const leaf = stray(world);
    for (const one of [...hub, leaf]) start(world, one);
    await world.pass(10_000);
    const gone = (one: Outcome): boolean => one.lost !== undefined || one.error !== undefined;
    expect(hub.map(gone)).toEqual(gone(leaf) ? [false, false] : [true, true]);
  });
});

describe('an edge that followed a cloud which was none', () => {
  it('finds the other one by itself', async () => {
    const world = await begun();
    world.link.cut();
    const outcome = stray(world);
    start(world, outcome);
    await world.pass(3_000);
    start(world, process(world, 'a'));
    await world.pass(3_000);
    expect(await process(world, 'a').disk.get('artifacts/control-domain')).toEqual(new TextEncoder().encode('leaf'));
    outcome.node.kill();
    start(world, process(world, 'c1'));
    world.link.heal();
    await world.pass(25_000);
    expect(await process(world, 'a').disk.get('artifacts/control-domain')).toEqual(new TextEncoder().encode('hub'));
  });
});

describe('an agent of another tier than its site', () => {
  it('is refused where one of the site lives, whichever server it is at', async () => {
    const world = await begun('c1', 'a');
    const edge = another(world, { site: 'hub', name: 'x', tier: 'edge', server: world.leaf });
    const cloud = another(world, { site: 'plant', name: 'y', tier: 'cloud', server: world.hub });
    for (const one of [edge, cloud]) start(world, one);
    await world.pass(2_000);
    expect(edge.error).toMatchObject({ code: 'agent.other-tier', domain: 'user' });
    expect((edge.error as Error).message).toBe('site hub is of tier cloud, as agent hub/c1 says, and not of tier edge');
    expect(cloud.error).toMatchObject({ code: 'agent.other-tier' });
  });

  it('decides where none of the site lives', async () => {
    const world = await begun('c1', 'a');
    process(world, 'a').node.kill();
    await world.pass(2_000);
    const cloud = another(world, { site: 'plant', name: 'y', tier: 'cloud', server: world.hub });
    start(world, cloud);
    await world.pass(2_000);
    expect(cloud.error).toBeUndefined();
    expect(cloud.agent?.status()).toMatchObject({ site: 'plant', tier: 'cloud' });
  });
});
