/** A graph that is permitted while the continuum runs: refused before, by name; run after leaf node and agents were started again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { graph } from './graphs.ts';
import { Secured } from './secured.ts';

const has = hasNats('installed');
const ROWS = 2_000;

describe.skipIf(!has)(has ? 'a graph that is permitted later' : NO_NATS.installed, () => {
  let secured: Secured;
  beforeAll(async () => {
    secured = await Secured.make({ version: 'installed', sites: ['hub:cloud', 'plant:edge'] });
    secured.graph('later.yaml', graph('later', ROWS));
    await secured.startServers();
    for (const site of ['hub', 'plant']) secured.agent(site);
    await secured.ready(2);
  });
  afterAll(() => secured.close());

  it('is run once it is', async () => {
    const file = secured.path('later.yaml');
    const { status, stderr } = await secured.run('deploy', file, '--timeout', '15s');
    expect(status).toBe(2);
    expect(stderr).toContain('the credentials of the sites do not permit default/later');
    expect(stderr).toContain('cloudskin auth graph');
    expect(await secured.permit(file)).toContain('restart the leaf nodes and agents');
    await secured.stopServer('leaf-plant.conf');
    await secured.startServer('leaf-plant.conf');
    for (const agent of secured.agents) {
      await agent.end('SIGTERM');
      agent.start();
    }
    await secured.ready(2);
    await secured.ok('deploy', file, '--wait', 'rows');
    await secured.region('later', ({ phase }) => phase === 'finished');
    expect(new Set(secured.ids('later')).size).toBe(ROWS);
  });
});
