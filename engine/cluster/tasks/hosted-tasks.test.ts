/** Tasks of agents on a real NATS server, with a host that says what it was told. */
import { createUser } from '@nats-io/nkeys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from '../../../test/cluster/cluster.ts';
import { hasNats, type NatsServer, NO_NATS, startNats } from '../../../test/kit/nats-server.ts';
import { userError } from '../../errors.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { connectNats } from '../../nats/client.ts';
import type { Nats } from '../../nats/nats.ts';
import { realPorts } from '../../ports.ts';
import type { TaskStats } from '../../task/task-pool.ts';
import type { TaskPlacement } from '../documents/task.ts';
import { shippedName } from '../plans/components.ts';
import { TaskClient } from './task-client.ts';
import type { ServedTask, ServeRequest, TaskHost } from './task-host.ts';

const TIMES = { p50: 1, p99: 2, p999: 3, mean: 1 };
const STATS: TaskStats = {
  ...{ calls: 7, failed: 0, timeouts: 0, shed: 0, queued: 0, queuedBytes: 0, running: 0, runners: 1 },
  ...{ waited: TIMES, ran: TIMES },
};

class ScriptedTaskHost implements TaskHost {
  readonly said: string[] = [];
  /** How many hosts serve something. */
  static serving = 0;
  static least = Number.POSITIVE_INFINITY;
  readonly requests: ServeRequest[] = [];
  fails = false;

  async provide(digests: readonly string[]): Promise<void> {
    this.said.push(`provide ${digests.length}`);
  }

  fileOf(digest: string): string {
    return `/files/${digest.slice(0, 4)}`;
  }

  async serve(request: ServeRequest): Promise<ServedTask> {
    if (this.fails) throw userError('task.broken', 'it cannot be compiled');
    this.requests.push(request);
    const what = `${request.task} ${request.bounds.deadline}`;
    this.said.push(`serve ${what}`);
    ScriptedTaskHost.serving += 1;
    const close = async (): Promise<void> => {
      this.said.push(`close ${what}`);
      ScriptedTaskHost.serving -= 1;
      ScriptedTaskHost.least = Math.min(ScriptedTaskHost.least, ScriptedTaskHost.serving);
    };
    return { stats: () => STATS, close };
  }
}

const has = hasNats('installed');

