/** Two processes of one agent's name, in a simulated cluster: one of them stays, and it is told which. */
import { describe, expect, it } from 'vitest';
import { ControlWorld, type Process } from '../../../test/cluster/control-world.ts';
import { MemoryBlobs } from '../../../test/cluster/scripted.ts';

/** Another process that is started under the name of one that there is, with a disk of its own. */
async function twin(world: ControlWorld, process: Process): Promise<{ readonly twin: Process; error?: unknown }> {
  const outcome: { readonly twin: Process; error?: unknown } = { twin: { ...process, disk: new MemoryBlobs() } };
  world.start(outcome.twin).catch((error: unknown) => {
    outcome.error = error;
  });
  await world.pass(1_500);
  return outcome;
}

async function begun(): Promise<{ readonly world: ControlWorld; readonly process: Process }> {
  const world = new ControlWorld(3);
  await world.begin();
  await world.pass(2_000);
  const process = world.processes.find(({ name }) => name === 'a');
  if (process === undefined) throw new Error('the world has an agent a');
  return { world, process };
}

describe('an agent whose name another process has', () => {
  it('is refused when it begins, and the other goes on', async () => {
    const { world, process } = await begun();
    const { error } = await twin(world, process);
    expect(error).toMatchObject({ code: 'agent.name-taken', domain: 'user' });
    expect(process.lost).toBeUndefined();
  });

  it('takes the name of one that was killed, at once', async () => {
    const { world, process } = await begun();
    process.node.kill();
    await world.pass(50);
    const before = world.now;
    const again = world.start(process);
    await world.pass(300);
    await again;
    expect(process.agent?.status()).toMatchObject({ agent: 'a' });
    expect(world.now - before).toBeLessThan(400);
  });

  it('takes the name of one that stands still, which lets go when it goes on', async () => {
    const { world, process } = await begun();
    process.node.freeze();
    await world.pass(2_000);
    const second = await twin(world, process);
    expect(second.error).toBeUndefined();
    process.node.thaw();
    await world.pass(3_000);
    expect(process.lost).toMatchObject({ code: 'agent.name-taken' });
    expect(second.twin.lost).toBeUndefined();
  });

  it('is found out also where both began at the same moment: one lets go, and only one', async () => {
    const { world, process } = await begun();
    process.node.kill();
    await world.pass(1_500);
    const one = { ...process, disk: new MemoryBlobs() };
    const other = { ...process, disk: new MemoryBlobs() };
    const starting = Promise.allSettled([world.start(one), world.start(other)]);
    await world.pass(5_000);
    const failed = (await starting).filter(({ status }) => status === 'rejected').length;
    const lost = [one, other].filter((process) => process.lost !== undefined).length;
    expect(failed + lost).toBe(1);
  });
});
