/** Plans that are refused before they are deployed: by a real coordinator's agents, and nothing is changed by it. */
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Cluster } from '../../../test/cluster/cluster.ts';
import { hasNats, type NatsServer, NO_NATS, startNats } from '../../../test/kit/nats-server.ts';
import { planOf } from '../../../test/kit/plans.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { connectNats } from '../../nats/client.ts';
import { type Ports, realPorts } from '../../ports.ts';
import { ClusterClient } from '../client.ts';
import { UNPLACED } from '../process/timing.ts';
import { placement } from './placement.ts';

const has = hasNats('installed');
const name = { namespace: 'default', app: 'shop' };
const schema = { fields: [{ name: 'id', type: { kind: 'int64' }, nullable: false }] } as const;

/** A source and a sink that are to run at a site. */
function planAt(site: string): LogicalPlan {
  const plan = planOf({ sources: { rows: { schema } }, sinks: { out: ['rows'] } });
  return { ...plan, name: 'shop', placement: { rows: { site }, out: { site } } };
}

describe.skipIf(!has)(
  has ? 'a plan that cannot be placed' : `a plan that cannot be placed: ${NO_NATS.installed}`,
  () => {
    let server: NatsServer;
    let cluster: Cluster;
    beforeEach(async () => {
      server = await startNats();
      cluster = new Cluster(server.url);
      const hub = await cluster.agent({ site: 'hub', tier: 'cloud', place: placement });
      await cluster.when(() => hub.agent.status().coordinator);
    });
    afterEach(async () => {
      await cluster.close();
      await server.stop();
    });

    it('is refused with the reason, and the name stays free', async () => {
      await expect(cluster.client.mustPlace(planAt('mars'))).rejects.toMatchObject({ code: 'placement.no-agent' });
      expect(await cluster.client.apps()).toEqual([]);
      await cluster.client.mustPlace(planAt('hub'));
    });

    it('leaves what runs as it is; where it gets past that, what runs is still said to run, and can be undeployed', async () => {
      await cluster.client.deploy({ plan: planAt('hub'), parameters: [] });
      await cluster.until(([region]) => region?.phase === 'running');
      await expect(cluster.client.mustPlace(planAt('mars'))).rejects.toMatchObject({ code: 'placement.no-agent' });
      expect(await cluster.client.app(name)).toMatchObject({ revision: 1 });
      await cluster.client.deploy({ plan: planAt('mars'), parameters: [] });
      await cluster.eventually(async () => ((await cluster.client.assignment(name))?.troubles.length ?? 0) > 0);
      const assignment = await cluster.client.assignment(name);
      expect(assignment).toMatchObject({ revision: 2, deployed: 1 });
      expect(assignment?.troubles[0]?.message).toMatch(/^revision 1 stays, revision 2 cannot be placed: no agent /);
      await cluster.client.want(name, 'undeployed');
      await cluster.until(([region]) => region?.phase === 'stopped' || region === undefined);
      expect((await cluster.client.assignment(name))?.troubles).toEqual([]);
    });

    it('is what its agents say as soon as they are enough: nobody waits for others', async () => {
      const nats = await connectNats({ servers: server.url });
      onTestFinished(() => nats.close(100));
      const endless: Ports = {
        ...realPorts,
        after: (milliseconds, task) => realPorts.after(milliseconds === UNPLACED ? 1e9 : milliseconds, task),
      };
      await new ClusterClient(nats, endless).mustPlace(planAt('hub'));
    });
  },
);
