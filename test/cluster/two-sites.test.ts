/** A graph across two sites on real processes: every row comes out once, in order, whatever is killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOST_AFTER } from '../../engine/cluster/process/timing.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Counting } from './counting.ts';
import { type AgentProcess, Continuum } from './processes.ts';

const has = hasNats('installed');

// one app goes through all of it: most of the time would be its start and its end
describe.skipIf(!has)(has ? 'a graph across two sites' : `a graph across two sites: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  let hub: AgentProcess;
  let edge: AgentProcess;
  let app: Counting;
  beforeAll(async () => {
    continuum = await Continuum.start();
    hub = continuum.agent({ site: 'hub', tier: 'cloud' });
    edge = continuum.agent({ site: 'plant', tier: 'edge' });
    await continuum.ready(2);
    app = new Counting(continuum);
    await app.deploy({ placement: '{ rows: { tier: edge }, twice: { tier: edge }, out: { tier: cloud } }' });
  });
  afterAll(() => continuum?.close());

  it('goes on when the agent of its sink, which does not lead, is killed', async () => {
    await hub.kill();
    hub.start();
    await app.goesOn();
  });

  it('goes on when the agent of its source, which leads, is killed', async () => {
    const { epoch } = await app.goesOn();
    await edge.kill();
    edge.start();
    await app.until((now) => now.epoch > epoch);
    await app.goesOn();
  });

  it('goes on when the server in the cloud is killed', async () => {
    await continuum.hub.kill();
    await continuum.hub.restart();
    await app.goesOn();
  });

  it('goes on when the agent of its sink stood still for so long that it counts as lost', async () => {
    hub.freeze();
    await sleep(2 * LOST_AFTER);
    hub.thaw();
    await app.goesOn();
  });

  it('has lost nothing and repeated nothing of all that', async () => {
    await app.mustBeWhole();
    expect(app.output().length).toBeGreaterThan(5_000);
  });
});
