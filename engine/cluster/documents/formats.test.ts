/** Agents and documents of versions beside each other: what an older one does not know it keeps, what it must not overlook it leaves alone. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cluster, type TestAgent } from '../../../test/cluster/cluster.ts';
import { hasNats, type NatsServer, NO_NATS, startNats } from '../../../test/kit/nats-server.ts';
import { parseValue } from '../../json.ts';
import { encodeDocument, FORMAT } from './document.ts';
import { appKey, assignmentKey } from './names.ts';

const has = hasNats('installed');
const APP = { namespace: 'default', app: 'shop' };

describe.skipIf(!has)(
  has ? 'documents of a newer version' : `documents of a newer version: ${NO_NATS.installed}`,
  () => {
    let server: NatsServer;
    let cluster: Cluster;
    let edge: TestAgent;
    beforeEach(async () => {
      server = await startNats();
      cluster = new Cluster(server.url);
      await cluster.agent({ site: 'hub', tier: 'cloud' });
      edge = await cluster.agent({ site: 'plant', tier: 'edge' });
      await cluster.client.deploy({ plan: cluster.plan('shop', 50), parameters: [] });
      await cluster.until(([region]) => region?.phase === 'running' && region.checkpoint > 0);
    });
    afterEach(async () => {
      await cluster.close();
      await server.stop();
    });

    async function read(key: string): Promise<Record<string, unknown>> {
      const entry = await (await cluster.client.documents()).get(key);
      return parseValue(new TextDecoder().decode(entry?.value)) as Record<string, unknown>;
    }

    /** As a newer version would write it. */
    async function change(key: string, more: object): Promise<void> {
      const bucket = await cluster.client.documents();
      const entry = await bucket.get(key);
      await bucket.update(
        key,
        encodeDocument({ ...(await read(key)), format: FORMAT + 1, ...more }),
        entry?.revision ?? 0,
      );
    }

    it('are followed and kept whole where older ones may', async () => {
      const { revision } = await read(appKey(APP));
      await change(assignmentKey(APP), { weather: 'fair' });
      await change(appKey(APP), { wanted: 'paused', revision: Number(revision) + 1, colour: { of: 'leaves' } });
      await cluster.when(() => edge.host.last.state === 'paused');
      await cluster.client.want(APP, 'running');
      await cluster.when(() => edge.host.last.state === 'running');
      expect(await read(appKey(APP))).toMatchObject({
        format: FORMAT + 1,
        wanted: 'running',
        colour: { of: 'leaves' },
      });
      expect(await read(assignmentKey(APP))).toMatchObject({ weather: 'fair' });
      expect(edge.host.started).toHaveLength(1);
    });

    it('are left alone where they say that older ones would take them wrong: what runs goes on', async () => {
      const { revision } = await read(appKey(APP));
      const oldest = FORMAT + 1;
      await change(appKey(APP), { oldest, wanted: 'undeployed', revision: Number(revision) + 1 });
      await change(assignmentKey(APP), { oldest, wanted: 'undeployed', revision: Number(revision) + 1 });
      await expect(cluster.client.want(APP, 'stopped')).rejects.toMatchObject({ code: 'cluster.newer-document' });
      await expect(cluster.client.assignment(APP)).rejects.toMatchObject({ code: 'cluster.newer-document' });
      const { length } = edge.host.last.calls;
      await cluster.when(() => edge.host.last.calls.length > length + 4);
      expect(edge.host.last.state).toBe('running');
      expect(await read(appKey(APP))).toMatchObject({ oldest, wanted: 'undeployed' });
    });
  },
);
