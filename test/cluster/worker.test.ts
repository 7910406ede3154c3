/** A worker thread of an agent dies: only what ran on it starts again. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAgentHost } from '../../cli/cluster/agent/agent-host.ts';
import type { WorkerPool } from '../../cli/cluster/agent/worker-pool.ts';
import { Agent } from '../../engine/cluster/agent.ts';
import { connectNats } from '../../engine/nats/client.ts';
import { realPorts } from '../../engine/ports.ts';
import { openDirectory } from '../../engine/state/blobs/directory.ts';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { copying } from './copying.ts';
import { Continuum } from './processes.ts';

const has = hasNats('installed');

describe.skipIf(!has)(has ? 'apps of an agent' : `apps of an agent: ${NO_NATS.installed}`, () => {
  let continuum: Continuum;
  beforeEach(async () => {
    continuum = await Continuum.start();
  });
  afterEach(() => continuum.close());

  it('go on from their last checkpoint when a worker thread dies, others do not notice, and nothing stays of what is undeployed', async () => {
    continuum.agent({ site: 'hub', tier: 'cloud' });
    const nats = await connectNats({ servers: continuum.leaf.url });
    const directory = join(continuum.directory, 'agent-plant');
    const setup = { servers: [continuum.leaf.url], access: {}, name: 'plant', directory };
    const host = await openAgentHost({ nats, workers: 2, setup, log: () => undefined });
    const agent = await Agent.start({
      nats,
      ports: realPorts,
      site: 'plant',
      agent: 'p',
      tier: 'edge',
      workers: 2,
      version: '0',
      disk: await openDirectory(join(directory, 'disk')),
      ...host,
    });
    await continuum.ready(2);
    await continuum.ok('deploy', continuum.graph('a.yaml', copying('shop', 'rows-a')));
    // Apps begin on one thread or the other by their names.
    await continuum.ok('deploy', continuum.graph('c.yaml', copying('shop-2', 'rows-c')));
    const workers = new Map(agent.status().fragments.map(({ app, worker }) => [app, worker]));
    expect(new Set(workers.values()).size).toBe(2);
    await continuum.advance('shop');
    const epochs = async (): Promise<readonly number[]> => {
      const agents = await continuum.client.ask(300, (all) => all.length === 2);
      const regions = agents.flatMap((one) => one.regions);
      return ['shop', 'shop-2'].map((name) =>
        Math.max(0, ...regions.flatMap(({ app, epoch }) => (app === name ? epoch : []))),
      );
    };
    const [first = 0, other = 0] = await epochs();
    (host.host as WorkerPool).kill(workers.get('shop') ?? 0);
    await continuum.until(async () => (await epochs())[0] === first + 1);
    await continuum.advance('shop');
    expect((await epochs())[1]).toBe(other);
    // as a journal and a durable channel leave them
    const left = ['journals', 'durable'].map((kind) => join(directory, kind, 'default', 'shop'));
    for (const path of left) mkdirSync(join(path, 'x'), { recursive: true });
    for (const app of ['shop', 'shop-2']) await continuum.ok('undeploy', app);
    await continuum.until(async () => (left.some((path) => existsSync(path)) ? undefined : true));
    const ids = continuum.ids('rows-a');
    expect(ids).toEqual(ids.map((_, index) => index));
    await agent.stop();
    await host.host.close();
    await nats.close(200);
  });
});
