/** Real processes of a site, killed and frozen while rows flow: every row comes out, once, in order. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterClient } from '../../engine/cluster/client.ts';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Counting } from './counting.ts';
import { type AgentProcess, Continuum } from './processes.ts';

const has = hasNats('installed');

// one app on the edge goes through all of it: most of the time would be its start and its end
describe.skipIf(!has)(has ? 'a continuum of processes' : `a continuum of processes: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  let hub: AgentProcess;
  let edge: AgentProcess;
  let app: Counting;
  let near: Nats;
  beforeAll(async () => {
    continuum = await Continuum.start();
    hub = continuum.agent({ site: 'hub', tier: 'cloud' });
    edge = continuum.agent({ site: 'plant', tier: 'edge', name: 'a' });
    await continuum.ready(2);
    near = await connectNats({ servers: continuum.leaf.url });
    app = new Counting(continuum);
    await app.deploy({ placement: '{ "*": { site: plant } }' });
  });
  afterAll(async () => {
    await near?.close(200);
    await continuum?.close();
  });

  /** The region as it is seen without the cloud. */
  async function besideTheEdge(): Promise<RegionFigures> {
    const client = new ClusterClient(near, realPorts, 'hub');
    return continuum.until(async () => (await client.ask(250, (all) => all.length > 0))[0]?.regions[0]);
  }

  it('goes on after its agent is killed and started again, and with an empty disk from the object store', async () => {
    const { epoch } = await app.goesOn();
    await edge.kill();
    edge.start();
    const again = await app.until((now) => now.epoch > epoch);
    expect(again.epoch).toBe(epoch + 1);
    const { checkpoint } = await app.goesOn();
    await edge.kill();
    rmSync(join(continuum.directory, 'agent-plant-a'), { recursive: true });
    edge.start();
    const anew = await app.until((now) => now.epoch > again.epoch && now.phase === 'running');
    expect(anew.epoch).toBe(again.epoch + 1);
    expect(anew.checkpoint).toBeGreaterThanOrEqual(checkpoint);
    await app.goesOn();
  });

  it('does not notice that the coordinator is killed', async () => {
    const { epoch, restarts } = await app.goesOn();
    await hub.kill();
    hub.start();
    await continuum.ready(2);
    expect(await continuum.ok('checkpoint', 'take', 'numbers')).toMatch(/^numbers has checkpoint \d+\n$/);
    expect(await app.goesOn()).toMatchObject({ epoch, restarts });
  });

  it('sits out its NATS server being killed; ends when asked to, and goes on when started again', async () => {
    await continuum.leaf.kill();
    await continuum.leaf.restart();
    await app.goesOn();
    expect(await edge.end('SIGTERM')).toBe(0);
    edge.start();
    await app.goesOn();
  });

  it('starts again what a site runs by itself, though the cloud is out of reach', async () => {
    await hub.kill();
    await continuum.hub.kill();
    const { epoch, checkpoint } = await besideTheEdge();
    await edge.kill();
    edge.start();
    await continuum.until(async () => {
      const now = await besideTheEdge();
      return now.epoch > epoch && now.phase === 'running' && now.checkpoint > checkpoint + 1;
    });
    await continuum.hub.restart();
    hub.start();
    await continuum.ready(2);
    await app.goesOn();
  });

  it('moves to another agent of the site while its own is frozen, and nothing comes twice when that goes on', async () => {
    continuum.agent({ site: 'plant', tier: 'edge', name: 'b' });
    await continuum.ready(3);
    const { epoch } = await app.goesOn();
    edge.freeze();
    await app.until((now) => now.epoch > epoch && now.phase === 'running');
    await app.goesOn();
    edge.thaw();
    await app.mustBeWhole();
  });
});
