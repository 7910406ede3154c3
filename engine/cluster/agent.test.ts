/** Agents, leaders and the coordinator on a real NATS server, with fragments that do what the test says. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from '../../test/cluster/cluster.ts';
import { hasNats, type NatsServer, NO_NATS, startNats } from '../../test/kit/nats-server.ts';

const has = hasNats('installed');

describe.skipIf(!has)(has ? 'agents' : `agents: ${NO_NATS.installed}`, () => {
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

  it('run what is deployed, each its fragments, and say so', async () => {
    await cluster.agent({ site: 'hub', tier: 'cloud' });
    const edge = await cluster.agent({ site: 'plant', tier: 'edge' });
    await cluster.client.deploy({ plan: cluster.plan('shop'), parameters: [] });
    await cluster.until((regions) => regions[0]?.phase === 'running');
    expect(edge.host.last.plan.name).toBe('above');
    expect(edge.host.last.start.checkpoint).toBeUndefined();
  });

  it('are told where the server of the cloud has no JetStream domain, which those behind leaf nodes need', async () => {
    const { agent } = await cluster.agent({ site: 'hub', tier: 'cloud' });
    const said = agent.logs.after(0, 10, ({ level }) => level === 'warn');
    expect(said).toMatchObject([{ code: 'cluster.no-domain', message: expect.stringContaining('domain: hub') }]);
  });

  it('take checkpoints and start from the newest one after a failure, at a higher epoch', async () => {
    const hub = await cluster.agent({ site: 'hub', tier: 'cloud' });
    const edge = await cluster.agent({ site: 'plant', tier: 'edge' });
    await cluster.client.deploy({ plan: cluster.plan('shop', 100), parameters: [] });
    await cluster.until((regions) => (regions[0]?.checkpoint ?? 0) > 0);
    const before = edge.host.last;
    expect(before.calls).toEqual(expect.arrayContaining(['barrier 1', 'commit 1']));
    hub.host.last.fail();
    await cluster.until((regions) => regions[0]?.restarts === 1 && regions[0].phase === 'running');
    expect(before.calls.at(-1)).toBe('stop discard');
    expect(edge.host.last.start.epoch).toBe(before.start.epoch + 1);
    expect(edge.host.last.start.checkpoint).toBeGreaterThan(0);
    expect(hub.host.last.start.checkpoint).toBe(edge.host.last.start.checkpoint);
  });

  it('start anew what an agent was running when it was killed, without the coordinator having a say', async () => {
    await cluster.agent({ site: 'hub', tier: 'cloud' });
    const edge = await cluster.agent({ site: 'plant', tier: 'edge', agent: 'e' });
    await cluster.client.deploy({ plan: cluster.plan('shop', 50), parameters: [] });
    await cluster.until(([region]) => (region?.checkpoint ?? 0) > 0);
    const { epoch } = edge.host.last.start;
    await cluster.kill(edge);
    const again = await cluster.agent({ site: 'plant', tier: 'edge', agent: 'e', disk: edge.disk });
    await cluster.until(([region]) => region?.phase === 'running');
    expect(again.host.last.start).toMatchObject({ epoch: epoch + 1 });
    expect(again.host.last.start.checkpoint).toBeGreaterThan(0);
  });

  it('restart a region when the agent of a fragment that it does not lead comes back', async () => {
    const hub = await cluster.agent({ site: 'hub', tier: 'cloud', agent: 'c' });
    const edge = await cluster.agent({ site: 'plant', tier: 'edge' });
    await cluster.agent({ site: 'hub2', tier: 'cloud' });
    await cluster.client.deploy({ plan: cluster.plan('shop'), parameters: [] });
    await cluster.until(([region]) => region?.phase === 'running');
    await cluster.kill(hub);
    const again = await cluster.agent({ site: 'hub', tier: 'cloud', agent: 'c', disk: hub.disk });
    await cluster.until(([region]) => region?.phase === 'running' && region.restarts > 0);
    expect(again.host.last.start.epoch).toBe(edge.host.last.start.epoch);
    expect(edge.host.running).toHaveLength(1);
  });

  it('take over from an agent that is lost, on its site, and fence it when it is back', async () => {
    const hub = await cluster.agent({ site: 'hub', tier: 'cloud' });
    const first = await cluster.agent({ site: 'plant', tier: 'edge', agent: 'a' });
    const second = await cluster.agent({ site: 'plant', tier: 'edge', agent: 'b' });
    await cluster.client.deploy({ plan: cluster.plan('shop', 50), parameters: [] });
    await cluster.until(([region]) => (region?.checkpoint ?? 0) > 0);
    const { epoch } = first.host.last.start;
    const free = first.sever();
    await cluster.until(([region]) => region?.phase === 'running' && region.epoch > epoch);
    expect(second.host.last.start.epoch % 65_536).toBe(0);
    expect(second.host.last.start.checkpoint).toBeGreaterThan(0);
    expect(hub.host.last.start.epoch).toBe(second.host.last.start.epoch);
    const { length } = first.host.last.calls.filter((call) => call.startsWith('commit'));
    free();
    await cluster.when(() => first.host.last.calls.includes('stop discard'));
    expect(first.host.last.calls.filter((call) => call.startsWith('commit'))).toHaveLength(length);
  });

  it('take a checkpoint when one is asked for, and say that it is the one', async () => {
    await cluster.agent({ site: 'hub', tier: 'cloud' });
    await cluster.agent({ site: 'plant', tier: 'edge' });
    const name = { namespace: 'default', app: 'shop' };
    await cluster.client.deploy({ plan: cluster.plan('shop'), parameters: [] });
    await cluster.until(([region]) => region?.phase === 'running');
    const { asked } = await cluster.client.checkpoint(name);
    await cluster.until(([region]) => region?.answered === asked && region?.checkpoint === 1);
    const again = await cluster.client.checkpoint(name);
    await cluster.until(([region]) => region?.answered === again.asked && region?.checkpoint === 2);
    await cluster.client.want(name, 'stopped');
    await expect(cluster.client.checkpoint(name)).rejects.toMatchObject({ code: 'checkpoint.not-running' });
  });

  it('stop with a last checkpoint and go on from it', async () => {
    const hub = await cluster.agent({ site: 'hub', tier: 'cloud' });
    await cluster.agent({ site: 'plant', tier: 'edge' });
    const name = { namespace: 'default', app: 'shop' };
    await cluster.client.deploy({ plan: cluster.plan('shop'), parameters: [] });
    await cluster.until(([region]) => region?.phase === 'running');
    const stopped = await cluster.client.want(name, 'stopped');
    await cluster.until(([region]) => region?.phase === 'stopped' && region.revision === stopped.revision);
    expect(hub.host.last.calls).toEqual(['barrier 1', 'commit 1', 'stop discard']);
    await cluster.client.want(name, 'running');
    await cluster.until(([region]) => region?.phase === 'running');
    expect(hub.host.last.start.checkpoint).toBe(1);
  });

  it('pause and resume without starting anything anew', async () => {
    const hub = await cluster.agent({ site: 'hub', tier: 'cloud' });
    await cluster.agent({ site: 'plant', tier: 'edge' });
    const name = { namespace: 'default', app: 'shop' };
    await cluster.client.deploy({ plan: cluster.plan('shop'), parameters: [] });
    await cluster.until(([region]) => region?.phase === 'running');
    await cluster.client.want(name, 'paused');
    await cluster.when(() => hub.host.last.state === 'paused');
    await cluster.client.want(name, 'running');
    await cluster.when(() => hub.host.last.state === 'running');
    expect(hub.host.started).toHaveLength(1);
  });

  it('are told when an app began anew, so that it does not go on with what an earlier one of its name wrote down', async () => {
    const hub = await cluster.agent({ site: 'hub', tier: 'cloud' });
    await cluster.agent({ site: 'plant', tier: 'edge' });
    const deployed = async (): Promise<{ readonly revision: number; readonly begun: number | undefined }> => {
      const { revision } = await cluster.client.deploy({ plan: cluster.plan('shop'), parameters: [] });
      await cluster.until(([region]) => region?.phase === 'running' && region.revision === revision);
      return { revision, begun: hub.host.last.start.begun };
    };
    expect((await deployed()).begun).toBeUndefined();
    expect((await deployed()).begun).toBeUndefined();
    await cluster.client.want({ namespace: 'default', app: 'shop' }, 'undeployed');
    const { begun, revision } = await deployed();
    expect(begun).toBe(revision);
    expect((await deployed()).begun).toBe(begun);
  });

  it('finish what has ended, after a last checkpoint, and do not start it again', async () => {
    const hub = await cluster.agent({ site: 'hub', tier: 'cloud', agent: 'c' });
    const edge = await cluster.agent({ site: 'plant', tier: 'edge' });
    await cluster.client.deploy({ plan: cluster.plan('shop'), parameters: [] });
    await cluster.until(([region]) => region?.phase === 'running');
    edge.host.last.end();
    hub.host.last.end();
    await cluster.until(([region]) => region?.phase === 'finished');
    expect(hub.host.last.calls).toEqual(['barrier 1', 'commit 1', 'finish']);
    await cluster.kill(edge);
    const again = await cluster.agent({ site: 'plant', tier: 'edge', agent: 'a1', disk: edge.disk });
    await cluster.until(([region]) => region?.phase === 'finished');
    expect(again.host.started).toHaveLength(0);
  });

  it('leave a region alone that failed by a mistake of the user, until something is changed', async () => {
    const hub = await cluster.agent({ site: 'hub', tier: 'cloud' });
    await cluster.agent({ site: 'plant', tier: 'edge' });
    await cluster.client.deploy({ plan: cluster.plan('shop'), parameters: [] });
    await cluster.until(([region]) => region?.phase === 'running');
    hub.host.last.fail('test.mistake', 'user');
    await cluster.until(([region]) => region?.phase === 'failed' && region.trouble?.code === 'test.mistake');
    await cluster.client.want({ namespace: 'default', app: 'shop' }, 'running');
    await cluster.until(([region]) => region?.phase === 'running');
  });

  it('keep apps and namespaces apart', async () => {
    const hub = await cluster.agent({ site: 'hub', tier: 'cloud' });
    await cluster.agent({ site: 'plant', tier: 'edge' });
    await cluster.client.deploy({ plan: cluster.plan('shop'), parameters: [] });
    await cluster.client.deploy({ plan: cluster.plan('shop', 60_000, 'other'), parameters: [] });
    await cluster.client.deploy({ plan: cluster.plan('shop-2'), parameters: [] });
    await cluster.when(() => hub.host.running.length === 3);
    await cluster.client.want({ namespace: 'other', app: 'shop' }, 'undeployed');
    await cluster.when(() => hub.host.running.length === 2);
    expect((await cluster.client.apps()).map(({ namespace, app }) => `${namespace}/${app}`).sort()).toEqual([
      'default/shop',
      'default/shop-2',
    ]);
    expect(hub.host.running.map(({ plan }) => plan.namespace)).toEqual(['default', 'default']);
  });

  it('stop after a checkpoint', async () => {
    await cluster.agent({ site: 'hub', tier: 'cloud' });
    const edge = await cluster.agent({ site: 'plant', tier: 'edge' });
    await cluster.client.deploy({ plan: cluster.plan('shop'), parameters: [] });
    await cluster.until(([region]) => region?.phase === 'running');
    await edge.agent.stop();
    expect(edge.host.last.calls).toEqual(['barrier 1', 'commit 1', 'stop discard']);
  });

  it('believe their own disks and not a server that was restored from an older one', async () => {
    await cluster.agent({ site: 'hub', tier: 'cloud' });
    const edge = await cluster.agent({ site: 'plant', tier: 'edge', agent: 'e' });
    await cluster.client.deploy({ plan: cluster.plan('shop', 50), parameters: [] });
    await cluster.until(([region]) => (region?.checkpoint ?? 0) > 0);
    const older = await server.backup();
    const first = edge.host.last.start;
    const { revision } = await cluster.client.deploy({ plan: cluster.plan('shop', 50), parameters: [] });
    await cluster.until(([region]) => region?.deployed === revision && region.checkpoint > 40);
    const second = edge.host.last.start;
    expect(second.epoch).toBeGreaterThan(first.epoch);
    await server.restore(older);
    const name = { namespace: 'default', app: 'shop' };
    await cluster.eventually(async () => {
      const [app, assignment] = await Promise.all([cluster.client.app(name), cluster.client.assignment(name)]);
      return app?.deployed === revision && assignment?.deployed === revision;
    });
    // whether or not anybody noticed, nothing goes back; nor does what fails afterwards
    await cluster.until(([region]) => region?.phase === 'running');
    const { epoch } = edge.host.last.start;
    expect(epoch).toBeGreaterThanOrEqual(second.epoch);
    edge.host.last.fail();
    await cluster.until(([region]) => region?.phase === 'running' && region.epoch > epoch);
    expect(edge.host.last.start.checkpoint).toBeGreaterThan(40);
  });
});
