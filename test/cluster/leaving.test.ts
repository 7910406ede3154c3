/** An agent that gets SIGTERM, on real processes: others take over what it runs where they may, and what nobody takes waits for it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Counting } from './counting.ts';
import { type AgentProcess, Continuum } from './processes.ts';

const has = hasNats('installed');

describe.skipIf(!has)(has ? 'an agent that leaves' : `an agent that leaves: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  let edge: AgentProcess;
  beforeAll(async () => {
    continuum = await Continuum.start();
    continuum.agent({ site: 'hub', tier: 'cloud' });
    edge = continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
  });
  afterAll(() => continuum?.close());

  async function placesOf(app: string): Promise<Readonly<Record<string, string>>> {
    const { nodes = {} } = (await continuum.client.assignment({ namespace: 'default', app })) ?? {};
    return Object.fromEntries(Object.entries(nodes).map(([node, [host]]) => [node, `${host?.site}/${host?.agent}`]));
  }

  it('has others take over what may go elsewhere, first at its site, while rows flow on', async () => {
    const app = new Counting(continuum);
    await app.deploy({ placement: '{ rows: { tier: edge }, out: { tier: cloud } }', source: ', location: any' });
    expect(await placesOf('numbers')).toMatchObject({ rows: 'plant/plant-1', twice: 'plant/plant-1' });
    const second = continuum.agent({ site: 'plant', tier: 'edge', name: 'b' });
    await continuum.ready(3);
    const before = performance.now();
    expect(await edge.end('SIGTERM')).toBe(0);
    // five seconds, on a machine that is not busy with other tests
    expect(performance.now() - before).toBeLessThan(15_000);
    expect(await placesOf('numbers')).toMatchObject({ rows: 'plant/b', twice: 'plant/b', out: 'hub/hub-1' });
    const region = await app.goesOn();
    expect(region.move).toMatchObject({ lost: 0, duplicated: 0 });
    // the last of its site: what is bound to the edge waits for it, the rest goes on in the cloud
    expect(await second.end('SIGTERM')).toBe(0);
    expect(await placesOf('numbers')).toMatchObject({ rows: 'plant/b', twice: 'hub/hub-1', out: 'hub/hub-1' });
    second.restart();
    await app.mustBeWhole();
  });
});
