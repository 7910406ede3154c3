/** What an agent says of control documents that are out of reach. */
import { describe, expect, it } from 'vitest';
import { ControlWorld } from '../../../test/cluster/control-world.ts';

describe('an agent that finds no cloud', () => {
  it('says so once, however often it tries, and that it has found one', async () => {
    const world = new ControlWorld(7);
    const [cloud, , edge] = world.processes;
    if (cloud === undefined || edge === undefined) throw new Error('the world has agents');
    const said = (): readonly string[] =>
      (edge.agent?.logs.after(0, 100, ({ message }) => message.startsWith('control documents')) ?? []).map(
        ({ message, code }) => code ?? message,
      );
    void world.start(edge);
    await world.pass(30_000);
    expect(said()).toEqual(['cluster.no-cloud']);
    void world.start(cloud);
    await world.pass(15_000);
    expect(said()).toEqual(['cluster.no-cloud', 'control documents are watched now']);
  });
});