describe.skipIf(!has)(has ? 'tasks of agents' : `tasks of agents: ${NO_NATS.installed}`, () => {
  let server: NatsServer;
  let cluster: Cluster;
  let nats: Nats;
  let tasks: TaskClient;
  beforeEach(async () => {
    server = await startNats();
    cluster = new Cluster(server.url);
    nats = await connectNats({ servers: server.url });
    tasks = new TaskClient(nats, realPorts);
  });
  afterEach(async () => {
    await nats.close(100);
    await cluster.close();
    await server.stop();
  });

  const agent = async (site: string, name: string, trusted?: readonly string[]) => {
    const host = new ScriptedTaskHost();
    const tier = site === 'hub' ? 'cloud' : 'edge';
    const started = await cluster.agent({ site, tier, agent: name, tasks: host, ...(trusted && { trusted }) });
    return { ...started, tasks: host };
  };

  const deploy = (
    deadline: number,
    placement: TaskPlacement = {},
    plan: LogicalPlan = cluster.plan('scoring'),
    seed?: string,
  ) =>
    tasks.deploy({
      plan,
      operator: 'score',
      task: 'scoring',
      parameters: [],
      placement,
      bounds: { deadline },
      ...(seed === undefined ? {} : { seed }),
    });

  const phases = async (): Promise<readonly string[]> => {
    const statuses = await cluster.client.ask(150);
    const told = statuses.flatMap((one) =>
      (one.tasks ?? []).map(({ phase, revision }) => `${one.agent} ${phase} ${revision}`),
    );
    return told.sort();
  };
  const whenPhases = (wanted: readonly string[]) =>
    cluster.eventually(async () => JSON.stringify(await phases()) === JSON.stringify(wanted));

  it('are served where they belong, anew before the former goes, and let go of when undeployed', async () => {
    await agent('hub', 'h');
    const edge = await agent('plant', 'e');
    await deploy(1, { tier: 'edge' });
    await whenPhases(['e serving 1']);
    await deploy(2, { site: 'plant' });
    await whenPhases(['e serving 2']);
    await cluster.when(() => edge.tasks.said.length === 5);
    expect(edge.tasks.said.filter((what) => !what.startsWith('provide'))).toEqual([
      'serve scoring 1',
      'serve scoring 2',
      'close scoring 1',
    ]);
    await tasks.undeploy({ namespace: 'default', task: 'scoring' });
    await whenPhases([]);
    expect(edge.tasks.said.at(-1)).toBe('close scoring 2');
    await expect(tasks.undeploy({ namespace: 'default', task: 'scoring' })).rejects.toMatchObject({
      code: 'cluster.no-task',
    });
    expect((await deploy(3)).revision).toBe(4);
  });

  it('stay as they were where the new one cannot be served, and the trouble is told', async () => {
    await agent('hub', 'h');
    const edge = await agent('plant', 'e');
    await deploy(1, { site: 'plant' });
    await whenPhases(['e serving 1']);
    edge.tasks.fails = true;
    await deploy(2, { site: 'plant' });
    await whenPhases(['e failed 1']);
    const [status] = (await cluster.client.ask(150)).filter(({ agent: name }) => name === 'e');
    expect(status?.tasks).toMatchObject([{ trouble: { code: 'task.broken' }, calls: 7 }]);
    expect(edge.tasks.said.filter((what) => what.startsWith('close'))).toEqual([]);
    edge.tasks.fails = false;
    await whenPhases(['e serving 2']);
  });

  it('begin anew where what served them is lost', async () => {
    await agent('hub', 'h');
    await deploy(1);
    await whenPhases(['h serving 1']);
    const [{ tasks: host }] = [await agent('plant', 'e')];
    await whenPhases(['e serving 1', 'h serving 1']);
    host.requests[0]?.lost(userError('nats.permission', 'no subscription'));
    await cluster.when(() => host.requests.length === 2);
    await whenPhases(['e serving 1', 'h serving 1']);
  });

  it('are taken over by another agent of the site where only so many serve them, and given back', async () => {
    await agent('hub', 'h');
    const names = ['a', 'b'];
    const agents = [await agent('plant', 'a'), await agent('plant', 'b')];
    await deploy(1, { site: 'plant', replicas: 1 });
    await cluster.eventually(async () => (await phases()).length === 1);
    const first = (await phases())[0]?.startsWith('a') === true ? 0 : 1;
    const [one, other] = first === 0 ? agents : agents.toReversed();
    if (one === undefined || other === undefined) throw new Error('two agents');
    await cluster.kill(one);
    await cluster.when(() => other.tasks.requests.length === 1);
    ScriptedTaskHost.serving = 1;
    ScriptedTaskHost.least = Number.POSITIVE_INFINITY;
    const draft = { site: 'plant', tier: 'edge', agent: names[first] ?? '', disk: one.disk, tasks: one.tasks } as const;
    const again = await cluster.agent(draft);
    await cluster.when(() => other.tasks.said.at(-1) === 'close scoring 1');
    await whenPhases([`${names[first]} serving 1`]);
    // one that ends in order is followed before it lets go, too
    await again.agent.stop();
    await whenPhases([`${names[1 - first]} serving 1`]);
    expect(ScriptedTaskHost.least).toBe(1);
  });

  it('leave a site that is drained, and come back to it', async () => {
    await agent('hub', 'h');
    const edge = await agent('plant', 'e');
    await deploy(1);
    await whenPhases(['e serving 1', 'h serving 1']);
    await cluster.client.site('plant', { draining: true });
    await whenPhases(['h serving 1']);
    expect(edge.tasks.said.at(-1)).toBe('close scoring 1');
    await cluster.client.site('plant', { draining: false });
    await whenPhases(['e serving 1', 'h serving 1']);
  });

  it('are served from what is on the disk of an agent that comes back before its server', async () => {
    const hub = await agent('hub', 'h');
    await deploy(1);
    await whenPhases(['h serving 1']);
    await cluster.kill(hub);
    await nats.jetstream().deleteStream('OBJ_cs-artifacts');
    const again = await cluster.agent({ site: 'hub', tier: 'cloud', agent: 'h', disk: hub.disk, tasks: hub.tasks });
    await cluster.when(() => hub.tasks.requests.length === 2);
    expect(again.agent.status().tasks).toMatchObject([{ task: 'scoring', revision: 1 }]);
  });

  it('go on, and are written down again, where their server has gone back', async () => {
    await agent('hub', 'h');
    const edge = await agent('plant', 'e');
    await deploy(1, { site: 'plant' });
    await deploy(2, { site: 'plant' });
    await whenPhases(['e serving 2']);
    const bucket = await cluster.client.documents();
    const newest = await bucket.get('tasks.default.scoring');
    const older = { ...JSON.parse(new TextDecoder().decode(newest?.value)), revision: 1, wanted: 'undeployed' };
    const isBack = async (): Promise<boolean> =>
      new TextDecoder().decode((await bucket.get('tasks.default.scoring'))?.value) ===
      new TextDecoder().decode(newest?.value);
    await bucket.put('tasks.default.scoring', new TextEncoder().encode(JSON.stringify(older)));
    await cluster.eventually(isBack);
    await bucket.delete('tasks.default.scoring');
    await cluster.eventually(isBack);
    expect(await phases()).toEqual(['e serving 2']);
    expect(edge.tasks.requests).toHaveLength(2);
  });

  it('are served only where a trusted key signed their plan, whatever the document says', async () => {
    const pair = createUser();
    const seed = new TextDecoder().decode(pair.getSeed());
    const hub = await agent('hub', 'h', [pair.getPublicKey()]);
    await deploy(1);
    await whenPhases(['h failed 0']);
    expect(hub.agent.status().tasks).toMatchObject([{ trouble: { code: 'cluster.untrusted' } }]);
    await deploy(2, {}, cluster.plan('scoring'), seed);
    await whenPhases(['h serving 2']);
    // a signature is of one plan
    await deploy(3, {}, cluster.plan('scoring', 1_000));
    await whenPhases(['h failed 2']);
    expect(hub.tasks.requests).toHaveLength(1);
  });

  it('are not served in a tier that their data must not be in', async () => {
    const hub = await agent('hub', 'h');
    await agent('plant', 'e');
    const place = { file: '<test>', line: 1, column: 1 };
    const schema = { fields: [] };
    const operator = { name: 'score', inputs: [], input: schema, outputs: new Map(), onError: 'fail', place } as const;
    const component = { kind: 'component', component: shippedName('c'.repeat(64)), config: {}, place } as const;
    const plan = { ...cluster.plan('scoring'), operators: [{ ...operator, steps: [component], stays: 'edge' }] };
    await deploy(1, {}, plan as unknown as LogicalPlan);
    await whenPhases(['e serving 1', 'h failed 0']);
    expect(hub.agent.status().tasks).toMatchObject([{ trouble: { code: 'placement.stays' } }]);
  });
});
