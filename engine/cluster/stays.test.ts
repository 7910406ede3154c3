/** An agent runs nothing whose data must not come to its tier, whoever assigned it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cluster, twoFragments } from '../../test/cluster/cluster.ts';
import { hasNats, type NatsServer, NO_NATS, startNats } from '../../test/kit/nats-server.ts';
import type { Placement } from './coordinator/placement.ts';

const has = hasNats('installed');

/** A planner that knows nothing of what stays. */
const careless: Placement = {
  assign: twoFragments.assign,
  distribute(plan, assignment, revision) {
    const { fragments, ...rest } = twoFragments.distribute(plan, assignment, revision);
    const stays = { tier: 'edge', why: '"camera" stays in tier edge: camera -> below' } as const;
    return {
      ...rest,
      fragments: fragments.map((fragment) => (fragment.name === 'below' ? { ...fragment, stays } : fragment)),
    };
  },
};

describe.skipIf(!has)(has ? 'data that stays' : `data that stays: ${NO_NATS.installed}`, () => {
  let server: NatsServer;
  let cluster: Cluster;
  beforeEach(async () => {
    server = await startNats();
    cluster = new Cluster(server.url);
  });
  afterEach(async () => {
    await cluster.close();
    await server.stop();
  });

  it('is refused by an agent of another tier, which says why', async () => {
    const hub = await cluster.agent({ site: 'hub', tier: 'cloud', place: careless });
    await cluster.agent({ site: 'plant', tier: 'edge', place: careless });
    await cluster.client.deploy({ plan: cluster.plan('shop'), parameters: [] });
    await cluster.until((regions) =>
      JSON.stringify(regions).includes('below may not run in tier cloud: \\"camera\\" stays'),
    );
    expect(hub.host.started).toHaveLength(0);
  });
});
